//! The HTTP API: one table of routes, one file of answers, handlers by resource.

pub mod views;
