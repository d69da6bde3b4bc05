//! Every option of the product in one place. `config/default.toml` is the reference manual; a file overrides it, the
//! environment (`AUSCULT_HTTP__LISTEN=…`) overrides the file. Whatever is unknown or makes no sense is refused at start,
//! with its key and where it was written. The only reader of the environment.

mod environment;
mod sections;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use media_server::{MediaConfig, WhisperConfig};
use serde::{Deserialize, Serialize};

/// The reference manual, embedded.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// The SQLite database in the data folder, where no other is configured.
pub const DATABASE_FILE: &str = "auscult.db";

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub http: HttpConfig,
    pub data: DataConfig,
    pub database: DatabaseConfig,
    pub keys: KeysConfig,
    pub audit: AuditConfig,
    pub accounts: AccountsConfig,
    pub mail: MailConfig,
    pub oidc: OidcConfig,
    pub media: MediaConfig,
    pub whisper: WhisperConfig,
    pub models: ModelsConfig,
    pub telemetry: TelemetryConfig,
}

pub use environment::master_keys_in_environment;
pub(crate) use sections::is_private;
pub use sections::{
    AccountsConfig, AuditConfig, KeyProvider, KeysConfig, MailConfig, OidcConfig, OidcProvider,
};

/// The `[http]` section: the one public port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address of the HTTPS port; port 0 lets the system choose (tests).
    pub listen: SocketAddr,
    /// `https://…` as people type it. Empty: taken from each request's `Host`.
    pub public_url: String,
    /// PEM chain and PEM key. Both empty: a certificate is made and kept in the data folder.
    pub certificate: PathBuf,
    pub private_key: PathBuf,
    pub max_connections: usize,
    pub handshake_timeout_s: u64,
    pub header_timeout_s: u64,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// How long a shutdown waits for the calls that are on.
    pub drain_s: u64,
    /// How long a shutdown waits for requests and captions in flight.
    pub shutdown_grace_s: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8443)),
            public_url: String::new(),
            certificate: PathBuf::new(),
            private_key: PathBuf::new(),
            max_connections: 4096,
            handshake_timeout_s: 10,
            header_timeout_s: 30,
            trusted_proxies: Vec::new(),
            drain_s: 10,
            shutdown_grace_s: 10,
        }
    }
}

/// The `[data]` section: what is kept on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Database, certificate and models; made with mode 0700.
    pub folder: PathBuf,
    /// Keys. Empty: `keys` in the data folder.
    pub keys: PathBuf,
    /// The list of erased people. Empty: `erasures.log` in the folder of the keys.
    pub erasures: PathBuf,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { folder: "data".into(), keys: PathBuf::new(), erasures: PathBuf::new() }
    }
}

impl DataConfig {
    #[must_use]
    pub fn keys_folder(&self) -> PathBuf {
        if self.keys.as_os_str().is_empty() { self.folder.join("keys") } else { self.keys.clone() }
    }

    #[must_use]
    pub fn erasure_ledger(&self) -> PathBuf {
        if self.erasures.as_os_str().is_empty() {
            self.keys_folder().join("erasures.log")
        } else {
            self.erasures.clone()
        }
    }

    #[must_use]
    pub fn models_folder(&self) -> PathBuf {
        self.folder.join("models")
    }
}

/// The `[database]` section.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `sqlite://…` or `postgres://…`. Empty: `auscult.db` in the data folder. May hold a password: never logged.
    pub url: String,
    /// PostgreSQL: the schema's owner, who migrates at start; `url` then is the role that serves. Empty: `auscult
    /// migrate` has been run by other means.
    pub owner_url: String,
}

/// The `[models]` section: where `auscult model fetch` downloads from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelsConfig {
    /// The file name is appended. Digests are built in, so a mirror need not be trusted.
    pub base_url: String,
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self { base_url: "https://huggingface.co/ggerganov/whisper.cpp/resolve/main".into() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

/// The `[telemetry]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// `info`, or `warn,media_server=debug`, …
    pub log: String,
    pub format: LogFormat,
    /// Who may read `/metrics`.
    pub metrics_allow: Vec<IpAddr>,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log: "info,whisper_rs=warn".into(),
            format: LogFormat::Text,
            metrics_allow: vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        }
    }
}

/// What is wrong with the configuration, in words an operator can act on.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("configuration file {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// Names the key and the file or variable it came from.
    #[error("configuration: {0}")]
    Refused(String),
    #[error("configuration: {key}: {why}")]
    Invalid { key: &'static str, why: String },
}

