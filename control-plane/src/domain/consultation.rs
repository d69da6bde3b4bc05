//! The life of a consultation: an enum whose states carry their data, and one pure function that moves between them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time::Timestamp;
use crate::ids::{ConsultationId, UserId};

/// Why the patient asks, in the patient's words. PHI: neither `Debug` nor `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
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

/// One consultation without its clinical text, which is read apart and leaves its own audit entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consultation {
    pub id: ConsultationId,
    pub patient: UserId,
    /// The doctor's field asked for; empty for any.
    pub specialty: String,
    pub requested_at: Timestamp,
    pub state: ConsultationState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsultationState {
    Requested,
    Accepted { doctor: UserId, accepted_at: Timestamp },
    Active { doctor: UserId, accepted_at: Timestamp, started_at: Timestamp },
    Completed { doctor: UserId, accepted_at: Timestamp, started_at: Timestamp, ended_at: Timestamp },
    Cancelled { accepted: Option<Acceptance>, cancelled_at: Timestamp },
}

/// What an accepted consultation had when it was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    pub doctor: UserId,
    pub at: Timestamp,
}

/// Names of the states: in the database, on the wire, in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ConsultationState)]
pub enum StateName {
    Requested,
    Accepted,
    Active,
    Completed,
    Cancelled,
}

impl StateName {
    pub const ALL: [Self; 5] =
        [Self::Requested, Self::Accepted, Self::Active, Self::Completed, Self::Cancelled];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Accepted => "accepted",
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What can happen to a consultation. Who may make it happen is `access.rs`'s question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsultationEvent {
    Accepted {
        doctor: UserId,
    },
    /// By an administrator; another doctor may have had it.
    Assigned {
        doctor: UserId,
    },
    /// By an administrator, from a doctor who can no longer work.
    TakenOver {
        doctor: UserId,
    },
    Started,
    Ended,
    Cancelled,
}

impl ConsultationEvent {
    /// Completes "a … consultation cannot be …".
    const fn participle(self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Assigned { .. } => "assigned",
            Self::TakenOver { .. } => "taken over",
            Self::Started => "started",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The event does not fit the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} {} consultation cannot be {action}", article(.from.name()), .from.name())]
pub struct InvalidTransition {
    pub from: StateName,
    pub action: &'static str,
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

impl ConsultationState {
    #[must_use]
    pub const fn name(&self) -> StateName {
        match self {
            Self::Requested => StateName::Requested,
            Self::Accepted { .. } => StateName::Accepted,
            Self::Active { .. } => StateName::Active,
            Self::Completed { .. } => StateName::Completed,
            Self::Cancelled { .. } => StateName::Cancelled,
        }
    }

    /// Who has accepted it.
    #[must_use]
    pub const fn doctor(&self) -> Option<UserId> {
        match self {
            Self::Accepted { doctor, .. }
            | Self::Active { doctor, .. }
            | Self::Completed { doctor, .. }
            | Self::Cancelled { accepted: Some(Acceptance { doctor, .. }), .. } => Some(*doctor),
            Self::Requested | Self::Cancelled { accepted: None, .. } => None,
        }
    }

    #[must_use]
    pub const fn accepted_at(&self) -> Option<Timestamp> {
        match self {
            Self::Accepted { accepted_at, .. }
            | Self::Active { accepted_at, .. }
            | Self::Completed { accepted_at, .. }
            | Self::Cancelled { accepted: Some(Acceptance { at: accepted_at, .. }), .. } => {
                Some(*accepted_at)
            }
            Self::Requested | Self::Cancelled { accepted: None, .. } => None,
        }
    }

    #[must_use]
    pub const fn started_at(&self) -> Option<Timestamp> {
        match self {
            Self::Active { started_at, .. } | Self::Completed { started_at, .. } => Some(*started_at),
            Self::Requested | Self::Accepted { .. } | Self::Cancelled { .. } => None,
        }
    }

    /// When it was completed or cancelled.
    #[must_use]
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Completed { ended_at, .. } => Some(*ended_at),
            Self::Cancelled { cancelled_at, .. } => Some(*cancelled_at),
            Self::Requested | Self::Accepted { .. } | Self::Active { .. } => None,
        }
    }
}

impl Consultation {
    /// The only way a consultation changes. Pure: the caller supplies the time and stores the result.
    pub fn apply(&self, event: ConsultationEvent, now: Timestamp) -> Result<Self, InvalidTransition> {
        use {ConsultationEvent as E, ConsultationState as S};
        let state = match (&self.state, event) {
            (S::Requested, E::Accepted { doctor }) => S::Accepted { doctor, accepted_at: now },
            (accepted @ S::Accepted { doctor: same, .. }, E::Assigned { doctor }) if *same == doctor => {
                accepted.clone()
            }
            (S::Requested | S::Accepted { .. }, E::Assigned { doctor }) => {
                S::Accepted { doctor, accepted_at: now }
            }
            (S::Requested, E::Cancelled) => S::Cancelled { accepted: None, cancelled_at: now },
            (S::Accepted { doctor, accepted_at }, E::Started) => {
                S::Active { doctor: *doctor, accepted_at: *accepted_at, started_at: now }
            }
            (S::Accepted { doctor, accepted_at }, E::Cancelled) => S::Cancelled {
                accepted: Some(Acceptance { doctor: *doctor, at: *accepted_at }),
                cancelled_at: now,
            },
            // A doctor who presses the button twice, or in two tabs, has started it once.
            (active @ S::Active { .. }, E::Started) => active.clone(),
            (S::Active { accepted_at, started_at, .. }, E::TakenOver { doctor }) => {
                S::Active { doctor, accepted_at: *accepted_at, started_at: *started_at }
            }
            (S::Active { doctor, accepted_at, started_at }, E::Ended) => S::Completed {
                doctor: *doctor,
                accepted_at: *accepted_at,
                started_at: *started_at,
                ended_at: now,
            },
            (state, event) => {
                return Err(InvalidTransition { from: state.name(), action: event.participle() });
            }
        };
        Ok(Self { state, ..self.clone() })
    }

