//! The HTTP API: one table of routes, one file of answers, handlers by resource.

pub mod actor;
pub mod json;
pub mod layers;
pub mod router;
pub mod routes;
pub mod throttle;
pub mod views;
