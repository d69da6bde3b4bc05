//! The floor: a relay that receives, decrypts, encrypts and sends, and does nothing else. What a forwarded packet costs
//! above this is the price of being a media server.
//!
//! No RTCP, no retransmission, no congestion control, no layers, no statistics. str0m answers SDP, ICE and DTLS; its keys
//! are taken over (`keys.rs`), and RTP goes past it (`srtp.rs`, `relay.rs`) through the same batched socket calls as in
//! the media server.

mod keys;
mod port;
pub mod relay;
mod srtp;
