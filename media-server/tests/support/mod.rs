//! An engine, a few str0m clients standing in for browsers, and a network that loses and reorders, all in virtual
//! time; and a real media node on loopback sockets.
#![expect(
    clippy::disallowed_methods,
    reason = "part of every test binary; its clock starts at a real instant"
)]

pub(crate) mod fuzzed;
pub(crate) mod node;
pub(crate) mod peer;
pub(crate) mod sim;
pub(crate) mod srtp;
