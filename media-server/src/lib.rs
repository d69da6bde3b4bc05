//! The SFU and the live captions of Auscult: rooms, participants, tracks and grants. It knows nothing of medicine,
//! users, SQL or HTTP.
//!
//! # The life of a packet
//! `net/udp.rs` receives a batch, `worker.rs` stamps `now` and calls [`engine::Engine::handle_datagram`]. `demux.rs`
//! finds the session in O(1) or drops the datagram before any cryptography. `session/` decrypts through str0m and drains;
//! an RTP packet goes to `engine/routing.rs`, which writes it to the session of everyone who receives the track in this
//! simulcast layer (`session/allocation.rs` chooses, `session/selector.rs` switches), with numbers rewritten by
//! `room/rewrite.rs`. At the end of the batch every session that was written to is flushed once: `egress/` encrypts its
//! packets into its outbox, and they leave in runs through `net/udp.rs` before the next session's turn. All on one thread: a
//! room lives on one worker, a worker owns one port.
//!
//! Packets of a microphone whose speaker has consented are also offered to [`transcription::Tap`], which never blocks.
#![deny(clippy::indexing_slicing, reason = "its input is hostile")]
#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "virtual time starts at a real instant"))]

mod command;
pub mod config;
mod demux;
mod egress;
pub mod engine;
mod error;
mod grant;
mod handle;
mod ids;
mod metrics;
mod net;
mod pool;
mod precedence;
mod room;
mod session;
mod timers;
pub mod transcription;
mod worker;

pub use command::{
    Answer, HearingProof, MediaCommand, MediaEvent, Negotiation, Publication, QualityLevel, SessionEnd,
    Subscription, Tile,
};
pub use config::{MediaConfig, WhisperConfig};
pub use egress::{Departure, Route};
pub use error::MediaError;
pub use grant::{Grant, ISSUER, JOIN_AUDIENCE, JoinClaims, JoinTokenVerifier, TokenError};
pub use handle::MediaServer;
pub use ids::{InvalidId, ParticipantId, RoomId, Source, TrackId};
pub use metrics::Counters;
