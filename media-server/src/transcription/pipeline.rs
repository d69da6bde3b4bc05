//! The captions of all rooms as one state machine: packets, commands and finished inferences in; inferences to run
//! and captions out. Owns no thread and reads no clock.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::caption::{Caption, CaptionKind, CaptionText};
use super::ladder::{BEYOND_PROMISE, GIVE_UP, Ladder, partial_interval};
use super::ledger::Ledger;
use super::metrics::CaptionMetrics;
use super::model::{Installed, Model};
use super::outbox::Outbox;
use super::pcm::{Pcm, RATE};
use super::speaker::{Final, Speaker, Utterance};
use super::tap::AudioPacket;
use super::transcriber::{Hypothesis, Rejection, TranscribeError, reject};
use super::{Epoch, StopMode};
use crate::{ParticipantId, RoomId};

type Key = (RoomId, ParticipantId);

/// How long a room that ends waits for its last captions.
const FINISH_WITHIN: Duration = Duration::from_secs(5);
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobKind {
    Partial,
    Final,
}

/// One inference to run.
pub(super) struct Job {
    pub(super) model: Arc<Model>,
    pub(super) audio: Pcm,
    pub(super) tag: JobTag,
}

/// What comes back with the result.
#[derive(Clone, Copy)]
pub(super) struct JobTag {
    key: Key,
    utterance: u64,
    pub(super) kind: JobKind,
    samples: u64,
}

pub(super) struct JobResult {
    pub(super) tag: JobTag,
    pub(super) outcome: Result<Hypothesis, TranscribeError>,
    pub(super) took: Duration,
}

struct Closing {
    deadline: Instant,
    replies: Vec<oneshot::Sender<()>>,
}

pub(super) struct Pipeline {
    epoch: Epoch,
    installed: Option<Installed>,
    speakers: HashMap<Key, Speaker>,
    /// Rooms with speakers, in the order they came.
    rooms: Vec<RoomId>,
    /// Rooms with an inference running: one at a time each, so that no consultation crowds out the others.
    busy: HashSet<RoomId>,
    closing: HashMap<RoomId, Closing>,
    ladder: Ladder,
    /// Number of the last utterance; begins with the start time, so that numbers never repeat across runs.
    ids: u64,
    outbox: Outbox,
    /// Of speakers that are gone.
    past: Ledger,
    metrics: CaptionMetrics,
}

impl Pipeline {
    pub(super) fn new(epoch: Epoch, metrics: CaptionMetrics) -> Self {
        Self {
            epoch,
            installed: None,
            speakers: HashMap::new(),
            rooms: Vec::new(),
            busy: HashSet::new(),
            closing: HashMap::new(),
            ladder: Ladder::default(),
            ids: epoch.unix_ms.max(0) as u64,
            outbox: Outbox::default(),
            past: Ledger::default(),
            metrics,
        }
    }

    /// From now on inferences use this model.
    pub(super) fn install(&mut self, installed: Installed) {
        self.metrics.promised_consultations.set(installed.promised as i64);
        self.installed = Some(installed);
    }

    pub(super) fn start_speaker(&mut self, room: RoomId, participant: ParticipantId) {
        let epoch = self.epoch;
        self.speakers.entry((room, participant)).or_insert_with(|| Speaker::new(epoch)).stopping = false;
        if !self.rooms.contains(&room) {
            self.rooms.push(room);
        }
    }

    pub(super) fn stop_speaker(
        &mut self,
        room: RoomId,
        participant: ParticipantId,
        mode: StopMode,
        now: Instant,
    ) {
        let key = (room, participant);
        match mode {
            StopMode::Finish => {
                if let Some(speaker) = self.speakers.get_mut(&key) {
                    speaker.end_stream(&mut self.ids, now);
                    speaker.stopping = true;
                }
                self.send_losses(key);
            }
            StopMode::Withdraw => self.withdraw(key),
        }
    }

    pub(super) fn finish_room(&mut self, room: RoomId, reply: oneshot::Sender<()>, now: Instant) {
        self.stop_room(room, now);
        let deadline = now + FINISH_WITHIN;
        self.closing
            .entry(room)
            .or_insert_with(|| Closing { deadline, replies: Vec::new() })
            .replies
            .push(reply);
    }

