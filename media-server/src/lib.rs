//! The SFU and the live captions of Auscult.
#![deny(clippy::indexing_slicing, reason = "its input is hostile")]

mod command;
pub mod config;
mod error;
mod grant;
mod handle;
mod ids;
mod metrics;
pub mod transcription;

pub use command::{Answer, MediaEvent, Negotiation, Publication, QualityLevel, SessionEnd, Subscription};
pub use config::{MediaConfig, WhisperConfig};
pub use error::MediaError;
pub use grant::{Grant, ISSUER, JOIN_AUDIENCE, JoinClaims, JoinTokenVerifier, TokenError};
pub use handle::MediaServer;
pub use ids::{InvalidId, ParticipantId, RoomId, Source, TrackId};
