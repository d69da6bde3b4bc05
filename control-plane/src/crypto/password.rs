//! Passwords: Argon2id with 19 MiB, two passes, one lane (OWASP's first choice), off the async threads. bcrypt is only
//! checked, for hashes brought along from another system.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::secret;
use crate::domain::password::MAX_BYTES;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const SALT_BYTES: usize = 16;
/// Verifications at once; with `QUEUED` waiting, memory stays at `RUNNING` × 19 MiB.
const RUNNING: usize = 4;
/// Verifications that may wait; more are refused so that a flood of sign-ins cannot pile up.
const QUEUED: usize = 64;
/// Of a password nobody has, at the only cost that is imported.
const NOBODYS_BCRYPT: &str = "$2b$12$xOyz1VUfq9Tn0aZ3mHkQ8uKc5pLw7eR2sJd4gXvBtYiNoEhMfDaWK";

#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("a password may have at most {MAX_BYTES} bytes")]
    Length,
    #[error("too many sign-ins at once")]
    Busy,
    #[error("password hashing stopped")]
    Stopped,
}

/// Hashes and checks passwords; cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    /// Those that are idle; at most [`RUNNING`] exist.
    hashers: Arc<Mutex<Vec<Hasher>>>,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// Hash of a password nobody has: checked for unknown accounts, so that they take as long as known ones.
    dummy: Arc<str>,
}

impl Passwords {
    /// Takes one hash's time.
    pub fn new() -> Result<Self, PasswordError> {
        let nobody = secret::generate().map_err(|_| PasswordError::Stopped)?;
        let mut hasher = Hasher::default();
        let dummy = hasher.hash(nobody.as_bytes()).ok_or(PasswordError::Stopped)?;
        Ok(Self {
            hashers: Arc::new(Mutex::new(vec![hasher])),
            running: Arc::new(Semaphore::new(RUNNING)),
            admitted: Arc::new(Semaphore::new(RUNNING + QUEUED)),
            dummy: dummy.into(),
        })
    }

    /// A new password's hash as a PHC string.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        if password.len() > MAX_BYTES {
            return Err(PasswordError::Length);
        }
        let password = Zeroizing::new(password.to_owned());
        self.run(move |hasher| hasher.hash(password.as_bytes())).await?.ok_or(PasswordError::Stopped)
    }

    /// Whether `password` is the one behind `hash`. Without a hash (no such account) it works as long and says no.
    /// `imported_left`: while the clinic has imported hashes, every check costs one of each kind, so that the time does
    /// not tell who was imported.
    pub async fn verify(
        &self,
        password: &str,
        hash: Option<&str>,
        imported_left: bool,
    ) -> Result<bool, PasswordError> {
        let bcrypt = hash.filter(|hash| is_imported(hash)).map(ToOwned::to_owned);
        let own = hash.filter(|hash| !is_imported(hash)).unwrap_or(&self.dummy).to_owned();
        let (known, has_bcrypt) = (hash.is_some(), bcrypt.is_some());
        let too_long = password.len() > MAX_BYTES;
        let password = Zeroizing::new(if too_long { String::new() } else { password.to_owned() });
        let matches = self
            .run(move |hasher| {
                let matches = hasher.verify(password.as_bytes(), &own).unwrap_or(false);
                if !imported_left && !has_bcrypt {
                    return matches;
                }
                let old = bcrypt.as_deref().unwrap_or(NOBODYS_BCRYPT);
                let old_matches = bcrypt::verify(password.as_bytes(), old).unwrap_or(false);
                if has_bcrypt { old_matches } else { matches }
            })
            .await?;
        Ok(matches && known && !too_long)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Hasher) -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| PasswordError::Stopped)?;
        let hashers = Arc::clone(&self.hashers);
        // The permits travel with the work: a caller who gives up does not free a place that is still in use.
        tokio::task::spawn_blocking(move || {
            let _permits = (admitted, running);
            let idle = || hashers.lock().unwrap_or_else(PoisonError::into_inner);
            let mut hasher = idle().pop().unwrap_or_default();
            let outcome = work(&mut hasher);
            idle().push(hasher);
            outcome
        })
        .await
        .map_err(|_| PasswordError::Stopped)
    }
}

/// Whether a hash is one brought along (bcrypt) rather than one of ours.
#[must_use]
pub fn is_imported(hash: &str) -> bool {
    hash.starts_with("$2")
}

/// Whether an import may bring this hash along: bcrypt of cost 12, the cost that our timing allows for.
#[must_use]
pub fn can_import(hash: &str) -> bool {
    let parts: bcrypt::HashParts = match hash.parse() {
        Ok(parts) => parts,
        Err(_) => return false,
    };
    parts.get_cost() == 12
}

