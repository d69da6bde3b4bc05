//! One consented microphone: its decoder, its segmentation, and its utterances on the way to becoming captions.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::Epoch;
use super::agreement::Agreement;
use super::decoder::{FrameCounts, Piece, StreamDecoder};
use super::ledger::Ledger;
use super::pcm::{Pcm, RATE, samples};
use super::tap::AudioPacket;
use super::vad::Segmenter;

/// A sender that stops sending (discontinuous transmission, mute, network) ends its utterance after this long.
const IDLE: Duration = Duration::from_millis(600);
/// The first partial comes after this much speech, the second after half the usual interval.
const FIRST_PARTIAL: u64 = samples(500);
/// After this much non-speech a partial would only be in the way of the final that is about to come.
const PAUSE: u64 = samples(250);
/// A loss of this length is shown as a gap of its own.
const SHOWN_LOSS: u64 = samples(1_000);

/// What all revisions of one utterance share.
pub(super) struct Utterance {
    pub(super) id: u64,
    /// Captions sent so far.
    pub(super) revision: u32,
    pub(super) agreement: Agreement,
}

impl Utterance {
    pub(super) fn new(ids: &mut u64) -> Self {
        *ids += 1;
        Self { id: *ids, revision: 0, agreement: Agreement::default() }
    }
}

/// The utterance that is being spoken.
pub(super) struct Open {
    pub(super) utterance: Utterance,
    /// The last partial sent.
    pub(super) shown: (String, usize),
    partials: u32,
    /// Position up to which a partial has been asked for; at first, where the speech began.
    asked: u64,
}

/// An utterance whose speech has ended and whose final caption is due.
pub(super) struct Final {
    pub(super) utterance: Utterance,
    /// Milliseconds since the Unix epoch.
    pub(super) span: Range<i64>,
    /// Empty while a worker has it.
    pub(super) audio: Pcm,
    /// Samples to enter in the ledger.
    pub(super) heard: u64,
    pub(super) ended: Instant,
    pub(super) running: bool,
}

/// What was heard and when.
struct Timeline {
    segmenter: Segmenter,
    epoch: Epoch,
    /// When position 0 was, by the packet of this stream that was on its way for the shortest time.
    origin_ms: Option<i64>,
    /// Long losses not yet sent as gaps.
    losses: Vec<Range<i64>>,
}

impl Timeline {
    fn take(&mut self, piece: Piece<'_>, arrived: Instant) {
        match piece {
            Piece::Audio(audio) => {
                self.segmenter.audio(audio);
                let now_ms = self.epoch.unix_ms(arrived);
                let origin = now_ms - (self.segmenter.position() * 1000 / RATE) as i64;
                self.origin_ms = Some(self.origin_ms.map_or(origin, |earlier| earlier.min(origin)));
            }
            Piece::Paused(count) => self.segmenter.paused(count),
            Piece::Lost(count) => {
                let start = self.segmenter.position();
                self.segmenter.lost(count);
                if count >= SHOWN_LOSS {
                    self.losses.push(self.span(&(start..start + count)));
                }
            }
        }
    }

    /// Positions -> milliseconds since the Unix epoch.
    fn span(&self, positions: &Range<u64>) -> Range<i64> {
        let origin = self.origin_ms.unwrap_or(self.epoch.unix_ms);
        let at = |position: u64| origin + (position * 1000 / RATE) as i64;
        at(positions.start)..at(positions.end)
    }
}

pub(super) struct Speaker {
    stream: Option<(u64, StreamDecoder)>,
    timeline: Timeline,
    last_packet: Option<Instant>,
    pub(super) open: Option<Open>,
    pub(super) finals: VecDeque<Final>,
    /// No more audio is taken; removed once `finals` is empty.
    pub(super) stopping: bool,
    /// Frame counts not yet in the metrics.
    pub(super) counts: FrameCounts,
}

impl Speaker {
    pub(super) fn new(epoch: Epoch) -> Self {
        let segmenter = Segmenter::new();
        Self {
            stream: None,
            timeline: Timeline { segmenter, epoch, origin_ms: None, losses: Vec::new() },
            last_packet: None,
            open: None,
            finals: VecDeque::new(),
            stopping: false,
            counts: FrameCounts::default(),
        }
    }

