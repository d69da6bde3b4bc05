//! The spoken fixtures: Opus packets straight from their Ogg files, what is said when, and word errors.

use std::path::Path;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../media-server/tests/fixtures/speech");

/// What one person says in one go.
pub(crate) struct Line {
    pub(crate) doctor: bool,
    /// Seconds from the start of the dialogue.
    pub(crate) start: f64,
    pub(crate) end: f64,
    pub(crate) text: String,
}

/// A consultation of two people on channels of their own.
pub(crate) struct Dialogue {
    pub(crate) lines: Vec<Line>,
    /// Opus packets of 20 ms at 48 kHz; the channels start together.
    pub(crate) doctor: Vec<Vec<u8>>,
    pub(crate) patient: Vec<Vec<u8>>,
}

impl Dialogue {
    /// `name`: `d00` to `d03`.
    pub(crate) fn load(name: &str) -> Self {
        let folder = Path::new(FIXTURES);
        let table = std::fs::read_to_string(folder.join(format!("{name}.tsv"))).expect("fixture");
        let channel = |who: &str| {
            opus_packets(&std::fs::read(folder.join(format!("{name}-{who}.opus"))).expect("fixture"))
        };
        Self {
            lines: table.lines().skip(1).map(parse_line).collect(),
            doctor: channel("doctor"),
            patient: channel("patient"),
        }
    }
}

fn parse_line(line: &str) -> Line {
    let mut fields = line.split('\t');
    let mut next = || fields.next().expect("speaker, start, end, text");
    let doctor = next() == "doctor";
    let (start, end) = (next().parse().expect("seconds"), next().parse().expect("seconds"));
    Line { doctor, start, end, text: next().to_owned() }
}

/// The packets of an Ogg Opus file (RFC 3533, RFC 7845) without its two header packets.
pub(crate) fn opus_packets(mut ogg: &[u8]) -> Vec<Vec<u8>> {
    let (mut packets, mut packet) = (Vec::new(), Vec::new());
    while let Some((header, rest)) = ogg.split_at_checked(27) {
        assert_eq!(header.get(..4), Some(&b"OggS"[..]), "page header");
        let segments = usize::from(*header.last().expect("27 bytes"));
        let (lengths, mut body) = rest.split_at(segments);
        for length in lengths {
            let (segment, behind) = body.split_at(usize::from(*length));
            packet.extend_from_slice(segment);
            body = behind;
            // A segment shorter than 255 ends its packet.
            if *length < 255 {
                packets.push(std::mem::take(&mut packet));
            }
        }
        ogg = body;
    }
    packets.split_off(2)
}

/// Words without case and punctuation.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| {
            word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// Words inserted, left out or replaced (Levenshtein).
pub(crate) fn word_errors(reference: &str, heard: &str) -> usize {
    let (reference, heard) = (words(reference), words(heard));
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, expected) in reference.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, word) in row.iter_mut().skip(1).zip(&heard) {
            let replaced = diagonal + usize::from(expected != word);
            diagonal = *cell;
            left = replaced.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        *row.first_mut().expect("never empty") = i + 1;
    }
    *row.last().expect("never empty")
}
