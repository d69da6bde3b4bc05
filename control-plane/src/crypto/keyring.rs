//! The three levels of keys: the master key (a file, a value of the environment, or a key service) wraps one key per
//! person and one per clinic (two tables), a person's key wraps a fresh data key per sealed value. Changing the master
//! key re-wraps those keys and touches no data; destroying one person's keys makes everything sealed for that person
//! unreadable.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio::time::Instant;
use zeroize::Zeroizing;

use super::key_cache::KeyCache;
pub use super::key_cache::Ticket;
use super::key_file::KeyFileError;
use super::master::LocalKeys;
use super::sealed::{KEY_LEN, PatientKey, Place, WrappingKey};
use super::tenant_key::TenantKey;
pub use super::vault::VaultSettings;
use super::vault::{self, Vault, VaultError};
use super::{CryptoError, random};
use crate::ids::{TenantId, UserId};

/// Version of a person's first key, and of the one key of a clinic.
pub const FIRST_VERSION: u32 = 1;

/// A person's or a clinic's key as it is stored: useless without the master key.
#[derive(Clone)]
pub struct WrappedKey {
    /// Version of the key itself.
    pub version: u32,
    /// Version of the master key that wraps it.
    pub master_version: u32,
    pub bytes: Vec<u8>,
}

/// Whose key something is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Clinic(TenantId),
    Person(TenantId, UserId),
}

