//! Which words of a growing utterance will not change any more: LocalAgreement-2.
//!
//! A word is stable once two successive hypotheses agree on it and on everything before it, and neither ends with
//! it (the last word may be cut). Stable words never change again; a later hypothesis is aligned behind them.
//! After Macháček, Dabre, Bojar: "Turning Whisper into Real-Time Transcription System", 2023.

use super::pcm::samples;

/// Words heard after this point may land behind a forced cut, in the next utterance, so they are not made stable.
const STABLE_UNTIL: u64 = samples(9_000);

/// The agreement on one utterance.
#[derive(Default)]
pub(super) struct Agreement {
    stable: Vec<String>,
    /// Words of the last hypothesis behind the stable ones, and the samples it was made from.
    tail: Vec<String>,
    heard: u64,
}

impl Agreement {
    /// Takes the hypothesis made from the first `heard` samples; returns the text to show and how many of its
    /// characters are stable.
    pub(super) fn partial(&mut self, text: &str, heard: u64) -> (String, usize) {
        let mut tail = self.behind_stable(text);
        if self.heard <= STABLE_UNTIL {
            let complete = self.tail.len().min(tail.len()).saturating_sub(1);
            let agreed =
                self.tail.iter().zip(&tail).take(complete).take_while(|(old, new)| old == new).count();
            self.stable.extend(tail.drain(..agreed));
        }
        self.tail = tail;
        self.heard = heard;
        let stable_chars =
            self.stable.iter().map(|word| word.chars().count() + 1).sum::<usize>().saturating_sub(1);
        (self.join(&self.tail), stable_chars)
    }

    /// The text of the whole utterance: what is stable, then what the final hypothesis says behind it.
    pub(super) fn finish(&self, text: &str) -> String {
        self.join(&self.behind_stable(text))
    }

    fn join(&self, tail: &[String]) -> String {
        let words: Vec<&str> = self.stable.iter().chain(tail).map(String::as_str).collect();
        words.join(" ")
    }

    /// Words of `text` behind those that correspond to the stable ones.
    fn behind_stable(&self, text: &str) -> Vec<String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let stable: Vec<String> = self.stable.iter().map(|word| bare(word)).collect();
        let spoken: Vec<String> = words.iter().map(|word| bare(word)).collect();
        let split = best_split(&stable, &spoken);
        words.into_iter().skip(split).collect()
    }
}

/// A word without case and punctuation.
fn bare(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The length of the prefix of `words` that is closest to `stable` by word edit distance; of equally close ones
/// that with a length nearest to `stable`.
fn best_split(stable: &[String], words: &[String]) -> usize {
    // One row of the Levenshtein table: row[j] = distance of the stable words seen so far to words[..j].
    let mut row: Vec<usize> = (0..=words.len()).collect();
    for (i, stable_word) in stable.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, word) in row.iter_mut().skip(1).zip(words) {
            let substituted = diagonal + usize::from(stable_word != word);
            diagonal = *cell;
            left = substituted.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    let nearest = |length: usize| length.abs_diff(stable.len());
    row.iter()
        .enumerate()
        .min_by_key(|(length, distance)| (**distance, nearest(*length)))
        .map_or(0, |(length, _)| length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_stable_when_two_hypotheses_agree_and_go_on_behind_them() {
        let mut agreement = Agreement::default();
        assert_eq!(agreement.partial("Good mourning", 8_000), ("Good mourning".into(), 0));
        assert_eq!(agreement.partial("Good morning Anna how", 16_000), ("Good morning Anna how".into(), 4));
        let (text, stable) = agreement.partial("Good morning Anna how are", 32_000);
        assert_eq!((text.as_str(), stable), ("Good morning Anna how are", "Good morning Anna".len()));
        assert_eq!(agreement.finish("Good morning, Anna. How are you?"), "Good morning Anna How are you?");
    }

    #[test]
    fn stable_words_survive_any_later_hypothesis() {
        let mut agreement = Agreement::default();
        agreement.partial("take two tablets now", 8_000);
        agreement.partial("take two tablets now please", 16_000);
        let mut shown = agreement.partial("take two tablets now please", 24_000);
        let stable: String = shown.0.chars().take(shown.1).collect();
        assert_eq!(stable, "take two tablets now");
        for hypothesis in
            ["", "take tablets now for pain", "he takes too tablets now for pain", "completely different"]
        {
            shown = agreement.partial(hypothesis, 32_000);
            assert!(shown.0.starts_with(&stable), "{}", shown.0);
            assert!(agreement.finish(hypothesis).starts_with(&stable));
        }
        assert_eq!(agreement.finish("take tablets now for pain"), "take two tablets now for pain");
        assert_eq!(agreement.finish("take the two tablets now for pain"), "take two tablets now for pain");
    }

    #[test]
    fn words_that_a_forced_cut_may_move_are_not_made_stable() {
        let mut agreement = Agreement::default();
        agreement.partial("one two three", STABLE_UNTIL + 1);
        assert_eq!(agreement.partial("one two three four", STABLE_UNTIL + 16_000).1, 0);
    }
}
