//! One sealed value: a fresh data key encrypts it (AES-256-GCM), the patient's key wraps the data key (AES-256-GCM-SIV),
//! and both are bound to the one place where the value may stand.
//!
//! Layout, in bytes:
//! `format(1) | algorithm(1) | patient key version(4) | wrap nonce(12) | data key(32) + tag(16) | nonce(12) | ciphertext + tag(16)`

use aws_lc_rs::aead::{AES_256_GCM, AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{CryptoError, random};
use crate::ids::TenantId;

const FORMAT: u8 = 1;
const ALGORITHM: u8 = 1;
pub const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;
const WRAPPED_LEN: usize = NONCE_LEN + KEY_LEN + TAG_LEN;

/// Where a sealed value stands. A ciphertext opens there and nowhere else.
#[derive(Clone)]
pub struct Place {
    pub tenant: TenantId,
    pub table: &'static str,
    /// The row's id.
    pub row: String,
    /// Version of the row's sealed content, from 1.
    pub version: u32,
}

impl Place {
    /// Additional authenticated data: every part with its length before it, so that no two places read the same.
    pub(super) fn bytes(&self, purpose: &str, key_version: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        let tenant = self.tenant.uuid();
        let parts: [&[u8]; 7] = [
            b"auscult",
            purpose.as_bytes(),
            tenant.as_bytes(),
            self.table.as_bytes(),
            self.row.as_bytes(),
            &self.version.to_be_bytes(),
            &key_version.to_be_bytes(),
        ];
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// A key that wraps other keys: the master key wraps patient keys, a patient key wraps data keys.
pub(super) struct WrappingKey {
    pub(super) version: u32,
    key: LessSafeKey,
}

impl WrappingKey {
    pub(super) fn new(version: u32, key: &[u8; KEY_LEN]) -> Result<Self, CryptoError> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, key).map_err(|_| CryptoError::Seal)?;
        Ok(Self { version, key: LessSafeKey::new(key) })
    }

    /// `nonce(12) | key(32) | tag(16)`
    pub(super) fn wrap(
        &self,
        purpose: &str,
        place: &Place,
        key: &[u8; KEY_LEN],
    ) -> Result<Vec<u8>, CryptoError> {
        let nonce = random::<NONCE_LEN>()?;
        let mut out = Zeroizing::new(key.to_vec());
        let tag = self
            .key
            .seal_in_place_separate_tag(
                nonce_of(nonce),
                Aad::from(place.bytes(purpose, self.version)),
                &mut out,
            )
            .map_err(|_| CryptoError::Seal)?;
        Ok([&nonce[..], &out, tag.as_ref()].concat())
    }

    pub(super) fn unwrap(
        &self,
        purpose: &str,
        place: &Place,
        wrapped: &[u8],
    ) -> Result<Zeroizing<[u8; KEY_LEN]>, CryptoError> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_LEN>().ok_or(CryptoError::DoesNotOpen)?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let key = self
            .key
            .open_in_place(nonce_of(*nonce), Aad::from(place.bytes(purpose, self.version)), &mut sealed)
            .map_err(|_| CryptoError::DoesNotOpen)?;
        let key = <[u8; KEY_LEN]>::try_from(&*key).map_err(|_| CryptoError::DoesNotOpen)?;
        Ok(Zeroizing::new(key))
    }
}

fn nonce_of(bytes: [u8; NONCE_LEN]) -> Nonce {
    Nonce::assume_unique_for_key(bytes)
}

/// The key of one patient; everything sealed for the patient needs it.
pub struct PatientKey(pub(super) WrappingKey);

impl PatientKey {
    /// Seals under a fresh data key, so a nonce is never used twice with one key.
    pub fn seal(&self, place: &Place, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let data_key = Zeroizing::new(random::<KEY_LEN>()?);
        let wrapped = self.0.wrap("data key", place, &data_key)?;
        let nonce = random::<NONCE_LEN>()?;
        let mut body = plaintext.to_vec();
        cipher(&data_key)?
            .seal_in_place_append_tag(
                nonce_of(nonce),
                Aad::from(place.bytes("data", self.0.version)),
                &mut body,
            )
            .map_err(|_| CryptoError::Seal)?;
        let version = self.0.version.to_be_bytes();
        Ok([&[FORMAT, ALGORITHM][..], &version, &wrapped, &nonce, &body].concat())
    }

