//! The patients' keys, wrapped by the master key.

use sqlx::Row;

use super::{StoreError, Tx, small};
use crate::crypto::CryptoError;
use crate::crypto::keyring::WrappedKey;
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

impl Tx {
    /// Seals `text` for a patient, whose key is made when this is the first thing to seal.
    pub(super) async fn seal(
        &mut self,
        patient: UserId,
        place: &Place,
        text: &str,
        now: Timestamp,
    ) -> Result<Vec<u8>, StoreError> {
        let newest = sqlx::query(NEWEST)
            .bind(self.tenant.to_string())
            .bind(patient.to_string())
            .fetch_optional(&mut *self.transaction)
            .await?;
        let key = match newest {
            Some(row) => self.keys.unwrap(self.tenant, patient, &wrapped(&row)?)?,
            None => self.new_key(patient, now).await?,
        };
        Ok(key.seal(place, text.as_bytes())?)
    }

    /// Opens what was sealed for a patient.
    pub(super) async fn open(
        &mut self,
        patient: UserId,
        place: &Place,
        sealed: &[u8],
    ) -> Result<String, StoreError> {
        let row = sqlx::query(BY_VERSION)
            .bind(self.tenant.to_string())
            .bind(patient.to_string())
            .bind(i64::from(key_version(sealed)?))
            .fetch_optional(&mut *self.transaction)
            .await?
            .ok_or(CryptoError::DoesNotOpen)?;
        let key = self.keys.unwrap(self.tenant, patient, &wrapped(&row)?)?;
        let plaintext = key.open(place, sealed)?;
        Ok(String::from_utf8(plaintext.to_vec()).map_err(|_| CryptoError::DoesNotOpen)?)
    }

    async fn new_key(&mut self, patient: UserId, now: Timestamp) -> Result<PatientKey, StoreError> {
        let (key, wrapped) = self.keys.new_patient_key(self.tenant, patient)?;
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(patient.to_string())
            .bind(i64::from(wrapped.version))
            .bind(i64::from(wrapped.master_version))
            .bind(wrapped.bytes)
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(key)
    }
}

fn wrapped(row: &sqlx::any::AnyRow) -> Result<WrappedKey, StoreError> {
    Ok(WrappedKey {
        version: small(row, "version")?,
        master_version: small(row, "master_version")?,
        bytes: row.try_get("wrapped")?,
    })
}
