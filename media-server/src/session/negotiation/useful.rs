//! Browsers offer many codecs, and say much that changes nothing here. A parser's work is by the line, so what str0m would read
//! for nothing is left out before.

use std::borrow::Cow;

/// Attributes that change what a session does (RFC 8866 §6, and those of WebRTC); those of codecs and of SSRCs are looked at
/// closer. str0m would also repeat `msid` in its answer, where nobody looks for it: our lines send or receive, never both.
const ATTRIBUTES: [&str; 19] = [
    "candidate",
    "extmap",
    "fingerprint",
    "group",
    "ice-lite",
    "ice-pwd",
    "ice-ufrag",
    "inactive",
    "max-message-size",
    "mid",
    "recvonly",
    "rid",
    "sctp-init",
    "sctp-port",
    "sctpmap",
    "sendonly",
    "sendrecv",
    "setup",
    "simulcast",
];
/// Codecs that a session may agree on, as they begin behind the payload type (RFC 8866 §6.6).
const CODECS: [&str; 4] = ["opus/48000/2", "red/48000/2", "VP8/90000", "H264/90000"];
/// How a packet of one of them is sent again (RFC 4588).
const RETRANSMISSION: &str = "rtx/90000";

/// The lines of an offer that are of use, each with its end.
pub(super) fn useful(offer: &str) -> Vec<Cow<'_, str>> {
    let lines: Vec<&str> = offer.split_inclusive('\n').collect();
    let mut useful = Vec::with_capacity(lines.len());
    let mut rest = lines.as_slice();
    while let Some(line) = rest.first() {
        let begins = |line: &&str| line.starts_with("m=");
        let end = rest.iter().skip(1).position(begins).map_or(rest.len(), |at| at + 1);
        let (section, after) = rest.split_at(end);
        if begins(line) {
            Media::of(section).take(section, &mut useful);
        } else {
            take_session(section, &mut useful);
        }
        rest = after;
    }
    useful
}

/// What comes before the first m-line.
fn take_session<'a>(lines: &[&'a str], useful: &mut Vec<Cow<'a, str>>) {
    let of_use = |line: &&&str| attribute(line).is_none_or(|(name, _)| ATTRIBUTES.contains(&name));
    useful.extend(lines.iter().filter(of_use).map(|line| Cow::Borrowed(*line)));
}

/// An m-line with its attributes.
struct Media<'a> {
    /// Payload types of codecs that no session agrees on. None: the line stays as it is.
    left_out: Vec<&'a str>,
    /// The browser sends on it, as far as it has said.
    sends: bool,
    /// The SSRC that the line before was about.
    announced: &'a str,
}

