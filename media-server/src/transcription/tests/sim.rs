//! Virtual time around the pipeline: packets arrive when they are said to, inferences take as long as they are said to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::Registry;
use uuid::Uuid;

use super::super::ledger::Ledger;
use super::super::metrics::CaptionMetrics;
use super::super::model::{Installed, Model};
use super::super::pipeline::{JobKind, JobResult, Pipeline};
use super::super::transcriber::Transcriber;
use super::super::transcriber::scripted::Scripted;
use super::super::{AudioPacket, Caption, CaptionKind, Epoch};
use crate::{ParticipantId, RoomId};

pub(super) const UNIX_MS: i64 = 1_800_000_000_000;

pub(super) fn room(number: u128) -> RoomId {
    RoomId::from_uuid(Uuid::from_u128(number))
}

pub(super) fn participant(number: u128) -> ParticipantId {
    ParticipantId::from_uuid(Uuid::from_u128(number))
}

/// A caption and when it was sent, in milliseconds since the start.
pub(super) struct Sent {
    pub(super) at_ms: i64,
    pub(super) caption: Caption,
}

pub(super) struct Sim {
    pub(super) pipeline: Pipeline,
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) sent: Vec<Sent>,
    /// Inferences run, partial and final.
    pub(super) inferences: (usize, usize),
    transcriber: Box<dyn Transcriber>,
    /// Virtual time of one inference.
    cost: Duration,
    running: Option<(Instant, JobResult)>,
}

impl Sim {
    /// One worker whose every inference takes `cost`.
    pub(super) fn new(model: Model, promised: usize, cost: Duration) -> Self {
        #[expect(clippy::disallowed_methods, reason = "virtual time begins at some instant")]
        let start = Instant::now();
        let metrics = CaptionMetrics::register(&Registry::new()).unwrap();
        let mut pipeline = Pipeline::new(Epoch { instant: start, unix_ms: UNIX_MS }, metrics);
        let transcriber = (model.open)().unwrap();
        pipeline.install(Installed { model: Arc::new(model), promised });
        Self {
            pipeline,
            start,
            now: start,
            sent: Vec::new(),
            inferences: (0, 0),
            transcriber,
            cost,
            running: None,
        }
    }

    /// A transcriber that says one word per half second of audio.
    pub(super) fn scripted(promised: usize, cost: Duration) -> Self {
        Self::new(scripted_model(Duration::ZERO), promised, cost)
    }

    /// Lets time pass in steps of 20 ms, `packets` (sorted by arrival) arriving meanwhile.
    pub(super) fn run(&mut self, packets: &[AudioPacket], until: Duration) {
        let mut packets = packets.iter().peekable();
        while self.now < self.start + until {
            while let Some(packet) = packets.next_if(|packet| packet.arrived <= self.now) {
                self.pipeline.receive(packet, self.now);
            }
            self.pipeline.tick(self.now);
            self.work();
            self.collect();
            self.now += Duration::from_millis(20);
        }
    }

    fn work(&mut self) {
        if let Some((_, result)) = self.running.take_if(|(done, _)| *done <= self.now) {
            self.pipeline.finished(result, self.now);
        }
        if self.running.is_none()
            && let Some(job) = self.pipeline.next_job()
        {
            match job.tag.kind {
                JobKind::Partial => self.inferences.0 += 1,
                JobKind::Final => self.inferences.1 += 1,
            }
            let outcome = self.transcriber.transcribe(job.audio.as_slice());
            self.running = Some((self.now + self.cost, JobResult { tag: job.tag, outcome, took: self.cost }));
        }
    }

    fn collect(&mut self) {
        while let Some(caption) = self.pipeline.next_caption() {
            let at_ms = self.now.duration_since(self.start).as_millis() as i64;
            self.sent.push(Sent { at_ms, caption: caption.clone() });
            self.pipeline.caption_sent();
        }
    }

