//! The HTTP API: one table of routes, one file of answers, handlers by resource.

pub mod actor;
pub mod aliases;
pub mod bearer;
pub mod export;
pub mod json;
pub mod known_browser;
pub mod layers;
pub mod openapi;
pub mod path;
pub mod pending;
pub mod refusals;
pub mod router;
pub mod routes;
pub mod sign_in;
pub mod throttle;
pub mod upload;
pub mod views;
