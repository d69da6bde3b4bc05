//! Secrets that are good for one thing, once, for a while.

use std::time::Duration;

/// What a one-time secret is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OneTimePurpose {
    /// Mailed: the address belongs to the account's person.
    VerifyEmail,
    /// Mailed: set a new password.
    ResetPassword,
    /// The password was right; the second factor is to follow.
    SecondStep,
    /// Everything was right, but the password has to be changed first.
    NewPassword,
    /// Printed for the operator: make the first administrator.
    Bootstrap,
}

impl OneTimePurpose {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::SecondStep => "second_step",
            Self::NewPassword => "new_password",
            Self::Bootstrap => "bootstrap",
        }
    }

    #[must_use]
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::VerifyEmail => Duration::from_hours(48),
            Self::ResetPassword => Duration::from_hours(1),
            Self::SecondStep | Self::NewPassword => Duration::from_mins(5),
            Self::Bootstrap => Duration::from_hours(7 * 24),
        }
    }
}
