//! Guards str0m 0.25 against numbers below zero. It extends the 16 bits of a packet's transport-wide number
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 §2) from the highest one before it, and one that lies before zero
//! becomes one just below 2^64: its next feedback then has an entry for each 8 192 packets between them, and takes all memory
//! that there is. Fuzzing found it; two packets of anybody who has joined are enough. Browsers begin at one and never do it.

/// The highest number of what a session has received, as str0m counts.
#[derive(Debug, Default)]
pub(super) struct TransportNumbers {
    highest: Option<u64>,
}

impl TransportNumbers {
    /// Takes in the number of a packet that has just been received. False: it lies before zero, and no feedback may be made.
    pub(super) fn admit(&mut self, number: u16) -> bool {
        let Some(highest) = self.highest else {
            self.highest = Some(number.into());
            return true;
        };
        let step = i64::from(number.wrapping_sub(highest as u16).cast_signed());
        let Some(extended) = highest.checked_add_signed(step) else { return false };
        self.highest = Some(highest.max(extended));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(numbers: &[u16]) -> Vec<bool> {
        let mut known = TransportNumbers::default();
        numbers.iter().map(|number| known.admit(*number)).collect()
    }

    #[test]
    fn what_browsers_send_is_admitted() {
        let in_order: Vec<u16> = (1..=65_535).chain(0..=65_535).step_by(3).collect();
        assert!(admitted(&in_order).into_iter().all(|admitted| admitted));
        assert_eq!(admitted(&[7, 5, 1, 0, 8]), [true; 5], "overtaking each other");
        assert_eq!(admitted(&[65_534, 0, 65_535, 1]), [true; 4], "at the first wrap");
        assert_eq!(admitted(&[40_000, 7_233, 7_232]), [true; 3]);
    }

    #[test]
    fn what_lies_before_zero_is_not() {
        assert_eq!(admitted(&[5, 65_535]), [true, false]);
        assert_eq!(admitted(&[0, 32_769]), [true, false]);
        assert_eq!(admitted(&[30, 0x9e31]), [true, false], "what fuzzing found");
        assert_eq!(admitted(&[0, 32_767, 65_000]), [true; 3], "in steps");
    }
}
