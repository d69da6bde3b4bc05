//! Puts a stream's Opus frames back in order and fills holes from RED (RFC 2198) redundancy.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use str0m::rtp::RedDecoder;
use zeroize::Zeroizing;

use super::tap::AudioPacket;

/// A hole is given up when this many frames wait behind it …
const WINDOW: usize = 3;
/// … or the first of them has waited this long.
const PATIENCE: Duration = Duration::from_millis(60);
/// After this many late frames in a row the sender has started its clock over.
const RESTART: u32 = 50;

/// One Opus packet in its place.
pub(super) struct Frame {
    pub(super) sequence: u64,
    /// 48 kHz.
    pub(super) rtp_time: u64,
    pub(super) opus: Zeroizing<Vec<u8>>,
    pub(super) arrived: Instant,
}

/// What lies between a frame and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hole {
    None,
    /// Ticks of 48 kHz whose packets were sent and did not come.
    Lost(u64),
    /// Ticks of 48 kHz during which nothing was sent (discontinuous transmission).
    Paused(u64),
}

/// Holds at most [`WINDOW`] frames plus the redundancy of one packet.
#[derive(Default)]
pub(super) struct Reorder {
    waiting: BTreeMap<u64, Frame>,
    last: Option<Last>,
    late_run: u32,
}

struct Last {
    sequence: u64,
    /// Where the next frame is due.
    due: u64,
    arrived: Instant,
}

/// Counts for the metrics.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Insertion {
    /// Too late or seen before.
    pub(super) late: u64,
    /// The payload was no RED.
    pub(super) corrupt: u64,
}

impl Reorder {
    pub(super) fn push(&mut self, packet: &AudioPacket) -> Insertion {
        if !packet.red {
            return self.insert(packet, 0, 0, &packet.payload);
        }
        let Ok(blocks) = RedDecoder::decode(&packet.payload) else {
            return Insertion { corrupt: 1, late: 0 };
        };
        let Some((primary, redundant)) = blocks.split_last() else { return Insertion::default() };
        let counts = self.insert(packet, 0, 0, primary.payload);
        for (age, block) in (1_u64..).zip(redundant.iter().rev()) {
            if block.pt == primary.pt && block.timestamp_offset > 0 {
                self.insert(packet, age, u64::from(block.timestamp_offset), block.payload);
            }
        }
        counts
    }

    /// The next frame and what is missing before it, as far as is known at `now`.
    pub(super) fn poll(&mut self, now: Instant) -> Option<(Hole, Frame)> {
        let (_, first) = self.waiting.first_key_value()?;
        let settled = self.last.as_ref().is_none_or(|last| {
            first.rtp_time <= last.due
                || first.sequence <= last.sequence + 1
                || self.waiting.len() >= WINDOW
                || now.duration_since(first.arrived) >= PATIENCE
        });
        if settled { self.take() } else { None }
    }

    /// The next frame, without waiting for what is missing before it.
    pub(super) fn take(&mut self) -> Option<(Hole, Frame)> {
        let (_, frame) = self.waiting.pop_first()?;
        let hole = self.last.as_ref().map_or(Hole::None, |last| {
            // A sender's clock may jump; more audio than time has passed cannot be missing.
            let passed = frame.arrived.saturating_duration_since(last.arrived) + Duration::from_secs(1);
            let ticks = frame.rtp_time.saturating_sub(last.due).min(passed.as_millis() as u64 * 48);
            match (ticks, frame.sequence <= last.sequence + 1) {
                (0, _) => Hole::None,
                (_, true) => Hole::Paused(ticks),
                (_, false) => Hole::Lost(ticks),
            }
        });
        Some((hole, frame))
    }

    /// The frame just taken lasts `ticks` of 48 kHz.
    pub(super) fn taken(&mut self, frame: &Frame, ticks: u64) {
        let due = frame.rtp_time.saturating_add(ticks);
        self.last = Some(Last { sequence: frame.sequence, due, arrived: frame.arrived });
    }

