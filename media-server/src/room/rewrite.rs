//! Per subscriber and m-line: makes the packets of changing sources look like one RTP stream.
//!
//! Numbers move by a constant offset, not by a counter, so that a late retransmission lands in the hole that it was
//! sent for. Offsets change only when the source changes (another track, a reconnected publisher, unmute).

use std::time::Instant;

use str0m::rtp::Vp8Descriptor;

use crate::session::Vp8Numbers;

/// Output sequence numbers start below this: a receiver assumes SRTP rollover counter 0 (RFC 3711 §3.3.1).
const FIRST_SEQUENCE: u64 = 16_384;
const PICTURE_ID_BITS: u16 = 0x7fff;
const KEY_IDX_BITS: u8 = 0x1f;

/// The numbers of an incoming packet.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    /// Extended sequence number.
    pub(crate) sequence: u64,
    /// RTP timestamp as on the wire.
    pub(crate) timestamp: u32,
}

/// What of a VP8 payload descriptor has to continue over a source change (RFC 7741 §4.2).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Vp8Offsets {
    picture_id: u16,
    tl0_pic_idx: u8,
    key_idx: u8,
}

struct Source {
    /// Identity of the incoming RTP stream.
    stream: u64,
    /// Packets of the source before this one belong to nothing that the subscriber has seen.
    first_sequence: u64,
    sequence_offset: i64,
    timestamp_offset: u32,
    vp8: Vp8Offsets,
}

struct Last {
    sequence: u64,
    timestamp: u32,
    at: Instant,
    vp8: Vp8Numbers,
}

/// Which of a stream's sequence numbers have been used.
#[derive(Default)]
pub(crate) struct Used {
    highest: u64,
    /// Bit n: `highest - n`.
    lately: u128,
}

impl Used {
    /// A stream that begins with `first`; nothing before it is to come.
    pub(crate) fn before(first: u64) -> Self {
        Self { highest: first, lately: !1 }
    }

    /// True also for what is so old that nobody remembers.
    pub(crate) fn has(&self, sequence: u64) -> bool {
        sequence <= self.highest && self.bit(sequence).is_none_or(|bit| self.lately & bit != 0)
    }

    /// False: it has been used already, or is so old that nobody remembers.
    pub(crate) fn take(&mut self, sequence: u64) -> bool {
        if let Some(step) = sequence.checked_sub(self.highest).filter(|step| *step > 0) {
            self.lately =
                u32::try_from(step).ok().and_then(|step| self.lately.checked_shl(step)).unwrap_or(0);
            self.highest = sequence;
        }
        let Some(bit) = self.bit(sequence) else { return false };
        let first = self.lately & bit == 0;
        self.lately |= bit;
        first
    }

    fn bit(&self, sequence: u64) -> Option<u128> {
        1_u128.checked_shl(u32::try_from(self.highest - sequence).ok()?)
    }
}

/// Rewriting state of one outgoing stream.
pub(crate) struct Rewriter {
    clock_rate: u32,
    first_sequence: u64,
    /// No number may be given to two packets, whatever a publisher sends: with AES-GCM that would tell the authentication
    /// key to whoever listens on the way (RFC 7714 §8.1).
    given: Used,
    source: Option<Source>,
    last: Option<Last>,
}

impl Rewriter {
    /// `random` spreads the first sequence number; `clock_rate` in Hz.
    pub(crate) fn new(clock_rate: u32, random: u16) -> Self {
        let first_sequence = u64::from(random) % FIRST_SEQUENCE + 1;
        Self { clock_rate, first_sequence, given: Used::default(), source: None, last: None }
    }

    /// True when packets of `stream` continue what the subscriber already receives.
    pub(crate) fn follows(&self, stream: u64) -> bool {
        self.source.as_ref().is_some_and(|source| source.stream == stream)
    }

    /// The next packet starts a source change, whatever its stream.
    pub(crate) fn interrupt(&mut self) {
        self.source = None;
    }

    /// Rewrites a packet; switches to `stream` when it is not the current one. `None`: the packet is older than the
    /// switch, or its number has been used, and must not be sent.
    pub(crate) fn rewrite(
        &mut self,
        now: Instant,
        stream: u64,
        packet: Numbers,
        vp8: Option<&Vp8Descriptor>,
    ) -> Option<(Numbers, Option<Vp8Numbers>)> {
        if !self.follows(stream) {
            self.source = Some(self.switch_to(now, stream, packet, vp8));
        }
        let source = self.source.as_ref()?;
        if packet.sequence < source.first_sequence {
            return None;
        }
        let sequence = packet.sequence.checked_add_signed(source.sequence_offset)?;
        if !self.given.take(sequence) {
            return None;
        }
        let out = Numbers { sequence, timestamp: packet.timestamp.wrapping_add(source.timestamp_offset) };
        let vp8_out = vp8.map(|descriptor| shift(descriptor, source.vp8));
        let moved = vp8_out.filter(|_| source.vp8 != Vp8Offsets::default());
        // Retransmissions arrive late: they must not move the end of the stream back.
        if self.last.as_ref().is_none_or(|last| sequence > last.sequence) {
            let vp8 = vp8_out.or(self.last.as_ref().map(|last| last.vp8)).unwrap_or_default();
            self.last = Some(Last { sequence, timestamp: out.timestamp, at: now, vp8 });
        }
        Some((out, moved))
    }

