//! An engine, a few str0m clients standing in for browsers, and a network that loses and reorders; all in virtual time.

pub mod peer;
pub mod sim;
