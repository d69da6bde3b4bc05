//! The systems under test, as far as the generator speaks with them.

pub mod auscult;
pub mod janus;
pub mod rpc;

use anyhow::Result;
use str0m::media::MediaKind;

use super::participant::Who;

/// An m-line and the track that it carries: whose, and which.
pub struct Line {
    pub mid: String,
    pub seat: u16,
    pub kind: MediaKind,
}

/// A participant wants in.
pub struct Join {
    pub who: Who,
    /// `None`: it only receives, over the second connection.
    pub offer: Option<String>,
    pub publish: Vec<Line>,
    pub subscribe: Vec<Line>,
}

/// From a driver to the system under test.
pub enum Ask {
    Join(Join),
    /// The answer is applied.
    Applied(Who),
    /// To [`Tell::Offer`].
    Answer {
        who: Who,
        sdp: String,
    },
    Leave(Who),
    /// Everyone has left.
    Close(u32),
}

/// The reply.
pub enum Tell {
    /// To the offer of [`Ask::Join`].
    Answer { who: Who, sdp: String },
    /// The system under test offers what the participant receives.
    Offer { who: Who, sdp: String },
}

/// A running system under test.
pub enum System {
    Auscult(auscult::Auscult),
    Janus(janus::Janus),
}

impl System {
    /// Receives over a connection of its own.
    pub fn second_connection(&self) -> bool {
        match self {
            Self::Auscult(_) => false,
            Self::Janus(_) => true,
        }
    }

    pub fn pid(&self) -> u32 {
        match self {
            Self::Auscult(system) => system.pid,
            Self::Janus(system) => system.pid,
        }
    }

    pub async fn handle(&self, ask: Ask) -> Result<Vec<Tell>> {
        match self {
            Self::Auscult(system) => system.handle(ask).await,
            Self::Janus(system) => system.handle(ask).await,
        }
    }
}
