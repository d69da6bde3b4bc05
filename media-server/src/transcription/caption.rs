//! What comes out of the pipeline.

use serde::{Deserialize, Serialize};

use crate::{ParticipantId, RoomId};

/// Spoken words. PHI: neither `Debug` nor `Display`, so that it cannot end up in a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct CaptionText(String);

impl CaptionText {
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The words themselves; for the screen and for sealing, nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// How settled a caption is.
#[derive(Clone, PartialEq, Eq)]
pub enum CaptionKind {
    /// Still being spoken. The first `stable_chars` characters will not change any more.
    Partial { stable_chars: usize },
    /// Replaces every partial of this utterance; never changes again.
    Final,
    /// The partials of this utterance are taken back: it was no speech, or consent was withdrawn.
    Retracted,
    /// Speech that was heard but could not be transcribed (overload, failure): its span is recorded, never dropped silently.
    Gap,
}

/// One utterance of one speaker, in one revision. Idempotent by (`participant`, `utterance`, `revision`).
#[derive(Clone)]
pub struct Caption {
    pub room: RoomId,
    pub participant: ParticipantId,
    /// Counts up over the whole node, from its start time in milliseconds: a restart does not repeat numbers.
    pub utterance: u64,
    /// Counts up per utterance.
    pub revision: u32,
    pub kind: CaptionKind,
    pub text: CaptionText,
    /// Span of the speech, milliseconds since the Unix epoch, from the RTP clock.
    pub start_ms: i64,
    pub end_ms: i64,
    /// Mean token probability, 0 to 1.
    pub confidence: f32,
}

/// What the captions can do right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CaptionsStatus {
    /// `demonstration`: the small bundled model with a limited vocabulary.
    Ready { model: String, demonstration: bool },
    /// `why` is a sentence for a person.
    Unavailable { why: String },
}
