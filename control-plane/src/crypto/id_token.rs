//! Id tokens of single sign-on (OpenID Connect Core 1.0, section 3.1.3.7): checked with the keys that the provider
//! publishes (RFC 7517), by `jsonwebtoken` over aws-lc-rs. Nothing in a token chooses its key or its rules: the header may
//! name one of the provider's keys, and that is all it may do.

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use crate::domain::time::Timestamp;

/// Signatures that anybody can check and only the provider can make; never a shared secret, never none.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];
/// How far the provider's clock and ours may be apart, seconds.
const SKEW: u64 = 60;
/// Longest subject (Core, section 2).
const SUBJECT_LEN: usize = 255;

/// Why a token was not taken. Says nothing of what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    #[error("the id token is not signed with a key that the provider publishes")]
    UnknownKey,
    #[error("the id token is no token of this provider for us")]
    Foreign,
    #[error("the id token is not of this time: are the clocks right?")]
    Time,
    #[error("the id token belongs to another sign-in")]
    Nonce,
    #[error("the provider does not say that the person has just signed in there")]
    NotAgain,
}

/// The keys that a provider publishes.
pub struct ProviderKeys(Vec<Jwk>);

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// What a token must say.
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    /// The person has to have proved themselves to the provider since (Core, section 3.1.2.1: `max_age`).
    pub proved_since: Option<Timestamp>,
}

/// What a provider says of a person. Holds names, so it is not `Debug`.
#[derive(Deserialize)]
pub struct Profile {
    /// The provider's name of the person, never given to another one.
    pub sub: String,
    #[serde(default)]
    pub email: Option<String>,
    /// Only `true` counts; some providers write other things.
    #[serde(default)]
    email_verified: Value,
    #[serde(default)]
    pub name: Option<String>,
}

impl Profile {
    #[must_use]
    pub fn is_email_verified(&self) -> bool {
        self.email_verified == Value::Bool(true)
    }
}

#[derive(Deserialize)]
struct Claims {
    aud: Audience,
    /// Seconds since the Unix epoch, as the others.
    exp: u64,
    iat: u64,
    #[serde(default)]
    nbf: u64,
    nonce: String,
    azp: Option<String>,
    auth_time: Option<u64>,
    #[serde(flatten)]
    profile: Profile,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    /// A token that others may take too could come from one of them.
    fn is_only(&self, client_id: &str) -> bool {
        match self {
            Self::One(one) => one == client_id,
            Self::Many(many) => matches!(&many[..], [one] if one == client_id),
        }
    }
}

impl ProviderKeys {
    /// Keys of kinds that we do not know are left out. `None`: not a key set.
    #[must_use]
    pub fn parse(json: &[u8]) -> Option<Self> {
        let set: KeySet = serde_json::from_slice(json).ok()?;
        Some(Self(set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect()))
    }

    /// The key that `header` names; without a name, the only one that fits.
    fn find(&self, header: &Header) -> Option<DecodingKey> {
        let mut fitting = self.0.iter().filter(|key| fits(key, header));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => DecodingKey::from_jwk(key).ok(),
            _ => None,
        }
    }
}

fn fits(key: &Jwk, header: &Header) -> bool {
    let common = &key.common;
    let kind = matches!(
        (&key.algorithm, header.alg),
        (AlgorithmParameters::RSA(_), Algorithm::RS256 | Algorithm::PS256)
            | (AlgorithmParameters::EllipticCurve(_), Algorithm::ES256 | Algorithm::ES384)
            | (AlgorithmParameters::OctetKeyPair(_), Algorithm::EdDSA)
    );
    kind && (header.kid.is_none() || header.kid == common.key_id)
        && common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
        && common.key_algorithm.is_none_or(|algorithm| algorithm.to_string() == format!("{:?}", header.alg))
}

/// Whom `token` is about.
///
/// # Errors
/// [`IdTokenError::UnknownKey`] may be cured by reading the provider's keys again; the others may not.
pub fn check(
    token: &str,
    keys: &ProviderKeys,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Profile, IdTokenError> {
    let header = decode_header(token).map_err(|_| IdTokenError::Foreign)?;
    if !ALGORITHMS.contains(&header.alg) || header.crit.is_some() {
        return Err(IdTokenError::Foreign);
    }
    let key = keys.find(&header).ok_or(IdTokenError::UnknownKey)?;
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[expected.client_id]);
    validation.set_issuer(&[expected.issuer]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    // Against our own clock instead, below.
    validation.validate_exp = false;
    let claims = decode::<Claims>(token, &key, &validation).map_err(|_| IdTokenError::Foreign)?.claims;
    let now = now.seconds();
    let soon = now.saturating_add(SKEW);
    if claims.exp.saturating_add(SKEW) <= now || claims.iat > soon || claims.nbf > soon {
        return Err(IdTokenError::Time);
    }
    if claims.nonce != expected.nonce {
        return Err(IdTokenError::Nonce);
    }
    let proved = |since: Timestamp| {
        claims.auth_time.is_some_and(|at| at <= soon && at.saturating_add(SKEW) >= since.seconds())
    };
    if !expected.proved_since.is_none_or(proved) {
        return Err(IdTokenError::NotAgain);
    }
    let ours = claims.aud.is_only(expected.client_id)
        && claims.azp.is_none_or(|party| party == expected.client_id)
        && (1..=SUBJECT_LEN).contains(&claims.profile.sub.len());
    if ours { Ok(claims.profile) } else { Err(IdTokenError::Foreign) }
}
