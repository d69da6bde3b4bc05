//! When to ask a publisher for a keyframe: merged over all subscribers, throttled, retried.

use std::time::{Duration, Instant};

/// However many subscribers ask, a publisher gets at most one request per interval and layer: each costs it a large
/// frame that everyone else has to carry.
const MIN_INTERVAL: Duration = Duration::from_millis(200);
/// Requests and keyframes get lost; the first retry is quick because somebody is looking at a frozen picture.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const RETRY: Duration = Duration::from_secs(1);
const MAX_RETRIES: u8 = 5;

/// Nor more than two in this time, whoever asks: a viewer could keep the picture of everyone else poor.
const TWO_IN: Duration = Duration::from_secs(1);

/// Requests for one track and layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct KeyframeRequests {
    state: State,
    /// The last two requests, the older one first.
    asked: [Option<Instant>; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Nobody waits.
    #[default]
    Idle,
    /// Somebody waits; ask at `at`, for the `attempt`th time.
    Due { at: Instant, attempt: u8 },
    /// The last keyframe or request was at `last`; nobody waits, but the interval still counts.
    Recent { last: Instant },
}

impl KeyframeRequests {
    /// A subscriber cannot go on without a keyframe.
    pub(crate) fn want(&mut self, now: Instant) {
        let allowed = self.asked[0].map_or(now, |earlier| now.max(earlier + TWO_IN));
        self.state = match self.state {
            State::Idle => State::Due { at: allowed, attempt: 0 },
            State::Recent { last } => State::Due { at: allowed.max(last + MIN_INTERVAL), attempt: 0 },
            // Whoever comes late has all retries to come but the quick one.
            State::Due { at, attempt } => State::Due { at, attempt: attempt.min(1) },
        };
    }

    /// A keyframe arrived from the publisher: everyone is served.
    pub(crate) fn arrived(&mut self, now: Instant) {
        self.state = State::Recent { last: now };
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        matches!(self.state, State::Due { at, .. } if at <= now)
    }

    /// True when a request has to be sent now.
    pub(crate) fn poll(&mut self, now: Instant) -> bool {
        let State::Due { at, attempt } = self.state else { return false };
        if now < at {
            return false;
        }
        self.state = match attempt {
            0 => State::Due { at: now + FIRST_RETRY, attempt: 1 },
            tried if tried <= MAX_RETRIES => State::Due { at: now + RETRY, attempt: tried + 1 },
            _ => State::Recent { last: now },
        };
        let ask = attempt <= MAX_RETRIES;
        if ask {
            self.asked = [self.asked[1], Some(now)];
        }
        ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_at(
        requests: &mut KeyframeRequests,
        start: Instant,
        milliseconds: std::ops::Range<u64>,
    ) -> Vec<u64> {
        milliseconds.filter(|ms| requests.poll(start + Duration::from_millis(*ms))).collect()
    }

    #[test]
    fn many_subscribers_share_one_request() {
        let start = Instant::now();
        let mut requests = KeyframeRequests::default();
        let mut sent = Vec::new();
        for ms in 0..200 {
            requests.want(start + Duration::from_millis(ms));
            sent.extend(sent_at(&mut requests, start, ms..ms + 1));
        }
        assert_eq!(sent, [0]);
    }

    #[test]
    fn a_request_soon_after_a_keyframe_waits_out_the_interval() {
        let start = Instant::now();
        let mut requests = KeyframeRequests::default();
        requests.arrived(start);
        requests.want(start + Duration::from_millis(50));
        assert_eq!(sent_at(&mut requests, start, 50..300).first(), Some(&200));
    }

    #[test]
    fn unanswered_requests_are_retried_after_250_ms_then_each_second_then_given_up() {
        let start = Instant::now();
        let mut requests = KeyframeRequests::default();
        requests.want(start);
        assert_eq!(sent_at(&mut requests, start, 0..20_000), [0, 250, 1250, 2250, 3250, 4250]);
    }

    #[test]
    fn who_comes_after_the_last_retry_is_not_forgotten() {
        let start = Instant::now();
        let mut requests = KeyframeRequests::default();
        requests.want(start);
        assert_eq!(sent_at(&mut requests, start, 0..5_000).last(), Some(&4250));
        requests.want(start + Duration::from_millis(5_000));
        assert_eq!(sent_at(&mut requests, start, 5_000..20_000), [5250, 6250, 7250, 8250, 9250]);
    }

    #[test]
    fn a_viewer_who_asks_all_the_time_causes_two_requests_a_second() {
        let start = Instant::now();
        let mut requests = KeyframeRequests::default();
        let mut sent = 0;
        for ms in 0..10_000 {
            let now = start + Duration::from_millis(ms);
            requests.want(now);
            if requests.poll(now) {
                sent += 1;
                requests.arrived(now + Duration::from_millis(30));
            }
        }
        assert_eq!(sent, 20);
    }

    #[test]
    fn a_keyframe_stops_the_retries() {
        let start = Instant::now();
        let mut requests = KeyframeRequests::default();
        requests.want(start);
        assert!(requests.poll(start));
        requests.arrived(start + Duration::from_millis(100));
        assert_eq!(sent_at(&mut requests, start, 100..5000), [0_u64; 0]);
    }
}
