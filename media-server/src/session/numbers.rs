//! Guards str0m 0.25 against numbers below zero. It extends the 16 bits of a packet's transport-wide number
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 §2) from the highest one before it, and one that lies before zero
//! becomes one just below 2^64: its next feedback then has an entry for each 8 192 packets between them, and takes all memory
//! that there is. Fuzzing found it; two packets of anybody who has joined are enough. Browsers begin at one and never do it.
//!
//! Numbers are looked at before packets are decrypted, since str0m tells of some only after its feedback, and of padding
//! never. A number lies before zero only if it is more than half of the circle above the highest that str0m knows, and that is
//! no lower than any of a packet that has proved authentic. So none is let through that is so far above those. Forged packets
//! can only keep out a sender that begins above the middle, and delay one after a long loss by using up what may be far away.

/// Half of the circle of numbers.
const HALF: u16 = 1 << 15;
/// What overtakes, or comes after a loss, is no further from the highest number than this. str0m cannot report packets with
/// neighbouring numbers together that came more than eight seconds apart, and few such pairs have room in this.
const NEAR: u16 = 256;

/// What becomes of a packet with a transport-wide number.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is where numbers are expected.
    Near,
    /// It is far from them: after a long loss, or forged.
    Stray,
    /// It may lie before zero.
    Refused,
}

/// What is known of the transport-wide numbers that a session receives.
#[derive(Default)]
pub(super) struct TransportNumbers {
    /// The highest of packets that proved authentic, extended to 64 bits.
    proven: Option<u64>,
    /// One of the lower half was seen, authentic or not.
    low: bool,
}

impl TransportNumbers {
    /// May a packet with this number be let through, from wherever it comes?
    pub(super) fn admission(&mut self, number: u16) -> Admission {
        let Some(proven) = self.proven else {
            // Who begins above the middle cannot get below zero any more.
            let refused = self.low && number > HALF;
            self.low |= number <= HALF;
            return if refused { Admission::Refused } else { Admission::Stray };
        };
        if u64::from(number) > proven + u64::from(HALF) {
            return Admission::Refused;
        }
        let near = step(proven, number).unsigned_abs() <= NEAR;
        if near { Admission::Near } else { Admission::Stray }
    }

    /// A packet with this number has proved authentic.
    pub(super) fn prove(&mut self, number: u16) {
        self.proven = Some(match self.proven {
            None => number.into(),
            Some(proven) => proven.saturating_add(step(proven, number).max(0).unsigned_abs().into()),
        });
    }
}

/// How far `number` is above the highest number, or below it if it is negative.
fn step(highest: u64, number: u16) -> i16 {
    number.wrapping_sub(highest as u16).cast_signed()
}

/// The elements of a packet's header extension (RFC 8285 §4.2 and §4.3): number and value.
pub(super) fn extension_elements(packet: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let (two_bytes, mut rest) = extension(packet).unwrap_or_default();
    std::iter::from_fn(move || {
        while let [0, padded @ ..] = rest {
            rest = padded;
        }
        let (id, length, value) = match *rest {
            [id, length, ref value @ ..] if two_bytes => (id, usize::from(length), value),
            [head, ref value @ ..] if !two_bytes => (head >> 4, usize::from(head & 0xf) + 1, value),
            _ => return None,
        };
        if !two_bytes && id == 15 {
            return None;
        }
        let (value, after) = value.split_at_checked(length)?;
        rest = after;
        Some((id, value))
    })
}

