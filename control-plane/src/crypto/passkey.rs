//! Passkeys (WebAuthn level 3): the two ceremonies, making one and proving one. User verification is required, so a
//! passkey alone is two factors. Attestation is not asked for: any authenticator will do.
//!
//! The checks are those of `webauthn_rp`, which brings its own verification of signatures; nothing secret is involved.

use serde_json::Value;
use webauthn_rp::bin::{Decode as _, Encode as _};
use webauthn_rp::request::auth::AuthenticationVerificationOptions;
use webauthn_rp::request::register::{
    PublicKeyCredentialUserEntity, RegistrationVerificationOptions, UserHandle16,
};
use webauthn_rp::request::{AsciiDomain, PublicKeyCredentialDescriptor, RpId};
use webauthn_rp::response::auth::error::AuthCeremonyErr;
use webauthn_rp::response::register::{CompressedPubKey, DynamicState, StaticState};
use webauthn_rp::response::{AuthTransports, CredentialId};
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication16, DiscoverableAuthenticationServerState,
    DiscoverableCredentialRequestOptions, PublicKeyCredentialCreationOptions, Registration,
    RegistrationServerState,
};

use crate::ids::UserId;

/// Why a passkey was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// Passkeys belong to names.
    #[error("passkeys need an address with a name, not an IP address")]
    NoName,
    /// Not what was asked for: another page, another challenge, another key, or nobody proved to be there.
    #[error("this passkey was not accepted")]
    Refused,
    /// Its counter went back: two authenticators have it.
    #[error("this passkey has been copied")]
    Copied,
    #[error("a stored passkey is unreadable")]
    Stored,
}

/// Whom passkeys are for: us, under the name that the browser shows.
pub struct RelyingParty {
    id: RpId,
    origin: String,
}

/// A passkey as it is stored.
pub struct StoredPasskey {
    pub user: UserId,
    /// The authenticator's own name of it.
    pub credential: Vec<u8>,
    pub public_key: Vec<u8>,
    /// Counter and flags as they were last seen.
    pub state: Vec<u8>,
    /// How browsers reach it; a set of bits.
    pub transports: u8,
}

/// A passkey is being made.
pub struct Enrolment(RegistrationServerState<16>);

/// A passkey is being asked for.
pub struct Question(DiscoverableAuthenticationServerState);

/// What a browser answered to a [`Question`]; nothing of it has been checked.
pub struct Answer(DiscoverableAuthentication16);

impl RelyingParty {
    /// `origin`: `https://host` or `https://host:port`, as the browser writes it.
    pub fn new(origin: &str) -> Result<Self, PasskeyError> {
        let authority = origin.strip_prefix("https://").ok_or(PasskeyError::NoName)?;
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let looks_like_ip = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
        let domain = AsciiDomain::try_from(host.to_owned()).map_err(|_| PasskeyError::NoName)?;
        if looks_like_ip {
            return Err(PasskeyError::NoName);
        }
        Ok(Self { id: RpId::Domain(domain), origin: origin.to_owned() })
    }

    /// Begins to make a passkey for somebody who has `existing` ones. The value goes to the browser
    /// (`PublicKeyCredentialCreationOptionsJSON`).
    pub fn enrol(
        &self,
        user: UserId,
        email: &str,
        name: &str,
        existing: &[StoredPasskey],
    ) -> Result<(Enrolment, Value), PasskeyError> {
        let id = handle(user)?;
        // What neither profile of RFC 8265 and 8266 takes is not shown; the key works without.
        let fallback = user.to_string();
        let shown = email.try_into().or_else(|_| fallback.as_str().try_into());
        let entity = PublicKeyCredentialUserEntity {
            name: shown.map_err(|_| PasskeyError::Refused)?,
            id: &id,
            display_name: name.try_into().ok(),
        };
        let existing = existing.iter().map(descriptor).collect::<Result<_, _>>()?;
        let options = PublicKeyCredentialCreationOptions::passkey(&self.id, entity, existing);
        let (state, client) = options.start_ceremony().map_err(|_| PasskeyError::Refused)?;
        let json = serde_json::to_value(&client).map_err(|_| PasskeyError::Refused)?;
        Ok((Enrolment(state), json))
    }