impl Config {
    /// Defaults, then `file`, then the environment; checked.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut sources = Figment::from(Toml::string(DEFAULTS));
        if let Some(path) = file {
            std::fs::metadata(path)
                .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
            sources = sources.merge(Toml::file_exact(path));
        }
        let environment = Env::prefixed("AUSCULT_").filter(|key| key.as_str().contains("__")).split("__");
        let config: Self =
            sources.merge(environment).extract().map_err(|error| ConfigError::Refused(explain(error)))?;
        config.check()?;
        Ok(config)
    }

    /// What types alone cannot refuse.
    pub fn check(&self) -> Result<(), ConfigError> {
        let invalid = |key, why: &str| Err(ConfigError::Invalid { key, why: why.to_owned() });
        if self.http.certificate.as_os_str().is_empty() != self.http.private_key.as_os_str().is_empty() {
            return invalid("http.certificate", "certificate and private_key must be set together");
        }
        if !self.http.public_url.is_empty() && !is_origin(&self.http.public_url) {
            return invalid("http.public_url", "must look like https://host or https://host:port");
        }
        if self.http.max_connections == 0 {
            return invalid("http.max_connections", "must be at least 1");
        }
        for (seconds, key) in [
            (self.http.handshake_timeout_s, "http.handshake_timeout_s"),
            (self.http.header_timeout_s, "http.header_timeout_s"),
        ] {
            if seconds == 0 {
                return invalid(key, "must be at least 1");
            }
        }
        if self.data.folder.as_os_str().is_empty() {
            return invalid("data.folder", "must name a folder");
        }
        let url = &self.database.url;
        if !url.is_empty() && !["sqlite:", "postgres:"].iter().any(|scheme| url.starts_with(scheme)) {
            return invalid("database.url", "must begin with sqlite: or postgres:");
        }
        if let Err((key, why)) = self.check_trust() {
            return invalid(key, &why);
        }
        let workers = u16::try_from(self.media.workers).unwrap_or(u16::MAX);
        if self.media.first_port != 0 && self.media.first_port.checked_add(workers.max(1) - 1).is_none() {
            return invalid("media.first_port", "first_port + workers goes beyond port 65535");
        }
        if self.media.max_participants_per_room < 2 {
            return invalid("media.max_participants_per_room", "must be at least 2");
        }
        if self.whisper.language.len() != 2 {
            return invalid("whisper.language", "must be an ISO 639-1 code of two letters");
        }
        if !self.models.base_url.starts_with("https://") && !self.models.base_url.starts_with("http://") {
            return invalid("models.base_url", "must be an http(s) URL");
        }
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.telemetry.log) {
            return invalid("telemetry.log", &error.to_string());
        }
        Ok(())
    }

    /// Are the files there that the configuration names? For `check-config` only: a server with an unusable model still
    /// serves calls, and says why there are no captions.
    pub fn check_files(&self) -> Result<(), ConfigError> {
        for (key, path) in [
            ("http.certificate", &self.http.certificate),
            ("http.private_key", &self.http.private_key),
            ("whisper.model", &self.whisper.model),
        ] {
            if !path.as_os_str().is_empty() && !path.is_file() {
                return Err(ConfigError::Invalid { key, why: format!("{} is not a file", path.display()) });
            }
        }
        Ok(())
    }

    /// The SQLite database, where no other is configured.
    #[must_use]
    pub fn database_file(&self) -> PathBuf {
        self.data.folder.join(DATABASE_FILE)
    }

    /// The configured database, else the SQLite file in the data folder.
    #[must_use]
    pub fn database_url(&self) -> String {
        if self.database.url.is_empty() {
            format!("sqlite://{}?mode=rwc", self.database_file().display())
        } else {
            self.database.url.clone()
        }
    }

    /// The effective configuration for the start-up log, as one line of JSON; secrets only as set or unset.
    #[must_use]
    pub fn redacted(&self) -> String {
        let mut shown = self.clone();
        let hide = |secret: &mut String| {
            let state = if secret.is_empty() { "unset" } else { "set" };
            state.clone_into(secret);
        };
        hide(&mut shown.database.url);
        hide(&mut shown.database.owner_url);
        hide(&mut shown.mail.smtp_url);
        shown.oidc.providers.iter_mut().for_each(|provider| hide(&mut provider.client_secret));
        serde_json::to_string(&shown).unwrap_or_else(|error| format!("not printable: {error}"))
    }
}

/// `scheme://host[:port]` and nothing more, over TLS.
fn is_origin(url: &str) -> bool {
    url.strip_prefix("https://").is_some_and(|rest| {
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c))
    })
}

/// One sentence per mistake: key, what is wrong, where it was written.
fn explain(errors: figment::Error) -> String {
    let one = |error: figment::Error| {
        let mut key = error.path.join(".");
        if let figment::error::Kind::UnknownField(name, _) = &error.kind
            && error.path.last() != Some(name)
        {
            key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
        }
        let place = match error.metadata.as_ref().map(|metadata| (&metadata.source, &metadata.name)) {
            Some((Some(figment::Source::File(path)), _)) => format!(" (in {})", path.display()),
            Some((_, name)) if !name.contains("TOML source string") => " (in the environment)".to_owned(),
            _ => String::new(),
        };
        if key.is_empty() {
            format!("{}{place}", error.kind)
        } else {
            format!("{key}: {}{place}", error.kind)
        }
    };
    errors.into_iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_says_what_the_code_does() {
        let documented: Config = toml::from_str(DEFAULTS).expect("default.toml parses");
        assert_eq!(documented, Config::default());
    }

    #[test]
    fn the_manual_names_every_option() {
        let code = toml::Value::try_from(Config::default()).expect("serialises");
        let manual: toml::Value = toml::from_str(DEFAULTS).expect("parses");
        assert_eq!(manual, code);
    }

    #[test]
    fn the_clinic_example_is_accepted() {
        let example = include_str!("../../config/example.single.toml");
        let config: Config = toml::from_str(example).expect("example.single.toml parses");
        assert!(config.data.folder.is_absolute());
    }

    #[test]
    fn secrets_are_shown_only_as_set_or_unset() {
        let mut config = Config::default();
        config.database.url = "sqlite://hunter2.db".into();
        let shown = config.redacted();
        assert!(!shown.contains("hunter2"));
        assert!(shown.contains(r#""url":"set""#), "{shown}");
    }

    #[test]
    fn half_a_certificate_is_refused_with_its_key() {
        let mut config = Config::default();
        config.http.certificate = "cert.pem".into();
        assert!(config.check().unwrap_err().to_string().starts_with("configuration: http.certificate:"));
    }

    #[test]
    fn origins_are_told_from_other_urls() {
        assert!(is_origin("https://care.example:8443"));
        for bad in ["http://care.example", "https://", "https://care.example/path", "care.example"] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
