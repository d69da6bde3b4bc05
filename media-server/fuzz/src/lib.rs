//! The media server's entry points for hostile bytes, as `media-server/tests` drives them too.
#![allow(dead_code, reason = "the tests use the rest of the simulation")]

#[path = "../../tests/support/fuzzed.rs"]
mod fuzzed;
#[path = "../../tests/support/peer.rs"]
mod peer;
#[path = "../../tests/support/sim.rs"]
mod sim;
#[path = "../../tests/support/srtp.rs"]
mod srtp;

use std::cell::RefCell;

/// Inputs that share a call: its handshakes take longer than they do. A finding that needs the earlier ones is not
/// reproduced by the last one alone.
const INPUTS_PER_CALL: u32 = 64;

thread_local! {
    static CALL: RefCell<Option<(fuzzed::Call, u32)>> = const { RefCell::new(None) };
}

pub fn datagram(data: &[u8]) {
    fuzzed::datagrams(data);
}

pub fn sdp_offer(data: &[u8]) {
    fuzzed::sdp_offer(data);
}

pub fn media(data: &[u8]) {
    let (mut call, used) = CALL.take().unwrap_or_else(|| (fuzzed::Call::open(), 0));
    call.media(data);
    CALL.set((used < INPUTS_PER_CALL).then_some((call, used + 1)));
}
