//! Keys and what is done with them. All cryptography of the control plane is here, and all of it is aws-lc-rs
//! (passwords: argon2). Nothing here knows SQL or HTTP.

pub mod id_token;
mod key_cache;
pub mod key_file;
pub mod keyring;
mod master;
pub mod note;
pub mod passkey;
pub mod password;
pub mod sealed;
pub mod secret;
pub mod signer;
pub mod stream;
pub mod tenant_key;
pub mod token;
pub mod vault;

/// A cryptographic operation was refused. Says nothing about the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The ciphertext, its place or its key is not the one it was sealed with.
    #[error("sealed data does not open: it was changed or moved, or its key is another one")]
    DoesNotOpen,
    #[error("the system gave no randomness")]
    Randomness,
    #[error("encryption failed")]
    Seal,
    #[error("signing failed")]
    Sign,
    #[error("version {0} of the master key is not here")]
    NoMasterKey(u32),
    /// Nothing is wrong with the data: ask again later.
    #[error("the key service does not answer")]
    Unavailable,
}

/// `N` bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| CryptoError::Randomness)?;
    Ok(bytes)
}
