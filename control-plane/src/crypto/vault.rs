//! Master keys that never leave a key service: the Transit engine of HashiCorp Vault, or anything that speaks its HTTP
//! API. The key must be a derived one: each wrapped key is bound to its place by the derivation context, which, unlike
//! associated data, the API takes for `rewrap` too.

use std::path::PathBuf;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::CryptoError;
use super::sealed::{KEY_LEN, Place};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why the key service cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("keys.vault_url: not a URL with a host")]
    Url,
    #[error(transparent)]
    Trouble(#[from] VaultTrouble),
    #[error("keys.vault_key: {0}; make one with `vault write -f {1} derived=true`")]
    Unsuitable(&'static str, String),
}

/// The service's own trouble, which may pass; in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum VaultTrouble {
    #[error("keys.vault_token_file {path}: {error}", path = .path.display())]
    Token { path: PathBuf, error: std::io::Error },
    #[error("it does not answer")]
    Silent(#[source] reqwest::Error),
    #[error("it is sealed: unseal it")]
    Sealed,
    #[error(
        "it refuses the token (403): keys.vault_token_file needs one that may encrypt, decrypt and rewrap with the key, \
         read it, rotate it and change its config"
    )]
    Forbidden,
    #[error("it answers with status {0}")]
    Status(u16),
    #[error("it does not answer as Vault does")]
    Strange(#[source] reqwest::Error),
}

/// Why a request was not carried out.
enum Refused {
    /// It is about what was asked: the key, the ciphertext or its context is another one.
    Asked,
    Trouble(VaultTrouble),
}

impl From<Refused> for CryptoError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Asked => Self::DoesNotOpen,
            Refused::Trouble(trouble) => {
                tracing::error!(%trouble, "the key service cannot be used");
                Self::Unavailable
            }
        }
    }
}

/// What an operation needs of the configuration.
#[derive(Clone)]
pub struct VaultSettings {
    pub url: String,
    /// Empty: none (Vault's community edition has none).
    pub namespace: String,
    pub mount: String,
    pub key: String,
    /// Read for every request: an agent renews it.
    pub token_file: PathBuf,
}

