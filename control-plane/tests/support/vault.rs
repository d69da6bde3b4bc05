//! HashiCorp Vault's Transit engine as its HTTP API documents it, on a loopback port: derived AES-256-GCM keys with
//! versions, `encrypt`, `decrypt`, `rewrap` (single and batch), `rotate`, `config`, reading a key; tokens, namespaces,
//! the sealed state and its errors.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "hvs.a-token-of-the-test";
pub(crate) const NAMESPACE: &str = "clinic";

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

pub(crate) struct Vault {
    pub(crate) url: String,
    state: Arc<Shared>,
}

struct Shared {
    keys: Mutex<BTreeMap<String, Key>>,
    sealed: AtomicBool,
    requests: AtomicU32,
}

struct Key {
    derived: bool,
    versions: Vec<[u8; 32]>,
    min_decryption_version: usize,
}

impl Vault {
    /// With a derived key `auscult` and a plain one `plain`.
    #[expect(clippy::disallowed_methods, reason = "it serves as long as its test runs")]
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let key = |derived| Key { derived, versions: vec![random()], min_decryption_version: 1 };
        let keys = BTreeMap::from([("auscult".to_owned(), key(true)), ("plain".to_owned(), key(false))]);
        let state = Arc::new(Shared {
            keys: Mutex::new(keys),
            sealed: AtomicBool::new(false),
            requests: AtomicU32::new(0),
        });
        let router = Router::new()
            .route("/v1/transit/keys/{key}", get(read))
            .route("/v1/transit/keys/{key}/rotate", post(rotate))
            .route("/v1/transit/keys/{key}/config", post(configure))
            .route("/v1/transit/{verb}/{key}", post(use_key))
            .with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    pub(crate) fn seal(&self, sealed: bool) {
        self.state.sealed.store(sealed, Ordering::SeqCst);
    }

    pub(crate) fn requests(&self) -> u32 {
        self.state.requests.load(Ordering::SeqCst)
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes
}

fn refused<T>(status: StatusCode, why: &str) -> Result<T, (StatusCode, Json<Value>)> {
    Err((status, Json(json!({"errors": [why]}))))
}

impl Shared {
    fn with<T>(
        &self,
        headers: &HeaderMap,
        name: &str,
        work: impl FnOnce(&mut Key) -> Result<T, (StatusCode, Json<Value>)>,
    ) -> Result<T, (StatusCode, Json<Value>)> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        if self.sealed.load(Ordering::SeqCst) {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "Vault is sealed");
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if (header("x-vault-token"), header("x-vault-namespace")) != (Some(TOKEN), Some(NAMESPACE)) {
            return refused(StatusCode::FORBIDDEN, "permission denied");
        }
        match self.keys.lock().unwrap().get_mut(name) {
            Some(key) => work(key),
            None => refused(StatusCode::NOT_FOUND, "no handler for route"),
        }
    }
}

async fn read(State(vault): State<Arc<Shared>>, headers: HeaderMap, Path(name): Path<String>) -> Answer {
    vault.with(&headers, &name, |key| {
        Ok(Json(json!({"data": {
            "name": name, "type": "aes256-gcm96", "derived": key.derived, "latest_version": key.versions.len(),
            "min_decryption_version": key.min_decryption_version, "supports_encryption": true,
        }})))
    })
}

