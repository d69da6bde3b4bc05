//! What routing has to know of a payload: does it start a keyframe, and which fields continue over a switch.

use str0m::format::{Codec, PayloadParams};
use str0m::rtp::Vp8Descriptor;

const H264_NAL_TYPE: u8 = 0x1f;
const H264_IDR: u8 = 5;
const H264_SPS: u8 = 7;
const H264_STAP_A: u8 = 24;
const H264_FU_A: u8 = 28;

/// A packet as routing sees it.
pub(crate) enum Frame {
    /// Every packet can be decoded on its own.
    Audio,
    Vp8 {
        descriptor: Vp8Descriptor,
        starts_keyframe: bool,
    },
    H264 {
        starts_keyframe: bool,
    },
}

impl Frame {
    /// `None`: not decodable as what it says it is; not worth forwarding.
    pub(crate) fn parse(params: &PayloadParams, payload: &[u8]) -> Option<Self> {
        match params.spec().codec {
            Codec::Opus => Some(Self::Audio),
            Codec::Vp8 => {
                let descriptor = Vp8Descriptor::parse(payload).ok()?;
                Some(Self::Vp8 { descriptor, starts_keyframe: descriptor.starts_keyframe(payload) })
            }
            Codec::H264 => Some(Self::H264 { starts_keyframe: h264_starts_keyframe(payload) }),
            _ => None,
        }
    }

    pub(crate) fn needs_keyframe_first(&self) -> bool {
        !matches!(self, Self::Audio)
    }

    pub(crate) fn starts_keyframe(&self) -> bool {
        match self {
            Self::Audio => false,
            Self::Vp8 { starts_keyframe, .. } | Self::H264 { starts_keyframe } => *starts_keyframe,
        }
    }

    pub(crate) fn vp8(&self) -> Option<&Vp8Descriptor> {
        match self {
            Self::Vp8 { descriptor, .. } => Some(descriptor),
            Self::Audio | Self::H264 { .. } => None,
        }
    }
}

/// Is this packet RED (RFC 2198) around the codec of `params`?
pub(crate) fn is_red(params: &PayloadParams, pt: str0m::media::Pt) -> bool {
    params.red() == Some(pt) && params.pt() != pt
}

/// Single NAL unit, STAP-A or the first FU-A fragment of an IDR picture or its parameter sets (RFC 6184 §5.4).
fn h264_starts_keyframe(payload: &[u8]) -> bool {
    let starts = |nal: u8| matches!(nal & H264_NAL_TYPE, H264_IDR | H264_SPS);
    let Some(first) = payload.first() else { return false };
    match first & H264_NAL_TYPE {
        H264_STAP_A => {
            let mut rest = payload.get(1..).unwrap_or_default();
            while let Some((length, unit)) = rest.split_first_chunk::<2>() {
                if unit.first().is_some_and(|nal| starts(*nal)) {
                    return true;
                }
                rest = unit.get(usize::from(u16::from_be_bytes(*length))..).unwrap_or_default();
            }
            false
        }
        H264_FU_A => payload.get(1).is_some_and(|header| header & 0x80 != 0 && starts(*header)),
        _ => starts(*first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h264_keyframes_are_found_in_every_packetisation() {
        for (payload, expected) in [
            (&[0x65, 1][..], true),
            (&[0x67, 1], true),
            (&[0x41, 1], false),
            (&[0x78, 0, 2, 0x09, 0, 0, 2, 0x67, 1], true),
            (&[0x78, 0, 2, 0x41, 0], false),
            (&[0x78, 0xff, 0xff, 0x41], false),
            (&[0x7c, 0x85], true),
            (&[0x7c, 0x05], false),
            (&[], false),
        ] {
            assert_eq!(h264_starts_keyframe(payload), expected, "{payload:x?}");
        }
    }
}
