//! Join tokens, as the control plane signs them.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use media_server::{ISSUER, JOIN_AUDIENCE, JoinClaims, Source};

use crate::host::{participant, room_id};
use crate::loadgen::participant::Who;

/// A token is good for this long, seconds.
const LIFE: u64 = 60;

pub(super) struct Signer {
    key: EncodingKey,
    /// base64url.
    pub(super) public: String,
}

impl Signer {
    pub(super) fn generate() -> Result<Self> {
        let pair = Ed25519KeyPair::generate()?;
        let public = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key());
        Ok(Self { key: EncodingKey::from_ed_der(pair.to_pkcs8()?.as_ref()), public })
    }

    /// Lets the participant in to publish these and to receive everything.
    #[expect(clippy::disallowed_methods, reason = "the clock of a command-line tool")]
    pub(super) fn sign(&self, Who { room, seat }: Who, publish: Vec<Source>) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = JoinClaims {
            iss: ISSUER.into(),
            aud: JOIN_AUDIENCE.into(),
            sub: participant(room, seat),
            room: room_id(room),
            publish,
            subscribe: true,
            iat: now,
            nbf: now.saturating_sub(1),
            exp: now + LIFE,
        };
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.key)?)
    }
}
