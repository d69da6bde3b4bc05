//! What a session takes: which datagrams are let through to str0m before anything of them is decrypted. Once there, a
//! stream or a transport-wide number is remembered, whoever sent it.

use std::time::{Duration, Instant};

use str0m::Input;
use str0m::net::Receive;

use super::numbers::{Admission, extension_elements};
use super::{Connection, Session};

/// Why a datagram of a participant is not let through.
pub(crate) enum Refused {
    /// More than one participant may send, or begin.
    OverRate,
    /// Media before there are keys for it.
    Unproven,
    /// What no browser sends.
    Malformed,
}

/// RTP or RTCP, as RFC 7983 §7 tells them from STUN and DTLS.
fn is_secured(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, _, ..])
}

/// RTCP among those, as RFC 5761 §4 tells it from RTP.
fn is_report(datagram: &[u8]) -> bool {
    matches!(datagram, [_, kind, ..] if (64..=95).contains(&(kind & 0x7f)))
}

impl Session {
    /// May this datagram from the participant's address be let through? Anybody who can forge that address may have sent
    /// it, so nothing that is said here ends the session.
    pub(crate) fn admits(&mut self, now: Instant, datagram: &[u8]) -> Result<(), Refused> {
        if !self.policer.admits(now, datagram.len()) {
            return Err(Refused::OverRate);
        }
        if !is_secured(datagram) {
            return Ok(());
        }
        if matches!(self.connection, Connection::New { .. }) {
            return Err(Refused::Unproven);
        }
        if is_report(datagram) {
            return self.policer.admits_report(now, datagram.len()).then_some(()).ok_or(Refused::OverRate);
        }
        self.admits_packet(now, datagram)
    }

    fn admits_packet(&mut self, now: Instant, packet: &[u8]) -> Result<(), Refused> {
        let ssrc = packet.get(8..12).and_then(|ssrc| ssrc.try_into().ok()).ok_or(Refused::Malformed)?;
        for (id, value) in extension_elements(packet) {
            let [high, low, ..] = *value else { continue };
            if !self.offered.may_be_transport(id) {
                continue;
            }
            match self.numbers.admission(u16::from_be_bytes([high, low])) {
                Admission::Near => {}
                Admission::Stray if self.policer.admits_stray(now) => {}
                Admission::Stray => return Err(Refused::OverRate),
                Admission::Refused => return Err(Refused::Malformed),
            }
        }
        let ssrc = u32::from_be_bytes(ssrc);
        let known = self.ingress.iter().any(|ingress| *ingress.ssrc == ssrc);
        if known || self.policer.admits_stream(now, ssrc) { Ok(()) } else { Err(Refused::OverRate) }
    }

    /// A datagram from a proven address. Errors are not the session's end: anybody on the path can cause them.
    /// `stamp`: when the kernel took it, since the Unix epoch.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        stamp: Option<Duration>,
        datagram: &[u8],
        parsed: Receive<'_>,
    ) {
        (self.now, self.stamp) = (now, stamp);
        if !is_secured(datagram) || !is_report(datagram) || self.hear(now, datagram) {
            self.input(Input::Receive(now, parsed));
        }
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        if let Err(error) = self.rtc.handle_input(input) {
            tracing::debug!(%error, "input not handled");
        }
        self.drain();
    }
}