    /// Final texts of one participant, in order.
    pub(super) fn finals(&self, participant: ParticipantId) -> String {
        let texts: Vec<&str> = self
            .sent
            .iter()
            .filter(|sent| sent.caption.participant == participant && sent.caption.kind == CaptionKind::Final)
            .map(|sent| sent.caption.text.reveal())
            .collect();
        texts.join(" ")
    }

    /// Checks what holds for any run: revisions count up, stable text stays, nothing follows a settled caption.
    pub(super) fn assert_revisions(&self) {
        let mut settled = std::collections::HashMap::new();
        for Sent { caption, .. } in &self.sent {
            let (stable, revision, done) =
                settled.entry((caption.participant, caption.utterance)).or_insert((String::new(), 0, false));
            assert!(!*done, "a caption after the last one");
            assert!(caption.revision > *revision);
            *revision = caption.revision;
            let text = caption.text.reveal();
            match caption.kind {
                CaptionKind::Partial { stable_chars } => {
                    assert!(text.starts_with(stable.as_str()), "{text:?} lost {stable:?}");
                    let now_stable: String = text.chars().take(stable_chars).collect();
                    assert!(now_stable.starts_with(stable.as_str()));
                    *stable = now_stable;
                }
                CaptionKind::Final => {
                    assert!(text.starts_with(stable.as_str()), "{text:?} lost {stable:?}");
                    *done = true;
                }
                CaptionKind::Retracted | CaptionKind::Gap => *done = true,
            }
        }
    }

    /// The account of all audio; nothing may be pending.
    pub(super) fn balanced(&self) -> Ledger {
        let ledger = self.pipeline.ledger();
        assert_eq!(ledger.pending(), 0, "{ledger:?}");
        ledger
    }
}

pub(super) fn scripted_model(cost: Duration) -> Model {
    Model {
        name: "scripted".into(),
        demonstration: false,
        open: Box::new(move || Ok(Box::new(Scripted { cost }))),
    }
}

/// Packets of one channel that arrive in time.
pub(super) fn packets(
    opus: &[Vec<u8>],
    (room, participant): (RoomId, ParticipantId),
    start: Instant,
) -> Vec<AudioPacket> {
    (0..)
        .zip(opus)
        .map(|(sequence, payload)| AudioPacket {
            room,
            participant,
            stream: 1,
            sequence,
            rtp_time: sequence * 960,
            red: false,
            payload: Arc::from(payload.as_slice()),
            arrived: start + Duration::from_millis(20 * (sequence + 1)),
        })
        .collect()
}

pub(super) fn by_arrival(channels: Vec<Vec<AudioPacket>>) -> Vec<AudioPacket> {
    let mut all: Vec<AudioPacket> = channels.into_iter().flatten().collect();
    all.sort_by_key(|packet| packet.arrived);
    all
}

/// Puts each packet's predecessor beside it (RFC 2198), as browsers do.
pub(super) fn with_red(mut packets: Vec<AudioPacket>) -> Vec<AudioPacket> {
    let mut previous: Option<Arc<[u8]>> = None;
    for packet in &mut packets {
        let primary = Arc::clone(&packet.payload);
        let mut red = Vec::new();
        if let Some(redundant) = previous.as_ref().filter(|redundant| redundant.len() < 1024) {
            let (offset, length) = (960_u32, redundant.len() as u32);
            red.extend([
                0xef,
                (offset >> 6) as u8,
                (((offset & 0x3f) << 2) | (length >> 8)) as u8,
                length as u8,
            ]);
            red.push(0x6f);
            red.extend_from_slice(redundant);
        } else {
            red.push(0x6f);
        }
        red.extend_from_slice(&primary);
        packet.payload = Arc::from(red);
        packet.red = true;
        previous = Some(primary);
    }
    packets
}

/// Pseudo-random numbers, the same in every run (Numerical Recipes LCG).
pub(super) struct Dice(u32);

impl Dice {
    pub(super) fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// True in `percent` of the calls.
    pub(super) fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    pub(super) fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % end
    }
}
