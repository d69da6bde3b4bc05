//! Captions on their way to the event queue.

use std::collections::VecDeque;

use super::caption::{Caption, CaptionKind};
use crate::RoomId;

/// Captions that the reader of the events has not taken yet. Above this no inference is started: utterances then
/// wait, and become gaps when they have waited too long. Each utterance holds one place at most.
const FULL: usize = 1024;

/// In order; a partial that nobody has seen yet makes room for its successor, nothing else is ever dropped.
#[derive(Default)]
pub(super) struct Outbox(VecDeque<Caption>);

impl Outbox {
    pub(super) fn push(&mut self, caption: Caption) {
        let superseded = |old: &Caption| {
            old.participant == caption.participant
                && old.utterance == caption.utterance
                && matches!(old.kind, CaptionKind::Partial { .. })
        };
        self.0.retain(|old| !superseded(old));
        self.0.push_back(caption);
    }

    pub(super) fn next(&self) -> Option<&Caption> {
        self.0.front()
    }

    pub(super) fn remove_next(&mut self) {
        self.0.pop_front();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= FULL
    }

    pub(super) fn holds(&self, room: RoomId) -> bool {
        self.0.iter().any(|caption| caption.room == room)
    }
}
