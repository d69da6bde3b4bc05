//! A clinic's own key: every keyed hash of the clinic derives from it, each purpose under a key of its own (HKDF-SHA256).
//! Wrapped by the master key like a patient's, so rotating the master key changes no hash.

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::CryptoError;

/// Length of a blind index, bytes: equality only, 2^64 values until a chance collision.
const INDEX_LEN: usize = 16;

/// Keyed hashes of one clinic.
pub struct TenantKey {
    key: Zeroizing<[u8; 32]>,
    csrf: hmac::Key,
}

impl TenantKey {
    pub fn new(key: Zeroizing<[u8; 32]>) -> Result<Self, CryptoError> {
        let csrf = derive(&key, "csrf")?;
        Ok(Self { key, csrf })
    }

    /// What a column can be looked up by without holding the value. `column`: `table.column`; `value`: normalised.
    pub fn blind_index(&self, column: &str, value: &str) -> Result<Vec<u8>, CryptoError> {
        let tag = self.mac(column, value.as_bytes())?;
        Ok(tag.as_ref().iter().take(INDEX_LEN).copied().collect())
    }

    /// HMAC-SHA256 of `data` under a key of this purpose alone.
    pub fn mac(&self, purpose: &str, data: &[u8]) -> Result<hmac::Tag, CryptoError> {
        Ok(hmac::sign(&derive(&self.key, purpose)?, data))
    }

    /// Whether `tag` is the [`mac`](Self::mac) of `data`; takes the same time for every wrong one.
    #[must_use]
    pub fn is_mac(&self, purpose: &str, data: &[u8], tag: &[u8]) -> bool {
        derive(&self.key, purpose).is_ok_and(|key| hmac::verify(&key, data, tag).is_ok())
    }

    /// The CSRF token that belongs to a session: derived, so that nothing has to be stored.
    #[must_use]
    pub fn csrf_token(&self, session_secret: &str) -> String {
        hex::encode(hmac::sign(&self.csrf, session_secret.as_bytes()))
    }

    #[must_use]
    pub fn is_csrf_token(&self, session_secret: &str, token: &str) -> bool {
        hex::decode(token).is_ok_and(|tag| hmac::verify(&self.csrf, session_secret.as_bytes(), &tag).is_ok())
    }
}

fn derive(key: &[u8; 32], purpose: &str) -> Result<hmac::Key, CryptoError> {
    let mut derived = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, b"auscult tenant key")
        .extract(key)
        .expand(&[purpose.as_bytes()], HKDF_SHA256)
        .and_then(|output| output.fill(&mut *derived))
        .map_err(|_| CryptoError::Seal)?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &*derived))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> TenantKey {
        TenantKey::new(Zeroizing::new([byte; 32])).unwrap()
    }

    #[test]
    fn an_index_belongs_to_one_value_in_one_column_of_one_clinic() {
        let ada = key(1).blind_index("users.email", "ada@example.org").unwrap();
        assert_eq!(ada.len(), 16);
        assert_eq!(ada, key(1).blind_index("users.email", "ada@example.org").unwrap());
        assert_ne!(ada, key(1).blind_index("users.email", "bob@example.org").unwrap());
        assert_ne!(ada, key(1).blind_index("users.phone", "ada@example.org").unwrap());
        assert_ne!(ada, key(2).blind_index("users.email", "ada@example.org").unwrap());
    }

    #[test]
    fn a_csrf_token_belongs_to_one_session() {
        let key = key(1);
        let token = key.csrf_token("session one");
        assert!(key.is_csrf_token("session one", &token));
        assert!(!key.is_csrf_token("session two", &token));
        for wrong in ["", "zz", &token[2..]] {
            assert!(!key.is_csrf_token("session one", wrong));
        }
    }
}
