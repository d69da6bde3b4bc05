//! What routing has to know of a payload: does it start a keyframe, and which fields continue over a switch.

use str0m::RtcConfig;
use str0m::format::{Codec, PayloadParams};
use str0m::rtp::Vp8Descriptor;

const H264_NAL_TYPE: u8 = 0x1f;
const H264_IDR: u8 = 5;
const H264_SPS: u8 = 7;
const H264_STAP_A: u8 = 24;
const H264_FU_A: u8 = 28;

/// Codecs that sessions agree on; `negotiation/useful.rs` names them, too.
pub(super) fn our_codecs(config: RtcConfig) -> RtcConfig {
    config.clear_codecs().enable_opus(true, true).enable_vp8(true).enable_h264(true)
}

/// What of a VP8 payload descriptor continues over a switch (RFC 7741 §4.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Vp8Numbers {
    pub(crate) picture_id: u16,
    pub(crate) tl0_pic_idx: u8,
    pub(crate) key_idx: u8,
}

const PICTURE_ID_LONG: u8 = 0x80;
const KEY_IDX: u8 = 0x1f;

impl Vp8Numbers {
    /// Writes them into the descriptor that `payload` begins with, where it has room for them.
    pub(crate) fn apply(self, payload: &mut [u8]) {
        let [first, extended, ..] = *payload else { return };
        if first & 0x80 == 0 {
            return;
        }
        let mut at = 2;
        if extended & 0x80 != 0 {
            let Some(field) = payload.get_mut(at..) else { return };
            let [high, low] = self.picture_id.to_be_bytes();
            match field {
                [long, second, ..] if *long & PICTURE_ID_LONG != 0 => {
                    (*long, *second) = (PICTURE_ID_LONG | high, low);
                    at += 2;
                }
                [short, ..] if self.picture_id < u16::from(PICTURE_ID_LONG) => {
                    *short = low;
                    at += 1;
                }
                _ => return,
            }
        }
        if extended & 0x40 != 0 {
            let Some(field) = payload.get_mut(at) else { return };
            *field = self.tl0_pic_idx;
            at += 1;
        }
        if extended & 0x10 != 0
            && let Some(field) = payload.get_mut(at)
        {
            *field = *field & !KEY_IDX | self.key_idx & KEY_IDX;
        }
    }
}

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
    fn vp8_numbers_are_written_where_the_descriptor_has_room_for_them() {
        let numbers = Vp8Numbers { picture_id: 0x1234, tl0_pic_idx: 0x56, key_idx: 0x1f };
        let short = Vp8Numbers { picture_id: 0x34, ..numbers };
        for (numbers, payload, expected) in [
            (numbers, &[0x90, 0xe0, 0x80, 1, 2, 0x20, 7][..], &[0x90, 0xe0, 0x92, 0x34, 0x56, 0x20, 7][..]),
            (numbers, &[0x90, 0xf0, 0x80, 1, 2, 0x60, 7], &[0x90, 0xf0, 0x92, 0x34, 0x56, 0x7f, 7]),
            (short, &[0x90, 0xc0, 1, 2, 7], &[0x90, 0xc0, 0x34, 0x56, 7]),
            (numbers, &[0x90, 0xc0, 1, 2, 7], &[0x90, 0xc0, 1, 2, 7]),
            (numbers, &[0x90, 0x50, 2, 0xe1, 7], &[0x90, 0x50, 0x56, 0xff, 7]),
            (numbers, &[0x10, 0xe0, 0x80, 1], &[0x10, 0xe0, 0x80, 1]),
            (numbers, &[0x90, 0xe0], &[0x90, 0xe0]),
            (numbers, &[0x90], &[0x90]),
        ] {
            let mut written = payload.to_vec();
            numbers.apply(&mut written);
            assert_eq!(written, expected, "{payload:x?}");
            let (Ok(before), Ok(after)) = (Vp8Descriptor::parse(payload), Vp8Descriptor::parse(&written))
            else {
                continue;
            };
            let renewed = |was: Option<u16>, is: Option<u16>| is == was || is == Some(numbers.picture_id);
            assert!(renewed(before.picture_id(), after.picture_id()), "{payload:x?}, as str0m reads it");
        }
    }

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
