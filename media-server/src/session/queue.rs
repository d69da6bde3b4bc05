//! What a queue on the way to a participant tells, and sooner than the congestion controller does: that packets wait, and what
//! the way carries while they wait ever longer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Round trips that take this much longer than the shortest one: a queue has built up. Less is jitter.
const QUEUE: Duration = Duration::from_millis(100);
/// A queue that grows is taken for one from here on.
const GROWING: Duration = Duration::from_millis(70);
/// It grows when the way becomes longer by at least this share of the time that passes: twice in a row, since a network that
/// stood still for a moment shows one jump.
const GROWTH: f64 = 0.15;
/// And when it is longer by this than it has been at any time that is known: jitter comes and goes.
const BEYOND: Duration = Duration::from_millis(15);
/// What is known of the past: at ten round trips a second more than a second and a half, so that it reaches back to when what
/// has just been reported was sent.
const SAMPLES: usize = 16;
/// Without a new report the last answer holds for this long.
const STALE: Duration = Duration::from_millis(300);
/// How long the least of what was measured counts; the way may change.
const REMEMBERED: Duration = Duration::from_secs(30);

/// The least of what was measured lately.
pub(super) struct Least<T>(Option<(T, Instant)>);

impl<T> Default for Least<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Copy + PartialOrd> Least<T> {
    /// With this one.
    pub(super) fn of(&mut self, now: Instant, value: T) -> T {
        let known = self.0.filter(|(least, until)| value > *least && now < *until);
        self.0.insert(known.unwrap_or((value, now + REMEMBERED))).0
    }
}

/// A round trip.
#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    rtt: Duration,
    /// As much of it was spent waiting on the way back.
    back: Duration,
    /// Bytes, all that was sent until then.
    sent: u64,
}

impl Sample {
    fn there(&self) -> Duration {
        self.rtt.saturating_sub(self.back)
    }

    /// What passed at the participant between the two.
    fn seconds_since(&self, earlier: &Self) -> f64 {
        let passed = self.at.saturating_duration_since(earlier.at).as_secs_f64();
        (passed + earlier.back.as_secs_f64() - self.back.as_secs_f64()).max(f64::EPSILON)
    }

    /// The way there has become longer, and fast.
    fn is_longer_than(&self, earlier: &Self) -> bool {
        let longer = self.there().saturating_sub(earlier.there()).as_secs_f64();
        longer > GROWTH * self.at.saturating_duration_since(earlier.at).as_secs_f64()
    }
}

/// How packets wait.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// Not, or as jitter has it.
    #[default]
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
    shortest: Least<Duration>,
    /// The oldest first.
    samples: VecDeque<Sample>,
    waiting: Waiting,
}

impl Queue {
    /// A datagram of so many bytes has left.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// Takes in the latest round trip, and how long packets wait on the way back.
    pub(super) fn observe(&mut self, now: Instant, rtt: Duration, back: Duration) -> Waiting {
        // To the nanosecond: of the same report.
        let known = self.samples.back().filter(|last| last.rtt == rtt);
        if known.is_none_or(|last| now.duration_since(last.at) > STALE) {
            if self.samples.len() >= SAMPLES {
                self.samples.pop_front();
            }
            self.samples.push_back(Sample { at: now, rtt, back, sent: self.sent });
            let waited = rtt.saturating_sub(self.shortest.of(now, rtt));
            self.waiting = match self.growing().and_then(|[first, latest]| self.carried(first, latest)) {
                Some(carried) if waited.saturating_sub(back) >= GROWING => Waiting::Longer { carried },
                _ if waited >= QUEUE => Waiting::Long,
                _ => Waiting::No,
            };
        }
        self.waiting
    }

    /// From where on until when the way there has become longer twice, and longer than ever.
    fn growing(&self) -> Option<[&Sample; 2]> {
        let mut latest = self.samples.iter().rev();
        let (third, second, first) = (latest.next()?, latest.next()?, latest.next()?);
        let longest = latest.map(Sample::there).max().unwrap_or_default();
        let grows = second.is_longer_than(first) && third.is_longer_than(second);
        (grows && third.there() > longest + BEYOND).then_some([first, third])
    }

    /// Bit/s: what arrived between the two, and had been sent a round trip before. `None`: when that was, nobody remembers.
    fn carried(&self, first: &Sample, latest: &Sample) -> Option<u64> {
        let bytes = self.sent_until(latest)? - self.sent_until(first)?;
        Some((bytes * 8.0 / latest.seconds_since(first)) as u64)
    }

