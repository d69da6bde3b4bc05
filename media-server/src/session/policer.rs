//! What one participant may send, before anything is decrypted: others share the worker with it.

use std::collections::VecDeque;
use std::time::Instant;

/// Bytes per second. Three sizes of a 720p camera, sound and a shared screen take half of it.
const RATE: u32 = 1_000_000;
/// Bytes at once: keyframes of everything.
const BURST: u32 = 1_000_000;
/// Datagrams per second, and at once; a million bytes of pictures and sound are fewer. str0m sends transport-wide feedback
/// every 50 ms and has room for 85 packets in each, for 71 beside a hundred that it reports again: these are 60.
const DATAGRAMS: u32 = 1_200;
/// Bytes of RTCP per second, and at once. A browser in a full room sends a third where it loses 5 % (by reckoning), and all
/// of it where it loses a fifth. Feedback about 31 000 packets that are long gone takes 28 bytes, and str0m goes through them.
const REPORTS: u32 = 20_000;
/// Streams that a participant may begin at once, one more for every so many seconds, and in all: str0m takes note of each one
/// for good, from a header that nobody has to have signed. A browser begins some ten, and two when it shares its screen.
const STREAMS: u32 = 64;
const SECONDS_PER_STREAM: f64 = 10.0;
const STREAMS_IN_ALL: u32 = 256;
/// Packets per second, and at once, whose transport-wide number is far from all others.
const STRAYS: u32 = 4;
const STRAYS_AT_ONCE: u32 = 50;

/// A token bucket.
struct Bucket {
    /// Per second.
    rate: f64,
    burst: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn new(now: Instant, rate: impl Into<f64>, burst: impl Into<f64>) -> Self {
        let burst = burst.into();
        Self { rate: rate.into(), burst, tokens: burst, filled: now }
    }

    /// False: there are fewer, and none is taken.
    fn take(&mut self, now: Instant, tokens: f64) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + passed * self.rate).min(self.burst);
        let enough = self.tokens >= tokens;
        if enough {
            self.tokens -= tokens;
        }
        enough
    }
}

pub(super) struct Policer {
    bytes: Bucket,
    datagrams: Bucket,
    reports: Bucket,
    strays: Bucket,
    streams: Bucket,
    streams_left: u32,
    /// The SSRCs that were admitted last.
    begun: VecDeque<u32>,
}

impl Policer {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            bytes: Bucket::new(now, RATE, BURST),
            datagrams: Bucket::new(now, DATAGRAMS, DATAGRAMS),
            reports: Bucket::new(now, REPORTS, REPORTS),
            strays: Bucket::new(now, STRAYS, STRAYS_AT_ONCE),
            streams: Bucket::new(now, SECONDS_PER_STREAM.recip(), STREAMS),
            streams_left: STREAMS_IN_ALL,
            begun: VecDeque::with_capacity(STREAMS as usize),
        }
    }

    /// False: the datagram is one too many.
    pub(super) fn admits(&mut self, now: Instant, bytes: usize) -> bool {
        self.bytes.take(now, bytes as f64) && self.datagrams.take(now, 1.0)
    }

    /// False: the RTCP is too much.
    pub(super) fn admits_report(&mut self, now: Instant, bytes: usize) -> bool {
        self.reports.take(now, bytes as f64)
    }

    /// False: the packet far from all others is one too many.
    pub(super) fn admits_stray(&mut self, now: Instant) -> bool {
        self.strays.take(now, 1.0)
    }

    /// False: the stream is one too many.
    pub(super) fn admits_stream(&mut self, now: Instant, ssrc: u32) -> bool {
        if self.begun.contains(&ssrc) {
            return true;
        }
        let admitted = self.streams_left > 0 && self.streams.take(now, 1.0);
        if admitted {
            self.streams_left -= 1;
            self.begun.truncate(STREAMS as usize - 1);
            self.begun.push_front(ssrc);
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
        for (bytes, burst, tenth) in [(1_000, 1_000, 100), (50, 1_200, 120)] {
            let mut policer = Policer::new(start);
            let mut passed = |ms: u64| {
                let now = start + Duration::from_millis(ms);
                (0..5_000).filter(|_| policer.admits(now, bytes)).count()
            };
            assert_eq!(
                [passed(0), passed(100), passed(3_600_000)],
                [burst, tenth, burst],
                "of {bytes} bytes"
            );
        }
    }

    #[test]
    fn streams_begin_slowly_after_the_first_ones_and_those_that_have_begun_go_on() {
        let start = Instant::now();
        let mut policer = Policer::new(start);
        let mut begun = |seconds: u64, ssrcs: std::ops::Range<u32>| {
            let now = start + Duration::from_secs(seconds);
            ssrcs.filter(|ssrc| policer.admits_stream(now, *ssrc)).count()
        };
        assert_eq!(begun(0, 0..1_000), 64);
        assert_eq!(begun(0, 0..64), 64, "again");
        assert_eq!(begun(60, 64..1_000), 6);
        assert_eq!(begun(60, 6..70), 64, "the last ones");
        assert_eq!(begun(60, 0..6), 0, "forgotten");
        let day = 60 + 24 * 3_600;
        let of_a_day: usize =
            (60..day).step_by(60).map(|at| begun(at, 1_000 + at as u32..1_010 + at as u32)).sum();
        assert_eq!(of_a_day, 256 - 70, "in all");
    }
}
