//! Signed notes (C2SP signed-note): a text, an empty line, and a line per signature. The installation's audit key signs
//! the checkpoints of every clinic's log under that log's name; whoever holds the verifier key can check them alone.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use super::CryptoError;
use super::key_file::{KeyFileError, load, load_or_create};

/// `0x01`: Ed25519.
const ALGORITHM: u8 = 1;
const KEY_ID_LEN: usize = 4;
const SIGNATURE_LEN: usize = 64;
/// An em dash begins the line of a signature.
const SIGNATURE: &str = "\n\n— ";

/// Why a note is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("is not a whole signed note")]
    Malformed,
    #[error("is not signed with this key")]
    OtherKey,
    #[error("was changed after it was signed")]
    Forged,
}

/// Signs notes under any name.
pub struct NoteSigner(Ed25519KeyPair);

impl NoteSigner {
    /// Reads `audit.key` (the 32-byte seed) in `folder`, or makes one on the first start.
    pub fn open(folder: &Path) -> Result<Self, KeyFileError> {
        let seed = load_or_create(folder, "audit.key")?;
        Ok(Self(Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| CryptoError::Sign)?))
    }

    /// As [`open`](Self::open), and never makes a key.
    pub fn existing(folder: &Path) -> Result<Self, KeyFileError> {
        let seed = load(folder, "audit.key")?;
        Ok(Self(Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| CryptoError::Sign)?))
    }

    /// What checks the notes that are signed under this name.
    pub fn verifier(&self, name: &str) -> Result<Verifier, CryptoError> {
        let public = self.0.public_key().as_ref().try_into().map_err(|_| CryptoError::Sign)?;
        Ok(Verifier { name: name.to_owned(), public })
    }

    /// `text` must end in a line break.
    pub fn sign(&self, name: &str, text: &str) -> Result<String, CryptoError> {
        let signature = self.0.try_sign(text.as_bytes()).map_err(|_| CryptoError::Sign)?;
        let blob = [self.verifier(name)?.id().as_slice(), signature.as_ref()].concat();
        Ok(format!("{text}\n— {name} {}\n", BASE64.encode(blob)))
    }
}

/// Checks notes that one key signed under one name. Shown and read as C2SP writes it: `name+id+key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    public: [u8; 32],
}

impl Verifier {
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn typed_key(&self) -> Vec<u8> {
        [&[ALGORITHM], self.public.as_slice()].concat()
    }

    /// The first bytes of SHA-256(name ‖ 0x0A ‖ algorithm ‖ key).
    fn id(&self) -> [u8; KEY_ID_LEN] {
        let hash = digest(&SHA256, &[self.name.as_bytes(), b"\n", &self.typed_key()].concat());
        let mut id = [0; KEY_ID_LEN];
        id.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        id
    }

    /// The text of a note that this key has signed.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let at = note.rfind(SIGNATURE).ok_or(NoteError::Malformed)? + 1;
        let (text, signatures) = note.split_at(at);
        let mut found = Err(NoteError::OtherKey);
        for line in signatures.trim_start_matches('\n').lines() {
            let (name, blob) =
                line.strip_prefix("— ").and_then(|rest| rest.split_once(' ')).ok_or(NoteError::Malformed)?;
            let blob = BASE64.decode(blob).map_err(|_| NoteError::Malformed)?;
            let (id, signature) = blob.split_at_checked(KEY_ID_LEN).ok_or(NoteError::Malformed)?;
            if name != self.name || id != self.id() {
                continue;
            }
            if signature.len() != SIGNATURE_LEN {
                return Err(NoteError::Malformed);
            }
            let key = UnparsedPublicKey::new(&ED25519, self.public);
            key.verify(text.as_bytes(), signature).map_err(|_| NoteError::Forged)?;
            found = Ok(text);
        }
        found
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), BASE64.encode(self.typed_key()))
    }
}

/// The text is not `name+id+key` of an Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no verifier key")]
pub struct NoVerifier;

impl FromStr for Verifier {
    type Err = NoVerifier;

    fn from_str(text: &str) -> Result<Self, NoVerifier> {
        let mut parts = text.splitn(3, '+');
        let (name, id, key) = (parts.next(), parts.next(), parts.next());
        let (name, id, key) =
            name.zip(id).zip(key).map(|((name, id), key)| (name, id, key)).ok_or(NoVerifier)?;
        let typed = BASE64.decode(key).map_err(|_| NoVerifier)?;
        let public =
            typed.strip_prefix(&[ALGORITHM]).ok_or(NoVerifier)?.try_into().map_err(|_| NoVerifier)?;
        let verifier = Self { name: name.to_owned(), public };
        let fits = !name.is_empty() && hex::encode(verifier.id()) == id;
        fits.then_some(verifier).ok_or(NoVerifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the note that the documentation of golang.org/x/mod/sumdb/note shows.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_published_example_is_accepted_and_shown_as_it_was_read() {
        let verifier: Verifier = KEY.parse().unwrap();
        assert_eq!(verifier.to_string(), KEY);
        assert!(verifier.open(NOTE).unwrap().ends_with("your problem is.\n"));
        assert_eq!(verifier.open(&NOTE.replace("don't", "do")), Err(NoteError::Forged));
    }

    #[test]
    fn only_the_own_key_under_the_own_name_signs() {
        let folder = tempfile::tempdir().unwrap();
        let signer = NoteSigner::open(&folder.path().join("keys")).unwrap();
        let other = NoteSigner::open(&folder.path().join("other")).unwrap();
        let note = signer.sign("log", "text\n").unwrap();
        let verifier = signer.verifier("log").unwrap();
        assert_eq!(verifier.open(&note), Ok("text\n"));
        assert_eq!(verifier.to_string().parse(), Ok(verifier.clone()));
        assert_eq!(other.verifier("log").unwrap().open(&note), Err(NoteError::OtherKey));
        assert_eq!(signer.verifier("another").unwrap().open(&note), Err(NoteError::OtherKey));
        for half in 0..note.len() {
            let Some(half) = note.get(..half) else { continue };
            assert!(verifier.open(half).is_err() || half.len() + 1 == note.len(), "{half}");
        }
        let again = NoteSigner::open(&folder.path().join("keys")).unwrap();
        assert_eq!(again.verifier("log").unwrap(), verifier, "the key stays over a restart");
    }

    #[test]
    fn a_key_with_a_typing_mistake_is_none() {
        for bad in
            ["", "x", "PeterNeumann", &KEY.replace("c74f", "c74e"), &KEY.replace("ARpc", "Ahpc"), &KEY[..60]]
        {
            assert_eq!(bad.parse::<Verifier>(), Err(NoVerifier), "{bad}");
        }
    }
}
