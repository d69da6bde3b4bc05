//! The bounded, lossy queue between the media workers and the caption pipeline.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use prometheus::IntCounter;

use crate::{ParticipantId, RoomId};

/// Packets waiting for the pipeline, which empties the queue every 20 ms. When it is full the newest packet is
/// dropped and counted in `auscult_captions_tap_dropped_packets_total`; the hole then counts as lost audio.
const CAPACITY: usize = 4096;

/// One RTP packet of a consented microphone, as it arrived.
pub struct AudioPacket {
    pub room: RoomId,
    pub participant: ParticipantId,
    /// A new value for every new RTP stream (SSRC change, reconnect): decoder state starts over.
    pub stream: u64,
    /// Extended RTP sequence number. A hole in it counts as lost audio.
    pub sequence: u64,
    /// Extended RTP timestamp, 48 kHz.
    pub rtp_time: u64,
    /// The payload is RED (RFC 2198) around Opus, else plain Opus.
    pub red: bool,
    pub payload: Arc<[u8]>,
    pub arrived: Instant,
}

/// Producer end, one clone per media worker. `offer` never blocks and never wakes a thread.
#[derive(Clone)]
pub struct Tap {
    queue: SyncSender<AudioPacket>,
    dropped: IntCounter,
}

impl Tap {
    /// `dropped` counts the packets that found the queue full.
    pub(super) fn new(dropped: IntCounter) -> (Self, Receiver<AudioPacket>) {
        let (queue, packets) = sync_channel(CAPACITY);
        (Self { queue, dropped }, packets)
    }

    /// Hands a packet to the pipeline, or drops it when the pipeline is behind or gone.
    pub fn offer(&self, packet: AudioPacket) {
        if self.queue.try_send(packet).is_err() {
            self.dropped.inc();
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test begins at some instant")]
mod tests {
    use prometheus::IntCounter;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_full_queue_drops_the_newest_packet_and_counts_it() {
        let dropped = IntCounter::new("dropped", "test").unwrap();
        let (tap, packets) = Tap::new(dropped.clone());
        let arrived = Instant::now();
        for sequence in 0..CAPACITY as u64 + 3 {
            tap.offer(AudioPacket {
                room: RoomId::from_uuid(Uuid::nil()),
                participant: ParticipantId::from_uuid(Uuid::nil()),
                stream: 0,
                sequence,
                rtp_time: sequence * 960,
                red: false,
                payload: Arc::from([0_u8; 1]),
                arrived,
            });
        }
        assert_eq!(dropped.get(), 3);
        let kept: Vec<u64> = packets.try_iter().map(|packet| packet.sequence).collect();
        assert_eq!(kept, (0..CAPACITY as u64).collect::<Vec<_>>());
    }
}
