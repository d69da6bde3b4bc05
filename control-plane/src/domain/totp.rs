//! Codes of an authenticator app (RFC 6238: SHA-1, six digits, 30 seconds), and recovery codes.

use totp_rs::{Builder, Secret, Totp};

use super::time::Timestamp;

const ISSUER: &str = "Auscult";
/// Seconds that one code lasts.
const STEP: u64 = 30;
/// A code is taken one step before and after its own, for clocks that are a little off.
const SKEW: u16 = 1;
/// Recovery codes somebody gets at once.
pub const RECOVERY_CODES: usize = 10;
/// 32 characters that are hard to confuse.
pub const READABLE: [u8; 32] = *b"abcdefghijkmnpqrstuvwxyz23456789";

/// The secret is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a secret of an authenticator")]
pub struct NotASecret;

/// What the server and an authenticator app share. Neither `Debug` nor `Display`.
pub struct Authenticator(Totp);

impl Authenticator {
    /// `secret`: fresh from the operating system. `account`: shown in the app beside the issuer.
    pub fn new(secret: [u8; 20], account: &str) -> Result<Self, NotASecret> {
        Self::build(Secret::new_stack(secret), account)
    }

    /// From [`secret`](Self::secret).
    pub fn from_secret(base32: &str) -> Result<Self, NotASecret> {
        Self::build(Secret::try_from_base32(base32).map_err(|_| NotASecret)?, "")
    }

    fn build(secret: Secret, account: &str) -> Result<Self, NotASecret> {
        // A colon separates issuer and account in the URL.
        let account = account.replace(':', " ");
        Builder::new()
            .with_step_duration(STEP)
            .with_skew(SKEW)
            .with_secret(secret)
            .with_issuer(Some(ISSUER))
            .with_account_name(account)
            .build()
            .map(Self)
            .map_err(|_| NotASecret)
    }

    /// As it is typed into an app and as it is kept: base 32.
    #[must_use]
    pub fn secret(&self) -> String {
        self.0.secret().to_base32()
    }

    /// `otpauth://totp/…`, what the QR code holds.
    pub fn url(&self) -> Result<String, NotASecret> {
        self.0.to_url().map_err(|_| NotASecret)
    }

    /// The step of a code that is right now or was or will be within one step. Whoever takes it must refuse this step
    /// and all before it from then on (RFC 6238, section 5.2).
    #[must_use]
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let plausible = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let step = self.0.check(&digits, now.seconds()).filter(|_| plausible)?;
        i64::try_from(step).ok()
    }
}

/// A recovery code from 16 random bytes: 80 bits as `xxxx-xxxx-xxxx-xxxx`.
#[must_use]
pub fn recovery_code(random: [u8; 16]) -> String {
    let characters: Vec<char> = random
        .iter()
        .filter_map(|byte| READABLE.get(usize::from(byte % 32)))
        .map(|c| char::from(*c))
        .collect();
    let groups: Vec<String> = characters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

/// As a recovery code is compared: without what people add or leave out when they type it.
#[must_use]
pub fn normalise_recovery_code(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 20] = *b"12345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    /// RFC 6238, appendix B, SHA-1; the last six of its eight digits.
    #[test]
    fn the_vectors_of_the_standard() {
        let authenticator = Authenticator::new(SECRET, "ada@example.org").unwrap();
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(authenticator.step_of(code, at(seconds)), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_right_one_step_early_or_late_and_not_beyond() {
        let authenticator = Authenticator::new(SECRET, "ada@example.org").unwrap();
        // The code of step 1: 30 s to 59 s.
        for (seconds, taken) in [(0, true), (29, true), (30, true), (89, true), (90, false), (120, false)] {
            assert_eq!(authenticator.step_of("287082", at(seconds)), taken.then_some(1), "{seconds}");
        }
        for wrong in ["", "28708", "2870820", "287083", "٢٨٧٠٨٢", "+28708", "abcdef"] {
            assert_eq!(authenticator.step_of(wrong, at(59)), None, "{wrong}");
        }
        assert_eq!(authenticator.step_of("287 082", at(59)), Some(1), "as the apps show it");
    }

    #[test]
    fn the_url_is_what_apps_read_and_the_secret_comes_back() {
        let authenticator = Authenticator::new(SECRET, "a:da@example.org").unwrap();
        let url = authenticator.url().unwrap();
        assert_eq!(
            url,
            "otpauth://totp/Auscult:a%20da%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Auscult"
        );
        let again = Authenticator::from_secret(&authenticator.secret()).unwrap();
        assert_eq!(again.step_of("287082", at(59)), Some(1));
        assert!(Authenticator::from_secret("not base 32!").is_err());
    }

    #[test]
    fn recovery_codes_forgive_how_they_are_typed() {
        let code = recovery_code([0, 1, 2, 3, 4, 5, 6, 7, 8, 31, 63, 255, 12, 13, 14, 15]);
        assert_eq!(code, "abcd-efgh-i999-npqr");
        assert_eq!(normalise_recovery_code(" ABCD efgh-I999npqr"), "abcdefghi999npqr");
    }
}
