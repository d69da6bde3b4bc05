#![deny(clippy::indexing_slicing, reason = "its input is hostile")]