/// Argon2id with working memory that is used again: a freed block of this size goes back to the system, which would have
/// to make and clear it anew for each password.
#[derive(Default)]
struct Hasher {
    memory: Vec<Block>,
}

impl Hasher {
    /// `None`: no randomness, or no memory.
    fn hash(&mut self, password: &[u8]) -> Option<String> {
        let params = Params::new(MEMORY_KIB, PASSES, 1, None).ok()?;
        let mut salt = [0; SALT_BYTES];
        aws_lc_rs::rand::fill(&mut salt).ok()?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).ok()?,
            salt: Salt::new(&salt).ok(),
            hash: Some(self.derive(params, password, &salt)?),
        };
        Some(hash.to_string())
    }

    /// With the parameters that stand in `phc`; `None` when it is not a hash of ours.
    fn verify(&mut self, password: &[u8], phc: &str) -> Option<bool> {
        let hash = PasswordHash::new(phc).ok()?;
        if hash.algorithm != Algorithm::Argon2id.ident() || hash.version != Some(Version::V0x13.into()) {
            return None;
        }
        let computed = self.derive(Params::try_from(&hash).ok()?, password, hash.salt.as_ref()?)?;
        // `Output` compares in constant time.
        Some(computed == hash.hash?)
    }

    fn derive(&mut self, params: Params, password: &[u8], salt: &[u8]) -> Option<Output> {
        self.memory.resize(params.block_count(), Block::new());
        let mut buffer = [0; Output::MAX_LENGTH];
        let out = buffer.get_mut(..params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into_with_memory(password, salt, out, self.memory.as_mut_slice()).ok()?;
        Output::new(out).ok()
    }
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
        assert!(passwords.verify("correct horse battery", Some(&hash), false).await.unwrap());
        assert!(!passwords.verify("correct horse battery ", Some(&hash), false).await.unwrap());
        assert!(!passwords.verify("", Some(&hash), false).await.unwrap());
        assert!(!passwords.verify("correct horse battery", None, false).await.unwrap(), "no such account");
        assert!(!passwords.verify(&"x".repeat(100_000), Some(&hash), false).await.unwrap());
        assert!(!passwords.verify("correct horse battery", Some("not a hash"), false).await.unwrap());
    }

    /// 512 blocking threads would keep 19 MiB each.
    #[tokio::test]
    async fn memory_is_used_again() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("correct horse battery").await.unwrap();
        let before = resident_kib();
        let checks = (0..RUNNING + QUEUED).map(|_| passwords.verify("wrong", Some(&hash), false));
        let answers: Vec<_> = checks.collect::<FuturesUnordered<_>>().collect().await;
        assert!(answers.into_iter().all(|answer| !answer.unwrap()));
        let (grown, limit) = (resident_kib().saturating_sub(before), (RUNNING + 1) as u64 * 20 * 1024);
        assert!(grown < limit, "{grown} KiB for {} checks", RUNNING + QUEUED);
        assert!(passwords.hashers.lock().unwrap().len() <= RUNNING);
    }

    fn resident_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim_end_matches("kB").trim().parse().unwrap()
    }

    #[tokio::test]
    async fn endless_passwords_are_not_set() {
        let passwords = Passwords::new().unwrap();
        assert!(matches!(passwords.hash(&"x".repeat(257)).await, Err(PasswordError::Length)));
    }

    #[tokio::test]
    async fn equal_passwords_have_different_hashes() {
        let passwords = Passwords::new().unwrap();
        let (one, two) = (passwords.hash("same same same").await, passwords.hash("same same same").await);
        assert_ne!(one.unwrap(), two.unwrap());
    }

    #[tokio::test]
    async fn a_hash_brought_along_is_checked_and_only_its_password_matches() {
        let passwords = Passwords::new().unwrap();
        let hash = bcrypt::hash_with_result("Imported-Secret-1", 12).unwrap();
        for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
            let hash = hash.format_for_version(version);
            assert!(can_import(&hash), "{hash}");
            assert!(passwords.verify("Imported-Secret-1", Some(&hash), true).await.unwrap(), "{hash}");
        }
        let hash = hash.to_string();
        assert!(!passwords.verify("imported-secret-1", Some(&hash), true).await.unwrap());
        assert!(!passwords.verify("Imported-Secret-1", None, true).await.unwrap());
        let own = passwords.hash("Our own secret").await.unwrap();
        assert!(passwords.verify("Our own secret", Some(&own), true).await.unwrap());
        assert!(can_import(NOBODYS_BCRYPT), "it must cost what imported ones cost");
        assert!(matches!(bcrypt::verify("anything", NOBODYS_BCRYPT), Ok(false)));
        let cheap = bcrypt::hash_with_result("x", 4).unwrap().to_string();
        for refused in [cheap.as_str(), own.as_str(), "", "$2b$12$short"] {
            assert!(!can_import(refused), "{refused}");
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
