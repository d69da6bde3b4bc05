//! Speech samples that leave nothing behind in memory.

use zeroize::Zeroize;

/// Samples per second of everything after the decoder.
pub(super) const RATE: u64 = 16_000;

/// Samples in a span of milliseconds.
pub(super) const fn samples(milliseconds: u64) -> u64 {
    milliseconds * RATE / 1000
}

/// 16 kHz mono PCM in -1..=1. Wiped when dropped, and whenever samples leave it or its memory moves.
#[derive(Default)]
pub(super) struct Pcm(Vec<f32>);

impl Pcm {
    pub(super) fn as_slice(&self) -> &[f32] {
        &self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn copy_of(samples: &[f32]) -> Self {
        Self(samples.to_vec())
    }

    pub(super) fn extend(&mut self, samples: &[f32]) {
        self.reserve(samples.len());
        self.0.extend_from_slice(samples);
    }

    pub(super) fn extend_silence(&mut self, count: usize) {
        self.reserve(count);
        self.0.resize(self.0.len() + count, 0.0);
    }

    /// Takes the first `count` samples out.
    pub(super) fn split_to(&mut self, count: usize) -> Self {
        let count = count.min(self.0.len());
        let taken = Self(self.0.iter().take(count).copied().collect());
        self.advance(count);
        taken
    }

    /// Wipes the first `count` samples.
    pub(super) fn advance(&mut self, count: usize) {
        let count = count.min(self.0.len());
        let kept = self.0.len() - count;
        self.0.copy_within(count.., 0);
        if let Some(tail) = self.0.get_mut(kept..) {
            tail.zeroize();
        }
        self.0.truncate(kept);
    }

    /// Grows without leaving a copy in the old allocation, as `Vec` would.
    fn reserve(&mut self, additional: usize) {
        let needed = self.0.len() + additional;
        if needed > self.0.capacity() {
            let mut grown = Vec::with_capacity(needed.max(2 * self.0.capacity()));
            grown.extend_from_slice(&self.0);
            std::mem::swap(&mut self.0, &mut grown);
            grown.zeroize();
        }
    }
}

impl Drop for Pcm {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_keeps_order_and_advancing_wipes_what_it_removes() {
        let mut pcm = Pcm::default();
        pcm.extend(&[1.0, 2.0, 3.0]);
        pcm.extend_silence(1);
        pcm.extend(&[4.0]);
        assert_eq!(pcm.split_to(2).as_slice(), [1.0, 2.0]);
        assert_eq!(pcm.as_slice(), [3.0, 0.0, 4.0]);
        pcm.advance(1);
        assert_eq!(pcm.as_slice(), [0.0, 4.0]);
        pcm.advance(9);
        assert_eq!(pcm.len(), 0);
    }
}
