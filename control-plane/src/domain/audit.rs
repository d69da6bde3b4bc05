//! The trail that every access leaves: who did what to what, when, from where, for what purpose. Ids and actions only,
//! never names or clinical text, so nothing in it will ever need erasing.

use std::net::IpAddr;

use super::access::Actor;
use super::time::Timestamp;
use crate::ids::UserId;

macro_rules! actions {
    ($($name:ident => $text:literal),+ $(,)?) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action {
            $($name),+
        }

        impl Action {
            /// As it is stored.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }
        }
    };
}

actions! {
    UserCreated => "user.create",
    SignedIn => "session.create",
    SignInRefused => "session.refuse",
    SignedOut => "session.end",
    AvailabilitySet => "availability.set",
    ConsultationRequested => "consultation.request",
    ConsultationsListed => "consultation.list",
    ConsultationRead => "consultation.read",
    ConsultationAccepted => "consultation.accept",
    ConsultationStarted => "consultation.start",
    ConsultationEnded => "consultation.end",
    ConsultationCancelled => "consultation.cancel",
    InviteCreated => "invite.create",
    InviteUsed => "invite.use",
    TicketIssued => "ticket.issue",
    ParticipantJoined => "participant.join",
    ParticipantLeft => "participant.leave",
    CaptionConsentGiven => "consent.give",
    CaptionConsentWithdrawn => "consent.withdraw",
    CaptionKept => "caption.keep",
    CaptionsRead => "caption.read",
    TranscriptRead => "transcript.read",
}

impl Action {
    /// Why it is done: `PurposeOfUse` codes of HL7 v3.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::UserCreated | Self::SignedIn | Self::SignInRefused | Self::SignedOut => "HOPERAT",
            _ => "TREAT",
        }
    }
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agent {
    User(UserId),
    /// Nobody who has proved who they are.
    Anonymous,
    /// The server itself.
    Server,
}

/// One line of the trail.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub at: Timestamp,
    pub agent: Agent,
    pub action: Action,
    /// Id of what it was done to.
    pub subject: String,
    pub address: Option<IpAddr>,
}

impl AuditEntry {
    #[must_use]
    pub fn of(actor: &Actor, action: Action, subject: impl ToString, at: Timestamp) -> Self {
        let (agent, address) = (Agent::User(actor.user), Some(actor.address));
        Self { at, agent, action, subject: subject.to_string(), address }
    }

    /// Done by `agent` on this machine or over a connection whose address is recorded elsewhere.
    #[must_use]
    pub fn by(agent: Agent, action: Action, subject: impl ToString, at: Timestamp) -> Self {
        Self { at, agent, action, subject: subject.to_string(), address: None }
    }

    #[must_use]
    pub fn from_address(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }
}
