//! The persons' keys, wrapped by the master key.

use std::sync::Arc;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{StoreError, Tx, small};
use crate::crypto::CryptoError;
use crate::crypto::keyring::{FIRST_VERSION, WrappedKey};
use crate::crypto::sealed::{PatientKey, Place, key_version};
use crate::domain::time::Timestamp;
use crate::ids::UserId;

const NEWEST: &str = "SELECT version, master_version, wrapped FROM patient_keys
                       WHERE tenant_id = $1 AND patient_id = $2 ORDER BY version DESC LIMIT 1";
const BY_VERSION: &str = "SELECT version, master_version, wrapped FROM patient_keys
                           WHERE tenant_id = $1 AND patient_id = $2 AND version = $3";
const INSERT: &str =
    "INSERT INTO patient_keys (tenant_id, patient_id, version, master_version, wrapped, created_at)
                      VALUES ($1, $2, $3, $4, $5, $6)";
const ERASED: &str = "SELECT id FROM users WHERE tenant_id = $1 AND id = $2 AND erased_at IS NOT NULL";

impl Tx {
    /// Seals `text` for a person, whose key is made when this is the first thing to seal.
    /// [`StoreError::Erased`] for somebody whose keys were destroyed: they get no new one.
    pub(super) async fn seal(
        &mut self,
        person: UserId,
        place: &Place,
        text: &str,
        now: Timestamp,
    ) -> Result<Vec<u8>, StoreError> {
        self.seal_bytes(person, place, text.as_bytes(), now).await
    }

    pub(super) async fn seal_bytes(
        &mut self,
        person: UserId,
        place: &Place,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, StoreError> {
        let key = match self.newest_key(person).await? {
            Some(wrapped) => self.unwrapped(person, &wrapped).await?,
            None => self.new_key(person, FIRST_VERSION, now).await?,
        };
        Ok(key.seal(place, bytes)?)
    }

    /// Opens what was sealed for a person. [`StoreError::Erased`] when the person's keys were destroyed.
    pub(super) async fn open(
        &mut self,
        person: UserId,
        place: &Place,
        sealed: &[u8],
    ) -> Result<String, StoreError> {
        let plaintext = self.open_bytes(person, place, sealed).await?;
        Ok(String::from_utf8(plaintext).map_err(|_| CryptoError::DoesNotOpen)?)
    }

    pub(super) async fn open_bytes(
        &mut self,
        person: UserId,
        place: &Place,
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let version = key_version(sealed)?;
        let known = match self.new_keys.get(&(person, version)) {
            Some(key) => Some(Arc::clone(key)),
            None => self.store.keys.opened(self.tenant, person, version),
        };
        let key = match known {
            Some(key) => key,
            None => self.stored_key(person, version).await?,
        };
        Ok(key.open(place, sealed)?.to_vec())
    }

    /// A new version of a person's key: what is sealed from now on needs it, what was sealed before needs the old one.
    /// Returns its number.
    pub async fn rotate_person_key(&mut self, person: UserId, now: Timestamp) -> Result<u32, StoreError> {
        let newest = self.newest_key(person).await?.ok_or(StoreError::NotFound)?;
        let version = newest.version + 1;
        self.new_key(person, version, now).await?;
        Ok(version)
    }

    async fn newest_key(&mut self, person: UserId) -> Result<Option<WrappedKey>, StoreError> {
        let row = sqlx::query(NEWEST)
            .bind(self.tenant.to_string())
            .bind(person.to_string())
            .fetch_optional(&mut *self.transaction)
            .await?;
        row.map(|row| wrapped(&row)).transpose()
    }

    async fn stored_key(&mut self, person: UserId, version: u32) -> Result<Arc<PatientKey>, StoreError> {
        let row = sqlx::query(BY_VERSION)
            .bind(self.tenant.to_string())
            .bind(person.to_string())
            .bind(i64::from(version))
            .fetch_optional(&mut *self.transaction)
            .await?;
        match row {
            Some(row) => self.unwrapped(person, &wrapped(&row)?).await,
            None if self.is_erased(person).await? => Err(StoreError::Erased),
            None => Err(CryptoError::DoesNotOpen.into()),
        }
    }

    async fn unwrapped(
        &mut self,
        person: UserId,
        wrapped: &WrappedKey,
    ) -> Result<Arc<PatientKey>, StoreError> {
        match self.new_keys.get(&(person, wrapped.version)) {
            Some(key) => Ok(Arc::clone(key)),
            None => Ok(self.store.keys.person_key(self.tenant, person, wrapped, self.ticket).await?),
        }
    }

    async fn new_key(
        &mut self,
        person: UserId,
        version: u32,
        now: Timestamp,
    ) -> Result<Arc<PatientKey>, StoreError> {
        if self.is_erased(person).await? {
            return Err(StoreError::Erased);
        }
        let master = self.active_master().await?;
        let (key, wrapped) = self.store.keys.new_person_key(self.tenant, person, version, master).await?;
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(person.to_string())
            .bind(i64::from(wrapped.version))
            .bind(i64::from(wrapped.master_version))
            .bind(wrapped.bytes)
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        let key = Arc::new(key);
        self.new_keys.insert((person, version), Arc::clone(&key));
        Ok(key)
    }

    pub(super) async fn is_erased(&mut self, person: UserId) -> Result<bool, StoreError> {
        let row = sqlx::query(ERASED)
            .bind(self.tenant.to_string())
            .bind(person.to_string())
            .fetch_optional(&mut *self.transaction)
            .await?;
        Ok(row.is_some())
    }
}

pub(super) fn wrapped(row: &AnyRow) -> Result<WrappedKey, StoreError> {
    Ok(WrappedKey {
        version: small(row, "version")?,
        master_version: small(row, "master_version")?,
        bytes: row.try_get("wrapped")?,
    })
}
