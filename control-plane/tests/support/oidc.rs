//! A provider of single sign-on on a loopback port, as OpenID Connect Core 1.0 and Discovery 1.0 describe one: its
//! description, its keys, codes that work once, PKCE (RFC 7636), client authentication, id tokens signed with ES256,
//! userinfo. What a dishonest or broken one would do is set by the test.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{Algorithm, EncodingKey};
use reqwest::Url;
use serde_json::{Value, json};

pub(crate) const CLIENT: &str = "auscult & co";
pub(crate) const SECRET: &str = "s3cret: with/odd+characters%";
/// Who everybody is, unless the test says otherwise.
pub(crate) const SUBJECT: &str = "248289761001";
const ACCESS_TOKEN: &str = "an access token";

type Fields = HashMap<String, String>;
type Change = Box<dyn Fn(&mut Value) + Send>;
type Forge = Box<dyn Fn(&Provider, &Value) -> String + Send>;

pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) signing: EncodingKey,
    /// As a JSON Web Key.
    pub(crate) public: Value,
}

impl Key {
    pub(crate) fn new(id: &str) -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref()).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let public = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id,
            "x": BASE64.encode(x), "y": BASE64.encode(y),
        });
        Self { id: id.into(), signing: EncodingKey::from_ec_der(document.as_ref()), public }
    }
}

/// `header.claims.signature`, whatever they say.
pub(crate) fn signed(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// What the browser was sent away with.
#[derive(Clone)]
struct Grant {
    challenge: String,
    redirect_uri: String,
    claims: Value,
}

#[derive(Clone)]
pub(crate) struct Provider(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) issuer: String,
    /// The newest signs.
    pub(crate) keys: Mutex<Vec<Key>>,
    grants: Mutex<HashMap<String, Grant>>,
    /// Changes the description that discovery gives.
    pub(crate) metadata: Mutex<Option<Change>>,
    /// Writes the next id tokens instead of us.
    pub(crate) forge: Mutex<Option<Forge>>,
    /// What userinfo says of everybody.
    pub(crate) userinfo: Mutex<Value>,
    /// Answers with these statuses instead, by path.
    pub(crate) broken: Mutex<HashMap<String, u16>>,
    asked: Mutex<HashMap<String, usize>>,
    codes: AtomicUsize,
}