/// Why there are no master keys to work with.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    #[error(transparent)]
    File(#[from] KeyFileError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Holds the master keys, or knows who does; cheap to clone.
#[derive(Clone)]
pub struct Keyring(Arc<Keys>);

struct Keys {
    masters: Masters,
    opened: KeyCache,
}

enum Masters {
    Local(LocalKeys),
    Vault(Vault),
}

impl Keyring {
    /// Reads the master keys in `folder`, or makes the first one.
    pub fn open(folder: &Path) -> Result<Self, KeyringError> {
        Ok(Self::of(Masters::Local(LocalKeys::open(folder)?)))
    }

    /// `keys`: by version, at least one.
    pub fn given(keys: BTreeMap<u32, Zeroizing<[u8; KEY_LEN]>>) -> Result<Self, KeyringError> {
        Ok(Self::of(Masters::Local(LocalKeys::given(keys)?)))
    }

    /// Asks the key service whether the key is there.
    pub async fn connect(settings: VaultSettings) -> Result<Self, KeyringError> {
        let vault = Vault::new(settings)?;
        vault.check().await?;
        Ok(Self::of(Masters::Vault(vault)))
    }

    fn of(masters: Masters) -> Self {
        Self(Arc::new(Keys { masters, opened: KeyCache::default() }))
    }

    /// A new key for `owner`, under this version of the master key; a key service takes its own newest.
    async fn new_key(
        &self,
        owner: Owner,
        version: u32,
        master_version: u32,
    ) -> Result<(Zeroizing<[u8; KEY_LEN]>, WrappedKey), CryptoError> {
        let key = Zeroizing::new(random::<KEY_LEN>()?);
        let (purpose, place) = (owner.purpose(), owner.place(version));
        let (master_version, bytes) = match &self.0.masters {
            Masters::Local(keys) => {
                (master_version, keys.get(master_version)?.wrapping.wrap(purpose, &place, &key)?)
            }
            Masters::Vault(vault) => {
                let bytes = vault.wrap(purpose, &place, &key).await?;
                (vault::version_of(&bytes)?, bytes)
            }
        };
        Ok((key, WrappedKey { version, master_version, bytes }))
    }

    async fn unwrap(
        &self,
        owner: Owner,
        wrapped: &WrappedKey,
    ) -> Result<Zeroizing<[u8; KEY_LEN]>, CryptoError> {
        let (purpose, place) = (owner.purpose(), owner.place(wrapped.version));
        match &self.0.masters {
            Masters::Local(keys) => {
                keys.get(wrapped.master_version)?.wrapping.unwrap(purpose, &place, &wrapped.bytes)
            }
            Masters::Vault(vault) => vault.unwrap(purpose, &place, &wrapped.bytes).await,
        }
    }

    /// A key for a person, in this version.
    pub async fn new_person_key(
        &self,
        tenant: TenantId,
        person: UserId,
        version: u32,
        master_version: u32,
    ) -> Result<(PatientKey, WrappedKey), CryptoError> {
        let (key, wrapped) = self.new_key(Owner::Person(tenant, person), version, master_version).await?;
        Ok((PatientKey(WrappingKey::new(version, &key)?), wrapped))
    }

    /// Opens a person's key; `ticket`: of the transaction that read it.
    pub async fn person_key(
        &self,
        tenant: TenantId,
        person: UserId,
        wrapped: &WrappedKey,
        ticket: Ticket,
    ) -> Result<Arc<PatientKey>, CryptoError> {
        if let Some(key) = self.opened(tenant, person, wrapped.version) {
            return Ok(key);
        }
        let key = self.unwrap(Owner::Person(tenant, person), wrapped).await?;
        let key = Arc::new(PatientKey(WrappingKey::new(wrapped.version, &key)?));
        self.0.opened.put(ticket, (tenant, person, wrapped.version), Arc::clone(&key), Instant::now());
        Ok(key)
    }

    /// A person's key that was opened not long ago.
    #[must_use]
    pub fn opened(&self, tenant: TenantId, person: UserId, version: u32) -> Option<Arc<PatientKey>> {
        self.0.opened.get(&(tenant, person, version), Instant::now())
    }

    /// To be taken when a transaction begins.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.0.opened.ticket()
    }

    /// Forgets a person's keys: they have been destroyed.
    pub fn forget(&self, tenant: TenantId, person: UserId) {
        self.0.opened.purge(tenant, person);
    }

    /// A key for a clinic that has none.
    pub async fn new_tenant_key(
        &self,
        tenant: TenantId,
        master_version: u32,
    ) -> Result<(TenantKey, WrappedKey), CryptoError> {
        let (key, wrapped) = self.new_key(Owner::Clinic(tenant), FIRST_VERSION, master_version).await?;
        Ok((TenantKey::new(key)?, wrapped))
    }

    pub async fn tenant_key(&self, tenant: TenantId, wrapped: &WrappedKey) -> Result<TenantKey, CryptoError> {
        TenantKey::new(self.unwrap(Owner::Clinic(tenant), wrapped).await?)
    }

    /// The same keys under this version of the master key, in the same order. Synchronous work of about 3 µs each
    /// unless a key service does it.
    pub async fn rewrap(
        &self,
        keys: Vec<(Owner, WrappedKey)>,
        master_version: u32,
    ) -> Result<Vec<WrappedKey>, CryptoError> {
        match &self.0.masters {
            Masters::Local(masters) => {
                let next = masters.get(master_version)?;
                let rewrapped = keys.iter().map(|(owner, old)| {
                    let (purpose, place) = (owner.purpose(), owner.place(old.version));
                    let key =
                        masters.get(old.master_version)?.wrapping.unwrap(purpose, &place, &old.bytes)?;
                    let bytes = next.wrapping.wrap(purpose, &place, &key)?;
                    Ok(WrappedKey { version: old.version, master_version, bytes })
                });
                rewrapped.collect()
            }
            Masters::Vault(vault) => rewrap_in(vault, keys).await,
        }
    }

    /// The version of the master key that new keys should get.
    pub async fn newest_master(&self) -> Result<u32, CryptoError> {
        match &self.0.masters {
            Masters::Local(keys) => Ok(keys.newest()),
            Masters::Vault(vault) => vault.latest_version().await,
        }
    }

    /// Makes version `version` of the master key and says which one is the newest now. The environment cannot be
    /// written: there it stays the one that the operator has set.
    pub async fn add_master(&self, version: u32) -> Result<u32, KeyringError> {
        match &self.0.masters {
            Masters::Local(keys) => {
                if keys.newest() < version {
                    keys.create(version)?;
                }
                Ok(keys.newest())
            }
            Masters::Vault(vault) => {
                if vault.latest_version().await? < version {
                    vault.rotate().await?;
                }
                Ok(vault.latest_version().await?)
            }
        }
    }

    /// Deletes a version that wraps nothing any more; a key service stops opening everything up to it.
    pub async fn remove_master(&self, version: u32) -> Result<(), KeyringError> {
        match &self.0.masters {
            Masters::Local(keys) => Ok(keys.remove(version)?),
            Masters::Vault(vault) => Ok(vault.retire_below(version + 1).await?),
        }
    }

    /// What tells one master key from another; a key service's own keys all read `vault`.
    pub fn fingerprint(&self, version: u32) -> Result<String, CryptoError> {
        match &self.0.masters {
            Masters::Local(keys) => Ok(keys.get(version)?.fingerprint.clone()),
            Masters::Vault(_) => Ok("vault".into()),
        }
    }
}