    /// Bytes, up to the packet that the sample's round trip is of.
    fn sent_until(&self, sample: &Sample) -> Option<f64> {
        let left = sample.at.checked_sub(sample.rtt)?;
        let after = self.samples.partition_point(|earlier| earlier.at <= left);
        let before = self.samples.get(after.checked_sub(1)?)?;
        let after = self.samples.get(after)?;
        let share =
            left.duration_since(before.at).as_secs_f64() / after.at.duration_since(before.at).as_secs_f64();
        Some(before.sent as f64 + (after.sent - before.sent) as f64 * share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent, bit/s, the round trip then and how much of it is spent waiting on the way back, ms: one each 100 ms.
    fn waiting(observed: &[(u64, u64, u64)]) -> Vec<Waiting> {
        let start = Instant::now();
        let mut queue = Queue::default();
        let observed = (0_u64..).zip(observed).map(|(turn, (rate, rtt, back))| {
            queue.sent((rate / 80) as usize);
            let now = start + Duration::from_millis(100 * turn);
            queue.observe(now, Duration::from_millis(*rtt), Duration::from_millis(*back))
        });
        observed.collect()
    }

    fn at_1500_kbit(round_trips: &[u64]) -> Vec<Waiting> {
        waiting(&round_trips.iter().map(|rtt| (1_500_000, *rtt, 0)).collect::<Vec<_>>())
    }

    fn carried(waiting: &Waiting) -> Option<u64> {
        if let Waiting::Longer { carried } = waiting { Some(*carried) } else { None }
    }

    #[test]
    fn a_queue_that_grows_tells_what_the_way_carries_before_it_is_long() {
        // 1.5 Mbit/s into 1: of each 100 ms that pass a third is spent waiting longer.
        let growing = at_1500_kbit(&[20, 21, 20, 21, 53, 87, 120, 153, 154, 100]);
        assert_eq!(growing[..5], [Waiting::No; 5]);
        let told: Vec<u64> = growing.iter().filter_map(carried).collect();
        assert_eq!(told.len(), 2, "from 120 ms on, at 87 it is too short yet: {growing:?}");
        assert!(told.iter().all(|carried| (950_000..1_050_000).contains(carried)), "{told:?}");
        assert_eq!(growing[8..], [Waiting::Long, Waiting::No]);
    }

    #[test]
    fn sending_less_already_makes_the_way_no_narrower() {
        let full = [20, 21, 20, 21, 53, 87, 120].map(|rtt| (1_500_000, rtt, 0));
        let less = [(500_000, 153, 0), (500_000, 173, 0)];
        let told = waiting(&[&full[..], &less].concat());
        assert!(told[7..].iter().filter_map(carried).all(|carried| carried > 900_000), "{told:?}");
        assert!(carried(&told[8]).is_some(), "what was sent before still makes it grow: {told:?}");
    }

    #[test]
    fn a_jump_and_jitter_are_no_queue_that_grows() {
        use Waiting::{Long, No};
        assert_eq!(at_1500_kbit(&[20, 21, 180, 20, 21]), [No, No, Long, No, No]);
        assert_eq!(at_1500_kbit(&[20, 80, 35, 75, 80, 25]), [No; 6]);
        assert_eq!(at_1500_kbit(&[20, 180, 190, 200, 209]), [No, Long, Long, Long, Long], "slowly");
        let mut seed = 1_u64;
        let jitter: Vec<u64> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            20 + (seed >> 33) % 120
        })
        .take(6_000)
        .collect();
        let alarms = at_1500_kbit(&jitter).iter().filter_map(carried).count();
        assert!(alarms < 20, "{alarms} in ten minutes of up to 120 ms");
    }

    #[test]
    fn of_a_round_trip_that_began_before_all_that_is_known_nothing_is_said() {
        let slow = [2_000, 2_040, 2_090, 2_140, 2_190, 2_240, 2_290];
        assert!(at_1500_kbit(&slow).iter().find_map(carried).is_none());
    }

    #[test]
    fn without_a_new_report_the_last_answer_holds_for_a_while() {
        let growing = at_1500_kbit(&[20, 21, 22, 20, 53, 87, 120, 120, 120, 120, 120]);
        assert!(growing[6..10].iter().all(|waiting| carried(waiting).is_some()), "{growing:?}");
        assert_eq!(growing[10], Waiting::Long);
    }

    #[test]
    fn a_queue_on_the_way_back_says_nothing_about_the_way_there() {
        let back = [20, 21, 20, 21, 50, 80, 110].map(|rtt| (1_500_000, rtt, rtt - 20));
        assert_eq!(waiting(&back), [Waiting::No; 7]);
        let stands_there = [(20, 0), (21, 0), (110, 0), (111, 0), (110, 0), (150, 40), (190, 80)];
        let short_there = [(20, 0), (21, 0), (100, 80), (101, 80), (100, 80), (120, 80), (141, 80)];
        for ways in [stands_there, short_there] {
            let told = waiting(&ways.map(|(rtt, back)| (1_500_000, rtt, back)));
            assert_eq!((told[6], told.iter().find_map(carried)), (Waiting::Long, None), "{ways:?}");
        }
        // A third more of the time is spent on the way back, and a third of what is left on the way there.
        let both = [(20, 0), (21, 0), (20, 0), (21, 0), (76, 33), (131, 67), (186, 100), (241, 133)];
        let both = both.map(|(rtt, back)| (1_500_000, rtt, back));
        let told = waiting(&both).iter().filter_map(carried).collect::<Vec<_>>();
        assert!(
            !told.is_empty() && told.iter().all(|carried| (950_000..1_050_000).contains(carried)),
            "{told:?}"
        );
    }

    #[test]
    fn the_shortest_round_trip_counts_for_half_a_minute() {
        let start = Instant::now();
        let mut queue = Queue::default();
        let mut after = |ms: u64, rtt: u64| {
            queue.observe(start + Duration::from_millis(ms), Duration::from_millis(rtt), Duration::ZERO)
        };
        assert_eq!(after(0, 50), Waiting::No);
        assert_eq!(after(100, 149), Waiting::No);
        assert_eq!(after(29_900, 250), Waiting::Long);
        assert_eq!(after(30_000, 251), Waiting::No, "another way, until the opposite is known");
        assert_eq!(after(30_100, 100), Waiting::No);
        assert_eq!(after(30_200, 250), Waiting::Long);
    }
}
