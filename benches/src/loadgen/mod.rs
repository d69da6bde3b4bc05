//! The load generator: WebRTC clients in a process of their own, a system under test in another.
//!
//! `driver.rs` is the loop of one thread: it owns a UDP socket (`port.rs`) and whole rooms of participants
//! (`participant.rs`), each with one or two peer connections (`peer.rs`). Payloads say who sent which packet and when
//! (`stamp.rs`); `ledger.rs` checks every one that arrives. `system/` speaks with the system under test,
//! `process.rs` reads what it cost.

pub mod delays;
pub mod driver;
pub mod junk;
pub mod ledger;
pub mod media;
pub mod outcome;
pub mod participant;
pub mod peer;
pub mod port;
pub mod process;
pub mod quantiles;
pub mod scenario;
pub mod stamp;
pub mod system;
