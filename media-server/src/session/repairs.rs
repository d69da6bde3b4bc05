//! How much is sent again to a participant. Packets of pictures leave as they come, and with them what is asked for again; who
//! asks for as much again, twice as much where packets get lost, has to wait for the pacer. str0m's own limit (`share`) is
//! lower, but looks only every 50 ms.

use std::time::{Duration, Instant};

/// What may be sent again at once, bytes; also how far the share may be overdrawn, by the padding of probes.
const BURST: i64 = 64_000;

/// Of what is sent, this much may be repairs. Above it str0m forgets all that were asked for: at 15 %, its own choice,
/// pictures stood for an eighth of the time where packets overtake each other and are asked for too early.
const SHARE: f32 = 0.25;
/// The same where packets get lost. Chromium, losing 5 % and with 30 ms of jitter, asks for more than [`SHARE`] of a good
/// picture.
const SHARE_WHERE_LOST: f32 = 0.5;

/// Lost packets in a second that make a network a lossy one when it goes on for [`LASTING`]; single bursts do not, since
/// another share costs the repairs that are due.
const LOSSY: f32 = 0.02;
const LASTING: Duration = Duration::from_secs(2);
/// How long a network without losses still counts as a lossy one.
const REMEMBERED: Duration = Duration::from_secs(30);

pub(super) struct Repairs {
    /// Bytes that may still be sent again.
    allowance: i64,
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
        let earned = bytes as i64 * if self.is_lossy() { 2 } else { 1 };
        self.allowance = (self.allowance + earned).min(BURST);
    }

    /// A packet was sent again, or padding.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.allowance = (self.allowance - bytes as i64).max(-BURST);
    }

    pub(super) fn are_too_many(&self) -> bool {
        self.allowance < 0
    }

    /// Takes in which part of the last second's packets got lost, of those that were reported. What a full queue loses is
    /// not meant: it takes fewer packets, not more.
    pub(super) fn observe(&mut self, now: Instant, lost: f32, queue: bool) {
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

    /// How much of what is sent may be repairs.
    pub(super) fn share(&self) -> f32 {
        if self.is_lossy() { SHARE_WHERE_LOST } else { SHARE }
    }

    pub(super) fn is_lossy(&self) -> bool {
        matches!(self.way, Way::Lossy { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_as_much_again() {
        let mut repairs = Repairs::default();
        for _ in 0..1_000 {
            repairs.earn(1_200);
            repairs.spend(1_200);
        }
        assert!(!repairs.are_too_many());
        repairs.earn(1_200);
        repairs.spend(64_000);
        assert!(!repairs.are_too_many(), "a burst");
        repairs.spend(1_200);
        assert!(repairs.are_too_many());
        repairs.spend(1_000_000);
        repairs.earn(63_999);
        assert!(repairs.are_too_many());
        repairs.earn(1_200);
        assert!(!repairs.are_too_many(), "after a third of a second of a good picture");
    }

    #[test]
    fn a_network_that_goes_on_losing_packets_gets_more_of_them_again() {
        let start = Instant::now();
        let mut repairs = Repairs::default();
        let mut after = |ms: u64, lost: f32, queue: bool| {
            repairs.observe(start + Duration::from_millis(ms), lost, queue);
            repairs.share() > SHARE
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