    fn switch_to(&self, now: Instant, stream: u64, packet: Numbers, vp8: Option<&Vp8Descriptor>) -> Source {
        let Some(last) = &self.last else {
            return Source {
                stream,
                first_sequence: packet.sequence,
                sequence_offset: offset(packet.sequence, self.first_sequence),
                timestamp_offset: 0,
                vp8: Vp8Offsets::default(),
            };
        };
        let elapsed = now.duration_since(last.at).as_micros() * u128::from(self.clock_rate) / 1_000_000;
        let step = u32::try_from(elapsed % (1 << 32)).unwrap_or(0).max(1);
        let vp8 = vp8.map_or_else(Vp8Offsets::default, |descriptor| Vp8Offsets {
            picture_id: last
                .vp8
                .picture_id
                .wrapping_add(1)
                .wrapping_sub(descriptor.picture_id().unwrap_or(0)),
            tl0_pic_idx: last
                .vp8
                .tl0_pic_idx
                .wrapping_add(1)
                .wrapping_sub(descriptor.tl0_pic_idx().unwrap_or(0)),
            key_idx: last.vp8.key_idx.wrapping_add(1).wrapping_sub(descriptor.key_idx().unwrap_or(0)),
        });
        Source {
            stream,
            first_sequence: packet.sequence,
            sequence_offset: offset(packet.sequence, last.sequence + 1),
            timestamp_offset: last.timestamp.wrapping_add(step).wrapping_sub(packet.timestamp),
            vp8,
        }
    }
}

fn offset(from: u64, to: u64) -> i64 {
    to.wrapping_sub(from).cast_signed()
}

fn shift(descriptor: &Vp8Descriptor, by: Vp8Offsets) -> Vp8Numbers {
    Vp8Numbers {
        picture_id: descriptor.picture_id().unwrap_or(0).wrapping_add(by.picture_id) & PICTURE_ID_BITS,
        tl0_pic_idx: descriptor.tl0_pic_idx().unwrap_or(0).wrapping_add(by.tl0_pic_idx),
        key_idx: descriptor.key_idx().unwrap_or(0).wrapping_add(by.key_idx) & KEY_IDX_BITS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(sequence: u64, timestamp: u32) -> Numbers {
        Numbers { sequence, timestamp }
    }

    /// Extended descriptor with a 15-bit picture id and a TL0PICIDX, then a keyframe's first byte.
    fn vp8(picture_id: u16, tl0: u8) -> Vec<u8> {
        let [high, low] = (picture_id | 0x8000).to_be_bytes();
        vec![0x90, 0xe0, high, low, tl0, 0x20, 0x00]
    }

    #[test]
    fn the_first_packet_gets_a_small_sequence_number_whatever_the_publisher_sent() {
        let mut rewriter = Rewriter::new(90_000, u16::MAX);
        let (out, _) = rewriter.rewrite(Instant::now(), 1, at(5_000_000, 77), None).expect("sent");
        assert!((1..=FIRST_SEQUENCE).contains(&out.sequence));
        assert_eq!(out.timestamp, 77);
    }

    #[test]
    fn a_late_retransmission_fills_its_own_hole() {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(90_000, 9);
        let mut out = |sequence| rewriter.rewrite(now, 1, at(sequence, 0), None).expect("sent").0.sequence;
        let (first, third, second) = (out(100), out(102), out(101));
        assert_eq!((third - first, second - first), (2, 1));
        assert_eq!(out(103) - first, 3);
    }

    #[test]
    fn no_number_is_given_twice() {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(48_000, 9);
        let mut sent = |stream, sequence| {
            let out = rewriter.rewrite(now, stream, at(sequence, 0), None);
            out.map(|(numbers, _)| numbers.sequence)
        };
        let order = [100, 101, 103, 102, 102, 101, 100, 400, 273, 273, 272, 401, u64::from(u32::MAX) + 402];
        let given: Vec<_> = order.into_iter().filter_map(|sequence| sent(1, sequence)).collect();
        let first = given.first().expect("sent");
        let passed: Vec<_> = given.iter().map(|out| out - first + 100).collect();
        assert_eq!(passed, [100, 101, 103, 102, 400, 273, 401, u64::from(u32::MAX) + 402]);
        assert_eq!(sent(1, 402), None, "longer ago than is remembered");
        let changed = sent(2, 7).expect("sent");
        assert!(given.iter().all(|out| *out < changed), "also after a change of the source");
    }

    #[test]
    fn a_source_change_continues_the_stream_and_drops_older_packets_of_the_new_source() {
        let start = Instant::now();
        let mut rewriter = Rewriter::new(90_000, 9);
        let (before, _) = rewriter.rewrite(start, 1, at(100, 1000), None).expect("sent");
        let (after, _) =
            rewriter.rewrite(start + Duration::from_millis(100), 2, at(7, 500_000), None).expect("sent");
        assert_eq!(after.sequence, before.sequence + 1);
        assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 9000);
        assert!(rewriter.rewrite(start, 2, at(6, 499_000), None).is_none());
    }

    #[test]
    fn vp8_picture_ids_continue_over_a_source_change() {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(90_000, 9);
        let (first, second) = (vp8(0x7fff, 255), vp8(3, 9));
        let first = Vp8Descriptor::parse(&first).expect("valid");
        let (_, unchanged) = rewriter.rewrite(now, 1, at(1, 0), Some(&first)).expect("sent");
        assert!(unchanged.is_none(), "nothing moves before the first change");
        let second = Vp8Descriptor::parse(&second).expect("valid");
        let (_, patch) = rewriter.rewrite(now, 2, at(1, 0), Some(&second)).expect("sent");
        let numbers = patch.expect("moved");
        assert_eq!((numbers.picture_id, numbers.tl0_pic_idx), (0, 0), "both wrap around");
    }
}