    /// Begins to ask for any passkey of anybody. The value goes to the browser (`PublicKeyCredentialRequestOptionsJSON`).
    pub fn ask(&self) -> Result<(Question, Value), PasskeyError> {
        let options = DiscoverableCredentialRequestOptions::passkey(&self.id);
        let (state, client) = options.start_ceremony().map_err(|_| PasskeyError::Refused)?;
        let json = serde_json::to_value(&client).map_err(|_| PasskeyError::Refused)?;
        Ok((Question(state), json))
    }
}

impl Enrolment {
    /// `credential`: `RegistrationResponseJSON`.
    pub fn finish(
        self,
        party: &RelyingParty,
        user: UserId,
        credential: &[u8],
    ) -> Result<StoredPasskey, PasskeyError> {
        let registration = Registration::from_json_relaxed(credential).map_err(|_| PasskeyError::Refused)?;
        let mut options = RegistrationVerificationOptions::<&str, &str>::default();
        let origins = [party.origin.as_str()];
        options.allowed_origins = &origins;
        // Browsers and authenticators add what they like; we ask for none and use none.
        options.error_on_unsolicited_extensions = false;
        let made = self.0.verify(&party.id, &registration, &options).map_err(|_| PasskeyError::Refused)?;
        Ok(StoredPasskey {
            user,
            credential: made.id().into_inner().to_vec(),
            public_key: made.static_state().encode().map_err(|_| PasskeyError::Refused)?,
            state: encoded(made.dynamic_state()),
            transports: match made.transports().encode() {
                Ok(bits) => bits,
            },
        })
    }
}

impl Answer {
    /// `credential`: `AuthenticationResponseJSON`.
    pub fn parse(credential: &[u8]) -> Result<Self, PasskeyError> {
        DiscoverableAuthentication16::from_json_relaxed(credential)
            .map(Self)
            .map_err(|_| PasskeyError::Refused)
    }

    /// The authenticator's name of the passkey.
    #[must_use]
    pub fn credential(&self) -> &[u8] {
        self.0.raw_id().into_inner()
    }
}

impl Question {
    /// Whether `answer` proves `passkey`; its new [`StoredPasskey::state`] if so.
    pub fn check(
        self,
        party: &RelyingParty,
        answer: &Answer,
        passkey: &StoredPasskey,
    ) -> Result<Vec<u8>, PasskeyError> {
        type PublicKey = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;
        let public_key =
            StaticState::<PublicKey>::decode(&passkey.public_key).map_err(|_| PasskeyError::Stored)?;
        let state = passkey.state.as_slice().try_into().map_err(|_| PasskeyError::Stored)?;
        let state = DynamicState::decode(state).map_err(|_| PasskeyError::Stored)?;
        let id = CredentialId::<&[u8]>::decode(&passkey.credential).map_err(|_| PasskeyError::Stored)?;
        let user = handle(passkey.user)?;
        let mut stored =
            AuthenticatedCredential::new(id, &user, public_key, state).map_err(|_| PasskeyError::Stored)?;
        let mut options = AuthenticationVerificationOptions::<&str, &str>::default();
        let origins = [party.origin.as_str()];
        options.allowed_origins = &origins;
        options.error_on_unsolicited_extensions = false;
        self.0.verify(&party.id, &answer.0, &mut stored, &options).map_err(|error| match error {
            AuthCeremonyErr::SignatureCounter => PasskeyError::Copied,
            _ => PasskeyError::Refused,
        })?;
        Ok(encoded(stored.dynamic_state()))
    }
}

/// What an authenticator knows a person by: 16 bytes that say nothing outside this server.
fn handle(user: UserId) -> Result<UserHandle16, PasskeyError> {
    UserHandle16::decode(user.uuid().into_bytes()).map_err(|_| PasskeyError::Refused)
}

fn descriptor(passkey: &StoredPasskey) -> Result<PublicKeyCredentialDescriptor<Vec<u8>>, PasskeyError> {
    Ok(PublicKeyCredentialDescriptor {
        id: CredentialId::<Vec<u8>>::decode(passkey.credential.clone()).map_err(|_| PasskeyError::Stored)?,
        transports: AuthTransports::decode(passkey.transports).map_err(|_| PasskeyError::Stored)?,
    })
}

fn encoded(state: DynamicState) -> Vec<u8> {
    match state.encode() {
        Ok(bytes) => bytes.to_vec(),
    }
}
