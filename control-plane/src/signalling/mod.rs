//! What happens between a browser and a consultation while it is on.

pub mod hub;
pub mod protocol;
pub mod tickets;
