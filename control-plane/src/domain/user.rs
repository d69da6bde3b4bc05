//! People who can sign in, and what others see of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time::Timestamp;
use crate::ids::UserId;

/// What somebody is to this clinic; decides what they may do (`access.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Patient,
    Doctor,
    Admin,
    /// Invited to one consultation through a one-time link; has no password.
    Guest,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Patient, Self::Doctor, Self::Admin, Self::Guest];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Doctor => "doctor",
            Self::Admin => "admin",
            Self::Guest => "guest",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Whether a doctor takes requests now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    Online,
    Busy,
    Offline,
}

impl Availability {
    pub const ALL: [Self; 3] = [Self::Online, Self::Busy, Self::Offline];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Busy => "busy",
            Self::Offline => "offline",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|availability| availability.name() == name)
    }
}

/// Where an account stands; the first that applies, from the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    Active,
    /// A doctor whom no administrator has verified yet.
    Pending,
    /// The address is not known to be their own.
    Unverified,
    Deactivated,
    Erased,
}

impl AccountState {
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Pending, Self::Unverified, Self::Deactivated, Self::Erased];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Unverified => "unverified",
            Self::Deactivated => "deactivated",
            Self::Erased => "erased",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// One account. Holds a name, so it is neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct User {
    pub id: UserId,
    /// Empty for guests.
    pub email: String,
    pub name: String,
    pub role: Role,
    /// A doctor's field, in the clinic's words; empty for everyone else.
    pub specialty: String,
    pub availability: Availability,
    pub email_verified_at: Option<Timestamp>,
    /// `None`: a doctor whom no administrator has verified yet.
    pub approved_at: Option<Timestamp>,
    /// May not sign in any more.
    pub deactivated_at: Option<Timestamp>,
}

/// An e-mail address as it is stored and compared: trimmed, lower case, one `@` with something on both sides.
#[must_use]
pub fn normalise_email(text: &str) -> Option<String> {
    let email = text.trim().to_lowercase();
    let (local, domain) = email.split_once('@')?;
    let plausible = !local.is_empty()
        && !domain.is_empty()
        && !domain.contains('@')
        && email.len() <= 254
        && !email.chars().any(|c| c.is_whitespace() || c.is_control());
    plausible.then_some(email)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_compare_without_case_and_refuse_what_is_none() {
        assert_eq!(normalise_email(" Ada@Example.ORG ").as_deref(), Some("ada@example.org"));
        for bad in ["", "ada", "@example.org", "ada@", "a@b@c", "a b@c", "ada@ex\nample.org"] {
            assert!(normalise_email(bad).is_none(), "{bad:?}");
        }
    }
}
