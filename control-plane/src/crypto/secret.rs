//! One-time and session secrets: 256 random bits, handed out once, kept only as their hash.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{CryptoError, random};

/// 43 URL-safe characters.
pub fn generate() -> Result<String, CryptoError> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// What the database keeps: SHA-256, in hex. A fast hash is right here, the secret cannot be guessed.
#[must_use]
pub fn hash(secret: &str) -> String {
    hex::encode(digest(&SHA256, secret.as_bytes()))
}

/// A password for somebody to type: 100 random bits as five groups of four characters that are hard to confuse.
pub fn readable_password() -> Result<String, CryptoError> {
    const ALPHABET: [char; 32] = [
        'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'u', 'v',
        'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7', '8', '9',
    ];
    let random = random::<20>()?;
    let characters: Vec<char> =
        random.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32))).copied().collect();
    let groups: Vec<String> = characters.chunks(4).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn passwords_are_long_and_differ() {
        let (one, two) = (super::readable_password().unwrap(), super::readable_password().unwrap());
        assert_eq!(one.len(), 24);
        assert_ne!(one, two);
    }

    #[test]
    fn secrets_are_long_and_their_hash_is_sha256() {
        let (one, two) = (super::generate().unwrap(), super::generate().unwrap());
        assert_eq!((one.len(), two.len()), (43, 43));
        assert_ne!(one, two);
        assert_eq!(super::hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
