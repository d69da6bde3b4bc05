//! Redundant sound (RFC 2198) hop by hop. What a packet carries of the one before, and did not come, is passed on in that
//! one's place; who loses many packets gets two before each packet instead of one. With both, two bad ways lose little more
//! than the worse of them; of blocks that have to get over both, four times as many would be lost.

use std::sync::Arc;

use str0m::rtp::{RedBlock, RedDecoder, RedEncoder, RedundantBlock};

use crate::room::rewrite::{Numbers, Used};
use crate::session::{Incoming, Packet};

/// Packets before each for who loses many: three losses in a row are rare at any loss that speech survives.
const DEPTH: u64 = 2;
/// A packet, and those that go with it.
const KEPT: u64 = DEPTH + 1;
/// A longer payload does not grow, bytes: with headers it has to fit a datagram everywhere.
const MAX_PAYLOAD: usize = 1_000;

/// Of one published track of sound.
#[derive(Default)]
pub(crate) struct Redundancy {
    stream: Option<Stream>,
}

struct Stream {
    /// Identity of the incoming RTP stream.
    id: u64,
    passed: Used,
    /// The latest packets, by their number.
    kept: [Option<Kept>; KEPT as usize],
}

#[derive(Clone)]
struct Kept {
    sequence: u64,
    timestamp: u32,
    /// RED.
    payload: Arc<[u8]>,
}

/// What is to be passed on when a packet has come.
pub(crate) struct Taken {
    /// The packet before it, which only this one brought.
    pub(crate) missed: Option<Incoming>,
    /// Nothing has brought it before, and it does not come too late to be heard.
    pub(crate) first: bool,
}

impl Redundancy {
    /// Takes in a packet; `red`: its payload is RED.
    pub(crate) fn take(&mut self, incoming: &Incoming, red: bool) -> Taken {
        let sequence = incoming.packet.numbers.sequence;
        let stream = match &mut self.stream {
            Some(stream) if stream.id == incoming.stream => stream,
            other => other.insert(Stream::new(incoming.stream, sequence)),
        };
        let missed = if red { stream.missed(incoming) } else { None };
        if let Some(missed) = &missed {
            stream.passed.take(missed.packet.numbers.sequence);
            stream.keep(&missed.packet);
        }
        let first = stream.passed.take(sequence);
        if first && red {
            stream.keep(&incoming.packet);
        }
        Taken { missed, first }
    }

    /// The packet with [`DEPTH`] packets before it; `None`: with no more than it has.
    pub(crate) fn deepened(&self, incoming: &Incoming) -> Option<Incoming> {
        let stream = self.stream.as_ref().filter(|stream| stream.id == incoming.stream)?;
        let blocks = RedDecoder::decode(&incoming.packet.payload).ok()?;
        let (primary, brought) = blocks.split_last()?;
        let older = stream.older(&incoming.packet, primary.pt, DEPTH);
        if older.len() <= brought.len() {
            return None;
        }
        let payload = encode(primary, &older)?;
        Some(Incoming { packet: Packet { payload, ..incoming.packet.clone() }, ..*incoming })
    }
}

impl Stream {
    fn new(id: u64, first: u64) -> Self {
        Self { id, passed: Used::before(first), kept: Default::default() }
    }

    fn keep(&mut self, packet: &Packet) {
        let Numbers { sequence, timestamp } = packet.numbers;
        if let Some(place) = self.kept.get_mut((sequence % KEPT) as usize)
            && place.as_ref().is_none_or(|kept| kept.sequence < sequence)
        {
            *place = Some(Kept { sequence, timestamp, payload: Arc::clone(&packet.payload) });
        }
    }

    fn kept(&self, sequence: u64) -> Option<&Kept> {
        let kept = self.kept.get((sequence % KEPT) as usize)?.as_ref();
        kept.filter(|kept| kept.sequence == sequence)
    }

    /// The packet before, out of the last redundant block, if it has not been passed on.
    fn missed(&self, incoming: &Incoming) -> Option<Incoming> {
        let before = incoming.packet.numbers.sequence.checked_sub(1)?;
        if self.passed.has(before) {
            return None;
        }
        let blocks = RedDecoder::decode(&incoming.packet.payload).ok()?;
        let (primary, redundant) = blocks.split_last()?;
        let block = redundant.last().filter(|block| {
            block.pt == primary.pt && block.timestamp_offset > 0 && !block.payload.is_empty()
        })?;
        let mut packet = incoming.packet.before(block.timestamp_offset);
        // A hole in the numbers may also be padding; then this is what came before the hole.
        if self.kept.iter().flatten().any(|kept| kept.timestamp == packet.numbers.timestamp) {
            return None;
        }
        let older = self.older(&packet, block.pt, 1);
        packet.payload = encode(block, &older).or_else(|| encode(block, &[]))?;
        Some(Incoming { packet, ..*incoming })
    }

