//! Access tokens of API clients: JWT (RFC 7519, profile RFC 9068), signed with the installation's Ed25519 key.
//!
//! A token's header must say exactly what ours says: one algorithm, one key, and nothing that names another key
//! (`jwk`, `jku`, `x5u`) or asks for something else (`crit`, `zip`). A valid token alone opens nothing: its session must
//! be alive in the database as well (`store/refresh_tokens.rs`).

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use media_server::ISSUER;
use serde::{Deserialize, Serialize};

use super::CryptoError;
use super::signer::Signer;
use crate::domain::time::Timestamp;
use crate::domain::user::Role;
use crate::ids::{RefreshTokenId, SessionId, TenantId, UserId};

/// Audience of access tokens; join tokens carry another one.
pub const AUDIENCE: &str = "auscult-api";
pub const LIFETIME: Duration = Duration::from_mins(10);
/// How far the clocks of two of our machines may be apart, seconds.
const SKEW: u64 = 5;
/// `typ` of RFC 9068.
const TYPE: &str = "at+jwt";

/// The token is not one of ours, or not for here and now. Which of these is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid access token")]
pub struct InvalidToken;

/// Whom a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    pub tenant: TenantId,
    pub user: UserId,
    pub role: Role,
    pub session: SessionId,
    /// The refresh token that was handed out with it.
    pub sibling: RefreshTokenId,
}

/// What the token says (RFC 9068 section 2.2, and three of our own).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessClaims {
    pub iss: String,
    pub aud: String,
    pub sub: UserId,
    pub role: Role,
    pub sid: SessionId,
    pub tenant: TenantId,
    pub jti: RefreshTokenId,
    /// Seconds since the Unix epoch, as `nbf` and `exp`.
    pub iat: u64,
    pub nbf: u64,
    pub exp: u64,
}

/// Mints and checks access tokens.
pub struct AccessTokens {
    header: Header,
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
}

impl AccessTokens {
    #[must_use]
    pub fn new(signer: &Signer) -> Self {
        let public = signer.public_key();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.into());
        header.kid = Some(key_id(&public));
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        // Against our own clock instead, below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self {
            header,
            signing: signer.jwt_key().clone(),
            checking: DecodingKey::from_ed_der(&public),
            validation,
        }
    }

    pub fn mint(&self, bearer: &Bearer, now: Timestamp) -> Result<String, CryptoError> {
        let now = now.seconds();
        let claims = AccessClaims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: bearer.user,
            role: bearer.role,
            sid: bearer.session,
            tenant: bearer.tenant,
            jti: bearer.sibling,
            iat: now,
            nbf: now,
            exp: now.saturating_add(LIFETIME.as_secs()),
        };
        encode(&self.header, &claims, &self.signing).map_err(|_| CryptoError::Sign)
    }

    /// Whom `token` stands for in the clinic `tenant`, and when it expires.
    pub fn verify(
        &self,
        token: &str,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<AccessClaims, InvalidToken> {
        let data =
            decode::<AccessClaims>(token, &self.checking, &self.validation).map_err(|_| InvalidToken)?;
        let (claims, now) = (data.claims, now.seconds());
        let in_time = claims.nbf <= now.saturating_add(SKEW) && now < claims.exp;
        let ours = data.header == self.header && claims.tenant == tenant;
        if ours && in_time { Ok(claims) } else { Err(InvalidToken) }
    }
}

/// Names a public key: the first 16 hex digits of its SHA-256.
fn key_id(public: &[u8; 32]) -> String {
    let mut name = hex::encode(digest(&SHA256, public));
    name.truncate(16);
    name
}
