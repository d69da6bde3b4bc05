//! The three levels of keys: the master key (a file) wraps one key per patient (a table), a patient key wraps a fresh
//! data key per sealed value. Changing the master key re-wraps patient keys and touches no data; destroying one
//! patient's key makes everything sealed for that patient unreadable.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::key_file::{KeyFileError, load_or_create};
use super::sealed::{PatientKey, Place, WrappingKey};
use super::{CryptoError, random};
use crate::ids::{TenantId, UserId};

/// Version of the one master key that exists before the first rotation.
const FIRST_VERSION: u32 = 1;

/// A patient's key as it is stored: useless without the master key.
pub struct WrappedKey {
    /// Version of the patient's key.
    pub version: u32,
    /// Version of the master key that wraps it.
    pub master_version: u32,
    pub bytes: Vec<u8>,
}

/// Holds the master key; cheap to clone.
#[derive(Clone)]
pub struct Keyring(Arc<Keys>);

struct Keys {
    master: WrappingKey,
    csrf: hmac::Key,
}

impl Keyring {
    /// Reads `master.key` in `folder`, or makes one on the first start.
    pub fn open(folder: &Path) -> Result<Self, KeyFileError> {
        let master = load_or_create(folder, "master.key")?;
        Ok(Self(Arc::new(Keys {
            master: WrappingKey::new(FIRST_VERSION, &master)?,
            csrf: hmac::Key::new(hmac::HMAC_SHA256, &*derive(&master, "csrf")?),
        })))
    }

    /// A key for a patient who has none.
    pub fn new_patient_key(
        &self,
        tenant: TenantId,
        patient: UserId,
    ) -> Result<(PatientKey, WrappedKey), CryptoError> {
        let key = Zeroizing::new(random::<32>()?);
        let place = patient_key_place(tenant, patient, FIRST_VERSION);
        let wrapped = WrappedKey {
            version: FIRST_VERSION,
            master_version: self.0.master.version,
            bytes: self.0.master.wrap("patient key", &place, &key)?,
        };
        Ok((PatientKey(WrappingKey::new(FIRST_VERSION, &key)?), wrapped))
    }

    pub fn unwrap(
        &self,
        tenant: TenantId,
        patient: UserId,
        wrapped: &WrappedKey,
    ) -> Result<PatientKey, CryptoError> {
        if wrapped.master_version != self.0.master.version {
            return Err(CryptoError::DoesNotOpen);
        }
        let place = patient_key_place(tenant, patient, wrapped.version);
        let key = self.0.master.unwrap("patient key", &place, &wrapped.bytes)?;
        Ok(PatientKey(WrappingKey::new(wrapped.version, &key)?))
    }

    /// The CSRF token that belongs to a session: derived, so that nothing has to be stored.
    #[must_use]
    pub fn csrf_token(&self, session_secret: &str) -> String {
        hex::encode(hmac::sign(&self.0.csrf, session_secret.as_bytes()))
    }

    /// Whether `token` is the CSRF token of the session; takes the same time for every wrong one.
    #[must_use]
    pub fn is_csrf_token(&self, session_secret: &str, token: &str) -> bool {
        hex::decode(token)
            .is_ok_and(|tag| hmac::verify(&self.0.csrf, session_secret.as_bytes(), &tag).is_ok())
    }
}

fn patient_key_place(tenant: TenantId, patient: UserId, version: u32) -> Place {
    Place { tenant, table: "patient_keys", row: patient.to_string(), version }
}

/// A key of its own for each purpose, all from the master key.
fn derive(master: &[u8; 32], purpose: &str) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
    let mut key = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, b"auscult")
        .extract(master)
        .expand(&[purpose.as_bytes()], HKDF_SHA256)
        .and_then(|output| output.fill(&mut *key))
        .map_err(|_| CryptoError::Seal)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_patient_key_belongs_to_one_patient_under_one_master_key() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let keyring = Keyring::open(&folders[0].path().join("keys")).unwrap();
        let other = Keyring::open(&folders[1].path().join("keys")).unwrap();
        let tenant = TenantId::from_uuid(Uuid::from_u128(1));
        let (ada, bob) = (UserId::from_uuid(Uuid::from_u128(2)), UserId::from_uuid(Uuid::from_u128(3)));
        let place = Place { tenant, table: "captions", row: "cap_1".into(), version: 1 };

        let (key, wrapped) = keyring.new_patient_key(tenant, ada).unwrap();
        let sealed = key.seal(&place, b"cough").unwrap();

        let reopened = Keyring::open(&folders[0].path().join("keys")).unwrap();
        let again = reopened.unwrap(tenant, ada, &wrapped).unwrap();
        assert_eq!(again.open(&place, &sealed).unwrap().as_slice(), b"cough");

        assert!(keyring.unwrap(tenant, bob, &wrapped).is_err(), "another patient");
        assert!(other.unwrap(tenant, ada, &wrapped).is_err(), "another master key");
        let next = WrappedKey { version: 2, ..wrapped };
        assert!(keyring.unwrap(tenant, ada, &next).is_err(), "another version");
    }

    #[test]
    fn a_csrf_token_belongs_to_one_session() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::open(&folder.path().join("keys")).unwrap();
        let token = keyring.csrf_token("session one");
        assert!(keyring.is_csrf_token("session one", &token));
        assert!(!keyring.is_csrf_token("session two", &token));
        for wrong in ["", "zz", &token[2..]] {
            assert!(!keyring.is_csrf_token("session one", wrong));
        }
    }
}
