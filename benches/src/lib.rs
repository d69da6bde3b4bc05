//! What the benchmark programs share.

pub mod floor;
pub mod host;
pub mod loadgen;
pub mod report;
