//! How long a sign-in lasts.

use std::time::Duration;

use super::time::Timestamp;

/// Without a request for this long a session ends, unless its person takes part in an active consultation.
pub const IDLE: Duration = Duration::from_mins(30);
/// After this long a session ends in any case.
pub const ABSOLUTE: Duration = Duration::from_hours(12);
/// `last_seen` is written at most this often.
pub const SEEN_EVERY: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    Alive,
    /// Alive only in an active consultation.
    Idle,
    Expired,
}

#[must_use]
pub fn liveness(created_at: Timestamp, last_seen_at: Timestamp, now: Timestamp) -> Liveness {
    if now.since(created_at) >= ABSOLUTE {
        Liveness::Expired
    } else if now.since(last_seen_at) >= IDLE {
        Liveness::Idle
    } else {
        Liveness::Alive
    }
}