    /// Finishes every room.
    pub(super) fn finish_all(&mut self, now: Instant) {
        for room in self.rooms.clone() {
            self.stop_room(room, now);
            let deadline = now + FINISH_WITHIN;
            self.closing.entry(room).or_insert_with(|| Closing { deadline, replies: Vec::new() });
        }
    }

    /// Nothing is left to do or to send.
    pub(super) fn is_idle(&self) -> bool {
        self.speakers.is_empty() && self.outbox.is_empty()
    }

    fn stop_room(&mut self, room: RoomId, now: Instant) {
        let keys: Vec<Key> = self.speakers.keys().filter(|key| key.0 == room).copied().collect();
        for (room, participant) in keys {
            self.stop_speaker(room, participant, StopMode::Finish, now);
        }
    }

    /// Packets of people who are not being captioned are ignored; without a model none is decoded.
    pub(super) fn receive(&mut self, packet: &AudioPacket, now: Instant) {
        let key = (packet.room, packet.participant);
        if self.installed.is_none() {
            return;
        }
        if let Some(speaker) = self.speakers.get_mut(&key).filter(|speaker| !speaker.stopping) {
            speaker.receive(packet, &mut self.ids, now);
            self.send_losses(key);
        }
    }

    /// Time passes. Call it at least every 50 ms while anybody is captioned.
    pub(super) fn tick(&mut self, now: Instant) {
        for speaker in self.speakers.values_mut() {
            speaker.tick(&mut self.ids, now);
        }
        self.give_up_late(now);
        let overdue: Vec<RoomId> = self
            .closing
            .iter()
            .filter(|(_, closing)| now >= closing.deadline)
            .map(|(room, _)| *room)
            .collect();
        for room in overdue {
            self.give_up(|key, _| key.0 == room);
        }
        self.remove_finished();
        self.climb(now);
        self.account();
    }

    /// The next inference for a free worker: the oldest final, else the most overdue partial.
    pub(super) fn next_job(&mut self) -> Option<Job> {
        let model = Arc::clone(&self.installed.as_ref()?.model);
        if self.outbox.is_full() {
            return None;
        }
        let (tag, audio) = self.next_final().or_else(|| self.next_partial())?;
        self.busy.insert(tag.key.0);
        Some(Job { model, audio, tag })
    }

    pub(super) fn finished(&mut self, result: JobResult, now: Instant) {
        let JobTag { key, utterance, kind, samples } = result.tag;
        self.busy.remove(&key.0);
        self.metrics.inference(kind, result.took, result.outcome.is_ok());
        match kind {
            JobKind::Partial => self.partial_finished(key, utterance, samples, result.outcome, now),
            JobKind::Final => self.final_finished(key, utterance, result.outcome, now),
        }
        self.remove_finished();
    }

    /// The next caption for the events; [`Self::caption_sent`] confirms it.
    pub(super) fn next_caption(&self) -> Option<&Caption> {
        self.outbox.next()
    }

    pub(super) fn caption_sent(&mut self) {
        self.outbox.remove_next();
        self.reply_to_closed();
    }

    /// Every sample of everybody so far.
    pub(super) fn ledger(&self) -> Ledger {
        self.speakers.values().fold(self.past, |mut sum, speaker| {
            sum.add(speaker.ledger());
            sum
        })
    }

    fn next_final(&mut self) -> Option<(JobTag, Pcm)> {
        let waiting =
            |speaker: &Speaker| speaker.finals.front().filter(|next| !next.running).map(|next| next.ended);
        let (key, _) = self
            .speakers
            .iter()
            .filter(|(key, _)| !self.busy.contains(&key.0))
            .filter_map(|(key, speaker)| waiting(speaker).map(|ended| (*key, ended)))
            .min_by_key(|(_, ended)| *ended)?;
        let next = self.speakers.get_mut(&key)?.finals.front_mut()?;
        next.running = true;
        let audio = std::mem::take(&mut next.audio);
        let samples = audio.len() as u64;
        Some((JobTag { key, utterance: next.utterance.id, kind: JobKind::Final, samples }, audio))
    }

