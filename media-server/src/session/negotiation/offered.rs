//! Which header extensions (RFC 8285) and streams of its offers a session takes up: str0m remembers all that it is given.

use str0m::rtp::{Extension, ExtensionMap};

const TRANSPORT_NUMBER: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Where str0m keeps the transport-wide number until an offer says where it is: its last place, which no browser uses.
const UNUSED: u8 = 16;

/// SSRCs that the offers of a session may announce; str0m makes streams of them. Browsers announce a few for each track, and
/// what is not announced is found by its packets' mid.
const MOST_SSRCS: usize = 64;

/// What str0m is to look for in packets. Numbers are those of Chrome; an offer with others moves them.
const KNOWN: [(u8, Extension); 6] = [
    (1, Extension::AudioLevel),
    (4, Extension::RtpMid),
    (10, Extension::RtpStreamId),
    (11, Extension::RepairedRtpStreamId),
    (13, Extension::VideoOrientation),
    (UNUSED, Extension::TransportSequenceNumber),
];

pub(in crate::session) fn known_extensions() -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    for (id, extension) in KNOWN {
        map.set(id, extension);
    }
    map
}

/// What a session's offers have named.
#[derive(Default)]
pub(in crate::session) struct Offered {
    /// Number of the transport-wide number, from the first offer that has one.
    transport: Option<u8>,
    /// Announced, the first ones.
    ssrcs: Vec<u32>,
}

impl Offered {
    /// May an element with this number be str0m's transport-wide number? False: certainly not.
    pub(in crate::session) fn may_be_transport(&self, id: u8) -> bool {
        id == UNUSED || Some(id) == self.transport
    }

    /// The lines of an offer without extensions that nobody here knows, without those that would move the transport-wide number
    /// to another place, or another extension to its place, and without SSRCs that are too many. Browsers keep each number for
    /// one extension (RFC 9143).
    pub(super) fn taken_up<'a>(&mut self, lines: &[&'a str]) -> Vec<&'a str> {
        if self.transport.is_none() {
            let named = lines.iter().filter_map(|line| extmap(line)).flatten();
            self.transport = named
                .filter(|(id, uri)| *uri == TRANSPORT_NUMBER && (1..=UNUSED).contains(id))
                .map(|(id, _)| id)
                .next();
        }
        lines.iter().filter(|line| self.agrees(line) && self.announces(line)).copied().collect()
    }

    fn agrees(&self, line: &str) -> bool {
        match extmap(line) {
            None => true,
            Some(None) => false,
            Some(Some((id, uri))) if uri == TRANSPORT_NUMBER => Some(id) == self.transport,
            Some(Some((id, uri))) => is_known(uri) && !self.may_be_transport(id),
        }
    }

    /// False: it is about an SSRC that is one too many, or that nobody can read.
    fn announces(&mut self, line: &str) -> bool {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        match first.strip_prefix("a=ssrc:") {
            Some(ssrc) => self.announce(ssrc),
            None => !first.starts_with("a=ssrc-group:") || words.all(|ssrc| self.announce(ssrc)),
        }
    }

    fn announce(&mut self, ssrc: &str) -> bool {
        let Ok(ssrc) = ssrc.parse() else { return false };
        let known = self.ssrcs.contains(&ssrc);
        let admitted = known || self.ssrcs.len() < MOST_SSRCS;
        if admitted && !known {
            self.ssrcs.push(ssrc);
        }
        admitted
    }
}

fn is_known(uri: &str) -> bool {
    KNOWN.iter().any(|(_, extension)| extension.as_uri() == uri)
}

/// `a=extmap:<number>["/"<direction>] <URI> [<attributes>]`: number and URI. `Some(None)`: it is one that nobody can read.
#[expect(clippy::option_option, reason = "whether it is one, and whether it can be read")]
fn extmap(line: &str) -> Option<Option<(u8, &str)>> {
    let mut words = line.trim_end_matches(['\r', '\n']).strip_prefix("a=extmap:")?.split(' ');
    let id = words.next()?.split('/').next()?.parse().ok();
    let uri = words.next().filter(|uri| !uri.is_empty());
    Some(id.zip(uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(offered: &mut Offered, offer: &str) -> String {
        let lines: Vec<&str> = offer.split_inclusive('\n').collect();
        offered.taken_up(&lines).concat()
    }

    #[test]
    fn what_is_known_stays_as_a_browser_offers_it() {
        let mut offered = Offered::default();
        let offer = format!(
            "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=extmap:3 {TRANSPORT_NUMBER}\r\n\
             a=extmap:5/recvonly urn:3gpp:video-orientation some attributes\r\na=mid:0\r\na=extmap:3/sendonly {TRANSPORT_NUMBER}\r\n"
        );
        assert_eq!(taken(&mut offered, &offer), offer);
        assert_eq!(taken(&mut offered, &offer), offer, "again");
        let places: Vec<u8> = (0..=255).filter(|id| offered.may_be_transport(*id)).collect();
        assert_eq!(places, [3, 16]);
    }

    #[test]
    fn the_transport_wide_number_stays_in_its_place() {
        let mut offered = Offered::default();
        let other = "a=extmap:3 urn:3gpp:video-orientation\r\na=extmap:16 urn:3gpp:video-orientation\n";
        let first = format!("a=extmap:17 {TRANSPORT_NUMBER}\r\na=extmap:3 {TRANSPORT_NUMBER} x\n");
        assert_eq!(taken(&mut offered, other), "a=extmap:3 urn:3gpp:video-orientation\r\n");
        assert_eq!(
            taken(&mut offered, &format!("{other}{first}")),
            format!("a=extmap:3 {TRANSPORT_NUMBER} x\n")
        );
        assert_eq!(taken(&mut offered, &format!("a=extmap:5 {TRANSPORT_NUMBER}\r\n{other}")), "");
        assert_eq!(
            taken(
                &mut offered,
                "a=extmap:x urn:y\r\na=extmap:4\r\na=extmap:4  z\r\na=extmap:5 urn:unknown\r\na=x\r\n"
            ),
            "a=x\r\n"
        );
    }

    #[test]
    fn few_streams_are_announced_in_all_offers_together() {
        let mut offered = Offered::default();
        let line = |ssrc: u32| format!("a=ssrc:{ssrc} cname:c\r\n");
        let first: String = (0..60).map(line).chain((0..60).map(line)).collect();
        assert_eq!(taken(&mut offered, &first), first);
        let groups = "a=ssrc-group:FID 59 60\r\na=ssrc-group:FID 60 99\r\n";
        let rest: String = (60..70).map(line).collect();
        let taken_up: String = (60..64).map(line).collect();
        assert_eq!(taken(&mut offered, &(rest + groups)), taken_up + "a=ssrc-group:FID 59 60\r\n");
        assert_eq!(taken(&mut offered, "a=ssrc:x cname:c\r\na=ssrc:-1\r\na=ssrcs\r\n"), "a=ssrcs\r\n");
    }
}
