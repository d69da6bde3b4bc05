//! What a participant reports about what it is sent, and what it is told about it.

use std::time::Instant;

use str0m::net::Transmit;

use super::{Forward, HOUSEKEEPING, Session, SessionEvent};
use crate::egress::{Outgoing, Report, Route, each_report};

/// Format and type of transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
const TRANSPORT_FEEDBACK: (u8, u8) = (15, 205);

/// RTCP of ours that is worth sending twice: what is missing, keyframes to ask for, how much has come. Not when each packet has
/// come. RFC 7983 §7 tells RTP from STUN and DTLS, RFC 5761 §4 from RTCP.
fn is_worth_repeating(datagram: &[u8]) -> bool {
    let [first @ 128..=191, kind @ 192..=223, ..] = datagram else { return false };
    (first & 0x1f, *kind) != TRANSPORT_FEEDBACK
}

/// Behind the packets of an encrypted RTCP datagram, bytes at most: index and tag (RFC 3711 §3.4, RFC 7714 §9).
const TRAILER: usize = 20;

/// Transport-wide feedback and nothing else.
fn is_feedback_alone(datagram: &[u8]) -> bool {
    let [first @ 128..=191, kind, high, low, ..] = datagram else { return false };
    let words = usize::from(u16::from_be_bytes([*high, *low])) + 1;
    (first & 0x1f, *kind) == TRANSPORT_FEEDBACK && datagram.len() <= words * 4 + TRAILER
}

/// A datagram that may wait a moment.
pub(super) struct Held {
    route: Route,
    datagram: Vec<u8>,
    until: Instant,
}

fn streams(forwards: &mut [Forward]) -> impl Iterator<Item = &mut Outgoing> {
    forwards.iter_mut().filter_map(|forward| forward.stream.as_mut())
}

impl Session {
    /// RTCP from a proven address. True: it tells of what the participant sends, which is str0m's affair.
    pub(super) fn hear(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let Some(packets) = self.egress.open(datagram) else { return false };
        each_report(&packets, |report| match report {
            Report::Reception(reception) => {
                if let Some(stream) = self.stream(reception.ssrc) {
                    stream.reported();
                    self.quality.egress(Some(reception.lost));
                    self.round_trip = self.egress.round_trip(now, &reception).or(self.round_trip);
                }
            }
            Report::Missing { ssrc, pairs } => self.repair(now, ssrc, pairs),
            Report::Keyframe { ssrc } => {
                let about =
                    |forward: &&Forward| forward.stream.as_ref().is_some_and(|stream| stream.ssrc == ssrc);
                let mid = self.forwards.iter().find(about).map(|forward| forward.mid);
                self.events.extend(mid.map(SessionEvent::KeyframeRequested));
            }
            Report::Reference { ssrc, time } => self.egress.refer(now, ssrc, time),
            Report::Transport(transport) => {
                if self.egress.arrived(now, &transport) {
                    self.events.push_back(SessionEvent::EstimateChanged);
                }
            }
        })
    }

    fn stream(&mut self, ssrc: u32) -> Option<&mut Outgoing> {
        streams(&mut self.forwards).find(|stream| stream.ssrc == ssrc)
    }

    /// Sends packets again: a number and a mask of the 16 after it, each (RFC 4585 §6.2.1).
    fn repair(&mut self, now: Instant, ssrc: u32, pairs: &[u8]) {
        let helps = self.repairs.is_lossy() && !self.egress.is_congested();
        let mut streams = streams(&mut self.forwards);
        let Some(stream) = streams.find(|stream| stream.ssrc == ssrc) else { return };
        for pair in pairs.chunks_exact(4) {
            let [high, low, mask_high, mask_low] = *pair else { continue };
            let (first, mask) = (u16::from_be_bytes([high, low]), u16::from_be_bytes([mask_high, mask_low]));
            let after = (0..16).filter(|bit| mask >> bit & 1 == 1).map(|bit| first.wrapping_add(bit + 1));
            for number in std::iter::once(first).chain(after) {
                if !stream.repairable(now, number).is_some_and(|bytes| self.repairs.spend(bytes)) {
                    continue;
                }
                let repair = self.egress.repair(now, stream, number, &mut self.outbox);
                if let Some(repair) = repair.filter(|_| helps) {
                    self.doubles.repeat(now, &repair);
                }
            }
        }
    }

