//! Which passwords may be set: the clinic's rules, and never one of those that people choose first.

use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::GzDecoder;

/// Longest password, in bytes: longer ones would only cost time.
pub const MAX_BYTES: usize = 256;
/// One per line, lower case; made by `config/dev/common-passwords.py`.
const COMMON: &[u8] = include_bytes!("common-passwords.txt.gz");

/// What a clinic demands of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one switch of the configuration file")]
pub struct PasswordRules {
    pub min_chars: usize,
    pub upper: bool,
    pub lower: bool,
    pub digit: bool,
    pub special: bool,
}

/// Why a password may not be set, in words for the person who chose it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("needs {0} characters or more")]
    Short(usize),
    #[error("may have at most {MAX_BYTES} bytes")]
    Long,
    #[error("needs {0}")]
    Lacks(&'static str),
    #[error("is one of the first that somebody would try")]
    Common,
    #[error("must not be your e-mail address or a part of it")]
    Address,
}

/// The rules and the common passwords.
pub struct PasswordPolicy {
    pub rules: PasswordRules,
    common: BTreeSet<String>,
}

impl PasswordPolicy {
    /// Unpacks the list: some milliseconds, once.
    #[must_use]
    pub fn new(rules: PasswordRules) -> Self {
        let mut text = String::new();
        GzDecoder::new(COMMON).read_to_string(&mut text).expect("the embedded list is whole");
        Self { rules, common: text.lines().map(ToOwned::to_owned).collect() }
    }

    /// `email`: normalised address of whose password it is to be.
    pub fn check(&self, password: &str, email: &str) -> Result<(), WeakPassword> {
        let rules = self.rules;
        if password.chars().count() < rules.min_chars {
            return Err(WeakPassword::Short(rules.min_chars));
        }
        if password.len() > MAX_BYTES {
            return Err(WeakPassword::Long);
        }
        let lacks = |demanded: bool, is: fn(char) -> bool| demanded && !password.chars().any(is);
        for (missing, name) in [
            (lacks(rules.upper, char::is_uppercase), "an upper-case letter"),
            (lacks(rules.lower, char::is_lowercase), "a lower-case letter"),
            (lacks(rules.digit, char::is_numeric), "a digit"),
            (lacks(rules.special, |c| !c.is_alphanumeric()), "a character that is neither letter nor digit"),
        ] {
            if missing {
                return Err(WeakPassword::Lacks(name));
            }
        }
        let lower = password.to_lowercase();
        let local = email.split('@').next().unwrap_or_default();
        if !local.is_empty() && (email.contains(lower.as_str()) || is_same_core(&lower, local)) {
            return Err(WeakPassword::Address);
        }
        if self.common.contains(&lower) || self.common.contains(&core(&lower)) {
            return Err(WeakPassword::Common);
        }
        Ok(())
    }
}

fn is_same_core(password: &str, other: &str) -> bool {
    let core_of_other = core(other);
    !core_of_other.is_empty() && core(password) == core_of_other
}

/// A password without what is only decoration: letters written as look-alikes, and digits and signs at both ends.
fn core(lower: &str) -> String {
    let is_decoration = |c: char| !c.is_alphabetic() && !"@$".contains(c);
    let trimmed = lower.trim_matches(is_decoration);
    trimmed
        .chars()
        .map(|c| match c {
            '@' | '4' => 'a',
            '3' => 'e',
            '1' | '!' => 'i',
            '0' => 'o',
            '$' | '5' => 's',
            '7' => 't',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH_ONLY: PasswordRules =
        PasswordRules { min_chars: 12, upper: false, lower: false, digit: false, special: false };
    const EVERYTHING: PasswordRules =
        PasswordRules { min_chars: 8, upper: true, lower: true, digit: true, special: true };

    #[test]
    fn each_rule_refuses_what_lacks_it() {
        let policy = PasswordPolicy::new(EVERYTHING);
        for (password, refused) in [
            ("Ab1!xyz", WeakPassword::Short(8)),
            ("rv7!gkwoe", WeakPassword::Lacks("an upper-case letter")),
            ("RV7!GKWOE", WeakPassword::Lacks("a lower-case letter")),
            ("Rvx!gkwoe", WeakPassword::Lacks("a digit")),
            ("Rv7xgkwoe", WeakPassword::Lacks("a character that is neither letter nor digit")),
        ] {
            assert_eq!(policy.check(password, "ada@example.org"), Err(refused), "{password}");
        }
        assert_eq!(policy.check("Rv7!gkwoe", "ada@example.org"), Ok(()));
        let relaxed = PasswordPolicy::new(PasswordRules { min_chars: 8, ..LENGTH_ONLY });
        assert_eq!(relaxed.check("rvxgkwoe", "ada@example.org"), Ok(()), "each rule can be switched off");
        assert_eq!(relaxed.check(&"ä".repeat(129), "ada@example.org"), Err(WeakPassword::Long));
    }

    #[test]
    fn what_people_choose_first_is_refused_however_it_is_decorated() {
        let policy = PasswordPolicy::new(LENGTH_ONLY);
        assert!(policy.common.len() >= 3000, "{}", policy.common.len());
        for common in [
            "password1234",
            "P@ssw0rd2024!",
            "passwordpassword",
            "Iloveyou2025",
            "qwertyuiop12",
            "1qaz2wsx3edc",
            "123456789012",
            "aaaaaaaaaaaa",
            "Hospital-2026",
            "++ADMINISTRATOR++",
        ] {
            assert_eq!(policy.check(common, "ada@example.org"), Err(WeakPassword::Common), "{common}");
        }
        for good in ["correct horse battery", "Rain over 9 chimneys", "password of a walrus"] {
            assert_eq!(policy.check(good, "ada@example.org"), Ok(()), "{good}");
        }
    }

    #[test]
    fn an_address_is_no_password() {
        let policy = PasswordPolicy::new(LENGTH_ONLY);
        for own in ["ada.lovelace@example.org", "Ada.Lovelace", "ada.lovelace1815!"] {
            let refused = policy.check(own, "ada.lovelace@example.org");
            assert_eq!(refused, Err(WeakPassword::Address), "{own}");
        }
    }
}