    fn next_partial(&mut self) -> Option<(JobTag, Pcm)> {
        let (key, _) = self
            .speakers
            .iter()
            .filter(|(key, _)| !self.busy.contains(&key.0))
            .filter_map(|(key, speaker)| {
                let interval = partial_interval(self.level(key.0))?;
                speaker.partial_overdue(interval).map(|overdue| (*key, overdue))
            })
            .max_by_key(|(_, overdue)| *overdue)?;
        let (utterance, audio) = self.speakers.get_mut(&key)?.ask_partial()?;
        let samples = audio.len() as u64;
        Some((JobTag { key, utterance, kind: JobKind::Partial, samples }, audio))
    }

    /// Level of the degradation ladder for one room: the later ones pay for a promise that is used up.
    fn level(&self, room: RoomId) -> usize {
        let promised = self.installed.as_ref().map_or(0, |installed| installed.promised);
        let beyond = self.rooms.iter().position(|known| *known == room).is_none_or(|place| place >= promised);
        self.ladder.level().max(if beyond { BEYOND_PROMISE } else { 0 })
    }

    fn partial_finished(
        &mut self,
        key: Key,
        utterance: u64,
        samples: u64,
        outcome: Result<Hypothesis, TranscribeError>,
        now: Instant,
    ) {
        let Some(speaker) = self.speakers.get_mut(&key) else { return };
        let span = speaker.open_span();
        let Some(open) = speaker.open.as_mut().filter(|open| open.utterance.id == utterance) else { return };
        let Ok(hypothesis) = outcome else { return };
        if reject(&hypothesis, samples as f32 / RATE as f32).is_some() {
            return;
        }
        let shown = open.utterance.agreement.partial(hypothesis.text.reveal(), samples);
        if shown == open.shown {
            return;
        }
        open.shown = shown.clone();
        if open.utterance.revision == 0 {
            self.metrics
                .first_partial_seconds
                .observe((self.epoch.unix_ms(now) - span.start) as f64 / 1000.0);
        }
        let (text, stable_chars) = shown;
        let kind = CaptionKind::Partial { stable_chars };
        let caption = caption(key, &mut open.utterance, kind, text, span, hypothesis.confidence);
        self.outbox.push(caption);
    }

    fn final_finished(
        &mut self,
        key: Key,
        utterance: u64,
        outcome: Result<Hypothesis, TranscribeError>,
        now: Instant,
    ) {
        let Some(speaker) = self.speakers.get_mut(&key) else { return };
        if speaker.finals.front().is_none_or(|next| next.utterance.id != utterance) {
            return;
        }
        let Some(mut done) = speaker.finals.pop_front() else { return };
        let seconds = (done.span.end - done.span.start) as f32 / 1000.0;
        let hypothesis = match outcome {
            Err(error) => {
                tracing::warn!(%error, "an utterance could not be transcribed");
                return self.gap(key, done);
            }
            Ok(hypothesis) => hypothesis,
        };
        let rejection = reject(&hypothesis, seconds);
        if let Some(rejection) = rejection {
            self.metrics.rejected(rejection);
        }
        match rejection {
            None => {
                speaker.segmenter().ledger.transcribed += done.heard;
                self.metrics.final_seconds.observe((self.epoch.unix_ms(now) - done.span.end) as f64 / 1000.0);
                let text = done.utterance.agreement.finish(hypothesis.text.reveal());
                let (kind, confidence) = (CaptionKind::Final, hypothesis.confidence);
                self.outbox.push(caption(key, &mut done.utterance, kind, text, done.span, confidence));
            }
            Some(Rejection::NoSpeech) => {
                speaker.segmenter().ledger.silence += done.heard;
                self.retract(key, done.utterance, done.span);
            }
            Some(Rejection::Repetition | Rejection::TooFast) => self.gap(key, done),
        }
    }

    /// Speech that was heard and will not become words.
    fn gap(&mut self, key: Key, mut lost: Final) {
        if let Some(speaker) = self.speakers.get_mut(&key) {
            speaker.segmenter().ledger.gap += lost.heard;
        }
        self.outbox.push(caption(key, &mut lost.utterance, CaptionKind::Gap, String::new(), lost.span, 0.0));
    }

