//! What has been sent under which transport-wide number, until it is reported.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::rtcp::{Transport, unwrap_reference};

/// Reports come within a round trip and a quarter of a second.
const REMEMBERED: Duration = Duration::from_secs(2);
/// A viewer of a full room is sent half of these in that time.
const MOST: usize = 4_096;
/// A packet that is reported as missing may come yet, until one has come that left so much later.
const OVERTAKEN: Duration = Duration::from_millis(120);

struct Sent {
    at: Instant,
    bytes: u16,
    probe: bool,
    seen: Seen,
}

/// What has been reported of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Nothing: the report may be lost itself.
    Unknown,
    Missing,
    Known,
}

impl Sent {
    fn outcome(&self, arrived: Option<i64>) -> Outcome {
        Outcome { sent: self.at, arrived, bytes: self.bytes, probe: self.probe }
    }
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) sent: Instant,
    /// Microseconds of the participant's clock; `None`: lost.
    pub(super) arrived: Option<i64>,
    pub(super) bytes: u16,
    pub(super) probe: bool,
}

#[derive(Default)]
pub(super) struct Register {
    /// The oldest first.
    sent: VecDeque<Sent>,
    /// Number of the next packet, extended.
    next: u64,
    /// The latest reference time, microseconds.
    reference: Option<i64>,
    /// All before this number have come or are lost.
    settled: u64,
}

impl Register {
    /// A packet leaves under the next number.
    pub(super) fn push(&mut self, now: Instant, bytes: usize, probe: bool) {
        let outlived = |sent: &mut Sent| now.saturating_duration_since(sent.at) > REMEMBERED;
        while self.sent.pop_front_if(outlived).is_some() {}
        if self.sent.len() >= MOST {
            self.sent.pop_front();
        }
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        self.sent.push_back(Sent { at: now, bytes, probe, seen: Seen::Unknown });
        self.next += 1;
    }

    /// Number of the next packet.
    pub(super) fn next(&self) -> u16 {
        self.next as u16
    }

    /// Takes in a report: what is new in it.
    pub(super) fn take(&mut self, report: &Transport) -> Vec<Outcome> {
        let reference = unwrap_reference(report.reference, self.reference);
        self.reference = Some(reference.max(self.reference.unwrap_or(reference)));
        let back = u64::from((self.next as u16).wrapping_sub(report.base));
        let oldest = self.next - self.sent.len() as u64;
        // Before the oldest that is known, or not sent yet: skipped one by one, a report is short.
        let base = self.next.wrapping_sub(back);
        let mut outcomes = Vec::new();
        let mut newest = None;
        for (number, arrival) in (0..).map(|n| base.wrapping_add(n)).zip(&report.arrivals) {
            let at = number.checked_sub(oldest).and_then(|at| usize::try_from(at).ok());
            let Some(sent) = at.and_then(|at| self.sent.get_mut(at)) else { continue };
            match arrival {
                Some(arrival) if sent.seen != Seen::Known => {
                    sent.seen = Seen::Known;
                    outcomes.push(sent.outcome(Some(reference + arrival)));
                }
                None if sent.seen == Seen::Unknown => sent.seen = Seen::Missing,
                _ => {}
            }
            newest = newest.max(arrival.map(|_| sent.at));
        }
        if let Some(before) = newest.and_then(|newest| newest.checked_sub(OVERTAKEN)) {
            self.settle(oldest, before, &mut outcomes);
        }
        outcomes
    }

    /// What left before then and was missing is lost.
    fn settle(&mut self, oldest: u64, before: Instant, outcomes: &mut Vec<Outcome>) {
        self.settled = self.settled.max(oldest);
        let open = self.sent.iter_mut().skip((self.settled - oldest) as usize);
        for sent in open.take_while(|sent| sent.at < before) {
            self.settled += 1;
            if std::mem::replace(&mut sent.seen, Seen::Known) == Seen::Missing {
                outcomes.push(sent.outcome(None));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(base: u16, arrivals: &[Option<i64>]) -> Transport {
        Transport { base, reference: 1, arrivals: arrivals.to_vec() }
    }

    fn send(register: &mut Register, at: Instant, bytes: usize) -> u16 {
        let number = register.next();
        register.push(at, bytes, bytes == 101);
        number
    }

    #[test]
    fn packets_are_found_by_number_once_and_while_they_are_remembered() {
        let start = Instant::now();
        let mut register = Register { next: 65_534, settled: 65_534, ..Register::default() };
        let numbers: Vec<_> = (0..4).map(|n| send(&mut register, start, 100 + n)).collect();
        assert_eq!(numbers, [65_534, 65_535, 0, 1]);
        let outcomes = register.take(&report(65_533, &[Some(0), Some(250), Some(500), Some(750)]));
        let found: Vec<_> =
            outcomes.iter().map(|outcome| (outcome.bytes, outcome.arrived, outcome.probe)).collect();
        assert_eq!(
            found,
            [(100, Some(64_250), false), (101, Some(64_500), true), (102, Some(64_750), false)]
        );
        assert_eq!(register.take(&report(0, &[Some(0), Some(0), Some(0)])).len(), 1, "known, new, to come");
        send(&mut register, start + REMEMBERED * 2, 1);
        assert_eq!(register.take(&report(1, &[None, Some(0)])).len(), 1, "the older ones are forgotten");
        for _ in 0..2 * MOST {
            send(&mut register, start + REMEMBERED * 2, 1);
        }
        assert_eq!(register.sent.len(), MOST);
        assert_eq!(register.take(&report(2, &[Some(0), Some(0)])).len(), 0);
    }

    #[test]
    fn a_packet_is_lost_once_a_much_later_one_has_come() {
        let start = Instant::now();
        let mut register = Register::default();
        let after = |ms: u64| start + Duration::from_millis(ms);
        for ms in [0, 10, 20, 100, 200] {
            send(&mut register, after(ms), 100);
        }
        let came = |outcomes: Vec<Outcome>| -> Vec<bool> {
            outcomes.iter().map(|outcome| outcome.arrived.is_some()).collect()
        };
        assert_eq!(came(register.take(&report(0, &[Some(0), None, None, Some(9)]))), [true, true]);
        assert_eq!(came(register.take(&report(2, &[Some(10)]))), [true], "overtaken");
        send(&mut register, after(210), 100);
        send(&mut register, after(400), 100);
        assert_eq!(came(register.take(&report(4, &[Some(20)]))), [true, false]);
        assert_eq!(came(register.take(&report(6, &[Some(20)]))), [true], "of the one before nobody knows");
        assert_eq!(came(register.take(&report(1, &[Some(30)]))), [false; 0], "too late");
    }
}
