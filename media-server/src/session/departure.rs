//! What leaves a session, as its unencrypted RTP header tells.

use str0m::Rtc;

/// SSRC of packets that only probe the way (libwebrtc's convention).
const PROBE_SSRC: [u8; 4] = [0; 4];
/// RFC 3550 §5.1.
const PADDING_BIT: u8 = 0x20;
/// Format and type of transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
const TRANSPORT_FEEDBACK: (u8, u8) = (15, 205);

/// Padding that only fills what a silent session does not send is shorter, bytes: str0m asks for 5 ms at 50 kbit/s each
/// time, 32 bytes, to which header, extensions and the cipher's tag come. A probe's padding is longer.
const FILLER_BELOW: usize = 90;

/// Why a datagram leaves.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Departure {
    /// A forwarded packet.
    Written,
    /// A retransmission: asked for, or of a probe.
    Repair,
    /// Padding of a probe, which others may wait behind.
    Padding,
    /// Padding that nothing depends on.
    Filler,
    /// RTCP: what is missing, keyframes to ask for, how much has come. Not when each packet has come.
    Report,
    /// STUN, DTLS, transport-wide feedback.
    Other,
}

/// The payload types that the session negotiated for retransmission (RFC 4588), a bit each.
#[derive(Default)]
pub(super) struct RtxTypes(u128);

impl RtxTypes {
    pub(super) fn of(rtc: &Rtc) -> Self {
        let resend = rtc.codec_config().iter().filter_map(str0m::format::PayloadParams::resend);
        Self(resend.fold(0, |types, pt| types | 1 << (*pt & 0x7f)))
    }

    /// RFC 7983 §7 tells RTP from STUN and DTLS, RFC 5761 §4 from RTCP.
    pub(super) fn departure(&self, datagram: &[u8]) -> Departure {
        let [first @ 128..=191, second, rest @ ..] = datagram else { return Departure::Other };
        if (192..=223).contains(second) {
            let is_transport = (first & 0x1f, *second) == TRANSPORT_FEEDBACK;
            return if is_transport { Departure::Other } else { Departure::Report };
        }
        let retransmits = self.0 >> (second & 0x7f) & 1 == 1;
        let probes = rest.get(6..10) == Some(&PROBE_SSRC);
        let padded = first & PADDING_BIT != 0;
        match retransmits || probes {
            true if padded && datagram.len() < FILLER_BELOW => Departure::Filler,
            true if padded || probes => Departure::Padding,
            true => Departure::Repair,
            false => Departure::Written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_what_was_forwarded_and_what_str0m_made() {
        let types = RtxTypes(1 << 97);
        let rtp =
            |pt: u8, ssrc: u32| [&[0x90, pt, 0, 1, 0, 0, 0, 0][..], &ssrc.to_be_bytes(), &[7; 20]].concat();
        assert_eq!(types.departure(&rtp(96, 5)), Departure::Written);
        assert_eq!(types.departure(&rtp(0x60 | 0x80, 5)), Departure::Written, "with marker");
        assert_eq!(types.departure(&rtp(97, 5)), Departure::Repair);
        assert_eq!(types.departure(&rtp(96, 0)), Departure::Padding, "a probe");
        let padded = |length: usize| {
            let mut packet = rtp(97, 5);
            packet[0] |= PADDING_BIT;
            packet.resize(length, 7);
            types.departure(&packet)
        };
        assert_eq!(padded(FILLER_BELOW - 1), Departure::Filler);
        assert_eq!(padded(FILLER_BELOW), Departure::Padding, "of a probe");
        assert_eq!(types.departure(&rtp(200, 5)), Departure::Report, "of the sender");
        assert_eq!(types.departure(&[0x81, 205, 0, 3]), Departure::Report, "what is missing");
        assert_eq!(types.departure(&[0x8f, 205, 0, 3]), Departure::Other, "transport-wide feedback");
        assert_eq!(types.departure(&[22, 254, 253]), Departure::Other);
        assert_eq!(types.departure(&[0x80]), Departure::Other);
        assert_eq!(types.departure(&[]), Departure::Other);
    }
}
