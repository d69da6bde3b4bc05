//! Single sign-on: what we say to a provider and what it answers (OpenID Connect Core 1.0 with Discovery 1.0; authorization
//! code with PKCE, RFC 7636). Who the person is to us, `http/routes/oidc.rs` decides.
//!
//! A provider's description and keys are kept for an hour. Whatever it sends is bounded in size and in time, redirects
//! are not followed, and so many sign-ins speak with it at once; the next ones are told to come back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::{Client, RequestBuilder, Url, header, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::config::{OidcConfig, OidcProvider, is_private};
use crate::crypto::id_token::{Expected, IdTokenError, Profile, ProviderKeys, check};
use crate::crypto::{CryptoError, secret};
use crate::domain::time::Timestamp;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Of one question. A sign-in asks three at most, and its request may take ten seconds.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Of one answer.
const ANSWER_LIMIT: usize = 256 * 1024;
/// Description and keys are read again after this long.
const KEPT_FOR: Duration = Duration::from_hours(1);
/// A token with an unknown key makes us read the keys again, but not more often than this.
const KEYS_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// Sign-ins that speak with one provider at once.
const CONVERSATIONS: usize = 32;
const SCOPE: &str = "openid email profile";

/// Why a provider could not say who somebody is; in words for the operator, without anything about the person.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    #[error("it does not answer: {0}")]
    Silent(#[from] reqwest::Error),
    #[error("it answers with status {0}")]
    Status(u16),
    #[error("it answers with more than 256 KiB")]
    TooLarge,
    #[error("its answer makes no sense: {0}")]
    Strange(&'static str),
    #[error("too many sign-ins speak with it at once")]
    Busy,
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

impl OidcError {
    /// Whether it may work in a while.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Silent(_) | Self::Busy | Self::Status(500..))
    }
}

/// The configured providers.
pub struct Oidc(Vec<Provider>);

pub struct Provider {
    pub settings: OidcProvider,
    client: Client,
    known: Mutex<Option<Arc<Known>>>,
    places: Semaphore,
}

/// What a provider says of itself.
struct Known {
    metadata: Metadata,
    keys: ProviderKeys,
    read_at: Timestamp,
}

/// Discovery, section 3.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Endpoint,
    token_endpoint: Endpoint,
    jwks_uri: Endpoint,
    userinfo_endpoint: Option<Endpoint>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    /// RFC 9207.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
struct Endpoint(Url);

impl TryFrom<String> for Endpoint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Url::parse(&text).map(Self).map_err(|_| "no address")
    }
}

/// Of the token endpoint (RFC 6749 section 5.1).
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    #[serde(default)]
    access_token: String,
}

/// Somebody who is at the provider now. The secrets in it never leave us before their time, so it is not `Debug`.
pub struct Departure {
    redirect_uri: String,
    nonce: String,
    verifier: String,
    /// The provider has to ask for the person's secret again, whatever it remembers.
    proved_since: Option<Timestamp>,
}

/// What somebody goes to a provider for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    SignIn,
    /// To prove once more that it is them.
    Confirm,
}

/// What the browser brings back.
pub struct Return<'a> {
    pub code: &'a str,
    /// Who sends it (RFC 9207).
    pub issuer: Option<&'a str>,
}

impl Oidc {
    pub fn new(config: &OidcConfig) -> Result<Self, reqwest::Error> {
        config.providers.iter().cloned().map(Provider::new).collect::<Result<_, _>>().map(Self)
    }

    #[must_use]
    pub fn provider(&self, id: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.settings.id == id)
    }

    /// In the order of the configuration.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.0.iter()
    }
}

