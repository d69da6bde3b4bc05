//! What the product is about, without I/O: no async, no SQL, no clock. Everything here is a value or a pure function.

pub mod access;
pub mod audit;
pub mod consultation;
pub mod session;
pub mod time;
pub mod transcript;
pub mod user;
