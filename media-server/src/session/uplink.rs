//! The way from one participant: how long packets wait on it, as the sound that comes over it tells. Reports about what the
//! participant is sent come back the same way, and late when it is full.

use std::time::{Duration, Instant};

use super::queue::Least;

/// RTP clock of Opus (RFC 7587 §4.1), per second.
const CLOCK: i64 = 48_000;

#[derive(Default)]
pub(super) struct Uplink {
    /// The stream that is followed, and when its first packet came and said it was made.
    followed: Option<(u64, Instant, u64)>,
    /// By how many microseconds more than the first one the packets were under way.
    least: Least<i64>,
    waited: Duration,
}

impl Uplink {
    /// A packet of sound: its stream, its extended RTP timestamp, and when it came.
    pub(super) fn arrived(&mut self, stream: u64, rtp_time: u64, at: Instant) {
        let (_, first_at, first_time) = match self.followed {
            Some(followed) if followed.0 == stream => followed,
            _ => {
                self.least = Least::default();
                *self.followed.insert((stream, at, rtp_time))
            }
        };
        let came = at.saturating_duration_since(first_at).as_micros() as i64;
        let made = rtp_time.wrapping_sub(first_time).cast_signed().saturating_mul(1_000_000) / CLOCK;
        let longer = came.saturating_sub(made);
        let waited = longer.saturating_sub(self.least.of(at, longer));
        self.waited = Duration::from_micros(waited.unsigned_abs());
    }

    /// How much longer than the fastest one lately the latest packet was under way.
    pub(super) fn waited(&self) -> Duration {
        self.waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long packets waited, ms; each is made so many ms after the first one and comes so many ms after it.
    fn waited(uplink: &mut Uplink, start: Instant, stream: u64, packets: &[(u64, u64)]) -> Vec<u128> {
        let waits = packets.iter().map(|(made, came)| {
            uplink.arrived(stream, 7_000 + made * 48, start + Duration::from_millis(*came));
            uplink.waited().as_millis()
        });
        waits.collect()
    }

    #[test]
    fn what_comes_later_than_it_was_made_has_waited() {
        let (start, mut uplink) = (Instant::now(), Uplink::default());
        let packets = [(0, 0), (20, 25), (40, 60), (60, 100), (500, 500), (520, 515), (540, 540)];
        assert_eq!(waited(&mut uplink, start, 1, &packets), [0, 5, 20, 40, 0, 0, 5], "silence is no waiting");
        assert_eq!(waited(&mut uplink, start, 2, &[(90_000, 600), (90_020, 700)]), [0, 80], "another stream");
        assert_eq!(waited(&mut uplink, start, 2, &[(120_100, 30_700)]), [0], "after half a minute");
    }

    #[test]
    fn no_clock_is_too_wild() {
        let (now, mut uplink) = (Instant::now(), Uplink::default());
        for rtp_time in [0, u64::MAX, 1 << 63, 1, u64::MAX / 2] {
            uplink.arrived(1, rtp_time, now);
        }
        uplink.arrived(2, u64::MAX, now + Duration::from_secs(10));
        assert_eq!(uplink.waited(), Duration::ZERO);
    }
}
