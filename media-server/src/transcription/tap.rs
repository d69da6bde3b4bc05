//! The bounded, lossy queue between a media worker and the caption pipeline.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use prometheus::IntCounter;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::{ParticipantId, RoomId};

/// Packets waiting for the pipeline, which empties the queue every 20 ms (100 while nobody is captioned). When it is full
/// the newest packet is dropped and counted in `auscult_captions_tap_dropped_packets_total`; the hole then counts as lost
/// audio.
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

/// Producer end; every media worker has a queue of its own. `offer` never waits, also not while the pipeline, which makes
/// way for everything else, is interrupted in the middle of taking a packet; a sender of std's bounded channel would spin.
pub struct Tap {
    queue: Producer<AudioPacket>,
    dropped: IntCounter,
}

impl Tap {
    /// `dropped` counts the packets that found the queue full.
    pub(super) fn new(dropped: IntCounter) -> (Self, Consumer<AudioPacket>) {
        let (queue, packets) = RingBuffer::new(CAPACITY);
        (Self { queue, dropped }, packets)
    }

    /// Hands a packet to the pipeline, or drops it when the pipeline is behind or gone.
    pub fn offer(&mut self, packet: AudioPacket) {
        if self.queue.is_abandoned() || self.queue.push(packet).is_err() {
            self.dropped.inc();
        }
    }
}

/// The consumer ends of all taps. Locked by whoever makes a tap and by the pipeline, never by a media worker.
#[derive(Clone, Default)]
pub(super) struct Taps(Arc<Mutex<Vec<Consumer<AudioPacket>>>>);

impl Taps {
    pub(super) fn add(&self, packets: Consumer<AudioPacket>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(packets);
    }

    /// What has been offered up to now.
    pub(super) fn take(&self) -> Vec<AudioPacket> {
        let mut taps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |tap: &mut Consumer<AudioPacket>| {
            let packets = tap.read_chunk(tap.slots());
            packets.map_or_else(|_| Vec::new(), |packets| packets.into_iter().collect())
        };
        let packets = taps.iter_mut().flat_map(waiting).collect();
        taps.retain(|tap| !tap.is_abandoned() || !tap.is_empty());
        packets
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
        let (mut tap, packets) = Tap::new(dropped.clone());
        let taps = Taps::default();
        taps.add(packets);
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
        let kept: Vec<u64> = taps.take().iter().map(|packet| packet.sequence).collect();
        assert_eq!(kept, (0..CAPACITY as u64).collect::<Vec<_>>());
    }
}
