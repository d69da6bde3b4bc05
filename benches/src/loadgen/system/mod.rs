//! The systems under test, as far as the generator speaks with them.

pub mod host;
pub mod janus;
pub mod rpc;
mod tokens;

use std::net::IpAddr;

use anyhow::Result;
use str0m::media::MediaKind;

use tokio::process::Command;

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
    /// Do its words become captions?
    Captioned(Who, bool),
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

/// Where and how the system under test runs.
pub struct Place {
    /// Its address, for media and control.
    pub server: IpAddr,
    /// Words before its command line: `nsenter` into its network, for one. They must end in an exec.
    pub launcher: Vec<String>,
}

impl Place {
    fn command(&self, program: &str) -> Command {
        let mut words = self.launcher.iter().map(String::as_str).chain([program]);
        let mut command = Command::new(words.next().unwrap_or(program));
        command.args(words).kill_on_drop(true);
        command
    }
}

/// A running system under test.
pub enum System {
    Host(host::Host),
    Janus(janus::Janus),
}

impl System {
    /// Receives over a connection of its own.
    pub fn second_connection(&self) -> bool {
        match self {
            Self::Host(_) => false,
            Self::Janus(_) => true,
        }
    }

    pub fn pid(&self) -> u32 {
        match self {
            Self::Host(system) => system.pid,
            Self::Janus(system) => system.pid,
        }
    }

    /// Everything that it counts, as Prometheus reads it; nothing, if it does not count.
    pub async fn metrics(&self) -> Result<String> {
        match self {
            Self::Host(system) => system.metrics().await,
            Self::Janus(_) => Ok(String::new()),
        }
    }

    pub async fn handle(&self, ask: Ask) -> Result<Vec<Tell>> {
        match self {
            Self::Host(system) => system.handle(ask).await,
            Self::Janus(system) => system.handle(ask).await,
        }
    }
}