impl Provider {
    fn new(settings: OidcProvider) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self { settings, client, known: Mutex::default(), places: Semaphore::new(CONVERSATIONS) })
    }

    /// Where to send somebody who comes back to `redirect_uri`; `state` is still to be added to the address.
    pub async fn depart(
        &self,
        purpose: Purpose,
        redirect_uri: String,
        now: Timestamp,
    ) -> Result<(Departure, Url), OidcError> {
        let _place = self.places.try_acquire().map_err(|_| OidcError::Busy)?;
        let known = self.known(now).await?;
        let departure = Departure {
            redirect_uri,
            nonce: secret::generate()?,
            verifier: secret::generate()?,
            proved_since: (purpose == Purpose::Confirm).then_some(now),
        };
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, departure.verifier.as_bytes()));
        let mut address = known.metadata.authorization_endpoint.0.clone();
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &departure.redirect_uri)
            .append_pair("scope", SCOPE)
            .append_pair("nonce", &departure.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if purpose == Purpose::Confirm {
            address.query_pairs_mut().append_pair("prompt", "login").append_pair("max_age", "0");
        }
        Ok((departure, address))
    }

    /// Who came back.
    pub async fn arrive(
        &self,
        departure: &Departure,
        returned: Return<'_>,
        now: Timestamp,
    ) -> Result<Profile, OidcError> {
        let _place = self.places.try_acquire().map_err(|_| OidcError::Busy)?;
        let known = self.known(now).await?;
        // Another provider's answer that was led here must not learn its code (mix-up, RFC 9700 section 4.4).
        let metadata = &known.metadata;
        let needed = metadata.authorization_response_iss_parameter_supported;
        if returned.issuer.map_or(needed, |issuer| issuer != metadata.issuer) {
            return Err(OidcError::Strange("the browser came back from another issuer"));
        }
        let tokens = self.exchange(metadata, departure, returned.code).await?;
        let expected = Expected {
            issuer: &metadata.issuer,
            client_id: &self.settings.client_id,
            nonce: &departure.nonce,
            proved_since: departure.proved_since,
        };
        let profile = match check(&tokens.id_token, &known.keys, &expected, now) {
            Err(IdTokenError::UnknownKey) if now.since(known.read_at) >= KEYS_AGAIN_AFTER => {
                let known = self.read(now).await?;
                check(&tokens.id_token, &known.keys, &expected, now)?
            }
            checked => checked?,
        };
        self.complete(metadata, profile, &tokens.access_token).await
    }

    /// Trades the code for tokens (Core, section 3.1.3).
    async fn exchange(
        &self,
        metadata: &Metadata,
        departure: &Departure,
        code: &str,
    ) -> Result<Tokens, OidcError> {
        let (id, secret) = (self.settings.client_id.as_str(), self.settings.client_secret.as_str());
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &departure.redirect_uri),
            ("code_verifier", &departure.verifier),
        ];
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let takes = |name: &str| methods.iter().any(|method| method == name);
        let mut request = self.client.post(metadata.token_endpoint.0.clone());
        if secret.is_empty() {
            fields.push(("client_id", id));
        } else if takes("client_secret_post") && !takes("client_secret_basic") {
            fields.extend([("client_id", id), ("client_secret", secret)]);
        } else {
            // RFC 6749 section 2.3.1: both encoded as in a form first.
            let pair = STANDARD.encode(format!("{}:{}", escaped(id), escaped(secret)));
            request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
        }
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        parsed(&ask(request.body(form(&fields))).await?, "token endpoint")
    }

    /// Many providers tell the address only when asked once more (Core, section 5.3).
    async fn complete(
        &self,
        metadata: &Metadata,
        profile: Profile,
        access_token: &str,
    ) -> Result<Profile, OidcError> {
        let Some(Endpoint(endpoint)) = metadata.userinfo_endpoint.clone() else { return Ok(profile) };
        if profile.email.is_some() || access_token.is_empty() {
            return Ok(profile);
        }
        let told: Profile =
            parsed(&ask(self.client.get(endpoint).bearer_auth(access_token)).await?, "userinfo")?;
        if told.sub == profile.sub {
            Ok(told)
        } else {
            Err(OidcError::Strange("userinfo is about somebody else"))
        }
    }

    /// Description and keys, read again when they are old.
    async fn known(&self, now: Timestamp) -> Result<Arc<Known>, OidcError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known.filter(|known| now.since(known.read_at) < KEPT_FOR) {
            Some(known) => Ok(known),
            None => self.read(now).await,
        }
    }

    async fn read(&self, now: Timestamp) -> Result<Arc<Known>, OidcError> {
        let issuer = &self.settings.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = parsed(&ask(self.client.get(address)).await?, "discovery")?;
        if metadata.issuer != *issuer {
            return Err(OidcError::Strange("its issuer is not the configured one"));
        }
        let Metadata { authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint, .. } = &metadata;
        let endpoints =
            [Some(authorization_endpoint), Some(token_endpoint), Some(jwks_uri), userinfo_endpoint.as_ref()];
        if !endpoints.into_iter().flatten().all(|endpoint| is_as_private(&endpoint.0, issuer)) {
            return Err(OidcError::Strange("an endpoint is not https"));
        }
        let keys = ask(self.client.get(jwks_uri.0.clone())).await?;
        let keys = ProviderKeys::parse(&keys).ok_or(OidcError::Strange("key set"))?;
        let known = Arc::new(Known { metadata, keys, read_at: now });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
        Ok(known)
    }
}

/// Over TLS; without it only on this machine, and only for a provider that is on this machine itself.
fn is_as_private(endpoint: &Url, issuer: &str) -> bool {
    endpoint.scheme() == "https" || (issuer.starts_with("http://") && is_private(endpoint.as_str()))
}

async fn ask(request: RequestBuilder) -> Result<Vec<u8>, OidcError> {
    let request = request.header(header::ACCEPT, "application/json");
    let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
    if !response.status().is_success() {
        return Err(OidcError::Status(response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(OidcError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn parsed<T: DeserializeOwned>(json: &[u8], what: &'static str) -> Result<T, OidcError> {
    serde_json::from_slice(json).map_err(|_| OidcError::Strange(what))
}

/// `application/x-www-form-urlencoded`
fn form(fields: &[(&str, &str)]) -> String {
    let url = Url::parse_with_params("form:", fields);
    url.ok().and_then(|url| url.query().map(ToOwned::to_owned)).unwrap_or_default()
}

fn escaped(text: &str) -> String {
    form(&[("", text)]).trim_start_matches('=').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_credentials_are_escaped() {
        assert_eq!(form(&[("a", "x y&=+"), ("b", "ä")]), "a=x+y%26%3D%2B&b=%C3%A4");
        assert_eq!(escaped("s:e=c%"), "s%3Ae%3Dc%25");
    }

    #[test]
    fn what_is_asked_of_a_provider_travels_over_tls() {
        let url = |text: &str| Url::parse(text).unwrap();
        assert!(is_as_private(&url("https://sso.example/keys"), "https://sso.example"));
        assert!(is_as_private(&url("http://127.0.0.1:9/keys"), "http://127.0.0.1:9"));
        for (endpoint, issuer) in [
            ("http://sso.example/keys", "https://sso.example"),
            ("http://127.0.0.1:9/keys", "https://sso.example"),
            ("http://sso.example/keys", "http://127.0.0.1:9"),
            ("file:///etc/passwd", "http://127.0.0.1:9"),
        ] {
            assert!(!is_as_private(&url(endpoint), issuer), "{endpoint}");
        }
    }
}
