//! What the product is about, without I/O: no async, no SQL, no clock. Everything here is a value or a pure function.

pub mod access;
pub mod audit;
pub mod audit_export;
pub mod audit_filter;
pub mod audit_log;
pub mod break_glass;
pub mod checkpoint;
pub mod clinical;
pub mod consultation;
pub mod lockout;
pub mod merkle;
pub mod one_time;
pub mod password;
pub mod refresh;
pub mod search;
pub mod security;
pub mod session;
pub mod time;
pub mod totp;
pub mod transcript;
pub mod user;
pub mod verification;
