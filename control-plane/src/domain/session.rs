//! How long a sign-in lasts, how it was made, and what its person still has to do.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::time::Timestamp;
use super::user::{Role, User};
use crate::ids::{SessionId, UserId};

/// `last_seen` is written at most this often.
pub const SEEN_EVERY: Duration = Duration::from_mins(1);

/// What has just been ended: whatever is open in its name must close at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    Session(SessionId),
    /// Every session of the person.
    User(UserId),
}

impl Revocation {
    /// Whether something that `user` opened in `session` must close.
    #[must_use]
    pub fn covers(self, session: SessionId, user: UserId) -> bool {
        match self {
            Self::Session(ended) => ended == session,
            Self::User(ended) => ended == user,
        }
    }
}

/// How long sessions last; from the configuration.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Without a request for this long a session ends, unless its person takes part in an active consultation.
    pub idle: Duration,
    /// After this long a session ends in any case.
    pub absolute: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    Alive,
    /// Alive only in an active consultation.
    Idle,
    Expired,
}

impl SessionLimits {
    #[must_use]
    pub fn liveness(self, created_at: Timestamp, last_seen_at: Timestamp, now: Timestamp) -> Liveness {
        if now.since(created_at) >= self.absolute {
            Liveness::Expired
        } else if now.since(last_seen_at) >= self.idle {
            Liveness::Idle
        } else {
            Liveness::Alive
        }
    }
}

/// Who holds a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// By cookie.
    Browser,
    /// By access and refresh tokens.
    Api,
}

impl SessionKind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Api => "api",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Browser, Self::Api].into_iter().find(|kind| kind.name() == name)
    }
}

/// What was proved besides the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    None,
    Totp,
    Passkey,
    Recovery,
    /// The provider of single sign-on answers for it.
    Oidc,
}

impl SecondFactor {
    pub const ALL: [Self; 5] = [Self::None, Self::Totp, Self::Passkey, Self::Recovery, Self::Oidc];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::Recovery => "recovery",
            Self::Oidc => "oidc",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.name() == name)
    }
}

/// What somebody who has signed in has to do before they can work with consultations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Must {
    VerifyEmail,
    /// Wait until an administrator has verified the doctor.
    AwaitApproval,
    EnrolSecondFactor,
}

/// In the order in which they should be done. Guests were let in by a doctor: nothing. `verified_by_mail`: whether the
/// clinic sends mail at all; `needs_second_factor`: whether it wants one of this role.
#[must_use]
pub fn obligations(
    user: &User,
    second_factor: SecondFactor,
    verified_by_mail: bool,
    needs_second_factor: bool,
) -> Vec<Must> {
    if user.role == Role::Guest {
        return Vec::new();
    }
    let unverified = verified_by_mail && user.email_verified_at.is_none();
    let all = [
        (Must::VerifyEmail, unverified),
        (Must::EnrolSecondFactor, needs_second_factor && second_factor == SecondFactor::None),
        (Must::AwaitApproval, user.approved_at.is_none()),
    ];
    all.into_iter().filter(|(_, applies)| *applies).map(|(must, _)| must).collect()
}

/// A browser and its system in the words of a person, from `User-Agent`: for the list of devices, decides nothing.
#[must_use]
pub fn device_name(user_agent: &str) -> String {
    // The order matters: every browser names those it descends from.
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    let browser = first(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser", "Samsung Internet"),
        ("Firefox", "Firefox"),
        ("FxiOS", "Firefox"),
        ("CriOS", "Chrome"),
        ("Chrome", "Chrome"),
        ("Safari", "Safari"),
    ]);
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("Windows", "Windows"),
        ("Macintosh", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "Unknown device".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_people_name_them() {
        for (agent, name) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
                 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            ("curl/8.15", "Unknown device"),
            ("", "Unknown device"),
        ] {
            assert_eq!(device_name(agent), name, "{agent}");
        }
    }
}