    pub(super) fn segmenter(&mut self) -> &mut Segmenter {
        &mut self.timeline.segmenter
    }

    pub(super) fn ledger(&self) -> Ledger {
        self.timeline.segmenter.ledger
    }

    /// `ids`: the number of the last utterance begun.
    pub(super) fn receive(&mut self, packet: &AudioPacket, ids: &mut u64, now: Instant) {
        if self.stream.as_ref().is_none_or(|(stream, _)| *stream != packet.stream) {
            self.end_stream(ids, now);
            let Ok(decoder) = StreamDecoder::new() else { return };
            self.stream = Some((packet.stream, decoder));
        }
        self.last_packet = Some(now);
        if let Some((_, decoder)) = &mut self.stream {
            decoder.push(packet);
        }
        self.decode(ids, now);
    }

    /// Time passes: late packets are given up; an utterance that gets no more audio ends.
    pub(super) fn tick(&mut self, ids: &mut u64, now: Instant) {
        self.decode(ids, now);
        if self.last_packet.is_some_and(|last| now.duration_since(last) >= IDLE) {
            self.timeline.segmenter.flush();
            self.settle(ids, now);
        }
    }

    /// Nothing more is coming from this stream: what waits is decoded, what is open ends.
    pub(super) fn end_stream(&mut self, ids: &mut u64, now: Instant) {
        if let Some((_, mut decoder)) = self.stream.take() {
            decoder.flush(|piece, arrived| self.timeline.take(piece, arrived));
            self.counts.add(decoder.take_counts());
        }
        self.timeline.segmenter.flush();
        self.settle(ids, now);
        self.timeline.origin_ms = None;
        self.last_packet = None;
    }

    fn decode(&mut self, ids: &mut u64, now: Instant) {
        let Some((_, decoder)) = &mut self.stream else { return };
        decoder.poll(now, |piece, arrived| self.timeline.take(piece, arrived));
        self.counts.add(decoder.take_counts());
        self.settle(ids, now);
    }

    /// Makes finals of closed segments and opens an utterance for an open one.
    fn settle(&mut self, ids: &mut u64, now: Instant) {
        while let Some(segment) = self.timeline.segmenter.next_closed() {
            let utterance = self.open.take().map_or_else(|| Utterance::new(ids), |open| open.utterance);
            self.finals.push_back(Final {
                utterance,
                span: self.timeline.span(&segment.speech),
                heard: segment.heard(),
                audio: segment.audio,
                ended: now,
                running: false,
            });
        }
        if let (None, Some((speech, _))) = (&self.open, self.timeline.segmenter.open()) {
            let utterance = Utterance::new(ids);
            self.open = Some(Open { utterance, shown: (String::new(), 0), partials: 0, asked: speech.start });
        }
    }

    /// Long losses since the last call.
    pub(super) fn take_losses(&mut self) -> Vec<Range<i64>> {
        std::mem::take(&mut self.timeline.losses)
    }

    /// Span of the open utterance so far.
    pub(super) fn open_span(&self) -> Range<i64> {
        self.timeline.segmenter.open().map_or(0..0, |(speech, _)| self.timeline.span(speech))
    }

    /// By how many samples a partial is overdue, when partials come every `interval` samples.
    pub(super) fn partial_overdue(&self, interval: u64) -> Option<u64> {
        let (open, (speech, _)) = (self.open.as_ref()?, self.timeline.segmenter.open()?);
        let wait = match open.partials {
            0 => FIRST_PARTIAL,
            1 => interval / 2,
            _ => interval,
        };
        let position = self.timeline.segmenter.position();
        let speaking = speech.end > open.asked && position - speech.end <= PAUSE;
        if speaking { position.saturating_sub(open.asked).checked_sub(wait) } else { None }
    }

    /// The open utterance's number and a copy of its audio so far.
    pub(super) fn ask_partial(&mut self) -> Option<(u64, Pcm)> {
        let (open, (_, audio)) = (self.open.as_mut()?, self.timeline.segmenter.open()?);
        open.asked = self.timeline.segmenter.position();
        open.partials += 1;
        Some((open.utterance.id, Pcm::copy_of(audio)))
    }
}
