//! The sections about accounts, keys and the audit log.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Config;
use crate::domain::lockout::LockoutRule;
use crate::domain::password::PasswordRules;
use crate::domain::security::Thresholds;
use crate::domain::session::SessionLimits;
use crate::domain::time::Timestamp;
use crate::domain::user::Role;

/// Where the master key comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyProvider {
    /// Files in `data.keys`, made at first start.
    #[default]
    File,
    /// `AUSCULT_MASTER_KEY` (and `AUSCULT_MASTER_KEY_<version>` for earlier ones, or all by their versions), 64 hex digits.
    Environment,
    /// The Transit engine of HashiCorp Vault or anything that speaks its HTTP API.
    Vault,
}

/// The `[keys]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysConfig {
    pub provider: KeyProvider,
    pub vault_url: String,
    /// Vault Enterprise and OpenBao have namespaces; empty: none.
    pub vault_namespace: String,
    /// Mount of the Transit engine.
    pub vault_mount: String,
    /// Name of the Transit key.
    pub vault_key: String,
    /// File that holds the token; read again when it changes.
    pub vault_token_file: PathBuf,
}

impl Default for KeysConfig {
    fn default() -> Self {
        Self {
            provider: KeyProvider::File,
            vault_url: String::new(),
            vault_namespace: String::new(),
            vault_mount: "transit".into(),
            vault_key: "auscult".into(),
            vault_token_file: PathBuf::new(),
        }
    }
}

/// The `[audit]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// Signed checkpoints are appended to files here. Empty: `checkpoints` in the data folder.
    pub checkpoints: PathBuf,
    /// At most this long until new entries are covered by a checkpoint.
    pub checkpoint_interval_s: u64,
    /// What is longer ago is not counted together when the log is watched for what looks wrong.
    pub watch_window_s: u64,
    /// Wrong secrets from one address within the window.
    pub watch_wrong_secrets: usize,
    /// Refused requests of one person within the window.
    pub watch_refusals: usize,
    /// Patients whose data one person opens within the window.
    pub watch_patients: usize,
    /// Emergency access from this hour of the day (UTC) …
    pub night_from_h: u8,
    /// … up to this one is unusual.
    pub night_to_h: u8,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            checkpoints: PathBuf::new(),
            checkpoint_interval_s: 60,
            watch_window_s: 600,
            watch_wrong_secrets: 20,
            watch_refusals: 20,
            watch_patients: 50,
            night_from_h: 22,
            night_to_h: 6,
        }
    }
}

impl Config {
    /// When the audit log looks wrong.
    #[must_use]
    pub const fn thresholds(&self) -> Thresholds {
        let audit = &self.audit;
        Thresholds {
            window: Duration::from_secs(audit.watch_window_s),
            wrong_secrets: audit.watch_wrong_secrets,
            refusals: audit.watch_refusals,
            patients: audit.watch_patients,
            night: (audit.night_from_h, audit.night_to_h),
        }
    }

    /// Where signed checkpoints of the audit log are appended to.
    #[must_use]
    pub fn checkpoints_folder(&self) -> PathBuf {
        let configured = &self.audit.checkpoints;
        if configured.as_os_str().is_empty() {
            self.data.folder.join("checkpoints")
        } else {
            configured.clone()
        }
    }
}

/// The `[accounts]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one switch of the configuration file")]
pub struct AccountsConfig {
    /// Whether patients and doctors may make accounts themselves.
    pub registration: bool,
    pub password_min_chars: usize,
    pub password_upper: bool,
    pub password_lower: bool,
    pub password_digit: bool,
    pub password_special: bool,
    /// 0: passwords do not age.
    pub password_max_age_days: u32,
    pub session_idle_minutes: u32,
    pub session_max_hours: u32,
    pub lockout_failures: u32,
    pub lockout_minutes: u32,
    /// Roles that must have a second factor: `"doctor"`, `"admin"`, `"patient"`.
    pub second_factor_roles: Vec<String>,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        Self {
            registration: true,
            password_min_chars: 12,
            password_upper: false,
            password_lower: false,
            password_digit: false,
            password_special: false,
            password_max_age_days: 0,
            session_idle_minutes: 30,
            session_max_hours: 12,
            lockout_failures: 5,
            lockout_minutes: 30,
            second_factor_roles: Vec::new(),
        }
    }
}

impl AccountsConfig {
    #[must_use]
    pub const fn password_rules(&self) -> PasswordRules {
        PasswordRules {
            min_chars: self.password_min_chars,
            upper: self.password_upper,
            lower: self.password_lower,
            digit: self.password_digit,
            special: self.password_special,
        }
    }

    #[must_use]
    pub fn session_limits(&self) -> SessionLimits {
        SessionLimits {
            idle: Duration::from_mins(u64::from(self.session_idle_minutes)),
            absolute: Duration::from_hours(u64::from(self.session_max_hours)),
        }
    }

    /// For an account or a known browser.
    #[must_use]
    pub fn lockout(&self) -> LockoutRule {
        let period = Duration::from_mins(u64::from(self.lockout_minutes));
        LockoutRule { failures: self.lockout_failures, period }
    }

    /// For an address: a whole hospital may come from one.
    #[must_use]
    pub fn address_lockout(&self) -> LockoutRule {
        let rule = self.lockout();
        LockoutRule { failures: rule.failures.saturating_mul(10), ..rule }
    }

