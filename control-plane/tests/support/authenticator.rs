//! A passkey authenticator in software: the bytes that a browser with a real one would send (WebAuthn level 3, ES256,
//! attestation `none`).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 4;
const HAS_CREDENTIAL: u8 = 0x40;

/// Holds one passkey.
pub(crate) struct Authenticator {
    key: EcdsaKeyPair,
    pub(crate) id: Vec<u8>,
    /// Where the browser says it is.
    pub(crate) origin: String,
    /// Of the last ceremony; 0 stays 0, as synchronised passkeys do it.
    pub(crate) counter: u32,
    pub(crate) flags: u8,
    rp_id: String,
    user_handle: String,
}

impl Authenticator {
    pub(crate) fn new(origin: &str) -> Self {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref()).unwrap();
        let mut id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut id).unwrap();
        Self {
            key,
            id,
            origin: origin.into(),
            counter: 0,
            flags: USER_PRESENT | USER_VERIFIED,
            rp_id: String::new(),
            user_handle: String::new(),
        }
    }

    /// Nobody shows a finger or types a PIN.
    pub(crate) fn without_user_verification(&mut self) {
        self.flags &= !USER_VERIFIED;
    }

    /// The id of its passkey as browsers write it.
    pub(crate) fn name(&self) -> String {
        BASE64.encode(&self.id)
    }

    /// Says that it is `other`, with a key of its own.
    pub(crate) fn pose_as(&mut self, other: &Self) {
        (self.rp_id, self.user_handle) = (other.rp_id.clone(), other.user_handle.clone());
        self.id.clone_from(&other.id);
    }

    /// `navigator.credentials.create`
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (self.rp_id, self.user_handle) = (text(&options["rp"]["id"]), text(&options["user"]["id"]));
        let client_data = self.client_data("webauthn.create", &options["challenge"]);
        // Self-attestation and certificates are not asked for: {"fmt": "none", "attStmt": {}, "authData": …}
        let data = self.new_credential_data();
        let length = u8::try_from(data.len()).unwrap();
        let attestation =
            [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".as_slice(), &[length], data.as_slice()]
                .concat();
        json!({
            "id": BASE64.encode(&self.id), "rawId": BASE64.encode(&self.id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": BASE64.encode(&client_data), "attestationObject": BASE64.encode(&attestation),
                "authenticatorData": BASE64.encode(&data), "publicKeyAlgorithm": -7, "transports": ["internal"],
            },
        })
    }

    /// `navigator.credentials.get`
    pub(crate) fn get(&mut self, options: &Value) -> Value {
        assert_eq!(options["userVerification"], "required");
        if self.counter > 0 {
            self.counter += 1;
        }
        let client_data = self.client_data("webauthn.get", &options["challenge"]);
        let data = self.data(self.flags);
        let message = [data.as_slice(), digest(&SHA256, &client_data).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &message).unwrap();
        json!({
            "id": BASE64.encode(&self.id), "rawId": BASE64.encode(&self.id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": BASE64.encode(&client_data), "authenticatorData": BASE64.encode(&data),
                "signature": BASE64.encode(signature.as_ref()), "userHandle": self.user_handle,
            },
        })
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        let data = json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false});
        data.to_string().into_bytes()
    }

    /// Authenticator data, section 6.1.
    fn data(&self, flags: u8) -> Vec<u8> {
        let rp = digest(&SHA256, self.rp_id.as_bytes());
        [rp.as_ref(), &[flags], &self.counter.to_be_bytes()].concat()
    }

    /// With attested credential data, section 6.5.1, and the key as COSE (RFC 9053).
    fn new_credential_data(&self) -> Vec<u8> {
        let public = self.key.public_key().as_ref();
        let (x, y) = public[1..].split_at(32);
        let length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let cose = [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".as_slice(), x, b"\x22\x58\x20", y].concat();
        [self.data(self.flags | HAS_CREDENTIAL).as_slice(), &[0; 16], &length, &self.id, &cose].concat()
    }
}
