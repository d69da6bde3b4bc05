//! The installation's Ed25519 key: mints join tokens for media nodes, which hold only the public half, and access tokens
//! (`token.rs`).
//!
//! Every kind of token has an audience of its own, set here and nowhere else, so none passes for another.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use media_server::{Grant, ISSUER, JOIN_AUDIENCE, JoinClaims};

use super::CryptoError;
use super::key_file::{KeyFileError, load_or_create};
use crate::domain::time::Timestamp;

/// How long a join token may be used; it is minted for the connect that follows at once.
pub const JOIN_TOKEN_SECONDS: u64 = 60;

/// Signs; cheap to clone.
#[derive(Clone)]
pub struct Signer(Arc<Keys>);

struct Keys {
    public: [u8; 32],
    jwt: EncodingKey,
}

impl Signer {
    /// Reads `signing.key` (the 32-byte seed) in `folder`, or makes one on the first start.
    pub fn open(folder: &Path) -> Result<Self, KeyFileError> {
        let seed = load_or_create(folder, "signing.key")?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| CryptoError::Sign)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| CryptoError::Sign)?;
        let document = pair.to_pkcs8v1().map_err(|_| CryptoError::Sign)?;
        Ok(Self(Arc::new(Keys { public, jwt: EncodingKey::from_ed_der(document.as_ref()) })))
    }

    /// The raw public key; what media nodes check with.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.0.public
    }

    /// What tokens are signed with.
    pub(super) fn jwt_key(&self) -> &EncodingKey {
        &self.0.jwt
    }

    /// A short-lived token that lets one participant into one room.
    pub fn join_token(&self, grant: &Grant, now: Timestamp) -> Result<String, CryptoError> {
        let now = now.seconds();
        let claims = JoinClaims {
            iss: ISSUER.into(),
            aud: JOIN_AUDIENCE.into(),
            sub: grant.participant,
            room: grant.room,
            publish: grant.publish.clone(),
            subscribe: grant.subscribe,
            iat: now,
            nbf: now,
            exp: now.saturating_add(JOIN_TOKEN_SECONDS),
        };
        encode(&Header::new(Algorithm::EdDSA), &claims, &self.0.jwt).map_err(|_| CryptoError::Sign)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use media_server::{ParticipantId, RoomId, Source};
    use uuid::Uuid;

    use super::*;

    fn grant() -> Grant {
        Grant {
            room: RoomId::from_uuid(Uuid::from_u128(1)),
            participant: ParticipantId::from_uuid(Uuid::from_u128(2)),
            publish: vec![Source::Microphone, Source::Camera],
            subscribe: true,
        }
    }

    #[test]
    fn a_join_token_says_who_where_and_until_when_under_our_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        let signer = Signer::open(&keys).unwrap();
        let token = signer.join_token(&grant(), Timestamp::from_millis(1_000_999)).unwrap();

        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[JOIN_AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.validate_exp = false;
        let read = |key: [u8; 32], validation: &Validation| {
            decode::<JoinClaims>(&token, &DecodingKey::from_ed_der(&key), validation).map(|data| data.claims)
        };
        let claims = read(signer.public_key(), &validation).unwrap();
        assert_eq!((claims.sub, claims.room), (grant().participant, grant().room));
        assert_eq!((claims.publish, claims.subscribe), (grant().publish, true));
        assert_eq!((claims.iat, claims.nbf, claims.exp), (1000, 1000, 1060));

        let reopened = Signer::open(&keys).unwrap();
        assert_eq!(reopened.public_key(), signer.public_key(), "the key stays over a restart");
        let other = Signer::open(&folder.path().join("other")).unwrap();
        assert!(read(other.public_key(), &validation).is_err(), "another installation's key");
        validation.set_audience(&["auscult-api"]);
        assert!(read(signer.public_key(), &validation).is_err(), "another audience");
    }
}
