//! What is kept of what was said.

use media_server::{ParticipantId, transcription::CaptionText};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::CaptionId;
use crate::signalling::protocol::ParticipantKind;

/// What is kept of one utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TranscriptEntryState)]
pub enum EntryState {
    Final,
    /// Speech that could not be transcribed; its text is empty.
    Gap,
}

impl EntryState {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Gap => "gap",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Final, Self::Gap].into_iter().find(|state| state.name() == name)
    }
}

/// A settled caption on its way into the transcript. Holds spoken words, so it is not `Debug`.
#[derive(Clone)]
pub struct NewCaption {
    pub participant: ParticipantId,
    pub utterance: u64,
    pub state: EntryState,
    /// Span of the speech, milliseconds since the consultation started.
    pub start_ms: i64,
    pub end_ms: i64,
    pub text: CaptionText,
    /// The model that heard it, and whether that was the bundled demonstration model.
    pub model: String,
    pub demonstration: bool,
}

/// A caption as it is kept.
#[derive(Clone)]
pub struct KeptCaption {
    pub id: CaptionId,
    /// Name of the person who spoke.
    pub speaker: String,
    pub kind: ParticipantKind,
    pub caption: NewCaption,
}
