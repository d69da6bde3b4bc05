//! What a queue on the way to a participant tells, and sooner than the congestion controller does: that packets wait, and what
//! the way carries while they wait ever longer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Round trips that take this much longer than the shortest one: a queue has built up. Less is jitter.
const LONG: Duration = Duration::from_millis(100);
/// A queue that grows is taken for one from here on.
const SHORT: Duration = Duration::from_millis(70);
/// It grows when round trips become longer by at least this share of the time that passes: twice in a row, since a network that
/// stood still for a moment shows one jump.
const GROWTH: f64 = 0.15;
/// What is known of the past: at ten round trips a second more than a second and a half, so that it reaches back to when what
/// has just been reported was sent.
const SAMPLES: usize = 16;
/// How long the shortest round trip counts; the way may change.
const REMEMBERED: Duration = Duration::from_secs(30);

/// The round trip without a queue.
#[derive(Clone, Copy)]
struct Shortest {
    rtt: Duration,
    until: Instant,
}

#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    rtt: Duration,
    /// Bytes, all that was sent until then.
    sent: u64,
}

impl Sample {
    fn seconds_since(&self, earlier: &Self) -> f64 {
        self.at.saturating_duration_since(earlier.at).as_secs_f64().max(f64::EPSILON)
    }

    /// The round trip has become longer, and that took not much longer than the difference.
    fn is_longer_than(&self, earlier: &Self) -> bool {
        self.rtt.saturating_sub(earlier.rtt).as_secs_f64() >= GROWTH * self.seconds_since(earlier)
    }
}

/// How packets wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// Not, or as jitter has it.
    No,
    Long,
    /// Ever longer; the way carries as many bit/s.
    Longer {
        carried: u64,
    },
}

#[derive(Default)]
pub(super) struct Queue {
    sent: u64,
    shortest: Option<Shortest>,
    /// The oldest first.
    samples: VecDeque<Sample>,
}

impl Queue {
    /// A datagram of so many bytes has left.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// Takes in the latest round trip.
    pub(super) fn observe(&mut self, now: Instant, rtt: Duration) -> Waiting {
        let shortest = self.shortest.filter(|known| rtt > known.rtt && now < known.until);
        let shortest = *self.shortest.insert(shortest.unwrap_or(Shortest { rtt, until: now + REMEMBERED }));
        if self.samples.len() >= SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at: now, rtt, sent: self.sent });
        let waited = rtt.saturating_sub(shortest.rtt);
        match self.growing() {
            Some([first, latest]) if waited >= SHORT => {
                Waiting::Longer { carried: self.carried(first, latest) }
            }
            _ if waited >= LONG => Waiting::Long,
            _ => Waiting::No,
        }
    }

    /// From where on until when round trips have become longer twice.
    fn growing(&self) -> Option<[&Sample; 2]> {
        let mut latest = self.samples.iter().rev();
        let (third, second, first) = (latest.next()?, latest.next()?, latest.next()?);
        (second.is_longer_than(first) && third.is_longer_than(second)).then_some([first, third])
    }

    /// Bit/s: what was reported between the two, and had been sent a round trip before.
    fn carried(&self, first: &Sample, latest: &Sample) -> u64 {
        let bytes = self.sent_until(latest) - self.sent_until(first);
        (bytes * 8.0 / latest.seconds_since(first)) as u64
    }

    /// Bytes, up to the packet that the sample's round trip is of.
    fn sent_until(&self, sample: &Sample) -> f64 {
        let left = sample.at.checked_sub(sample.rtt).unwrap_or(sample.at);
        let after = self.samples.partition_point(|earlier| earlier.at <= left);
        match (after.checked_sub(1).and_then(|before| self.samples.get(before)), self.samples.get(after)) {
            (Some(before), Some(after)) => {
                let share =
                    left.saturating_duration_since(before.at).as_secs_f64() / after.seconds_since(before);
                before.sent as f64 + (after.sent - before.sent) as f64 * share
            }
            (known, other) => known.or(other).map_or(0.0, |known| known.sent as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent, bit/s, and the round trip then, ms: one each 100 ms.
    fn waiting(observed: &[(u64, u64)]) -> Vec<Waiting> {
        let start = Instant::now();
        let mut queue = Queue::default();
        let observed = (0_u64..).zip(observed).map(|(turn, (rate, rtt))| {
            queue.sent((rate / 80) as usize);
            queue.observe(start + Duration::from_millis(100 * turn), Duration::from_millis(*rtt))
        });
        observed.collect()
    }

    fn at_1500_kbit(round_trips: &[u64]) -> Vec<Waiting> {
        waiting(&round_trips.iter().map(|rtt| (1_500_000, *rtt)).collect::<Vec<_>>())
    }

    fn carried(waiting: &Waiting) -> Option<u64> {
        if let Waiting::Longer { carried } = waiting { Some(*carried) } else { None }
    }

    #[test]
    fn a_queue_that_grows_tells_what_the_way_carries_before_it_is_long() {
        // 1.5 Mbit/s into 1: of each 100 ms that pass a third is spent waiting longer.
        let growing = at_1500_kbit(&[20, 20, 20, 20, 53, 87, 120, 153, 153, 100]);
        assert_eq!(growing[..5], [Waiting::No; 5]);
        let told: Vec<u64> = growing.iter().filter_map(carried).collect();
        assert_eq!(told.len(), 2, "from 120 ms on, at 87 it is too short yet: {growing:?}");
        assert!(told.iter().all(|carried| (950_000..1_050_000).contains(carried)), "{told:?}");
        assert_eq!(growing[8..], [Waiting::Long, Waiting::No]);
    }

    #[test]
    fn sending_less_already_makes_the_way_no_narrower() {
        let full = [20, 20, 20, 20, 53, 87, 120].map(|rtt| (1_500_000, rtt));
        let less = [(500_000, 153), (500_000, 173)];
        let told = waiting(&[&full[..], &less].concat());
        assert!(told[7..].iter().filter_map(carried).all(|carried| carried > 900_000), "{told:?}");
        assert!(carried(&told[8]).is_some(), "what was sent before still makes it grow: {told:?}");
    }

    #[test]
    fn a_jump_and_jitter_are_no_queue_that_grows() {
        use Waiting::{Long, No};
        assert_eq!(at_1500_kbit(&[20, 20, 180, 20, 20]), [No, No, Long, No, No]);
        assert_eq!(at_1500_kbit(&[20, 80, 35, 75, 80, 25]), [No; 6]);
        assert_eq!(at_1500_kbit(&[20, 180, 190, 200, 200]), [No, Long, Long, Long, Long], "slowly");
    }

    #[test]
    fn the_shortest_round_trip_counts_for_half_a_minute() {
        let start = Instant::now();
        let mut queue = Queue::default();
        let mut after =
            |ms: u64, rtt: u64| queue.observe(start + Duration::from_millis(ms), Duration::from_millis(rtt));
        assert_eq!(after(0, 50), Waiting::No);
        assert_eq!(after(100, 149), Waiting::No);
        assert_eq!(after(29_900, 250), Waiting::Long);
        assert_eq!(after(30_000, 250), Waiting::No, "another way, until the opposite is known");
        assert_eq!(after(30_100, 100), Waiting::No);
        assert_eq!(after(30_200, 250), Waiting::Long);
    }
}