async fn rotate(
    State(vault): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<StatusCode, (StatusCode, Json<Value>)> {
    vault.with(&headers, &name, |key| {
        key.versions.push(random());
        Ok(StatusCode::NO_CONTENT)
    })
}

async fn configure(
    State(vault): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(name): Path<String>,
    Json(body): Json<Value>,
) -> Result<StatusCode, (StatusCode, Json<Value>)> {
    vault.with(&headers, &name, |key| {
        let version = usize::try_from(body["min_decryption_version"].as_u64().unwrap()).unwrap();
        if version > key.versions.len() {
            return refused(
                StatusCode::BAD_REQUEST,
                "cannot set min decryption version of greater than latest",
            );
        }
        key.min_decryption_version = version;
        Ok(StatusCode::NO_CONTENT)
    })
}

async fn use_key(
    State(vault): State<Arc<Shared>>,
    headers: HeaderMap,
    Path((verb, name)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Answer {
    vault.with(&headers, &name, |key| {
        let Some(items) = body["batch_input"].as_array() else {
            let data = key.one(&verb, &body);
            return match data {
                Ok(data) => Ok(Json(json!({"data": data}))),
                Err(why) => refused(StatusCode::BAD_REQUEST, why),
            };
        };
        let results = items.iter().map(|item| match key.one(&verb, item) {
            Ok(data) => data,
            Err(why) => json!({"error": why}),
        });
        let results: Vec<Value> = results.collect();
        let failed = results.iter().any(|result| result.get("error").is_some());
        let body = Json(json!({"data": {"batch_results": results}}));
        if failed { Err((StatusCode::BAD_REQUEST, body)) } else { Ok(body) }
    })
}

impl Key {
    fn one(&self, verb: &str, item: &Value) -> Result<Value, &'static str> {
        let context = item["context"].as_str().unwrap_or_default();
        if self.derived && context.is_empty() {
            return Err("missing 'context' for key derivation; the key was created using a derived key");
        }
        match verb {
            "encrypt" => {
                let plaintext = item["plaintext"].as_str().ok_or("missing plaintext to encrypt")?;
                let plaintext =
                    STANDARD.decode(plaintext).map_err(|_| "failed to base64-decode plaintext")?;
                Ok(
                    json!({"ciphertext": self.encrypt(&plaintext, context), "key_version": self.versions.len()}),
                )
            }
            "decrypt" => Ok(json!({"plaintext": STANDARD.encode(self.decrypt(item, context)?)})),
            "rewrap" => {
                let plaintext = self.decrypt(item, context)?;
                Ok(
                    json!({"ciphertext": self.encrypt(&plaintext, context), "key_version": self.versions.len()}),
                )
            }
            _ => Err("unsupported operation"),
        }
    }

    fn cipher(&self, version: usize, context: &str) -> LessSafeKey {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.versions[version - 1]);
        let derived = hmac::sign(&key, context.as_bytes());
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, derived.as_ref()).unwrap())
    }

    fn encrypt(&self, plaintext: &[u8], context: &str) -> String {
        let (version, nonce) = (self.versions.len(), random());
        let nonce: [u8; 12] = nonce[..12].try_into().unwrap();
        let mut body = plaintext.to_vec();
        let sealing = Nonce::assume_unique_for_key(nonce);
        self.cipher(version, context).seal_in_place_append_tag(sealing, Aad::empty(), &mut body).unwrap();
        format!("vault:v{version}:{}", STANDARD.encode([&nonce[..], &body].concat()))
    }

    fn decrypt(&self, item: &Value, context: &str) -> Result<Vec<u8>, &'static str> {
        let text = item["ciphertext"].as_str().ok_or("missing ciphertext to decrypt")?;
        let text = text.strip_prefix("vault:v").ok_or("invalid ciphertext: no prefix")?;
        let (version, body) = text.split_once(':').ok_or("invalid ciphertext: wrong number of fields")?;
        let version: usize =
            version.parse().map_err(|_| "invalid ciphertext: version number could not be decoded")?;
        if version < self.min_decryption_version {
            return Err("ciphertext or signature version is disallowed by policy (too old)");
        }
        if version > self.versions.len() {
            return Err("invalid ciphertext: version is too new");
        }
        let bytes = STANDARD.decode(body).map_err(|_| "invalid ciphertext: could not decode base64")?;
        let (nonce, body) = bytes.split_first_chunk::<12>().ok_or("invalid ciphertext: too short")?;
        let mut body = body.to_vec();
        let opening = Nonce::assume_unique_for_key(*nonce);
        let plain = self.cipher(version, context).open_in_place(opening, Aad::empty(), &mut body);
        plain.map(|plain| plain.to_vec()).map_err(|_| "cipher: message authentication failed")
    }
}