    /// What is kept of up to `depth` packets before this one, oldest first.
    fn older(&self, packet: &Packet, pt: u8, depth: u64) -> Vec<RedundantBlock> {
        let Packet { numbers, .. } = packet;
        let ages = (1..=depth).rev();
        ages.filter_map(|age| {
            let sequence = numbers.sequence.checked_sub(age)?;
            let kept = self.kept(sequence)?;
            let primary = RedDecoder::decode(&kept.payload).ok()?.pop()?;
            let timestamp_offset = numbers.timestamp.wrapping_sub(kept.timestamp);
            let block = RedundantBlock { pt, timestamp_offset, payload: primary.payload.to_vec() };
            (primary.pt == pt && !primary.payload.is_empty() && block.fits()).then_some(block)
        })
        .collect()
    }
}

/// `None`: it would be too long.
fn encode(primary: &RedBlock<'_>, older: &[RedundantBlock]) -> Option<Arc<[u8]>> {
    let payload = RedEncoder::encode(primary.pt, primary.payload, older);
    (payload.len() <= MAX_PAYLOAD).then(|| payload.into())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use str0m::format::CodecConfig;

    use super::*;
    use crate::room::Room;
    use crate::room::layers::Layer;
    use crate::{ParticipantId, Source, TrackId};

    const OPUS: u8 = 111;
    const TICKS: u32 = 960;

    fn spoken(number: u64) -> Vec<u8> {
        format!("spoken {number}").into_bytes()
    }

    /// Packet `number` with the ones `ages` before it.
    fn packet(number: u64, ages: &[u64]) -> Incoming {
        let block = |age: &u64| RedundantBlock {
            pt: OPUS,
            timestamp_offset: TICKS * u32::try_from(*age).expect("small"),
            payload: spoken(number - age),
        };
        let older: Vec<_> = ages.iter().map(block).collect();
        carrying(number, RedEncoder::encode(OPUS, &spoken(number), &older))
    }

    fn carrying(number: u64, payload: Vec<u8>) -> Incoming {
        let mut codecs = CodecConfig::empty();
        codecs.enable_opus(true, true);
        let params = *codecs.params().first().expect("Opus");
        let packet = Packet {
            payload_type: params.red().expect("RED"),
            numbers: Numbers { sequence: number, timestamp: TICKS.wrapping_mul(number as u32) },
            rtp_time: u64::from(TICKS) * number,
            marker: false,
            level: None,
            voice: None,
            orientation: None,
            payload: payload.into(),
            arrived: Instant::now(),
            stamp: None,
        };
        Incoming { source: Source::Microphone, stream: 1, layer: Layer::High, params, packet }
    }

    /// Number, timestamp offset and content of each block.
    fn blocks(incoming: &Incoming) -> Vec<(u32, Vec<u8>)> {
        let blocks = RedDecoder::decode(&incoming.packet.payload).expect("RED");
        blocks.iter().map(|block| (block.timestamp_offset, block.payload.to_vec())).collect()
    }

    #[test]
    fn what_did_not_come_is_passed_on_once_out_of_the_next() {
        let mut redundancy = Redundancy::default();
        for number in [u64::from(u16::MAX), u64::from(u16::MAX) + 1] {
            let taken = redundancy.take(&packet(number, &[1]), true);
            assert!(taken.first && taken.missed.is_none(), "what came before the first packet is not known");
        }
        let last = u64::from(u16::MAX) + 1;
        let taken = redundancy.take(&packet(last + 2, &[1]), true);
        let missed = taken.missed.expect("passed on");
        assert_eq!(missed.packet.numbers.sequence, last + 1);
        assert_eq!(missed.packet.numbers.timestamp, TICKS.wrapping_mul(last as u32 + 1));
        assert_eq!(missed.packet.rtp_time, u64::from(TICKS) * (last + 1));
        assert_eq!(blocks(&missed), [(TICKS, spoken(last)), (0, spoken(last + 1))]);
        assert!(taken.first);
        assert!(!redundancy.take(&packet(last + 1, &[1]), true).first, "it was late, not lost");
        let taken = redundancy.take(&packet(last + 3, &[1]), true);
        assert!(taken.first && taken.missed.is_none());
    }

    #[test]
    fn what_overtakes_takes_the_overtaken_with_it_and_very_late_packets_are_dropped() {
        let mut redundancy = Redundancy::default();
        redundancy.take(&packet(100, &[1]), true);
        assert!(redundancy.take(&packet(103, &[1]), true).missed.is_some());
        let taken = redundancy.take(&packet(101, &[1]), true);
        assert!(taken.first && taken.missed.is_none());
        assert!(!redundancy.take(&packet(102, &[1]), true).first);
        redundancy.take(&packet(1_000, &[]), true);
        assert!(!redundancy.take(&packet(104, &[1]), true).first);
        redundancy.take(&packet(1_003, &[1]), true);
        redundancy.take(&packet(1_001, &[1]), true);
        redundancy.take(&packet(1_004, &[1]), true);
        let deepened = redundancy.deepened(&packet(1_004, &[1])).expect("two, in their order");
        assert_eq!(blocks(&deepened).first(), Some(&(2 * TICKS, spoken(1_002))));
    }

    #[test]
    fn a_plain_packet_and_padding_are_no_packets_that_got_lost() {
        let mut redundancy = Redundancy::default();
        redundancy.take(&packet(1, &[1]), true);
        assert!(redundancy.take(&packet(2, &[]), false).first);
        assert!(redundancy.take(&packet(3, &[1]), true).missed.is_none(), "it came as plain Opus");
        let mut after_padding = packet(6, &[3]);
        after_padding.packet.numbers.sequence = 9;
        assert!(
            redundancy.take(&after_padding, true).missed.is_none(),
            "5 to 8 were padding, the block is 3"
        );
        assert!(redundancy.take(&packet(11, &[1]), true).missed.is_some());
        assert!(!redundancy.take(&packet(10, &[]), false).first, "it was late");
    }

    #[test]
    fn who_loses_many_gets_two_before_each() {
        let mut redundancy = Redundancy::default();
        redundancy.take(&packet(1, &[1]), true);
        assert!(redundancy.deepened(&packet(1, &[1])).is_none(), "nothing more is known");
        redundancy.take(&packet(2, &[1]), true);
        redundancy.take(&packet(3, &[1]), true);
        let deepened = redundancy.deepened(&packet(3, &[1])).expect("two");
        assert_eq!(blocks(&deepened), [(2 * TICKS, spoken(1)), (TICKS, spoken(2)), (0, spoken(3))]);
        redundancy.take(&packet(5, &[1]), true);
        let deepened = redundancy.deepened(&packet(5, &[1])).expect("two, one of them recovered");
        assert_eq!(blocks(&deepened), [(2 * TICKS, spoken(3)), (TICKS, spoken(4)), (0, spoken(5))]);
        assert!(redundancy.deepened(&packet(5, &[2, 1])).is_none(), "it has two");
    }

    #[test]
    fn what_is_no_redundancy_of_the_packet_before_is_left_alone() {
        let foreign = |pt, timestamp_offset, payload: &[u8]| {
            let block = RedundantBlock { pt, timestamp_offset, payload: payload.to_vec() };
            RedEncoder::encode(OPUS, &spoken(3), &[block])
        };
        for payload in [
            foreign(OPUS + 1, TICKS, b"another codec"),
            foreign(OPUS, 0, b"not before"),
            foreign(OPUS, TICKS, b""),
            foreign(OPUS, TICKS, &[7; MAX_PAYLOAD]),
            vec![0x80 | OPUS, 1, 2],
            vec![],
        ] {
            let mut redundancy = Redundancy::default();
            redundancy.take(&packet(1, &[]), true);
            let taken = redundancy.take(&carrying(3, payload.clone()), true);
            assert!(taken.first && taken.missed.is_none(), "{payload:?}");
        }
    }

    #[test]
    fn no_payload_grows_beyond_a_datagram() {
        let long = |number| carrying(number, RedEncoder::encode(OPUS, &[7; MAX_PAYLOAD / 2], &[]));
        let mut redundancy = Redundancy::default();
        redundancy.take(&long(1), true);
        redundancy.take(&long(2), true);
        assert!(redundancy.deepened(&long(2)).is_none());
        redundancy.take(&packet(3, &[]), true);
        assert!(redundancy.deepened(&packet(3, &[])).is_none(), "two long ones before a short one");
    }

    #[test]
    fn what_was_said_before_or_during_a_mute_does_not_come_later() {
        let id =
            TrackId { participant: ParticipantId::from_uuid(uuid::Uuid::nil()), source: Source::Microphone };
        let mut room = Room::new(Instant::now());
        room.tracks.entry(id).or_default().redundancy.take(&packet(1, &[1]), true);
        for muted in [true, false] {
            assert!(room.set_muted(id, muted));
        }
        let redundancy = &mut room.tracks.entry(id).or_default().redundancy;
        assert!(redundancy.take(&packet(3, &[1]), true).missed.is_none());
        assert!(redundancy.deepened(&packet(3, &[1])).is_none());
    }

    #[test]
    fn another_stream_of_the_same_track_starts_anew() {
        let mut redundancy = Redundancy::default();
        redundancy.take(&packet(500, &[1]), true);
        let mut reconnected = packet(7, &[1]);
        reconnected.stream = 2;
        let taken = redundancy.take(&reconnected, true);
        assert!(taken.first && taken.missed.is_none());
        assert!(redundancy.deepened(&packet(501, &[1])).is_none());
    }
}
