//! Which of a run of numbers have been seen.

/// Numbers from `base` on.
#[derive(Default)]
pub struct Numbers {
    base: u64,
    bits: Vec<u64>,
}

impl Numbers {
    pub fn starting_at(base: u64) -> Self {
        Self { base, bits: Vec::new() }
    }

    pub fn base(&self) -> u64 {
        self.base
    }

    /// False: it was there already. Numbers below the base are not kept.
    pub fn insert(&mut self, number: u64) -> bool {
        let Some(at) = number.checked_sub(self.base) else { return true };
        let (word, bit) = ((at / 64) as usize, 1 << (at % 64));
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        let new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        new
    }

    pub fn contains(&self, number: u64) -> bool {
        let Some(at) = number.checked_sub(self.base) else { return false };
        self.bits.get((at / 64) as usize).is_some_and(|word| word & 1 << (at % 64) != 0)
    }

    /// How many of `from..to` are missing.
    pub fn missing(&self, from: u64, to: u64) -> u64 {
        (from..to).filter(|number| !self.contains(*number)).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_is_there_once() {
        let mut numbers = Numbers::starting_at(100);
        for number in [100, 163, 164, 300] {
            assert!(numbers.insert(number) && numbers.contains(number));
        }
        assert!(!numbers.insert(164), "twice");
        assert!(numbers.insert(99) && !numbers.contains(99), "below the base");
        assert_eq!(numbers.missing(100, 301), 197);
    }
}
