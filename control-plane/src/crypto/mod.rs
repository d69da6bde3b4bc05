//! Keys and what is done with them. All cryptography of the control plane is here, and all of it is aws-lc-rs
//! (passwords: argon2). Nothing here knows SQL or HTTP.

pub mod key_file;
pub mod keyring;
pub mod password;
pub mod sealed;
pub mod secret;
pub mod signer;

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
}

/// `N` bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| CryptoError::Randomness)?;
    Ok(bytes)
}
