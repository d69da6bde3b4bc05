//! The key of a worker's certificate, read once. Reading it checks it against its public half, which costs about as much as
//! a signature, and dimpl reads it for each handshake.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use dimpl::crypto::{Buf, HashAlgorithm, KeyProvider, SignatureAlgorithm, SigningKey};
use dimpl::{CryptoError, CryptoOperation};
use zeroize::Zeroizing;

/// As it was given, and as it is used.
struct Loaded {
    given: Zeroizing<Vec<u8>>,
    pair: Arc<EcdsaKeyPair>,
}

thread_local! {
    /// A worker has one thread and one certificate.
    static LATEST: RefCell<Option<Loaded>> = const { RefCell::new(None) };
}

/// Reads keys of the certificates that str0m makes: PKCS #8, of the curve P-256.
#[derive(Debug)]
pub(super) struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(&self, key: &[u8]) -> Result<Box<dyn SigningKey>, CryptoError> {
        LATEST.with_borrow_mut(|latest| {
            if let Some(loaded) = latest.as_ref().filter(|loaded| loaded.given.as_slice() == key) {
                return Ok(Box::new(Key(Arc::clone(&loaded.pair))) as Box<dyn SigningKey>);
            }
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key);
            let pair = Arc::new(pair.map_err(|_| CryptoError::InvalidPrivateKey)?);
            *latest = Some(Loaded { given: Zeroizing::new(key.to_vec()), pair: Arc::clone(&pair) });
            Ok(Box::new(Key(pair)))
        })
    }
}

struct Key(Arc<EcdsaKeyPair>);

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key")
    }
}

impl SigningKey for Key {
    fn sign(&mut self, data: &[u8], hash: HashAlgorithm, out: &mut Buf) -> Result<(), CryptoError> {
        if hash != self.hash_algorithm() {
            return Err(CryptoError::SigningKeyHashMismatch {
                key_hash: self.hash_algorithm(),
                requested: hash,
            });
        }
        let signature = self.0.sign(&SystemRandom::new(), data);
        let signature = signature.map_err(|_| CryptoError::OperationFailed(CryptoOperation::Sign))?;
        out.clear();
        out.extend_from_slice(signature.as_ref());
        Ok(())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        &[HashAlgorithm::SHA256]
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, KeyPair, UnparsedPublicKey};

    use super::*;

    fn generate() -> (Vec<u8>, UnparsedPublicKey<Vec<u8>>) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, pair.public_key().as_ref().to_vec());
        (pair.to_pkcs8v1().expect("PKCS #8").as_ref().to_vec(), public)
    }

    fn signature(key: &[u8]) -> Vec<u8> {
        let mut out = Buf::new();
        let mut key = Keys.load_private_key(key).expect("a key");
        key.sign(b"data", HashAlgorithm::SHA256, &mut out).expect("a signature");
        out.to_vec()
    }

    #[test]
    fn each_certificate_signs_with_its_own_key() {
        let (first, second) = (generate(), generate());
        for (key, public) in [&first, &first, &second, &first] {
            assert!(public.verify(b"data", &signature(key)).is_ok());
        }
        assert!(second.1.verify(b"data", &signature(&first.0)).is_err());
    }

    #[test]
    fn what_is_no_key_is_refused_and_what_was_read_before_stays_good() {
        let (key, public) = generate();
        signature(&key);
        assert!(Keys.load_private_key(b"no key").is_err());
        assert!(public.verify(b"data", &signature(&key)).is_ok());
    }
}
