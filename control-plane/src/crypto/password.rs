//! Passwords: Argon2id with 19 MiB, two passes, one lane (OWASP's first choice), off the async threads.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::secret;

/// Shortest password that may be set, in characters.
pub const MIN_CHARS: usize = 12;
/// Longest, in bytes: longer ones would only cost time.
pub const MAX_BYTES: usize = 256;
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Verifications at once; with `QUEUED` waiting, memory stays below `RUNNING` × 19 MiB.
const RUNNING: usize = 4;
/// Verifications that may wait; more are refused so that a flood of sign-ins cannot pile up.
const QUEUED: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("a password needs {MIN_CHARS} characters or more and at most {MAX_BYTES} bytes")]
    Length,
    #[error("too many sign-ins at once")]
    Busy,
    #[error("password hashing stopped")]
    Stopped,
}

/// Hashes and checks passwords; cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// Hash of a password nobody has: checked for unknown accounts, so that they take as long as known ones.
    dummy: Arc<str>,
}

impl Passwords {
    /// Takes one hash's time.
    pub fn new() -> Result<Self, PasswordError> {
        let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| PasswordError::Stopped)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = secret::generate().map_err(|_| PasswordError::Stopped)?;
        let dummy = hash_blocking(&argon2, nobody.as_bytes())?;
        Ok(Self {
            argon2,
            running: Arc::new(Semaphore::new(RUNNING)),
            admitted: Arc::new(Semaphore::new(RUNNING + QUEUED)),
            dummy: dummy.into(),
        })
    }

    /// A new password's hash as a PHC string.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        if password.chars().count() < MIN_CHARS || password.len() > MAX_BYTES {
            return Err(PasswordError::Length);
        }
        let password = Zeroizing::new(password.to_owned());
        self.run(move |argon2| hash_blocking(argon2, password.as_bytes())).await?
    }

    /// Whether `password` is the one behind `hash`. Without a hash (no such account) it works as long and says no.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, PasswordError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.dummy).to_owned();
        let too_long = password.len() > MAX_BYTES;
        let password = Zeroizing::new(if too_long { String::new() } else { password.to_owned() });
        let matches = self
            .run(move |argon2| {
                PasswordVerifier::<str>::verify_password(argon2, password.as_bytes(), &hash).is_ok()
            })
            .await?;
        Ok(matches && known && !too_long)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| PasswordError::Stopped)?;
        let argon2 = self.argon2.clone();
        // The permits travel with the work: a caller who gives up does not free a place that is still in use.
        tokio::task::spawn_blocking(move || {
            let _permits = (admitted, running);
            work(&argon2)
        })
        .await
        .map_err(|_| PasswordError::Stopped)
    }
}

fn hash_blocking(argon2: &Argon2<'_>, password: &[u8]) -> Result<String, PasswordError> {
    argon2.hash_password(password).map(|hash| hash.to_string()).map_err(|_| PasswordError::Stopped)
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use futures::StreamExt;
    use futures::stream::FuturesUnordered;

    use super::*;

    #[tokio::test]
    async fn only_the_right_password_matches() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("correct horse battery").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse battery", Some(&hash)).await.unwrap());
        assert!(!passwords.verify("correct horse battery ", Some(&hash)).await.unwrap());
        assert!(!passwords.verify("", Some(&hash)).await.unwrap());
        assert!(!passwords.verify("correct horse battery", None).await.unwrap(), "no such account");
        assert!(!passwords.verify(&"x".repeat(100_000), Some(&hash)).await.unwrap());
        assert!(!passwords.verify("correct horse battery", Some("not a hash")).await.unwrap());
    }

    #[tokio::test]
    async fn short_and_endless_passwords_are_not_set() {
        let passwords = Passwords::new().unwrap();
        for bad in ["", "elevenchars", &"x".repeat(257)] {
            assert!(matches!(passwords.hash(bad).await, Err(PasswordError::Length)), "{}", bad.len());
        }
    }

    #[tokio::test]
    async fn a_flood_is_refused_and_leaves_room_afterwards() {
        let passwords = Passwords::new().unwrap();
        // Every piece of work waits until the gate falls.
        let (gate, waiting) = mpsc::channel::<()>();
        let waiting = Arc::new(Mutex::new(waiting));
        let work = || {
            let waiting = Arc::clone(&waiting);
            passwords.run(move |_| assert!(waiting.lock().unwrap().recv().is_err()))
        };
        let mut flood: FuturesUnordered<_> = (0..RUNNING + QUEUED + 8).map(|_| work()).collect();
        for _ in 0..8 {
            assert!(matches!(flood.next().await, Some(Err(PasswordError::Busy))));
        }
        drop(gate);
        assert!(flood.all(|outcome| async move { outcome.is_ok() }).await);
        assert!(passwords.run(|_| ()).await.is_ok());
    }
}