pub(super) struct Vault {
    client: Client,
    settings: VaultSettings,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Ciphertext {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Plaintext {
    plaintext: String,
}

#[derive(Deserialize)]
struct Batch {
    batch_results: Vec<BatchItem>,
}

#[derive(Deserialize)]
struct BatchItem {
    #[serde(default)]
    ciphertext: String,
}

#[derive(Deserialize)]
struct KeyInfo {
    latest_version: u32,
    #[serde(default)]
    derived: bool,
}

impl Vault {
    pub(super) fn new(settings: VaultSettings) -> Result<Self, VaultError> {
        Url::parse(&settings.url).ok().filter(Url::has_host).ok_or(VaultError::Url)?;
        let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT).build();
        Ok(Self { client: client.map_err(VaultTrouble::Silent)?, settings })
    }

    /// Is the key there, and of the right kind?
    pub(super) async fn check(&self) -> Result<(), VaultError> {
        let path = format!("{}/keys/{}", self.settings.mount, self.settings.key);
        match self.info().await {
            Ok(KeyInfo { derived: true, .. }) => Ok(()),
            Ok(_) => Err(VaultError::Unsuitable("the key is not derived", path)),
            Err(Refused::Asked) => Err(VaultError::Unsuitable("there is no such key", path)),
            Err(Refused::Trouble(trouble)) => Err(trouble.into()),
        }
    }

    pub(super) async fn latest_version(&self) -> Result<u32, CryptoError> {
        Ok(self.info().await?.latest_version)
    }

    pub(super) async fn rotate(&self) -> Result<(), CryptoError> {
        let path = format!("keys/{}/rotate", self.settings.key);
        self.send(self.client.post(self.address(&path)).json(&json!({}))).await?;
        Ok(())
    }

    /// Versions below `version` open nothing from now on.
    pub(super) async fn retire_below(&self, version: u32) -> Result<(), CryptoError> {
        let path = format!("keys/{}/config", self.settings.key);
        let body = json!({"min_decryption_version": version});
        self.send(self.client.post(self.address(&path)).json(&body)).await?;
        Ok(())
    }

    pub(super) async fn wrap(
        &self,
        purpose: &str,
        place: &Place,
        key: &[u8; KEY_LEN],
    ) -> Result<Vec<u8>, CryptoError> {
        let plaintext = Zeroizing::new(STANDARD.encode(key));
        let body = json!({"plaintext": plaintext.as_str(), "context": context(purpose, place)});
        let Answer::<Ciphertext> { data } = self.ask("encrypt", &body).await?;
        Ok(data.ciphertext.into_bytes())
    }

    pub(super) async fn unwrap(
        &self,
        purpose: &str,
        place: &Place,
        wrapped: &[u8],
    ) -> Result<Zeroizing<[u8; KEY_LEN]>, CryptoError> {
        let ciphertext = std::str::from_utf8(wrapped).map_err(|_| CryptoError::DoesNotOpen)?;
        let body = json!({"ciphertext": ciphertext, "context": context(purpose, place)});
        let Answer::<Plaintext> { data } = self.ask("decrypt", &body).await?;
        let plaintext = Zeroizing::new(data.plaintext);
        let key = Zeroizing::new(STANDARD.decode(&*plaintext).map_err(|_| CryptoError::DoesNotOpen)?);
        Ok(Zeroizing::new(<[u8; KEY_LEN]>::try_from(&**key).map_err(|_| CryptoError::DoesNotOpen)?))
    }

    /// Under the latest version; the keys themselves stay in the service. All or nothing.
    pub(super) async fn rewrap(
        &self,
        purpose: &str,
        keys: &[(Place, Vec<u8>)],
    ) -> Result<Vec<Vec<u8>>, CryptoError> {
        let items = keys.iter().map(|(place, wrapped)| {
            json!({"ciphertext": String::from_utf8_lossy(wrapped), "context": context(purpose, place)})
        });
        let body = json!({"batch_input": items.collect::<Vec<Value>>()});
        let Answer::<Batch> { data } = self.ask("rewrap", &body).await?;
        let whole = data.batch_results.len() == keys.len()
            && data.batch_results.iter().all(|item| version_of(item.ciphertext.as_bytes()).is_ok());
        if !whole {
            return Err(CryptoError::DoesNotOpen);
        }
        Ok(data.batch_results.into_iter().map(|item| item.ciphertext.into_bytes()).collect())
    }

    async fn info(&self) -> Result<KeyInfo, Refused> {
        let path = format!("keys/{}", self.settings.key);
        let answer = self.send(self.client.get(self.address(&path))).await?;
        answer.json::<Answer<KeyInfo>>().await.map(|answer| answer.data).map_err(strange)
    }

    async fn ask<T: for<'de> Deserialize<'de>>(&self, verb: &str, body: &Value) -> Result<T, Refused> {
        let path = format!("{verb}/{}", self.settings.key);
        let answer = self.send(self.client.post(self.address(&path)).json(body)).await?;
        answer.json().await.map_err(strange)
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> Result<reqwest::Response, Refused> {
        let VaultSettings { namespace, token_file: path, .. } = &self.settings;
        let token = tokio::fs::read_to_string(path)
            .await
            .map_err(|error| Refused::Trouble(VaultTrouble::Token { path: path.clone(), error }))?;
        let token = Zeroizing::new(token);
        if !namespace.is_empty() {
            request = request.header("X-Vault-Namespace", namespace);
        }
        let answer = request.header("X-Vault-Token", token.trim()).send().await;
        let answer = answer.map_err(|error| Refused::Trouble(VaultTrouble::Silent(error.without_url())))?;
        let trouble = match answer.status() {
            status if status.is_success() => return Ok(answer),
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => return Err(Refused::Asked),
            StatusCode::FORBIDDEN => VaultTrouble::Forbidden,
            StatusCode::SERVICE_UNAVAILABLE => VaultTrouble::Sealed,
            status => VaultTrouble::Status(status.as_u16()),
        };
        Err(Refused::Trouble(trouble))
    }

    fn address(&self, path: &str) -> String {
        let VaultSettings { url, mount, .. } = &self.settings;
        format!("{}/v1/{mount}/{path}", url.trim_end_matches('/'))
    }
}

fn strange(error: reqwest::Error) -> Refused {
    Refused::Trouble(VaultTrouble::Strange(error.without_url()))
}

fn context(purpose: &str, place: &Place) -> String {
    // The service chooses the version itself, so it cannot be part of what binds.
    STANDARD.encode(place.bytes(purpose, 0))
}

/// `vault:v<version>:…`
pub(super) fn version_of(wrapped: &[u8]) -> Result<u32, CryptoError> {
    std::str::from_utf8(wrapped)
        .ok()
        .and_then(|text| text.strip_prefix("vault:v")?.split_once(':')?.0.parse().ok())
        .ok_or(CryptoError::DoesNotOpen)
}
