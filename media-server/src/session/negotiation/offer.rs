//! How large an offer may be, counted before anything parses it, and what its m-lines are.

use std::fmt::Display;

use str0m::media::MediaKind;

use crate::MediaError;

/// Browsers offer a few kilobytes; more is an attack or a bug.
const MAX_BYTES: usize = 64 * 1024;
/// Real ones are longer than 21 bytes on average; a parser's work is by the line.
const MAX_LINES: usize = 3000;
const MAX_M_LINES: usize = 32;
const MAX_CANDIDATES: usize = 64;
/// Of one m-line: there are no more numbers (RFC 3551 §6).
const MAX_PAYLOAD_TYPES: usize = 128;
/// Of one m-line. Browsers send about a quarter of that; we forward three layers, a fourth does no harm.
const MAX_ATTRIBUTES: [(&str, usize, &str); 7] = [
    ("a=rid:", 4, "simulcast layers"),
    ("a=rtpmap:", MAX_PAYLOAD_TYPES, "codecs"),
    ("a=fmtp:", MAX_PAYLOAD_TYPES, "codec parameters"),
    ("a=rtcp-fb:", 4 * MAX_PAYLOAD_TYPES, "kinds of feedback"),
    ("a=extmap:", 64, "header extensions"),
    ("a=ssrc:", 64, "lines about SSRCs"),
    ("a=ssrc-group:", 16, "groups of SSRCs"),
];

/// An m-line as the offer states it.
pub(super) struct OfferedLine {
    pub(super) mid: String,
    pub(super) kind: MediaKind,
}

/// Kind and mid of every audio and video m-line of an offer that is within the limits.
pub(super) fn offered_lines(offer: &str) -> Result<Vec<OfferedLine>, MediaError> {
    if offer.len() > MAX_BYTES {
        return Err(MediaError::Sdp(format!("longer than {MAX_BYTES} bytes")));
    }
    let mut offered = Vec::new();
    let (mut lines, mut media_lines, mut candidates) = (0, 0, 0);
    let (mut kind, mut attributes) = (None, [0; MAX_ATTRIBUTES.len()]);
    for line in offer.lines() {
        count(&mut lines, MAX_LINES, "lines")?;
        if let Some(media) = line.strip_prefix("m=") {
            count(&mut media_lines, MAX_M_LINES, "m-lines")?;
            attributes = [0; MAX_ATTRIBUTES.len()];
            if media.split(' ').skip(3).count() > MAX_PAYLOAD_TYPES {
                return Err(too_many(MAX_PAYLOAD_TYPES, "payload types in an m-line"));
            }
            kind = match media.split(' ').next() {
                Some("audio") => Some(MediaKind::Audio),
                Some("video") => Some(MediaKind::Video),
                _ => None,
            };
        } else if line.starts_with("a=candidate:") {
            count(&mut candidates, MAX_CANDIDATES, "candidates")?;
        } else if let (Some(mid), Some(kind)) = (line.strip_prefix("a=mid:"), kind) {
            offered.push(OfferedLine { mid: mid.trim().to_owned(), kind });
        } else {
            check_attribute(line, &mut attributes)?;
        }
    }
    Ok(offered)
}

/// `attributes`: how many of each the m-line has so far.
fn check_attribute(line: &str, attributes: &mut [usize; MAX_ATTRIBUTES.len()]) -> Result<(), MediaError> {
    let mut limits = MAX_ATTRIBUTES.iter().zip(attributes);
    match limits.find(|((prefix, ..), _)| line.starts_with(prefix)) {
        Some(((_, most, what), counted)) => count(counted, *most, format_args!("{what} in an m-line")),
        None => Ok(()),
    }
}

fn count(counted: &mut usize, most: usize, what: impl Display) -> Result<(), MediaError> {
    *counted += 1;
    if *counted > most { Err(too_many(most, what)) } else { Ok(()) }
}

fn too_many(most: usize, what: impl Display) -> MediaError {
    MediaError::Sdp(format!("more than {most} {what}"))
}