    /// Whether it still waits for something: at most one such per patient.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        match self.state.name() {
            StateName::Requested | StateName::Accepted | StateName::Active => true,
            StateName::Completed | StateName::Cancelled => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(50);

    fn in_every_state() -> Vec<Consultation> {
        let doctor = UserId::from_uuid(Uuid::from_u128(1));
        let at = Timestamp::from_millis;
        [
            ConsultationState::Requested,
            ConsultationState::Accepted { doctor, accepted_at: at(20) },
            ConsultationState::Active { doctor, accepted_at: at(20), started_at: at(30) },
            ConsultationState::Completed {
                doctor,
                accepted_at: at(20),
                started_at: at(30),
                ended_at: at(40),
            },
            ConsultationState::Cancelled { accepted: None, cancelled_at: at(40) },
        ]
        .into_iter()
        .map(|state| Consultation {
            id: ConsultationId::from_uuid(Uuid::from_u128(2)),
            patient: UserId::from_uuid(Uuid::from_u128(3)),
            specialty: String::new(),
            requested_at: at(10),
            state,
        })
        .collect()
    }

    #[test]
    fn the_whole_table_of_states_and_events() {
        let doctor = UserId::from_uuid(Uuid::from_u128(9));
        let events = [
            ConsultationEvent::Accepted { doctor },
            ConsultationEvent::Assigned { doctor },
            ConsultationEvent::TakenOver { doctor },
            ConsultationEvent::Started,
            ConsultationEvent::Ended,
            ConsultationEvent::Cancelled,
        ];
        let mut table = String::new();
        for consultation in in_every_state() {
            for event in events {
                let outcome = match consultation.apply(event, NOW) {
                    Ok(next) => next.state.name().name().to_owned(),
                    Err(error) => error.to_string(),
                };
                let state = consultation.state.name().name();
                writeln!(table, "{state:9} + {:10} -> {outcome}", event.participle())
                    .expect("a String takes any text");
            }
        }
        assert_eq!(
            table,
            "\
requested + accepted   -> accepted
requested + assigned   -> accepted
requested + taken over -> a requested consultation cannot be taken over
requested + started    -> a requested consultation cannot be started
requested + ended      -> a requested consultation cannot be ended
requested + cancelled  -> cancelled
accepted  + accepted   -> an accepted consultation cannot be accepted
accepted  + assigned   -> accepted
accepted  + taken over -> an accepted consultation cannot be taken over
accepted  + started    -> active
accepted  + ended      -> an accepted consultation cannot be ended
accepted  + cancelled  -> cancelled
active    + accepted   -> an active consultation cannot be accepted
active    + assigned   -> an active consultation cannot be assigned
active    + taken over -> active
active    + started    -> active
active    + ended      -> completed
active    + cancelled  -> an active consultation cannot be cancelled
completed + accepted   -> a completed consultation cannot be accepted
completed + assigned   -> a completed consultation cannot be assigned
completed + taken over -> a completed consultation cannot be taken over
completed + started    -> a completed consultation cannot be started
completed + ended      -> a completed consultation cannot be ended
completed + cancelled  -> a completed consultation cannot be cancelled
cancelled + accepted   -> a cancelled consultation cannot be accepted
cancelled + assigned   -> a cancelled consultation cannot be assigned
cancelled + taken over -> a cancelled consultation cannot be taken over
cancelled + started    -> a cancelled consultation cannot be started
cancelled + ended      -> a cancelled consultation cannot be ended
cancelled + cancelled  -> a cancelled consultation cannot be cancelled
"
        );
    }

    #[test]
    fn a_consultation_keeps_its_doctor_and_times_to_the_end() {
        let doctor = UserId::from_uuid(Uuid::from_u128(9));
        let at = Timestamp::from_millis;
        let requested = in_every_state().remove(0);
        let accepted = requested.apply(ConsultationEvent::Accepted { doctor }, at(20)).unwrap();
        let active = accepted.apply(ConsultationEvent::Started, at(30)).unwrap();
        assert_eq!(
            active.apply(ConsultationEvent::Started, at(35)).unwrap(),
            active,
            "starting twice changes nothing"
        );
        let other = UserId::from_uuid(Uuid::from_u128(10));
        let taken = active.apply(ConsultationEvent::TakenOver { doctor: other }, at(36)).unwrap();
        assert_eq!((taken.state.doctor(), taken.state.started_at()), (Some(other), Some(at(30))));
        let completed = active.apply(ConsultationEvent::Ended, at(40)).unwrap();
        assert_eq!(completed.state.doctor(), Some(doctor));
        assert_eq!(completed.state.accepted_at(), Some(at(20)));
        assert_eq!(completed.state.started_at(), Some(at(30)));
        assert_eq!(completed.state.ended_at(), Some(at(40)));
        let cancelled = accepted.apply(ConsultationEvent::Cancelled, at(25)).unwrap();
        assert_eq!((cancelled.state.doctor(), cancelled.state.ended_at()), (Some(doctor), Some(at(25))));
        assert!(active.is_open() && !completed.is_open() && !cancelled.is_open());
    }
}
