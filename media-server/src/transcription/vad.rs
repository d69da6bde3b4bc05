//! PCM -> segments of speech, with an account of every sample.

use std::collections::VecDeque;
use std::ops::Range;

use earshot::Detector;

use super::ledger::Ledger;
use super::pcm::{Pcm, samples};

/// Samples per decision of the detector.
const FRAME: usize = 256;
/// Speech probability that opens a segment, and the lower one that keeps it open.
const OPEN: f32 = 0.5;
const KEEP: f32 = 0.35;
/// Mean square below which nothing is speech: -55 dBFS.
const FLOOR: f32 = 3.2e-6;
/// A segment opens when 6 of the last 8 frames (96 of 128 ms) are speech.
const OPENING: (usize, usize) = (6, 8);
/// Audio kept before the first speech and after the last.
const PRE_ROLL: u64 = samples(300);
const POST_ROLL: u64 = samples(200);
/// Non-speech that closes a segment.
const CLOSING: u64 = samples(500);
/// A segment that gets this long is cut at the quietest place of its last [`CUT_WITHIN`].
const LONGEST: u64 = samples(12_000);
const CUT_WITHIN: usize = samples(3_000) as usize;
/// The cut is the middle of the quietest stretch of this length.
const QUIET: usize = samples(100) as usize;
/// Longer holes close the segment; shorter ones are silence within it.
const LONGEST_HOLE: u64 = samples(500);

/// Speech between two stretches of non-speech.
pub(super) struct Segment {
    /// First to last speech, positions on the speaker's timeline.
    pub(super) speech: Range<u64>,
    /// With pre-roll and post-roll.
    pub(super) audio: Pcm,
    /// Samples of `audio` that stand for lost packets (already counted as a gap).
    pub(super) lost: u64,
}

impl Segment {
    /// Samples still to be entered in the ledger.
    pub(super) fn heard(&self) -> u64 {
        self.audio.len() as u64 - self.lost
    }
}

/// Voice activity and segmentation of one speaker.
pub(super) struct Segmenter {
    detector: Box<Detector>,
    /// What is not yet classified, or belongs to the open segment; starts at `base` on the timeline.
    audio: Pcm,
    base: u64,
    /// Samples of `audio` the detector has seen, a multiple of the frame behind `base`'s phase.
    seen: usize,
    recent: VecDeque<bool>,
    open: Option<Range<u64>>,
    /// Stretches of `audio` that stand for lost packets.
    lost: VecDeque<Range<u64>>,
    closed: VecDeque<Segment>,
    pub(super) ledger: Ledger,
}

impl Segmenter {
    pub(super) fn new() -> Self {
        Self {
            detector: Box::default(),
            audio: Pcm::default(),
            base: 0,
            seen: 0,
            recent: VecDeque::with_capacity(OPENING.1),
            open: None,
            lost: VecDeque::new(),
            closed: VecDeque::new(),
            ledger: Ledger::default(),
        }
    }

    /// Samples received so far.
    pub(super) fn position(&self) -> u64 {
        self.base + self.audio.len() as u64
    }

    pub(super) fn audio(&mut self, pcm: &[f32]) {
        self.ledger.received += pcm.len() as u64;
        self.audio.extend(pcm);
        self.detect();
    }

    /// Samples during which nothing was sent.
    pub(super) fn paused(&mut self, count: u64) {
        self.ledger.received += count;
        if count > LONGEST_HOLE {
            self.flush();
            self.ledger.silence += count;
            self.base += count;
        } else {
            self.audio.extend_silence(count as usize);
            self.detect();
        }
    }

    /// Samples that were sent and did not come.
    pub(super) fn lost(&mut self, count: u64) {
        self.ledger.received += count;
        self.ledger.gap += count;
        if count > LONGEST_HOLE {
            self.flush();
            self.base += count;
        } else {
            self.lost.push_back(self.position()..self.position() + count);
            self.audio.extend_silence(count as usize);
            self.detect();
        }
    }

