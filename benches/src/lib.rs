//! What the benchmark programs share.

pub mod floor;
pub mod host;
pub mod loadgen;
pub mod machine;
pub mod report;
#[cfg(feature = "trust")]
pub mod trust;
