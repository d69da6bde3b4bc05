//! Join token -> [`Grant`]. A media node holds only the public key: it can check tokens, never mint them.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::{Deserialize, Serialize};

use crate::{ParticipantId, RoomId, Source};

/// Audience of join tokens; access tokens of the control plane carry another one, so neither passes for the other.
pub const JOIN_AUDIENCE: &str = "auscult-media";
pub const ISSUER: &str = "auscult";

/// Claims of a join token (JWT, `EdDSA`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JoinClaims {
    pub iss: String,
    pub aud: String,
    pub sub: ParticipantId,
    pub room: RoomId,
    /// Sources that may be published.
    pub publish: Vec<Source>,
    /// May receive the others' tracks.
    pub subscribe: bool,
    /// Seconds since the Unix epoch.
    pub iat: u64,
    pub nbf: u64,
    pub exp: u64,
}

/// What one participant may do in one room, for as long as the session lasts.
#[derive(Debug, Clone)]
pub struct Grant {
    pub room: RoomId,
    pub participant: ParticipantId,
    pub publish: Vec<Source>,
    pub subscribe: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("expired")]
    Expired,
    #[error("invalid")]
    Invalid,
    #[error("public key unusable")]
    Key,
}

/// Checks join tokens against one Ed25519 public key.
#[derive(Clone)]
pub struct JoinTokenVerifier {
    key: DecodingKey,
    validation: Validation,
}

impl JoinTokenVerifier {
    /// `public_key`: the raw 32 bytes of an Ed25519 public key.
    pub fn new(public_key: &[u8; 32]) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[JOIN_AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 5;
        Self { key: DecodingKey::from_ed_der(public_key), validation }
    }

    pub(crate) fn verify(&self, token: &str) -> Result<Grant, TokenError> {
        let claims = decode::<JoinClaims>(token, &self.key, &self.validation)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::ExpiredSignature => TokenError::Expired,
                _ => TokenError::Invalid,
            })?
            .claims;
        Ok(Grant {
            room: claims.room,
            participant: claims.sub,
            publish: claims.publish,
            subscribe: claims.subscribe,
        })
    }
}