    /// The next closed segment, oldest first.
    pub(super) fn next_closed(&mut self) -> Option<Segment> {
        self.closed.pop_front()
    }

    /// Where the open segment's speech began and last was, and its audio so far.
    pub(super) fn open(&self) -> Option<(&Range<u64>, &[f32])> {
        self.open.as_ref().map(|speech| (speech, self.audio.as_slice()))
    }

    /// Closes what is open and classifies everything: nothing more is coming for now.
    pub(super) fn flush(&mut self) {
        if let Some(speech) = self.open.take() {
            let end = (speech.end + POST_ROLL).min(self.position());
            self.close(speech, end);
        }
        self.discard(self.audio.len());
        self.recent.clear();
        self.detector.reset();
    }

    fn detect(&mut self) {
        while let Some(frame) = self.audio.as_slice().get(self.seen..self.seen + FRAME) {
            let loud = frame.iter().map(|sample| sample * sample).sum::<f32>() > FLOOR * FRAME as f32;
            let speech = self.detector.predict_f32(frame);
            self.seen += FRAME;
            let end = self.base + self.seen as u64;
            match &mut self.open {
                Some(range) => {
                    if loud && speech > KEEP {
                        range.end = end;
                    }
                    let range = range.clone();
                    self.close_or_cut(range, end);
                }
                None => self.wait_for_speech(loud && speech > OPEN, end),
            }
        }
    }

    fn wait_for_speech(&mut self, speech: bool, end: u64) {
        if self.recent.len() == OPENING.1 {
            self.recent.pop_front();
        }
        self.recent.push_back(speech);
        if self.recent.iter().filter(|speech| **speech).count() >= OPENING.0 {
            let first = self.recent.iter().position(|speech| *speech).unwrap_or(0);
            let begin = end - ((self.recent.len() - first) * FRAME) as u64;
            self.recent.clear();
            self.discard(begin.saturating_sub(PRE_ROLL).saturating_sub(self.base) as usize);
            self.open = Some(begin..end);
        } else {
            let kept = PRE_ROLL as usize + OPENING.1 * FRAME;
            self.discard(self.seen.saturating_sub(kept));
        }
    }

    /// Closes the segment `speech` when it has been quiet for long enough at `now` (a position), or cuts it when it
    /// is too long.
    fn close_or_cut(&mut self, speech: Range<u64>, now: u64) {
        if now - speech.end >= CLOSING {
            self.open = None;
            let end = speech.end + POST_ROLL;
            self.close(speech, end);
        } else if now - self.base >= LONGEST {
            let cut = self.base + self.quietest_place() as u64;
            self.open = (speech.end > cut).then_some(cut..speech.end);
            self.close(speech.start..speech.end.min(cut), cut);
        }
    }

    /// Takes the audio up to `end` out as a segment.
    fn close(&mut self, speech: Range<u64>, end: u64) {
        let count = (end - self.base) as usize;
        let lost = self.forget_lost(end);
        let audio = self.audio.split_to(count);
        self.base = end;
        self.seen = self.seen.saturating_sub(count);
        self.closed.push_back(Segment { speech, audio, lost });
    }

    /// Wipes the first `count` samples: they are silence.
    fn discard(&mut self, count: usize) {
        let end = self.base + count as u64;
        let lost = self.forget_lost(end);
        self.ledger.silence += count as u64 - lost;
        self.audio.advance(count);
        self.base = end;
        self.seen = self.seen.saturating_sub(count);
    }

    /// How many samples before `end` stand for lost packets; forgets about them.
    fn forget_lost(&mut self, end: u64) -> u64 {
        let mut count = 0;
        while let Some(range) = self.lost.front_mut().filter(|range| range.start < end) {
            count += range.end.min(end) - range.start;
            if range.end > end {
                range.start = end;
                break;
            }
            self.lost.pop_front();
        }
        count
    }

