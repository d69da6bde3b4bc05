//! What one participant may send, before anything is decrypted: others share the worker with it.

use std::time::Instant;

/// Bytes per second. Three sizes of a 720p camera, sound and a shared screen take half of it.
pub(crate) const RATE: u32 = 1_000_000;
/// Bytes at once: keyframes of everything.
pub(crate) const BURST: u32 = 1_000_000;

/// A token bucket, in bytes.
pub(crate) struct Policer {
    tokens: f64,
    filled: Instant,
}

impl Policer {
    pub(crate) fn new(now: Instant) -> Self {
        Self { tokens: f64::from(BURST), filled: now }
    }

    /// False: the datagram is one too many.
    pub(crate) fn admits(&mut self, now: Instant, bytes: usize) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + passed * f64::from(RATE)).min(f64::from(BURST));
        let admitted = self.tokens >= bytes as f64;
        if admitted {
            self.tokens -= bytes as f64;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_then_the_rate_and_a_pause_earns_no_more_than_a_burst() {
        let start = Instant::now();
        let mut policer = Policer::new(start);
        let mut passed = |ms: u64, datagrams: u32| {
            let now = start + Duration::from_millis(ms);
            (0..datagrams).filter(|_| policer.admits(now, 1000)).count()
        };
        assert_eq!(passed(0, 5000), 1000);
        assert_eq!(passed(100, 5000), 100);
        assert_eq!(passed(3_600_000, 5000), 1000);
    }
}
