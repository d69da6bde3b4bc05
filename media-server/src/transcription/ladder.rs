//! How captions give way under load: first fewer partials, then none, then recorded gaps. Never silence.

use std::time::{Duration, Instant};

use super::pcm::samples;

/// A level is entered when the oldest waiting final is this late.
const THRESHOLDS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(10)];
/// How long the lag must stay below half of a level's threshold before the level is left.
const CALM: Duration = Duration::from_secs(15);

/// A final older than this is given up and recorded as a gap: the last step of the ladder.
pub(super) const GIVE_UP: Duration = THRESHOLDS[3];

/// Consultations beyond what calibration promised start at this level: partials are rare.
pub(super) const BEYOND_PROMISE: usize = 2;

#[derive(Default)]
pub(super) struct Ladder {
    level: usize,
    calm_since: Option<Instant>,
}

impl Ladder {
    /// 0 (as promised) to 4 (finals become gaps).
    pub(super) fn level(&self) -> usize {
        self.level
    }

    /// `lag`: age of the oldest final that waits. True when the level changed.
    pub(super) fn update(&mut self, lag: Duration, now: Instant) -> bool {
        let reached = THRESHOLDS.iter().filter(|threshold| lag > **threshold).count();
        let before = self.level;
        if reached > self.level {
            self.level = reached;
            self.calm_since = None;
        } else if let Some(threshold) = self.level.checked_sub(1).and_then(|index| THRESHOLDS.get(index)) {
            if lag * 2 >= *threshold {
                self.calm_since = None;
            } else if now.duration_since(*self.calm_since.get_or_insert(now)) >= CALM {
                self.level -= 1;
                self.calm_since = Some(now);
            }
        }
        self.level != before
    }
}

/// Samples of new audio between two partials of one speaker at a level; `None`: no partials.
pub(super) fn partial_interval(level: usize) -> Option<u64> {
    [samples(1000), samples(1500), samples(2500)].get(level).copied()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test begins at some instant")]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_climbs_at_once_and_comes_down_one_step_after_15_calm_seconds() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut ladder = Ladder::default();
        assert!(!ladder.update(Duration::from_millis(900), at(0)));
        assert!(ladder.update(Duration::from_secs(5), at(1)));
        assert_eq!(ladder.level(), 3);
        assert!(!ladder.update(Duration::from_millis(1900), at(2)));
        assert!(!ladder.update(Duration::from_millis(2100), at(10)), "not calm: above half of 4 s");
        assert!(!ladder.update(Duration::ZERO, at(11)));
        assert!(!ladder.update(Duration::ZERO, at(25)));
        assert!(ladder.update(Duration::ZERO, at(26)));
        assert_eq!(ladder.level(), 2);
        assert!(ladder.update(Duration::ZERO, at(41)));
        assert!(ladder.update(Duration::ZERO, at(56)));
        assert_eq!(ladder.level(), 0);
        assert!(ladder.update(Duration::from_secs(11), at(57)));
        assert_eq!(ladder.level(), 4);
    }

    #[test]
    fn partials_become_rarer_and_stop() {
        let intervals: Vec<_> = (0..5).map(partial_interval).collect();
        assert_eq!(intervals, [Some(16_000), Some(24_000), Some(40_000), None, None]);
    }
}