impl std::ops::Deref for Provider {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Provider {
    #[expect(clippy::disallowed_methods, reason = "it serves as long as its test runs")]
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self(Arc::new(Shared {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            keys: Mutex::new(vec![Key::new("first")]),
            grants: Mutex::default(),
            metadata: Mutex::default(),
            forge: Mutex::default(),
            userinfo: Mutex::new(json!({"sub": SUBJECT})),
            broken: Mutex::default(),
            asked: Mutex::default(),
            codes: AtomicUsize::default(),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().get(path).copied().unwrap_or_default()
    }

    /// The person signs in at the address that the browser was sent to; the code that the browser takes back. `claims`
    /// come to what every id token says.
    pub(crate) fn authorize(&self, address: &Url, now_s: u64, claims: &Value) -> String {
        let asked: Fields = address.query_pairs().into_owned().collect();
        let place = format!("{}{}", address.origin().ascii_serialization(), address.path());
        assert_eq!(place, format!("{}/authorize", self.issuer));
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT));
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        for (name, length) in [("state", 43), ("nonce", 43), ("code_challenge", 43)] {
            assert_eq!(asked[name].len(), length, "{name}");
        }
        let mut all = json!({
            "iss": self.issuer, "aud": CLIENT, "sub": SUBJECT, "nonce": asked["nonce"],
            "iat": now_s, "exp": now_s + 300, "auth_time": now_s,
        });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let grant = Grant {
            challenge: asked["code_challenge"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
            claims: all,
        };
        let code = format!("code {}", self.codes.fetch_add(1, Ordering::SeqCst));
        self.grants.lock().unwrap().insert(code.clone(), grant);
        code
    }

    /// As an honest provider writes it.
    pub(crate) fn id_token(&self, claims: &Value) -> String {
        let keys = self.keys.lock().unwrap();
        let key = keys.last().unwrap();
        signed(&json!({"alg": "ES256", "typ": "JWT", "kid": key.id}), claims, &key.signing, Algorithm::ES256)
    }

    fn count(&self, path: &str) -> Result<(), StatusCode> {
        *self.asked.lock().unwrap().entry(path.into()).or_default() += 1;
        match self.broken.lock().unwrap().get(path) {
            Some(status) => Err(StatusCode::from_u16(*status).unwrap()),
            None => Ok(()),
        }
    }
}

async fn describe(State(provider): State<Provider>) -> Result<Json<Value>, StatusCode> {
    provider.count("discovery")?;
    let at = |path: &str| format!("{}/{path}", provider.issuer);
    let mut description = json!({
        "issuer": provider.issuer, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
        "jwks_uri": at("keys"), "userinfo_endpoint": at("userinfo"), "response_types_supported": ["code"],
        "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    });
    if let Some(change) = &*provider.metadata.lock().unwrap() {
        change(&mut description);
    }
    Ok(Json(description))
}

async fn keys(State(provider): State<Provider>) -> Result<Json<Value>, StatusCode> {
    provider.count("keys")?;
    let mut keys: Vec<Value> = provider.keys.lock().unwrap().iter().map(|key| key.public.clone()).collect();
    // What else stands in real key sets: other kinds, other uses.
    keys.push(json!({"kty": "AKP", "alg": "ML-DSA-65", "kid": "later", "pub": "AA"}));
    keys.push(json!({"kty": "RSA", "use": "enc", "kid": "first", "n": "AQAB", "e": "AQAB"}));
    Ok(Json(json!({"keys": keys})))
}

async fn token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Result<Json<Value>, (StatusCode, Json<Value>)> {
    let refuse = |status: StatusCode, error: &str| (status, Json(json!({"error": error})));
    provider.count("token").map_err(|status| refuse(status, "server_error"))?;
    if !is_client(&headers, &form) {
        return Err(refuse(StatusCode::UNAUTHORIZED, "invalid_client"));
    }
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let grant = provider.grants.lock().unwrap().remove(field("code"));
    let verifier = BASE64.encode(digest(&SHA256, field("code_verifier").as_bytes()));
    let is_granted =
        |grant: &Grant| grant.redirect_uri == field("redirect_uri") && grant.challenge == verifier;
    let grant = grant.filter(is_granted).filter(|_| field("grant_type") == "authorization_code");
    let grant = grant.ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "invalid_grant"))?;
    let id_token = match &*provider.forge.lock().unwrap() {
        Some(forge) => forge(&provider, &grant.claims),
        None => provider.id_token(&grant.claims),
    };
    Ok(Json(json!({
        "access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 300, "id_token": id_token,
    })))
}

/// RFC 6749 section 2.3.1: in the header, both encoded as in a form, or in the body.
fn is_client(headers: &HeaderMap, form: &Fields) -> bool {
    let basic =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    if let Some(basic) = basic {
        let text = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
        let decoded = Url::parse(&format!("form:?{}", text.replacen(':', "=", 1))).unwrap();
        let pair = decoded.query_pairs().into_owned().next().unwrap();
        return !form.contains_key("client_secret") && pair == (CLIENT.to_owned(), SECRET.to_owned());
    }
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    (field("client_id"), field("client_secret")) == (CLIENT, SECRET)
}

async fn userinfo(State(provider): State<Provider>, headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    provider.count("userinfo")?;
    if headers[header::AUTHORIZATION] != format!("Bearer {ACCESS_TOKEN}") {
        return Err(StatusCode::UNAUTHORIZED);
    }
    Ok(Json(provider.userinfo.lock().unwrap().clone()))
}
