//! Auscult's control plane.

pub mod config;
pub mod domain;
pub mod http;
pub mod ids;
pub mod signalling;
