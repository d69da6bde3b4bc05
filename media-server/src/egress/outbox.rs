//! Datagrams that wait until their session is flushed: one after the other in one buffer, so that those of one length to one
//! destination leave with one call of the system (UDP GSO), and a forwarded packet is neither copied nor allocated on its way.

use std::net::SocketAddr;

use str0m::net::{Protocol, Transmit};

/// From where and where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pub proto: Protocol,
    pub source: SocketAddr,
    pub destination: SocketAddr,
}

impl From<&Transmit> for Route {
    fn from(transmit: &Transmit) -> Self {
        let Transmit { proto, source, destination, .. } = *transmit;
        Self { proto, source, destination }
    }
}

/// Datagrams that leave together; all are `segment` bytes long but the last, which may be shorter.
#[derive(Debug, Clone, Copy)]
pub struct Departure<'a> {
    pub route: Route,
    /// Bytes, at least one.
    pub segment: usize,
    pub contents: &'a [u8],
}

impl<'a> Departure<'a> {
    pub fn datagrams(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        self.contents.chunks(self.segment)
    }
}

struct Run {
    route: Route,
    segment: usize,
    /// Where the next one begins.
    end: usize,
}

/// Room that stays after a burst, bytes.
const KEPT: usize = 64 << 10;

#[derive(Default)]
pub(crate) struct Outbox {
    datagrams: Vec<u8>,
    runs: Vec<Run>,
    /// Runs that have left.
    taken: usize,
}

impl Outbox {
    /// One more datagram, which `write` appends. `None`: it had none after all.
    pub(crate) fn put(
        &mut self,
        route: Route,
        write: impl FnOnce(&mut Vec<u8>) -> Option<()>,
    ) -> Option<Departure<'_>> {
        if self.is_empty() {
            self.datagrams.clear();
            self.datagrams.shrink_to(KEPT);
            self.runs.clear();
            self.taken = 0;
        }
        let start = self.datagrams.len();
        let written = write(&mut self.datagrams);
        let length = self.datagrams.len() - start;
        if written.is_none() || length == 0 {
            self.datagrams.truncate(start);
            return None;
        }
        self.count(route, start, length);
        Some(Departure { route, segment: length, contents: self.datagrams.get(start..)? })
    }

    /// One more datagram, which is ready.
    pub(crate) fn copy(&mut self, route: Route, datagram: &[u8]) -> Option<Departure<'_>> {
        self.put(route, |datagrams| {
            datagrams.extend_from_slice(datagram);
            Some(())
        })
    }

    /// The last run goes on, or a new one begins.
    fn count(&mut self, route: Route, start: usize, length: usize) {
        let waiting = self.runs.len() > self.taken;
        let begins = self.begin(self.runs.len().saturating_sub(1));
        if let Some(run) = self.runs.last_mut().filter(|_| waiting)
            && run.route == route
            && length <= run.segment
            // Nothing follows a shorter one.
            && (start - begins).is_multiple_of(run.segment)
        {
            run.end += length;
        } else {
            self.runs.push(Run { route, segment: length, end: start + length });
        }
    }

    fn begin(&self, run: usize) -> usize {
        run.checked_sub(1).and_then(|before| self.runs.get(before)).map_or(0, |run| run.end)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.taken == self.runs.len()
    }

    /// What leaves next.
    pub(crate) fn next(&mut self) -> Option<Departure<'_>> {
        let Run { route, segment, end } = *self.runs.get(self.taken)?;
        let start = self.begin(self.taken);
        self.taken += 1;
        Some(Departure { route, segment, contents: self.datagrams.get(start..end)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(port: u16) -> Route {
        let address = |last| SocketAddr::from(([10, 0, 0, last], port));
        Route { proto: Protocol::Udp, source: address(1), destination: address(2) }
    }

    fn put(outbox: &mut Outbox, port: u16, length: usize, fill: u8) {
        outbox.copy(route(port), &vec![fill; length]);
    }

    fn departures(outbox: &mut Outbox) -> Vec<(u16, usize, Vec<Vec<u8>>)> {
        let mut departures = Vec::new();
        while let Some(departure) = outbox.next() {
            let datagrams = departure.datagrams().map(<[u8]>::to_vec).collect();
            departures.push((departure.route.destination.port(), departure.segment, datagrams));
        }
        departures
    }

    #[test]
    fn one_length_to_one_destination_leaves_together_and_in_order() {
        let mut outbox = Outbox::default();
        for (length, fill) in [(100, 1), (100, 2), (60, 3), (100, 4), (101, 5), (101, 6), (1, 7)] {
            put(&mut outbox, 7, length, fill);
        }
        put(&mut outbox, 8, 1, 8);
        let expected = [
            (7, 100, vec![vec![1; 100], vec![2; 100], vec![3; 60]]),
            (7, 100, vec![vec![4; 100]]),
            (7, 101, vec![vec![5; 101], vec![6; 101], vec![7; 1]]),
            (8, 1, vec![vec![8; 1]]),
        ];
        assert_eq!(departures(&mut outbox), expected);
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_has_left_does_not_leave_again_and_takes_no_room() {
        let mut outbox = Outbox::default();
        put(&mut outbox, 7, 10, 1);
        assert_eq!(outbox.next().map(|departure| departure.contents.to_vec()), Some(vec![1; 10]));
        put(&mut outbox, 7, 10, 2);
        assert_eq!(outbox.datagrams.len(), 10);
        put(&mut outbox, 8, 10, 3);
        assert_eq!(outbox.next().map(|departure| departure.contents.to_vec()), Some(vec![2; 10]));
        put(&mut outbox, 8, 10, 4);
        assert_eq!(departures(&mut outbox), [(8, 10, vec![vec![3; 10], vec![4; 10]])]);
        assert!(outbox.next().is_none());
    }

    #[test]
    fn a_datagram_that_could_not_be_written_leaves_nothing_behind() {
        let mut outbox = Outbox::default();
        put(&mut outbox, 7, 10, 1);
        let refused = outbox.put(route(7), |datagrams| {
            datagrams.push(9);
            None
        });
        assert!(refused.is_none());
        assert!(outbox.put(route(7), |_| Some(())).is_none(), "nothing is no datagram");
        put(&mut outbox, 7, 10, 2);
        assert_eq!(departures(&mut outbox), [(7, 10, vec![vec![1; 10], vec![2; 10]])]);
    }
}