    /// Whether a password has to be changed before anything else: somebody said so, or it is too old.
    #[must_use]
    pub fn must_change(&self, demanded: bool, changed_at: Option<Timestamp>, now: Timestamp) -> bool {
        let max_age = Duration::from_hours(24 * u64::from(self.password_max_age_days));
        let too_old = changed_at.is_none_or(|at| now.since(at) >= max_age);
        demanded || (!max_age.is_zero() && too_old)
    }

    #[must_use]
    pub fn needs_second_factor(&self, role: Role) -> bool {
        self.second_factor_roles.iter().any(|name| name == role.name())
    }
}

/// The `[mail]` section.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailConfig {
    /// `smtp://…` or `smtps://user:password@host`. Empty: no mail is sent and no address has to be verified. Never logged.
    pub smtp_url: String,
    /// `Clinic <no-reply@care.example>`
    pub from: String,
}

impl MailConfig {
    #[must_use]
    pub const fn is_on(&self) -> bool {
        !self.smtp_url.is_empty()
    }
}

/// The `[oidc]` section: single sign-on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OidcConfig {
    pub providers: Vec<OidcProvider>,
}

impl OidcConfig {
    fn check(&self) -> Result<(), String> {
        let is_id = |id: &str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        for (index, provider) in self.providers.iter().enumerate() {
            let OidcProvider { id, name, issuer, client_id, .. } = provider;
            if !is_id(id) {
                return Err(format!("id {id:?} may hold letters, digits and hyphens"));
            }
            if self.providers.iter().take(index).any(|other| other.id == *id) {
                return Err(format!("two providers have the id {id:?}"));
            }
            if !is_private(issuer) || issuer.contains(['?', '#', '\n']) {
                let why = "must begin with https:// (http:// only on this machine) and have neither ? nor #";
                return Err(format!("the issuer of {id:?} {why}"));
            }
            if name.is_empty() || client_id.is_empty() {
                return Err(format!("{id:?} needs a name and a client_id"));
            }
        }
        Ok(())
    }
}

/// One OpenID Connect provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcProvider {
    /// In our addresses: letters, digits, hyphens.
    pub id: String,
    /// On the button.
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    /// Empty for a public client. Never logged.
    #[serde(default)]
    pub client_secret: String,
    /// Host of the clinic whose people come by it; empty: every clinic's.
    #[serde(default)]
    pub clinic: String,
    /// Whether it links with an account of the same address, if both sides have verified that.
    #[serde(default)]
    pub link_by_email: bool,
    /// Whether somebody without an account is given a patient's.
    #[serde(default)]
    pub register: bool,
    /// Whether it asks for a second factor itself, so that we need not.
    #[serde(default)]
    pub second_factor: bool,
}

impl Config {
    pub(super) fn check_trust(&self) -> Result<(), (&'static str, String)> {
        let (accounts, mail) = (&self.accounts, &self.mail);
        if !(8..=128).contains(&accounts.password_min_chars) {
            return Err(("accounts.password_min_chars", "must be 8 to 128".into()));
        }
        for (key, value) in [
            ("accounts.session_idle_minutes", accounts.session_idle_minutes),
            ("accounts.session_max_hours", accounts.session_max_hours),
            ("accounts.lockout_failures", accounts.lockout_failures),
            ("accounts.lockout_minutes", accounts.lockout_minutes),
        ] {
            if value == 0 {
                return Err((key, "must be at least 1".into()));
            }
        }
        if let Some(role) = accounts
            .second_factor_roles
            .iter()
            .find(|role| !["patient", "doctor", "admin"].contains(&role.as_str()))
        {
            return Err(("accounts.second_factor_roles", format!("{role:?} is no role that signs in")));
        }
        if !mail.smtp_url.is_empty() && !["smtp://", "smtps://"].iter().any(|s| mail.smtp_url.starts_with(s))
        {
            return Err(("mail.smtp_url", "must begin with smtp:// or smtps://".into()));
        }
        if !mail.smtp_url.is_empty() && !mail.from.contains('@') {
            return Err(("mail.from", "must be the address that mails come from".into()));
        }
        if mail.is_on() && self.http.public_url.is_empty() {
            return Err(("http.public_url", "is needed for the links in mails (mail.smtp_url)".into()));
        }
        if self.keys.provider == KeyProvider::Vault && !is_private(&self.keys.vault_url) {
            let why = "must begin with https:// (http:// only to this machine: keys pass over it)";
            return Err(("keys.vault_url", why.into()));
        }
        if self.audit.checkpoint_interval_s == 0 {
            return Err(("audit.checkpoint_interval_s", "must be at least 1".into()));
        }
        for (key, hour) in
            [("audit.night_from_h", self.audit.night_from_h), ("audit.night_to_h", self.audit.night_to_h)]
        {
            if hour > 23 {
                return Err((key, "must be 0 to 23".into()));
            }
        }
        self.oidc.check().map_err(|why| ("oidc.providers", why))
    }
}

/// Whether nobody on the way can read what is sent to this URL.
pub(crate) fn is_private(url: &str) -> bool {
    let loopback = |rest: &str| {
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        ["localhost", "127.0.0.1", "[::1]"].contains(&host)
    };
    url.starts_with("https://") || url.strip_prefix("http://").is_some_and(loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_travel_in_the_open_on_this_machine_only() {
        for url in
            ["https://vault.example:8200", "http://127.0.0.1:8200", "http://localhost/x", "http://[::1]:8200"]
        {
            assert!(is_private(url), "{url}");
        }
        for url in [
            "",
            "http://vault.example",
            "http://127.0.0.1.evil.example",
            "http://localhost@evil.example",
            "ftp://localhost",
        ] {
            assert!(!is_private(url), "{url}");
        }
    }
}