    fn retract(&mut self, key: Key, mut utterance: Utterance, span: Range<i64>) {
        if utterance.revision > 0 {
            self.outbox.push(caption(key, &mut utterance, CaptionKind::Retracted, String::new(), span, 0.0));
        }
    }

    fn withdraw(&mut self, key: Key) {
        let Some(mut speaker) = self.speakers.remove(&key) else { return };
        let span = speaker.open_span();
        if let Some(open) = speaker.open.take() {
            self.retract(key, open.utterance, span);
        }
        for waiting in std::mem::take(&mut speaker.finals) {
            self.retract(key, waiting.utterance, waiting.span);
        }
        let mut ledger = speaker.ledger();
        ledger.withdrawn += ledger.pending();
        self.past.add(ledger);
        self.forget_empty_rooms();
    }

    /// Finals that have waited too long become gaps, so that the rest can catch up.
    fn give_up_late(&mut self, now: Instant) {
        self.give_up(|_, waiting| !waiting.running && now.duration_since(waiting.ended) > GIVE_UP);
    }

    fn give_up(&mut self, chosen: impl Fn(&Key, &Final) -> bool) {
        let mut given_up = Vec::new();
        for (key, speaker) in &mut self.speakers {
            while speaker.finals.front().is_some_and(|waiting| chosen(key, waiting)) {
                given_up.extend(speaker.finals.pop_front().map(|waiting| (*key, waiting)));
            }
        }
        for (key, waiting) in given_up {
            self.gap(key, waiting);
        }
    }

    fn send_losses(&mut self, key: Key) {
        let losses = self.speakers.get_mut(&key).map(Speaker::take_losses).unwrap_or_default();
        for span in losses {
            let mut utterance = Utterance::new(&mut self.ids);
            self.outbox.push(caption(key, &mut utterance, CaptionKind::Gap, String::new(), span, 0.0));
        }
    }

    fn remove_finished(&mut self) {
        let past = &mut self.past;
        self.speakers.retain(|_, speaker| {
            let finished = speaker.stopping && speaker.finals.is_empty();
            if finished {
                past.add(speaker.ledger());
            }
            !finished
        });
        self.forget_empty_rooms();
        self.reply_to_closed();
    }

    fn forget_empty_rooms(&mut self) {
        let speakers = &self.speakers;
        self.rooms.retain(|room| speakers.keys().any(|key| key.0 == *room));
    }

    fn reply_to_closed(&mut self) {
        let (speakers, outbox) = (&self.speakers, &self.outbox);
        let done = |room: &RoomId| !speakers.keys().any(|key| key.0 == *room) && !outbox.holds(*room);
        for (_, closing) in self.closing.extract_if(|room, _| done(room)) {
            for reply in closing.replies {
                // Nobody waits any more: fine.
                let _ = reply.send(());
            }
        }
    }

    fn climb(&mut self, now: Instant) {
        let waiting = self.speakers.values().flat_map(|speaker| &speaker.finals).filter(|next| !next.running);
        let lag = waiting.clone().map(|next| now.duration_since(next.ended)).max().unwrap_or_default();
        self.metrics.waiting_finals.set(waiting.count() as i64);
        self.metrics.lag_seconds.set(lag.as_secs_f64());
        if self.ladder.update(lag, now) {
            let level = self.ladder.level();
            self.metrics.degradation_level.set(level as i64);
            tracing::info!(level, "caption degradation level changed");
        }
    }

    fn account(&mut self) {
        for speaker in self.speakers.values_mut() {
            self.metrics.frames(std::mem::take(&mut speaker.counts));
        }
        self.metrics.speakers.set(self.speakers.len() as i64);
        self.metrics.ledger(self.ledger());
    }
}

fn caption(
    (room, participant): Key,
    utterance: &mut Utterance,
    kind: CaptionKind,
    text: String,
    span: Range<i64>,
    confidence: f32,
) -> Caption {
    utterance.revision += 1;
    Caption {
        room,
        participant,
        utterance: utterance.id,
        revision: utterance.revision,
        kind,
        text: CaptionText::new(text),
        start_ms: span.start,
        end_ms: span.end,
        confidence,
    }
}