    fn insert(&mut self, packet: &AudioPacket, age: u64, ticks_before: u64, opus: &[u8]) -> Insertion {
        // An empty packet is padding of bandwidth probes.
        if opus.is_empty() {
            return Insertion::default();
        }
        let rtp_time = packet.rtp_time.saturating_sub(ticks_before);
        if self.last.as_ref().is_some_and(|last| rtp_time < last.due) || self.waiting.contains_key(&rtp_time)
        {
            if age == 0 {
                self.late_run += 1;
            }
            if self.late_run < RESTART {
                return Insertion { late: 1, corrupt: 0 };
            }
            self.last = None;
            self.waiting.clear();
        }
        if age == 0 {
            self.late_run = 0;
        }
        // Redundancy from before the first packet would start the stream in the past.
        if age > 0 && self.last.is_none() {
            return Insertion::default();
        }
        let frame = Frame {
            sequence: packet.sequence.saturating_sub(age),
            rtp_time,
            opus: Zeroizing::new(opus.to_vec()),
            arrived: packet.arrived,
        };
        self.waiting.insert(rtp_time, frame);
        Insertion::default()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test begins at some instant")]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::{ParticipantId, RoomId};

    fn packet(sequence: u64, rtp_time: u64, red: bool, payload: &[u8], arrived: Instant) -> AudioPacket {
        AudioPacket {
            room: RoomId::from_uuid(Uuid::nil()),
            participant: ParticipantId::from_uuid(Uuid::nil()),
            stream: 1,
            sequence,
            rtp_time,
            red,
            payload: Arc::from(payload),
            arrived,
        }
    }

    /// Every frame that is ready, as (hole, first payload byte); each lasts 960 ticks.
    fn drain(reorder: &mut Reorder, now: Instant) -> Vec<(Hole, u8)> {
        let mut out = Vec::new();
        while let Some((hole, frame)) = reorder.poll(now) {
            reorder.taken(&frame, 960);
            out.push((hole, frame.opus[0]));
        }
        out
    }

    /// RED with one redundant block of 960 ticks ago.
    fn red(previous: u8, primary: u8) -> Vec<u8> {
        let (offset, length) = (960_u32, 1_u32);
        let header = [
            0xef,
            (offset >> 6) as u8,
            (((offset & 0x3f) << 2) | (length >> 8)) as u8,
            (length & 0xff) as u8,
            0x6f,
        ];
        [header.as_slice(), &[previous, primary]].concat()
    }

    #[test]
    fn reordered_packets_come_out_in_order_and_duplicates_are_late() {
        let now = Instant::now();
        let mut reorder = Reorder::default();
        for sequence in [0, 2, 1] {
            reorder.push(&packet(sequence, sequence * 960, false, &[sequence as u8], now));
        }
        let frames = drain(&mut reorder, now);
        assert_eq!(frames, [(Hole::None, 0), (Hole::None, 1), (Hole::None, 2)]);
        assert_eq!(reorder.push(&packet(1, 960, false, &[1], now)).late, 1);
    }

    #[test]
    fn a_hole_is_given_up_after_60_ms_or_three_frames() {
        let now = Instant::now();
        let mut reorder = Reorder::default();
        reorder.push(&packet(0, 0, false, &[0], now));
        reorder.push(&packet(2, 1920, false, &[2], now));
        assert_eq!(drain(&mut reorder, now), [(Hole::None, 0)]);
        assert_eq!(drain(&mut reorder, now + PATIENCE), [(Hole::Lost(960), 2)]);
        for sequence in [5, 6, 7] {
            reorder.push(&packet(sequence, sequence * 960, false, &[sequence as u8], now));
        }
        assert_eq!(drain(&mut reorder, now), [(Hole::Lost(1920), 5), (Hole::None, 6), (Hole::None, 7)]);
    }

    #[test]
    fn redundancy_fills_a_single_loss_at_once() {
        let now = Instant::now();
        let mut reorder = Reorder::default();
        let mut frames = Vec::new();
        for sequence in [10_u64, 12, 13] {
            let payload = red(sequence as u8 - 1, sequence as u8);
            reorder.push(&packet(sequence, sequence * 960, true, &payload, now));
            frames.extend(drain(&mut reorder, now));
        }
        assert_eq!(frames, [10, 11, 12, 13].map(|byte| (Hole::None, byte)));
    }

    #[test]
    fn a_jump_of_the_clock_without_missing_packets_is_a_pause_and_never_longer_than_the_time_passed() {
        let now = Instant::now();
        let mut reorder = Reorder::default();
        reorder.push(&packet(0, 0, false, &[0], now));
        drain(&mut reorder, now);
        let later = now + Duration::from_millis(400);
        reorder.push(&packet(1, 960 + 400 * 48, false, &[1], later));
        assert_eq!(drain(&mut reorder, later), [(Hole::Paused(400 * 48), 1)]);
        reorder.push(&packet(2, u64::MAX - 5000, false, &[2], later));
        assert_eq!(drain(&mut reorder, later), [(Hole::Paused(48_000), 2)]);
    }

    #[test]
    fn a_sender_that_starts_its_clock_over_is_heard_again() {
        let now = Instant::now();
        let mut reorder = Reorder::default();
        reorder.push(&packet(0, 1_000_000, false, &[9], now));
        drain(&mut reorder, now);
        let mut heard = 0;
        for sequence in 1..=60_u64 {
            reorder.push(&packet(sequence, sequence * 960, false, &[1], now));
            heard += drain(&mut reorder, now).len();
        }
        assert_eq!(heard, 11);
    }

    #[test]
    fn broken_red_is_counted_and_skipped() {
        let now = Instant::now();
        let mut reorder = Reorder::default();
        for payload in [&[0x80][..], &[0xff, 0xff, 0xff, 0xff, 111], &[0x80, 0, 0, 200, 111, 1]] {
            assert_eq!(reorder.push(&packet(1, 960, true, payload, now)).corrupt, 1);
        }
        assert!(drain(&mut reorder, now).is_empty());
    }
}
