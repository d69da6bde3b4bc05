//! An engine, a few str0m clients standing in for browsers, and a network that loses and reorders; all in virtual time.
#![expect(
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "part of every test binary; its clock starts at a real instant"
)]

pub mod peer;
pub mod sim;
