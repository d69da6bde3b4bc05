//! The load generator: WebRTC clients in a process of their own, a system under test in another.
//!
//! `driver.rs` is the loop of one thread: it owns a UDP socket (`port.rs`) and whole rooms of participants
//! (`participant.rs`), each with one or two peer connections (`peer.rs`). Payloads say who sent which packet and when
//! (`stamp.rs`); `ledger.rs` checks every one that arrives. Over a bad network (`link.rs`), `voice.rs` and `picture.rs`
//! say what people had of it (`quality.rs`). `captioned.rs` compares calls without and with captions. `system/` speaks with
//! the system under test, `process.rs` reads what it cost.

pub mod arguments;
pub mod captioned;
pub mod delays;
pub mod driver;
pub mod fleet;
pub mod junk;
pub mod ledger;
pub mod limit;
pub mod link;
pub mod measure;
pub mod media;
pub mod numbers;
pub mod outcome;
pub mod participant;
pub mod peer;
pub mod picture;
pub mod port;
pub mod process;
pub mod quality;
pub mod quantiles;
pub mod reception;
pub mod scenario;
#[path = "../../../media-server/tests/support/speech.rs"]
#[expect(dead_code, reason = "the generator only wants the packets")]
mod speech;
pub mod stamp;
pub mod system;
pub mod voice;