    pub fn open(&self, place: &Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        if key_version(sealed)? != self.0.version {
            return Err(CryptoError::DoesNotOpen);
        }
        let rest = sealed.get(6..).ok_or(CryptoError::DoesNotOpen)?;
        let (wrapped, rest) = rest.split_at_checked(WRAPPED_LEN).ok_or(CryptoError::DoesNotOpen)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or(CryptoError::DoesNotOpen)?;
        let data_key = self.0.unwrap("data key", place, wrapped)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = cipher(&data_key)?
            .open_in_place(nonce_of(*nonce), Aad::from(place.bytes("data", self.0.version)), &mut body)
            .map_err(|_| CryptoError::DoesNotOpen)?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

fn cipher(data_key: &[u8; KEY_LEN]) -> Result<LessSafeKey, CryptoError> {
    UnboundKey::new(&AES_256_GCM, data_key).map(LessSafeKey::new).map_err(|_| CryptoError::Seal)
}

/// Version of the patient key that a sealed value needs.
pub fn key_version(sealed: &[u8]) -> Result<u32, CryptoError> {
    match sealed {
        [FORMAT, ALGORITHM, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(CryptoError::DoesNotOpen),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;

    fn place() -> Place {
        Place {
            tenant: TenantId::from_uuid(Uuid::from_u128(1)),
            table: "captions",
            row: "cap_1".into(),
            version: 1,
        }
    }

    fn key(version: u32, byte: u8) -> PatientKey {
        PatientKey(WrappingKey::new(version, &[byte; KEY_LEN]).unwrap())
    }

    #[test]
    fn opens_where_it_was_sealed() {
        for text in ["", "a", "the cough started on Monday", &"long ".repeat(10_000)] {
            let sealed = key(1, 7).seal(&place(), text.as_bytes()).unwrap();
            assert_eq!(key(1, 7).open(&place(), &sealed).unwrap().as_slice(), text.as_bytes());
            assert_eq!(key_version(&sealed), Ok(1));
            assert_eq!(sealed.len(), text.len() + 2 + 4 + WRAPPED_LEN + NONCE_LEN + TAG_LEN);
        }
    }

    #[test]
    fn the_same_text_never_looks_the_same() {
        let (one, two) =
            (key(1, 7).seal(&place(), b"cough").unwrap(), key(1, 7).seal(&place(), b"cough").unwrap());
        assert_ne!(one[6..18], two[6..18], "wrap nonce");
        assert_ne!(one[66..], two[66..], "nonce and ciphertext");
    }

    #[test]
    fn no_nonce_of_a_key_ever_comes_twice() {
        const SEALS: usize = 20_000;
        let key = key(1, 7);
        let sealed: Vec<_> = (0..SEALS).map(|_| key.seal(&place(), b"cough").unwrap()).collect();
        // The patient's key wraps each data key with one, and each data key seals one value.
        let unique =
            |from: usize, to: usize| sealed.iter().map(|body| &body[from..to]).collect::<HashSet<_>>();
        assert_eq!((unique(6, 18).len(), unique(18, 50).len()), (SEALS, SEALS));
        assert_eq!(unique(66, 78).len(), SEALS);
    }

    #[test]
    fn a_sealed_value_opens_nowhere_else() {
        let sealed = key(1, 7).seal(&place(), b"cough").unwrap();
        let elsewhere = [
            Place { tenant: TenantId::from_uuid(Uuid::from_u128(2)), ..place() },
            Place { table: "consultations", ..place() },
            Place { row: "cap_2".into(), ..place() },
            Place { version: 2, ..place() },
        ];
        for place in elsewhere {
            assert_eq!(key(1, 7).open(&place, &sealed).err(), Some(CryptoError::DoesNotOpen));
        }
        assert_eq!(
            key(1, 8).open(&place(), &sealed).err(),
            Some(CryptoError::DoesNotOpen),
            "another patient's key"
        );
        assert_eq!(
            key(2, 7).open(&place(), &sealed).err(),
            Some(CryptoError::DoesNotOpen),
            "another version"
        );
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let sealed = key(1, 7).seal(&place(), b"cough").unwrap();
        for index in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[index] ^= 1 << bit;
                assert!(key(1, 7).open(&place(), &changed).is_err(), "byte {index} bit {bit}");
            }
            assert!(key(1, 7).open(&place(), &sealed[..index]).is_err(), "cut at {index}");
        }
    }
}
