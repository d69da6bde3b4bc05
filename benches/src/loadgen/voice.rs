//! What a listener has of a voice: a packet that did not come may still be heard from the redundant block of a later one.

use super::numbers::Numbers;

/// One microphone as one participant hears it, from `begin` on.
#[derive(Default)]
pub struct Voice {
    heard: Numbers,
    /// Where what was said ends; nothing before `begin`.
    end: Option<u64>,
}

impl Voice {
    /// `said`: packets that the speaker had sent by then.
    pub fn begin(&mut self, said: u64) {
        *self = Self { heard: Numbers::starting_at(said), end: None };
    }

    /// A block arrived, first or redundant.
    pub fn hear(&mut self, number: u64) {
        self.heard.insert(number);
    }

    pub fn end(&mut self, said: u64) {
        self.end = Some(said);
    }

    /// Packets that were said, and those of them that were never heard.
    pub fn said_and_lost(&self) -> (u64, u64) {
        let (base, end) = (self.heard.base(), self.end.unwrap_or_default());
        (end.saturating_sub(base), self.heard.missing(base, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_in_no_block_is_lost() {
        let mut voice = Voice::default();
        voice.begin(10);
        // 12 came as the redundant block of 13; 15 and 16 never did.
        for blocks in [&[9, 10][..], &[10, 11], &[12, 13], &[13, 14], &[17]] {
            for number in blocks {
                voice.hear(*number);
            }
        }
        voice.end(18);
        assert_eq!(voice.said_and_lost(), (8, 2));
    }
}