    /// What str0m sends. Transport-wide feedback waits for the next forwarded packet, since what leaves together costs the
    /// system one call: a fifth of all calls in a conversation of two. Not longer than to the next housekeeping but one:
    /// whoever speaks sends every 20 ms, and browsers take reports as far apart as 250 ms.
    pub(super) fn take_over(&mut self, transmit: &Transmit) {
        let route = Route::from(transmit);
        if is_feedback_alone(&transmit.contents) {
            self.release();
            let until = self.config.next_multiple(self.now + HOUSEKEEPING, HOUSEKEEPING);
            self.held = Some(Held { route, datagram: transmit.contents.to_vec(), until });
        } else {
            self.put(route, &transmit.contents);
        }
    }

    /// What was held leaves.
    pub(super) fn release(&mut self) {
        if let Some(Held { route, datagram, .. }) = self.held.take() {
            self.put(route, &datagram);
        }
    }

    pub(super) fn release_due(&mut self, now: Instant) {
        if self.held_until().is_some_and(|until| until <= now) {
            self.release();
        }
    }

    pub(super) fn held_until(&self) -> Option<Instant> {
        self.held.as_ref().map(|held| held.until)
    }

    /// What is not a forwarded packet leaves. A report leaves a second time where packets get lost.
    pub(super) fn put(&mut self, route: Route, datagram: &[u8]) {
        let helps = self.repairs.is_lossy() && !self.egress.is_congested();
        let put = self.outbox.copy(route, datagram);
        if let Some(put) = put.filter(|put| helps && is_worth_repeating(put.contents)) {
            self.doubles.repeat(self.now, &put);
        }
    }

    /// Padding and reports that are due. Padding goes where a browser is sure to take it: over a line that is open.
    pub(super) fn look_after_streams(&mut self, now: Instant) {
        let mut reports = Vec::new();
        self.egress.report(now, streams(&mut self.forwards), |route, report| reports.push((route, report)));
        for (route, report) in reports {
            self.put(route, &report);
        }
        let open = self.forwards.iter_mut().filter(|forward| forward.open && forward.track.is_some());
        let open = open.filter_map(|forward| forward.stream.as_mut());
        self.egress.pad(now, open, &mut self.outbox);
        self.repairs.observe(now, self.egress.lost(), self.egress.is_congested());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feedback_about_single_packets_is_not_worth_repeating() {
        assert!(is_worth_repeating(&[0x81, 201, 0, 7]));
        assert!(is_worth_repeating(&[0x81, 205, 0, 3]), "what is missing");
        assert!(!is_worth_repeating(&[0x8f, 205, 0, 3]), "transport-wide feedback");
        assert!(!is_worth_repeating(&[0x90, 96, 0, 1]), "RTP");
        assert!(!is_worth_repeating(&[22, 254, 253]), "DTLS");
        assert!(!is_worth_repeating(&[]));
    }

    #[test]
    fn feedback_waits_only_when_nothing_else_is_in_its_datagram() {
        let datagram = |kind, packets: usize, trailer| {
            let mut datagram = vec![0; packets + trailer];
            datagram[..4].copy_from_slice(&[0x8f, kind, 0, 5]);
            datagram
        };
        for trailer in [14, 20] {
            assert!(is_feedback_alone(&datagram(205, 24, trailer)));
            assert!(!is_feedback_alone(&datagram(205, 32, trailer)), "and another packet");
            assert!(!is_feedback_alone(&datagram(206, 24, trailer)));
        }
        assert!(!is_feedback_alone(&[0x8f, 205]));
    }
}
