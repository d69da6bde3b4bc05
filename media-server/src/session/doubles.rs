//! What is sent twice to a participant whose way loses many packets: retransmissions and reports. A request or a repair that
//! is lost itself costs another round trip, and the picture stands meanwhile; sending the same datagram again a moment later
//! makes that as rare as two losses in a row. It is the same to the bit, so that no key sees two packets under one number,
//! and whoever gets both drops the second as a replay (RFC 3711 §3.3.2).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use str0m::net::Protocol;

use crate::egress::{Departure, Route};

/// So much later, since losses come in bursts.
const APART: Duration = Duration::from_millis(10);
/// Datagrams that wait at most; more are sent once.
const WAITING: usize = 64;
/// Bytes that may be sent twice at once.
const BURST: usize = 32_000;
/// Of what is forwarded, as much may be sent twice as one part of these.
const PART: usize = 4;

#[derive(Default)]
pub(super) struct Doubles {
    waiting: VecDeque<(Instant, Route, Vec<u8>)>,
    /// Bytes that may still be sent twice.
    allowance: usize,
}

impl Doubles {
    /// So many bytes were forwarded.
    pub(super) fn earn(&mut self, bytes: usize) {
        self.allowance = (self.allowance + bytes / PART).min(BURST);
    }

    /// Has what leaves now leave again.
    pub(super) fn repeat(&mut self, now: Instant, datagram: &Departure<'_>) {
        let bytes = datagram.contents.len();
        if datagram.route.proto != Protocol::Udp || self.waiting.len() >= WAITING || bytes > self.allowance {
            return;
        }
        self.allowance -= bytes;
        self.waiting.push_back((now + APART, datagram.route, datagram.contents.to_vec()));
    }

    /// When the next one leaves.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.front().map(|(at, ..)| *at)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Route, Vec<u8>)> {
        self.waiting.pop_front_if(|(at, ..)| *at <= now).map(|(_, route, datagram)| (route, datagram))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeat(doubles: &mut Doubles, now: Instant, proto: Protocol, first: u8, bytes: usize) {
        let address = ([10, 0, 0, 1], 4000).into();
        let route = Route { proto, source: address, destination: address };
        doubles.repeat(now, &Departure { route, segment: bytes, contents: &vec![first; bytes] });
    }

    #[test]
    fn the_same_datagram_leaves_again_a_moment_later() {
        let now = Instant::now();
        let mut doubles = Doubles::default();
        doubles.earn(8_000);
        repeat(&mut doubles, now, Protocol::Udp, 1, 1_000);
        repeat(&mut doubles, now + APART / 2, Protocol::Udp, 2, 500);
        assert_eq!(doubles.due(), Some(now + APART));
        assert!(doubles.pop_due(now + APART / 2).is_none());
        let again = doubles.pop_due(now + APART).expect("due");
        assert_eq!(again.1, [1; 1_000]);
        assert!(doubles.pop_due(now + APART).is_none(), "the other one");
        assert_eq!(doubles.pop_due(now + APART * 2).expect("due").1, [2; 500]);
        assert_eq!(doubles.due(), None);
    }

    #[test]
    fn a_quarter_of_what_was_forwarded_and_no_more_than_a_burst() {
        let now = Instant::now();
        let mut doubles = Doubles::default();
        let taken = |doubles: &mut Doubles| -> usize {
            (0..200).for_each(|_| repeat(doubles, now, Protocol::Udp, 1, 1_000));
            std::iter::from_fn(|| doubles.pop_due(now + APART)).count()
        };
        assert_eq!(taken(&mut doubles), 0, "nothing was forwarded");
        doubles.earn(20_000);
        assert_eq!(taken(&mut doubles), 5);
        (0..1_000).for_each(|_| doubles.earn(1_000));
        assert_eq!(taken(&mut doubles), BURST / 1_000);
    }

    #[test]
    fn what_waits_is_bounded_and_tcp_loses_nothing() {
        let now = Instant::now();
        let mut doubles = Doubles::default();
        doubles.earn(1_000_000);
        (0..200).for_each(|_| repeat(&mut doubles, now, Protocol::Udp, 1, 100));
        assert_eq!(std::iter::from_fn(|| doubles.pop_due(now + APART)).count(), WAITING);
        repeat(&mut doubles, now, Protocol::Tcp, 1, 100);
        assert_eq!(doubles.due(), None);
    }
}