impl<'a> Media<'a> {
    fn of(lines: &[&'a str]) -> Self {
        let named = |attribute| -> Vec<(&'a str, &'a str)> {
            let values = lines.iter().filter_map(|line| line.strip_prefix(attribute));
            values.filter_map(|value| value.trim_end().split_once(' ')).collect()
        };
        let is = |codec: &str, name: &str| codec.eq_ignore_ascii_case(name);
        let (maps, parameters) = (named("a=rtpmap:"), named("a=fmtp:"));
        let ours = maps.iter().filter(|(_, codec)| CODECS.iter().any(|name| is(codec, name)));
        let ours: Vec<&str> = ours.map(|(payload_type, _)| *payload_type).collect();
        let repairs = |value: &str| {
            let mut parameters =
                value.split(';').filter_map(|parameter| parameter.trim().strip_prefix("apt="));
            parameters.any(|apt| ours.contains(&apt))
        };
        let repairing = parameters.iter().filter(|(_, value)| repairs(value));
        let repairing: Vec<&str> = repairing.map(|(payload_type, _)| *payload_type).collect();
        let others = maps.iter().filter(|(payload_type, codec)| {
            let repairs_ours = is(codec, RETRANSMISSION) && repairing.contains(payload_type);
            !repairs_ours && !ours.contains(payload_type)
        });
        let mut left_out: Vec<&str> = others.map(|(payload_type, _)| *payload_type).collect();
        let offered = lines.first().map(|line| line.trim_end().split(' ').skip(3));
        if offered.is_none_or(|mut offered| offered.all(|payload_type| left_out.contains(&payload_type))) {
            left_out.clear();
        }
        Self { left_out, sends: true, announced: "" }
    }

    fn take(mut self, lines: &[&'a str], useful: &mut Vec<Cow<'a, str>>) {
        for line in lines {
            match attribute(line) {
                None if line.starts_with("m=") => useful.push(self.without_others(line)),
                Some((name, value)) if !self.is_useful(name, value) => {}
                _ => useful.push(Cow::Borrowed(line)),
            }
        }
    }

    /// `m=<media> <port> <proto> <payload type> ...` (RFC 8866 §5.14).
    fn without_others(&self, line: &'a str) -> Cow<'a, str> {
        if self.left_out.is_empty() {
            return Cow::Borrowed(line);
        }
        let words = line.trim_end().split(' ').enumerate();
        let kept: Vec<&str> = words
            .filter(|(index, word)| *index < 3 || !self.left_out.contains(word))
            .map(|(_, word)| word)
            .collect();
        Cow::Owned(kept.join(" ") + "\r\n")
    }

    fn is_useful(&mut self, name: &str, value: &'a str) -> bool {
        let first = value.split(' ').next().unwrap_or_default();
        match name {
            "rtpmap" | "fmtp" | "rtcp-fb" => !self.left_out.contains(&first),
            // Of each the first line tells that it is there; what it belongs to the m-line says.
            "ssrc" => self.sends && std::mem::replace(&mut self.announced, first) != first,
            "ssrc-group" => self.sends,
            "recvonly" | "inactive" => {
                self.sends = false;
                true
            }
            _ => ATTRIBUTES.contains(&name),
        }
    }
}

/// Name and value of `a=<name>[:<value>]`.
fn attribute(line: &str) -> Option<(&str, &str)> {
    let attribute = line.strip_prefix("a=")?.trim_end();
    Some(attribute.split_once(':').unwrap_or((attribute, "")))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use str0m::change::SdpOffer;

    use super::super::offered::known_extensions;
    use super::*;
    use crate::session::codec::our_codecs;

    fn taken(offer: &[&str]) -> Vec<String> {
        let offer: String = offer.iter().map(|line| format!("{line}\r\n")).collect();
        useful(&offer).iter().map(|line| line.trim_end().to_owned()).collect()
    }

    #[test]
    fn codecs_that_nobody_here_knows_are_left_out_with_all_that_is_said_of_them() {
        let offer = [
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 103 104 116 35",
            "a=rtpmap:96 VP8/90000",
            "a=rtcp-fb:96 nack pli",
            "a=rtcp-fb:* transport-cc",
            "a=rtpmap:97 rtx/90000",
            "a=fmtp:97 apt=96",
            "a=rtpmap:98 VP9/90000",
            "a=rtcp-fb:98 nack pli",
            "a=fmtp:98 profile-id=0",
            "a=rtpmap:99 rtx/90000",
            "a=fmtp:99 apt=98",
            "a=rtpmap:103 h264/90000",
            "a=fmtp:103 packetization-mode=1;profile-level-id=42e01f",
            "a=rtpmap:104 rtx/90000",
            "a=fmtp:104 rtx-time=3000; apt=103",
            "a=rtpmap:116 red/90000",
            "a=rtpmap:35 ulpfec/90000",
        ];
        let of_use = [
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104",
            "a=rtpmap:96 VP8/90000",
            "a=rtcp-fb:96 nack pli",
            "a=rtcp-fb:* transport-cc",
            "a=rtpmap:97 rtx/90000",
            "a=fmtp:97 apt=96",
            "a=rtpmap:103 h264/90000",
            "a=fmtp:103 packetization-mode=1;profile-level-id=42e01f",
            "a=rtpmap:104 rtx/90000",
            "a=fmtp:104 rtx-time=3000; apt=103",
        ];
        assert_eq!(taken(&offer), of_use);
        let sound = [
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0",
            "a=rtpmap:111 opus/48000/2",
            "a=rtpmap:63 red/48000/2",
            "a=rtpmap:9 G722/8000",
        ];
        let ours = ["m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0", sound[1], sound[2]];
        assert_eq!(taken(&sound), ours, "what 0 is only str0m knows");
    }

    #[test]
    fn a_line_without_any_codec_of_ours_stays_for_str0m_to_refuse() {
        for offer in [
            ["m=video 9 UDP/TLS/RTP/SAVPF 98", "a=rtpmap:98 VP9/90000", "a=rtcp-fb:98 nack"],
            ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:2", "a=sctp-port:5000"],
            ["m=audio", "a=rtpmap:", "a=fmtp:97 apt=96"],
        ] {
            assert_eq!(taken(&offer), offer);
        }
    }

    #[test]
    fn what_changes_nothing_is_left_out() {
        let offer = [
            "v=0",
            "a=group:BUNDLE 0",
            "a=extmap-allow-mixed",
            "a=msid-semantic: WMS x",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "c=IN IP4 0.0.0.0",
            "a=rtcp:9 IN IP4 0.0.0.0",
            "a=ice-ufrag:x",
            "a=ice-options:trickle",
            "a=mid:0",
            "a=sendrecv",
            "a=msid:x y",
            "a=rtcp-mux",
            "a=rtpmap:111 opus/48000/2",
        ];
        let of_use = [offer[0], offer[1], offer[4], offer[5], offer[7], offer[9], offer[10], offer[13]];
        assert_eq!(taken(&offer), of_use);
    }

    /// What str0m answers, without what it makes up.
    fn answer(offer: &str) -> Vec<String> {
        let builder =
            our_codecs(str0m::Rtc::builder().set_rtp_mode(true)).set_extension_map(known_extensions());
        let mut server = builder.build(Instant::now());
        let offer = SdpOffer::from_sdp_string(offer).expect("understood");
        let answer = server.sdp_api().accept_offer(offer).expect("accepted").to_sdp_string();
        let made_up = ["o=", "a=ssrc", "a=msid", "a=ice-", "a=fingerprint:"];
        let lines = answer.lines().filter(|line| !made_up.iter().any(|begin| line.starts_with(begin)));
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn browsers_are_answered_as_if_nothing_had_been_left_out() {
        for (offer, most) in [
            (include_str!("../../../tests/fixtures/offers/chromium-148.sdp"), 66),
            (include_str!("../../../tests/fixtures/offers/firefox-140.sdp"), 66),
        ] {
            let of_use = useful(offer).concat();
            let percent = of_use.lines().count() * 100 / offer.lines().count();
            assert!(percent <= most, "{percent} % of the lines");
            let answered = answer(offer);
            let names = |codec| answered.iter().any(|line| line.contains(codec));
            assert!(names("VP8/90000") && names("opus/48000"), "{answered:?}");
            assert_eq!(answer(&of_use), answered);
        }
    }

    #[test]
    fn an_ssrc_is_announced_once_and_where_the_browser_sends() {
        let streams = [
            "a=ssrc-group:FID 1 2",
            "a=ssrc:1 cname:c",
            "a=ssrc:1 msid:a b",
            "a=ssrc:2 cname:c",
            "a=ssrc:2 msid:a b",
        ];
        let media = |direction| [&["m=video 9 UDP/TLS/RTP/SAVPF 96", direction], streams.as_slice()].concat();
        let once = [&media("a=sendonly")[..2], &[streams[0], streams[1], streams[3]]].concat();
        assert_eq!(taken(&media("a=sendonly")), once);
        assert_eq!(taken(&media("a=sendrecv")).len(), once.len());
        for direction in ["a=recvonly", "a=inactive"] {
            assert_eq!(taken(&media(direction)), media(direction)[..2]);
        }
        let two = [media("a=recvonly"), media("a=sendonly")].concat();
        assert_eq!(taken(&two).len(), 2 + once.len(), "of each m-line its own direction");
    }
}
