//! What a participant reports about what it is sent, and what it is told about it.

use std::time::Instant;

use str0m::net::Transmit;

use super::{Forward, Session, SessionEvent};
use crate::egress::{Outgoing, Report, each_report};

/// Format and type of transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
const TRANSPORT_FEEDBACK: (u8, u8) = (15, 205);

/// RTCP of ours that is worth sending twice: what is missing, keyframes to ask for, how much has come. Not when each packet has
/// come. RFC 7983 §7 tells RTP from STUN and DTLS, RFC 5761 §4 from RTCP.
fn is_worth_repeating(datagram: &[u8]) -> bool {
    let [first @ 128..=191, kind @ 192..=223, ..] = datagram else { return false };
    (first & 0x1f, *kind) != TRANSPORT_FEEDBACK
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
                let Some(repair) = self.egress.repair(now, stream, number) else { continue };
                if helps {
                    self.doubles.repeat(now, &repair);
                }
                self.transmits.push_back(repair);
            }
        }
    }

    /// A report leaves a second time where packets get lost.
    pub(super) fn repeat_report(&mut self, transmit: &Transmit) {
        let helps = self.repairs.is_lossy() && !self.egress.is_congested();
        if helps && is_worth_repeating(&transmit.contents) {
            self.doubles.repeat(self.now, transmit);
        }
    }

    /// Padding and reports that are due. Padding goes where a browser is sure to take it: over a line that is open.
    pub(super) fn look_after_streams(&mut self, now: Instant) {
        let mut reports = Vec::new();
        self.egress.report(now, streams(&mut self.forwards), |report| reports.push(report));
        for report in reports {
            self.repeat_report(&report);
            self.transmits.push_back(report);
        }
        let open = self.forwards.iter_mut().filter(|forward| forward.open && forward.track.is_some());
        let transmits = &mut self.transmits;
        let open = open.filter_map(|forward| forward.stream.as_mut());
        self.egress.pad(now, open, |padding| transmits.push_back(padding));
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
}
