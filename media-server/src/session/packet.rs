//! A packet of a published track between its publisher's session and those that it is passed on to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::format::PayloadParams;
use str0m::media::Pt;
use str0m::rtp::{RtpPacket, VideoOrientation};

use crate::Source;
use crate::room::layers::Layer;
use crate::room::rewrite::Numbers;

/// A packet of a published track, with what routing needs to know about it.
pub(crate) struct Incoming {
    pub(crate) source: Source,
    /// Unique per incoming RTP stream of this engine.
    pub(crate) stream: u64,
    pub(crate) layer: Layer,
    pub(crate) params: PayloadParams,
    pub(crate) packet: Packet,
}

/// What of an RTP packet is passed on.
#[derive(Clone)]
pub(crate) struct Packet {
    pub(crate) payload_type: Pt,
    pub(crate) numbers: Numbers,
    /// Extended RTP timestamp.
    pub(crate) rtp_time: u64,
    pub(crate) marker: bool,
    /// How loud, in dB of full scale, and whether it is a voice (RFC 6464). Header extensions besides it and the next are set per hop.
    pub(crate) level: Option<i8>,
    pub(crate) voice: Option<bool>,
    pub(crate) orientation: Option<VideoOrientation>,
    pub(crate) payload: Arc<[u8]>,
    pub(crate) arrived: Instant,
    /// When the kernel took the datagram that it came in, since the Unix epoch. `None`: nobody knows.
    pub(crate) stamp: Option<Duration>,
}

impl Packet {
    pub(super) fn new(packet: RtpPacket, stamp: Option<Duration>) -> Self {
        let header = packet.header;
        Self {
            payload_type: header.payload_type,
            numbers: Numbers { sequence: *packet.seq_no, timestamp: header.timestamp },
            rtp_time: packet.time.numer(),
            marker: header.marker,
            level: header.ext_vals.audio_level,
            voice: header.ext_vals.voice_activity,
            orientation: header.ext_vals.video_orientation,
            payload: packet.payload,
            arrived: packet.timestamp,
            stamp,
        }
    }

    /// The packet before this one, `ticks` of its clock earlier, with this one's payload.
    pub(crate) fn before(&self, ticks: u32) -> Self {
        let Numbers { sequence, timestamp } = self.numbers;
        let numbers =
            Numbers { sequence: sequence.saturating_sub(1), timestamp: timestamp.wrapping_sub(ticks) };
        let rtp_time = self.rtp_time.saturating_sub(u64::from(ticks));
        Self { numbers, rtp_time, marker: false, ..self.clone() }
    }
}