async fn rewrap_in(vault: &Vault, keys: Vec<(Owner, WrappedKey)>) -> Result<Vec<WrappedKey>, CryptoError> {
    let mut done = Vec::with_capacity(keys.len());
    for same_purpose in keys.chunk_by(|(a, _), (b, _)| a.purpose() == b.purpose()) {
        let purpose = same_purpose.first().map_or("", |(owner, _)| owner.purpose());
        let items: Vec<_> =
            same_purpose.iter().map(|(owner, key)| (owner.place(key.version), key.bytes.clone())).collect();
        for ((_, old), bytes) in same_purpose.iter().zip(vault.rewrap(purpose, &items).await?) {
            let master_version = vault::version_of(&bytes)?;
            done.push(WrappedKey { version: old.version, master_version, bytes });
        }
    }
    Ok(done)
}

impl Owner {
    const fn purpose(self) -> &'static str {
        match self {
            Self::Clinic(_) => "tenant key",
            Self::Person(..) => "patient key",
        }
    }

    fn place(self, version: u32) -> Place {
        match self {
            Self::Clinic(tenant) => Place { tenant, table: "tenant_keys", row: tenant.to_string(), version },
            Self::Person(tenant, person) => {
                Place { tenant, table: "patient_keys", row: person.to_string(), version }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn place(tenant: TenantId) -> Place {
        Place { tenant, table: "captions", row: "cap_1".into(), version: 1 }
    }

    #[tokio::test]
    async fn a_persons_key_belongs_to_one_person_under_one_master_key() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let keyring = Keyring::open(&folders[0].path().join("keys")).unwrap();
        let other = Keyring::open(&folders[1].path().join("keys")).unwrap();
        let tenant = TenantId::from_uuid(Uuid::from_u128(1));
        let (ada, bob) = (UserId::from_uuid(Uuid::from_u128(2)), UserId::from_uuid(Uuid::from_u128(3)));

        let (key, wrapped) = keyring.new_person_key(tenant, ada, 1, 1).await.unwrap();
        let sealed = key.seal(&place(tenant), b"cough").unwrap();

        let reopened = Keyring::open(&folders[0].path().join("keys")).unwrap();
        let again = reopened.person_key(tenant, ada, &wrapped, reopened.ticket()).await.unwrap();
        assert_eq!(again.open(&place(tenant), &sealed).unwrap().as_slice(), b"cough");

        let ticket = keyring.ticket();
        assert!(keyring.person_key(tenant, bob, &wrapped, ticket).await.is_err(), "another person");
        assert!(other.person_key(tenant, ada, &wrapped, other.ticket()).await.is_err(), "another master key");
        let next = WrappedKey { version: 2, ..wrapped };
        assert!(keyring.person_key(tenant, ada, &next, ticket).await.is_err(), "another version");
    }

    #[tokio::test]
    async fn rewrapped_keys_open_under_the_new_master_alone() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::open(&folder.path().join("keys")).unwrap();
        let tenant = TenantId::from_uuid(Uuid::from_u128(1));
        let ada = UserId::from_uuid(Uuid::from_u128(2));
        let (key, person) = keyring.new_person_key(tenant, ada, 1, 1).await.unwrap();
        let (hashes, clinic) = keyring.new_tenant_key(tenant, 1).await.unwrap();
        let sealed = key.seal(&place(tenant), b"cough").unwrap();

        assert_eq!(keyring.add_master(2).await.unwrap(), 2);
        let old = vec![(Owner::Person(tenant, ada), person), (Owner::Clinic(tenant), clinic)];
        let rewrapped = keyring.rewrap(old.clone(), 2).await.unwrap();
        keyring.remove_master(1).await.unwrap();

        assert!(rewrapped.iter().all(|key| (key.version, key.master_version) == (1, 2)));
        let key = keyring.person_key(tenant, ada, &rewrapped[0], keyring.ticket()).await.unwrap();
        assert_eq!(key.open(&place(tenant), &sealed).unwrap().as_slice(), b"cough");
        let again = keyring.tenant_key(tenant, &rewrapped[1]).await.unwrap();
        assert_eq!(again.csrf_token("session"), hashes.csrf_token("session"), "no keyed hash changes");
        assert_eq!(keyring.rewrap(old, 2).await.err(), Some(CryptoError::NoMasterKey(1)));
    }
}
