//! Auscult's control plane.
pub mod ids;
pub mod signalling;
