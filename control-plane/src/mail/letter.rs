//! What is written. Plain text without names: somebody else may have typed the address, and the name with it.

use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MessageBuilder};

/// What somebody is told about their account.
#[derive(Clone)]
pub enum News {
    /// Their address waits to be verified.
    VerifyEmail {
        token: String,
    },
    /// Somebody, perhaps they themselves, tried to register it again.
    AddressTaken,
    ResetPassword {
        token: String,
    },
    PasswordChanged,
    SecondFactorRemoved,
    /// A doctor's application; how, they read after signing in.
    ApplicationDecided,
}

/// One mail. Holds an address and perhaps a secret, so it is not `Debug`.
#[derive(Clone)]
pub(super) struct Letter {
    pub(super) to: String,
    /// Of the clinic, where links lead: `https://…`.
    pub(super) origin: String,
    pub(super) news: News,
}

impl News {
    /// For logs.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify_email",
            Self::AddressTaken => "address_taken",
            Self::ResetPassword { .. } => "reset_password",
            Self::PasswordChanged => "password_changed",
            Self::SecondFactorRemoved => "second_factor_removed",
            Self::ApplicationDecided => "application_decided",
        }
    }

    /// Secrets stand in the fragment of the address, which browsers send to no server.
    fn text(&self, origin: &str) -> (&'static str, String) {
        match self {
            Self::VerifyEmail { token } => (
                "Confirm your e-mail address",
                format!(
                    "An account was made with this e-mail address. To confirm that the address is\n\
                     yours, open this page within 48 hours:\n\n{origin}/verify-email#{token}\n\n\
                     If it was not you, ignore this mail.\n"
                ),
            ),
            Self::AddressTaken => (
                "You already have an account",
                format!(
                    "Somebody tried to make an account with this e-mail address, which has one\n\
                     already. If it was you, sign in, or choose \"Forgot password\" there:\n\n{origin}/signin\n\n\
                     If it was not you, nothing needs to be done.\n"
                ),
            ),
            Self::ResetPassword { token } => (
                "Set a new password",
                format!(
                    "To set a new password, open this page within one hour:\n\n\
                     {origin}/reset-password#{token}\n\n\
                     If you did not ask for this, ignore this mail: your password stays as it is.\n"
                ),
            ),
            Self::PasswordChanged => (
                "Your password was changed",
                format!(
                    "The password of your account was changed. If it was not you, set a new one at\n\
                     once with \"Forgot password\", and tell the clinic:\n\n{origin}/signin\n"
                ),
            ),
            Self::SecondFactorRemoved => (
                "Your authenticator app was turned off",
                format!(
                    "Signing in to your account needs no code of an authenticator app any more. If\n\
                     it was not you, change your password and tell the clinic:\n\n{origin}/signin\n"
                ),
            ),
            Self::ApplicationDecided => (
                "Your application was decided",
                format!(
                    "The clinic has decided on what you handed in. To read the decision, sign in:\n\n\
                     {origin}/application\n"
                ),
            ),
        }
    }
}

impl Letter {
    /// `None` for an address that mail does not know.
    pub(super) fn message(&self, from: &Mailbox) -> Option<Message> {
        let to = Mailbox::new(None, self.to.parse().ok()?);
        let (subject, text) = self.news.text(&self.origin);
        // ASCII in short lines: the link stands there whole.
        let text = text.replace('\n', "\r\n");
        let body = Body::dangerous_pre_encoded(text.into_bytes(), ContentTransferEncoding::SevenBit);
        let builder: MessageBuilder = Message::builder().from(from.clone()).to(to).subject(subject);
        let mut message = builder.header(ContentType::TEXT_PLAIN).body(body).ok()?;
        // Nobody's holiday notice should answer (RFC 3834).
        let automatic =
            HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        message.headers_mut().insert_raw(automatic);
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> [News; 6] {
        let token = "t".repeat(43);
        [
            News::VerifyEmail { token: token.clone() },
            News::AddressTaken,
            News::ResetPassword { token },
            News::PasswordChanged,
            News::SecondFactorRemoved,
            News::ApplicationDecided,
        ]
    }

    #[test]
    fn letters_are_plain_text_that_needs_no_encoding_and_lead_only_to_the_clinic() {
        let from = "Clinic <no-reply@care.example>".parse().unwrap();
        for news in all() {
            let origin = "https://care.example".to_owned();
            let letter = Letter { to: "ada@example.org".into(), origin, news };
            let text = String::from_utf8(letter.message(&from).unwrap().formatted()).unwrap();
            assert!(text.contains("\r\nAuto-Submitted: auto-generated\r\n"), "{text}");
            assert!(text.contains("\r\nContent-Transfer-Encoding: 7bit\r\n"), "{text}");
            assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 80), "{text}");
            assert_eq!(text.matches("https://").count(), 1);
            assert!(text.contains("https://care.example/"), "{text}");
        }
    }

    #[test]
    fn an_address_cannot_bring_headers_along() {
        let from = "no-reply@care.example".parse().unwrap();
        for to in ["ada@example.org\r\nBcc: eve@example.org", "ada@example.org, eve@example.org", "ada"] {
            let origin = "https://care.example".to_owned();
            let letter = Letter { to: to.into(), origin, news: News::AddressTaken };
            assert!(letter.message(&from).is_none(), "{to}");
        }
    }
}