/// Whether its elements have heads of two bytes, and all of them. `None`: there is no extension that RFC 8285 knows.
fn extension(packet: &[u8]) -> Option<(bool, &[u8])> {
    let first = *packet.first()?;
    if first & 0x10 == 0 {
        return None;
    }
    let (head, rest) = packet.get(12 + 4 * usize::from(first & 0xf)..)?.split_first_chunk::<4>()?;
    let [profile, low, words @ ..] = *head;
    let two_bytes = match (profile, low) {
        (0xbe, 0xde) => false,
        (0x10, 0..=0x0f) => true,
        _ => return None,
    };
    Some((two_bytes, rest.get(..4 * usize::from(u16::from_be_bytes(words)))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    use Admission::{Near, Refused, Stray};

    /// What becomes of them; those that are let through prove authentic.
    fn admitted(numbers: &[u16]) -> Vec<Admission> {
        let mut known = TransportNumbers::default();
        let admitted = numbers.iter().map(|number| {
            let admission = known.admission(*number);
            if admission != Refused {
                known.prove(*number);
            }
            admission
        });
        admitted.collect()
    }

    #[test]
    fn what_browsers_send_is_near() {
        let in_order: Vec<u16> = (1..=65_535).chain(0..=65_535).step_by(3).collect();
        let [first, others @ ..] = &admitted(&in_order)[..] else { panic!("not empty") };
        assert_eq!(*first, Stray, "of the first one nothing is known");
        assert!(others.iter().all(|admission| *admission == Near));
        assert_eq!(admitted(&[7, 5, 1, 0, 8]), [Stray, Near, Near, Near, Near], "overtaking each other");
        assert_eq!(admitted(&[65_500, 3, 65_535, 4]), [Stray, Near, Near, Near], "around zero");
        assert_eq!(admitted(&[1, 1_000, 900, 700, 1_001]), [Stray, Stray, Near, Stray, Near], "after a loss");
        assert_eq!(admitted(&[40_000, 7_233, 65_535]), [Stray, Stray, Stray], "begun above the middle");
    }

    /// As str0m 0.25 does; `None`: it lies before zero.
    fn extend(highest: Option<u64>, number: u16) -> Option<u64> {
        let Some(highest) = highest else { return Some(number.into()) };
        let ahead = u64::from(number.wrapping_sub(highest as u16));
        if ahead < u64::from(HALF) { Some(highest + ahead) } else { (highest + ahead).checked_sub(1 << 16) }
    }

    #[test]
    fn whatever_is_sent_and_forged_nothing_before_zero_is_let_through() {
        assert_eq!(admitted(&[5, 65_535]), [Stray, Refused]);
        assert_eq!(admitted(&[30, 0x9e31]), [Stray, Refused], "what fuzzing found");
        let (mut random, mut refused) = (1_u64, 0);
        for _ in 0..20_000 {
            let (mut known, mut highest) = (TransportNumbers::default(), None);
            for _ in 0..12 {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (number, fate) = ((random >> 48) as u16 >> (random >> 40 & 7), random >> 33 & 3);
                if known.admission(number) == Refused {
                    refused += 1;
                    continue;
                }
                // Forged, authentic padding, authentic.
                if fate == 0 {
                    continue;
                }
                let extended = extend(highest, number).expect("not before zero");
                highest = highest.max(Some(extended));
                if fate > 1 {
                    known.prove(number);
                    assert!(known.proven <= highest);
                }
            }
        }
        assert!(refused > 1_000, "{refused}");
    }

    fn elements(packet: &[u8]) -> Vec<(u8, &[u8])> {
        extension_elements(packet).collect()
    }

    #[test]
    fn elements_of_both_forms_are_found() {
        let head = [0x91, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9, 9, 9, 9];
        let packet = |extension: &[u8]| [&head, extension, &[7; 20]].concat();
        let one = packet(&[0xbe, 0xde, 0, 2, 0x10, 5, 0, 0x31, 1, 2, 0xf0, 3]);
        assert_eq!(elements(&one), [(1, &[5][..]), (3, &[1, 2])], "up to 15");
        let two = packet(&[0x10, 0x0a, 0, 2, 16, 2, 1, 2, 0, 4, 0, 0]);
        assert_eq!(elements(&two), [(16, &[1, 2][..]), (4, &[])]);
        let cut = packet(&[0xbe, 0xde, 0, 1, 0x10, 5, 0x3f, 1]);
        assert_eq!(elements(&cut), [(1, &[5][..])], "the second is longer than the extension");
        assert!(elements(&packet(&[0x20, 0, 0, 1, 0x10, 5, 0, 0])).is_empty(), "another form");
        assert!(elements(&packet(&[0xbe, 0xde, 1, 0, 0x10, 5, 0, 0])).is_empty(), "longer than the packet");
        let [_, without @ ..] = one.as_slice() else { panic!("not empty") };
        assert!(elements(&[&[0x81], without].concat()).is_empty());
        (0..one.len()).for_each(|length| drop(elements(&one[..length])));
    }
}
