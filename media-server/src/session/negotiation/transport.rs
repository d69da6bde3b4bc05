//! All m-lines of an offer share one transport (RFC 9143 §7), and browsers describe it in each of them. Once is enough, and
//! a parser's work is by the line.

/// Attributes of the transport (RFC 8839 §5, RFC 8122 §5, RFC 4145 §4).
const ATTRIBUTES: [&str; 4] = ["a=ice-", "a=fingerprint:", "a=setup:", "a=candidate:"];
/// Different lines that are recognised when they come again; browsers send about ten.
const MOST: usize = 32;

/// What has been said about the transport.
#[derive(Default)]
pub(super) struct Transport<'a> {
    lines: Vec<&'a str>,
}

impl<'a> Transport<'a> {
    /// The line says of the transport what another one has said before it.
    pub(super) fn repeats(&mut self, line: &'a str) -> bool {
        if !ATTRIBUTES.iter().any(|attribute| line.starts_with(attribute)) {
            return false;
        }
        let said = self.lines.contains(&line);
        if !said && self.lines.len() < MOST {
            self.lines.push(line);
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_said_of_the_transport_word_for_word_is_left_out() {
        let offer = [
            ("m=audio 9 UDP/TLS/RTP/SAVPF 111", false),
            ("a=ice-ufrag:abcd", false),
            ("a=fingerprint:sha-256 00:01", false),
            ("a=sendonly", false),
            ("m=video 9 UDP/TLS/RTP/SAVPF 96", false),
            ("a=ice-ufrag:abcd", true),
            ("a=ice-ufrag:efgh", false),
            ("a=fingerprint:sha-256 00:01", true),
            ("a=fingerprint:sha-1 00:01", false),
            ("a=sendonly", false),
        ];
        let mut transport = Transport::default();
        for (line, expected) in offer {
            assert_eq!(transport.repeats(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let lines: Vec<String> = (0..10 * MOST).map(|number| format!("a=candidate:{number}")).collect();
        let mut transport = Transport::default();
        assert!(!lines.iter().any(|line| transport.repeats(line)));
        assert_eq!(transport.lines.len(), MOST);
        assert!(transport.repeats(&lines[0]));
    }
}
