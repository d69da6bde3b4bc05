//! How much is sent again to a participant, and whether the way there is one that loses packets.

use std::time::{Duration, Instant};

/// What may be sent again at once, bytes.
const BURST: u64 = 64_000;

/// Of what is sent, one part of these may be sent again. Where packets overtake each other they are asked for too early:
/// with an eighth, pictures stood.
const PART: u64 = 4;
/// The same where packets get lost. Chromium, losing 5 % and with 30 ms of jitter, asks for more than a quarter of a good
/// picture.
const PART_WHERE_LOST: u64 = 2;

/// Lost packets that make a network a lossy one when it goes on for [`LASTING`]; single bursts do not.
const LOSSY: f64 = 0.02;
const LASTING: Duration = Duration::from_secs(2);
/// How long a network without losses still counts as a lossy one.
const REMEMBERED: Duration = Duration::from_secs(30);

pub(super) struct Repairs {
    /// Bytes that may still be sent again.
    allowance: u64,
    way: Way,
}

/// What the way to the participant does to packets.
#[derive(Clone, Copy)]
enum Way {
    Good,
    /// Has lost many since then.
    Losing {
        since: Instant,
    },
    Lossy {
        until: Instant,
    },
}

impl Default for Repairs {
    fn default() -> Self {
        Self { allowance: BURST, way: Way::Good }
    }
}

impl Repairs {
    /// A packet was forwarded.
    pub(super) fn earn(&mut self, bytes: usize) {
        let part = if self.is_lossy() { PART_WHERE_LOST } else { PART };
        self.allowance = (self.allowance + bytes as u64 / part).min(BURST);
    }

    /// May a packet be sent again? It then counts.
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        let rest = self.allowance.checked_sub(bytes as u64);
        self.allowance = rest.unwrap_or(self.allowance);
        rest.is_some()
    }

    /// Takes in which part of the last two seconds' packets got lost, of those that were reported. What a full queue loses is
    /// not meant: it takes fewer packets, not more.
    pub(super) fn observe(&mut self, now: Instant, lost: f64, queue: bool) {
        let losing = lost >= LOSSY && !queue;
        self.way = match self.way {
            Way::Good if losing => Way::Losing { since: now },
            Way::Losing { .. } if !losing => Way::Good,
            Way::Losing { since } if now.duration_since(since) >= LASTING => {
                Way::Lossy { until: now + REMEMBERED }
            }
            Way::Lossy { .. } if losing => Way::Lossy { until: now + REMEMBERED },
            Way::Lossy { until } if now >= until => Way::Good,
            same => same,
        };
    }

    pub(super) fn is_lossy(&self) -> bool {
        matches!(self.way, Way::Lossy { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_a_quarter_of_what_is_sent() {
        let mut repairs = Repairs::default();
        assert!((0..64).all(|_| repairs.spend(1_000)));
        assert!(!repairs.spend(1));
        (0..40).for_each(|_| repairs.earn(1_000));
        assert!((0..10).all(|_| repairs.spend(1_000)));
        assert!(!repairs.spend(1));
        (0..1_000).for_each(|_| repairs.earn(1_000));
        assert!((0..64).all(|_| repairs.spend(1_000)));
        assert!(!repairs.spend(1), "no more than a burst");
    }

    #[test]
    fn a_network_that_goes_on_losing_packets_gets_more_of_them_again() {
        let start = Instant::now();
        let mut repairs = Repairs::default();
        let mut after = |ms: u64, lost: f64, queue: bool| {
            repairs.observe(start + Duration::from_millis(ms), lost, queue);
            repairs.allowance = 0;
            repairs.earn(4_000);
            assert_eq!(repairs.allowance, if repairs.is_lossy() { 2_000 } else { 1_000 });
            repairs.is_lossy()
        };
        assert!(!after(0, 0.05, false));
        assert!(!after(1_900, 0.05, false));
        assert!(!after(1_950, 0.0, false), "a burst");
        assert!(!after(2_000, 0.05, false));
        assert!(!after(3_900, 0.05, false));
        assert!(!after(3_950, 0.3, true), "too much for the way");
        assert!(!after(4_000, 0.05, false));
        assert!(after(6_000, 0.05, false));
        assert!(after(7_000, 0.0, false));
        assert!(after(35_900, 0.0, false));
        assert!(!after(36_000, 0.0, false));
    }
}
