//! What a participant sends: Opus-like audio, VP8-like video that an SFU takes for real. Only headers are genuine; the
//! rest is filler behind the stamp.

use std::time::Duration;

use str0m::media::Pt;
use str0m::rtp::{RedEncoder, RedundantBlock};

use super::stamp::{BYTES, Stamp, Stream};

pub const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
pub const VIDEO_INTERVAL: Duration = Duration::from_micros(33_333);
/// RTP clock ticks per packet or frame.
pub const AUDIO_TICKS: u32 = 960;
pub const VIDEO_TICKS: u32 = 3000;
/// Opus at 40 kbit/s.
const AUDIO_BYTES: usize = 100;
/// An Opus table-of-contents byte: CELT, 20 ms, mono (RFC 6716 §3.1).
const OPUS_TOC: u8 = 0xF8;

/// One quality of a camera.
pub struct Layer {
    pub rid: &'static str,
    /// Per frame.
    pub packets: u64,
    pub bytes: usize,
    width: u16,
    height: u16,
}

/// As a browser sends 720p at 30 frames per second: 0.15, 0.43 and 1.3 Mbit/s.
pub const LAYERS: [Layer; 3] = [
    Layer { rid: "q", packets: 1, bytes: 600, width: 320, height: 180 },
    Layer { rid: "h", packets: 2, bytes: 900, width: 640, height: 360 },
    Layer { rid: "f", packets: 5, bytes: 1100, width: 1280, height: 720 },
];

/// The payload of an audio packet.
pub fn audio(stamp: &Stamp) -> Vec<u8> {
    let mut payload = Vec::with_capacity(AUDIO_BYTES);
    payload.push(OPUS_TOC);
    stamp.write(&mut payload);
    payload.resize(AUDIO_BYTES, 0x55);
    payload
}

/// RED (RFC 2198): a packet of payload type `opus` with the one before it as a redundant block.
pub fn red(opus: Pt, before: Option<Vec<u8>>, payload: &[u8]) -> Vec<u8> {
    let block = |payload| RedundantBlock { pt: *opus, timestamp_offset: AUDIO_TICKS, payload };
    RedEncoder::encode(*opus, payload, &before.map(block).into_iter().collect::<Vec<_>>())
}

/// Which packet of which frame of a layer.
pub struct Part {
    pub frame: u64,
    pub index: u64,
    pub keyframe: bool,
    /// Simulcast streams carry a TL0PICIDX besides the picture id, as Chromium's do.
    pub simulcast: bool,
}

/// The payload of a video packet: descriptor (RFC 7741 §4.2), frame header in the first packet (RFC 6386 §9.1), stamp.
pub fn video(stamp: &Stamp, part: &Part) -> Vec<u8> {
    let Stream::Video(layer) = stamp.stream else { unreachable!("video has a layer") };
    let layer = &LAYERS[usize::from(layer)];
    let mut payload = Vec::with_capacity(layer.bytes);
    let starts = part.index == 0;
    let [high, low] = ((part.frame & 0x7fff) as u16 | 0x8000).to_be_bytes();
    payload.push(0x80 | if starts { 0x10 } else { 0 });
    if part.simulcast {
        payload.extend([0xE0, high, low, part.frame as u8, 0]);
    } else {
        payload.extend([0x80, high, low]);
    }
    if starts {
        // Shown, version 0, size of the first partition; a cleared lowest bit means keyframe.
        payload.extend([0x10 | u8::from(!part.keyframe), 2, 0]);
        if part.keyframe {
            payload.extend([0x9d, 0x01, 0x2a]);
            payload.extend(layer.width.to_le_bytes());
            payload.extend(layer.height.to_le_bytes());
        }
    }
    stamp.write(&mut payload);
    payload.resize(layer.bytes.max(payload.len()), 0x55);
    payload
}

const _: () = assert!(AUDIO_BYTES > BYTES, "an audio packet holds a stamp");

#[cfg(test)]
mod tests {
    use super::*;
    use str0m::rtp::Vp8Descriptor;

    #[test]
    fn video_payloads_are_vp8_to_a_parser_and_carry_the_stamp() {
        let stamp = Stamp { room: 1, seat: 0, stream: Stream::Video(2), number: 9, sent: 1 };
        for (index, keyframe, simulcast) in
            [(0, true, false), (0, false, false), (1, true, true), (0, true, true)]
        {
            let payload = video(&stamp, &Part { frame: 5, index, keyframe, simulcast });
            let descriptor = Vp8Descriptor::parse(&payload).expect("a VP8 payload");
            assert_eq!(descriptor.starts_keyframe(&payload), keyframe && index == 0);
            assert_eq!(Stamp::find(&payload), Some(stamp));
            assert_eq!(payload.len(), LAYERS[2].bytes);
        }
    }
}
