//! What happens between a browser and a consultation while it is on.

pub mod protocol;
