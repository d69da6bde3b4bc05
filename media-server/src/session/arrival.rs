//! How a session takes datagrams, and what ends it: packets that would have str0m take memory without end.

use std::time::{Duration, Instant};

use str0m::Input;
use str0m::net::Receive;
use str0m::rtp::RawPacket;

use super::Session;

/// Streams that one session may begin. A browser begins some ten, and a few more each time that it shares its screen; str0m
/// and we remember each one.
const MOST_STREAMS: usize = 512;

/// RTP, as RFC 7983 §7 tells it from STUN and DTLS, and RFC 5761 §4 from RTCP.
pub(crate) fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, ..]) && !matches!(datagram, [_, 192..=223, ..])
}

impl Session {
    /// A datagram from a proven address. Errors are not the session's end: anybody on the path can cause them.
    pub(crate) fn receive(&mut self, now: Instant, datagram: Receive<'_>, is_media: bool) {
        self.now = now;
        if !is_media {
            self.input(Input::Receive(now, datagram));
            return;
        }
        if self.looked < now {
            self.look(now);
        }
        // A moment ago: str0m looks at its timers again with each datagram unless time goes back. Numbers that would have
        // its feedback take all memory have to be seen first, and for several packets at a time looking once is enough.
        let past = now.checked_sub(Duration::from_nanos(1)).unwrap_or(now);
        self.input(Input::Receive(past, datagram));
        // The pacer lets one packet of a probe go each time, and our timers are coarser than it would like.
        if self.is_probing() {
            self.look(now);
        }
    }

    /// Has str0m look at its timers.
    pub(super) fn look(&mut self, at: Instant) {
        self.looked = self.looked.max(at);
        self.input(Input::Timeout(at));
    }

    fn input(&mut self, input: Input<'_>) {
        if let Err(error) = self.rtc.handle_input(input) {
            tracing::debug!(%error, "input not handled");
        }
        self.drain();
    }

    /// Sees every packet that a key of this session belongs to before the next feedback is made.
    pub(super) fn guard(&mut self, packet: &RawPacket) {
        let RawPacket::RtpRx(header, _) = packet else { return };
        if !self.streams.contains(&header.ssrc) {
            self.streams.push(header.ssrc);
        }
        if self.streams.len() > MOST_STREAMS {
            tracing::warn!("session ended: too many streams");
            self.rtc.disconnect();
        }
        if header.ext_vals.transport_cc.is_some_and(|number| !self.numbers.admit(number)) {
            tracing::warn!("session ended: a transport-wide number below zero");
            self.rtc.disconnect();
        }
    }
}
