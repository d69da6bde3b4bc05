//! Auscult's control plane.

pub mod clock;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod http;
pub mod ids;
pub mod signalling;
pub mod store;