    /// Offset in `audio` of the middle of the quietest [`QUIET`] samples among the last [`CUT_WITHIN`] seen.
    fn quietest_place(&self) -> usize {
        const STEP: usize = QUIET / 10;
        let from = self.seen.saturating_sub(CUT_WITHIN);
        let tail = self.audio.as_slice().get(from..self.seen).unwrap_or_default();
        let energies: Vec<f32> =
            tail.chunks_exact(STEP).map(|step| step.iter().map(|s| s * s).sum()).collect();
        let quietest = energies
            .windows(QUIET / STEP)
            .map(|window| window.iter().sum::<f32>())
            .enumerate()
            .min_by(|(_, a), (_, b)| a.total_cmp(b))
            .map_or(0, |(index, _)| index);
        from + quietest * STEP + QUIET / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Speech-like to the detector: the first sentence of d01, decoded.
    fn speech() -> Vec<f32> {
        let packets = crate::transcription::tests::speech::Dialogue::load("d01").doctor;
        let mut decoder = opus::Decoder::new(16_000, opus::Channels::Mono).unwrap();
        let mut pcm = Vec::new();
        for packet in &packets[50..240] {
            let mut frame = [0.0; 320];
            decoder.decode_float(packet, &mut frame, false).unwrap();
            pcm.extend(frame.map(|sample: f32| sample.clamp(-1.0, 1.0)));
        }
        pcm
    }

    fn drain(segmenter: &mut Segmenter) -> Vec<Segment> {
        let segments: Vec<Segment> = std::iter::from_fn(|| segmenter.next_closed()).collect();
        for segment in &segments {
            segmenter.ledger.transcribed += segment.heard();
        }
        segments
    }

    #[test]
    fn a_sentence_between_silences_is_one_segment_with_its_surroundings() {
        let speech = speech();
        let mut segmenter = Segmenter::new();
        segmenter.audio(&vec![0.0; 16_000]);
        segmenter.audio(&speech);
        segmenter.audio(&vec![0.0; 16_000]);
        let segments = drain(&mut segmenter);
        let [segment] = &segments[..] else { panic!("{} segments", segments.len()) };
        assert!(segment.speech.start.abs_diff(16_000) < 3_200, "{:?}", segment.speech);
        assert!(segment.audio.len() as u64 >= segment.speech.end - segment.speech.start + PRE_ROLL);
        segmenter.flush();
        assert_eq!(segmenter.ledger.pending(), 0);
        assert_eq!(segmenter.ledger.received, 32_000 + speech.len() as u64);
    }

    #[test]
    fn endless_speech_is_cut_within_the_last_three_seconds_and_nothing_is_lost() {
        let speech = speech();
        let mut segmenter = Segmenter::new();
        for _ in 0..10 {
            segmenter.audio(&speech);
        }
        segmenter.flush();
        let segments = drain(&mut segmenter);
        assert!(segments.len() >= 3);
        for pair in segments.windows(2) {
            assert!(pair[0].audio.len() as u64 <= LONGEST);
            assert!(pair[0].audio.len() >= LONGEST as usize - CUT_WITHIN);
            assert!(pair[0].speech.end <= pair[1].speech.start);
        }
        assert_eq!(segmenter.ledger.pending(), 0);
    }

    #[test]
    fn losses_inside_and_outside_of_speech_are_gaps_and_pauses_are_silence() {
        let speech = speech();
        let mut segmenter = Segmenter::new();
        segmenter.lost(300);
        segmenter.audio(&speech[..24_000]);
        segmenter.lost(4_000);
        segmenter.audio(&speech[28_000..]);
        segmenter.paused(3_000);
        segmenter.lost(40_000);
        segmenter.paused(100_000);
        segmenter.audio(&vec![0.0; 5_000]);
        segmenter.flush();
        drain(&mut segmenter);
        let ledger = segmenter.ledger;
        assert_eq!(ledger.gap, 300 + 4_000 + 40_000);
        assert_eq!(ledger.pending(), 0, "{ledger:?}");
        assert!(ledger.silence >= 105_000);
        assert_eq!(segmenter.position(), ledger.received);
    }
}
