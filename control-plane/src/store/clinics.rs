//! The clinics (tenants) of this installation and their keys, kept in memory: every request begins by finding its clinic.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use sqlx::Row;

use super::{Store, StoreError, Tx, parsed, small};
use crate::crypto::CryptoError;
use crate::crypto::keyring::{FIRST_VERSION, WrappedKey};
use crate::crypto::tenant_key::TenantKey;
use crate::domain::time::Timestamp;
use crate::ids::TenantId;

const ALL: &str = "SELECT id, host FROM tenants ORDER BY created_at, id";
const KEY: &str = "SELECT master_version, wrapped FROM tenant_keys WHERE tenant_id = $1";
const INSERT_KEY: &str =
    "INSERT INTO tenant_keys (tenant_id, master_version, wrapped, created_at) VALUES ($1, $2, $3, $4)";
const INSERT: &str = "INSERT INTO tenants (id, name, host, created_at) VALUES ($1, $2, $3, $4)";
const INSERT_HEAD: &str = "INSERT INTO audit_heads (tenant_id, seq) VALUES ($1, 0)";

/// What is known of the clinics.
#[derive(Default)]
pub(super) struct Clinics {
    keys: HashMap<TenantId, Arc<TenantKey>>,
    by_host: HashMap<String, TenantId>,
}

impl Store {
    /// The clinic that a request's `Host` names (without port, any case); the first one when no clinic has that host.
    #[must_use]
    pub fn clinic_of(&self, host: &str) -> TenantId {
        let clinics = self.clinics.read().unwrap_or_else(PoisonError::into_inner);
        clinics.by_host.get(&host.to_ascii_lowercase()).copied().unwrap_or(self.tenant)
    }

    /// The clinic that has this host, if any has.
    #[must_use]
    pub fn clinic_at(&self, host: &str) -> Option<TenantId> {
        let clinics = self.clinics.read().unwrap_or_else(PoisonError::into_inner);
        clinics.by_host.get(&host.to_ascii_lowercase()).copied()
    }

    /// Where a clinic is served: under its own host with the port of `public_url`, the others at `public_url`.
    #[must_use]
    pub fn origin_of(&self, tenant: TenantId, public_url: &str) -> String {
        let clinics = self.clinics.read().unwrap_or_else(PoisonError::into_inner);
        match clinics.by_host.iter().find(|(_, clinic)| **clinic == tenant) {
            Some((host, _)) => {
                let port = public_url.rsplit_once(':').map(|(_, port)| port);
                let port = port.filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
                port.map_or_else(|| format!("https://{host}"), |port| format!("https://{host}:{port}"))
            }
            None => public_url.to_owned(),
        }
    }

    /// Every clinic.
    #[must_use]
    pub fn clinics(&self) -> Vec<TenantId> {
        let clinics = self.clinics.read().unwrap_or_else(PoisonError::into_inner);
        clinics.keys.keys().copied().collect()
    }

    /// The keyed hashes of a clinic.
    pub fn tenant_key(&self, tenant: TenantId) -> Result<Arc<TenantKey>, StoreError> {
        let clinics = self.clinics.read().unwrap_or_else(PoisonError::into_inner);
        clinics.keys.get(&tenant).cloned().ok_or(StoreError::NotFound)
    }

    /// Makes another clinic. [`StoreError::Conflict`] when the host is taken.
    pub async fn create_clinic(
        &self,
        name: &str,
        host: &str,
        now: Timestamp,
    ) -> Result<TenantId, StoreError> {
        let tenant = TenantId::generate();
        let mut tx = self.begin(tenant).await?;
        sqlx::query(INSERT)
            .bind(tenant.to_string())
            .bind(name)
            .bind(host.to_ascii_lowercase())
            .bind(now.millis())
            .execute(&mut *tx.transaction)
            .await?;
        sqlx::query(INSERT_HEAD).bind(tenant.to_string()).execute(&mut *tx.transaction).await?;
        // Whoever sees the clinic sees its key as well.
        tx.make_tenant_key(now).await?;
        tx.keep().await?;
        self.load_clinics(now).await?;
        Ok(tenant)
    }

    /// Learns of the clinics that have come since the last time, made by this process or another one; makes the key of
    /// one that has none.
    pub async fn load_clinics(&self, now: Timestamp) -> Result<(), StoreError> {
        for (tenant, host) in self.clinic_rows().await? {
            if self.tenant_key(tenant).is_ok() {
                continue;
            }
            let key = self.load_tenant_key(tenant, now).await?;
            let mut clinics = self.clinics.write().unwrap_or_else(PoisonError::into_inner);
            clinics.keys.insert(tenant, Arc::new(key));
            if let Some(host) = host {
                clinics.by_host.insert(host, tenant);
            }
        }
        Ok(())
    }

    /// Every clinic of this installation, oldest first.
    pub(super) async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(self.clinic_rows().await?.into_iter().map(|(tenant, _)| tenant).collect())
    }

    async fn clinic_rows(&self) -> Result<Vec<(TenantId, Option<String>)>, StoreError> {
        let rows = sqlx::query(ALL).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((parsed(row, "id")?, row.try_get("host")?))).collect()
    }

    /// [`StoreError::WrongMasterKey`] when the key does not open.
    async fn load_tenant_key(&self, tenant: TenantId, now: Timestamp) -> Result<TenantKey, StoreError> {
        let mut tx = self.begin(tenant).await?;
        let row = sqlx::query(KEY).bind(tenant.to_string()).fetch_optional(&mut *tx.transaction).await?;
        if let Some(row) = row {
            let wrapped = WrappedKey {
                version: FIRST_VERSION,
                master_version: small(&row, "master_version")?,
                bytes: row.try_get("wrapped")?,
            };
            return match self.keys.tenant_key(tenant, &wrapped).await {
                Ok(key) => Ok(key),
                Err(CryptoError::DoesNotOpen | CryptoError::NoMasterKey(_)) => {
                    Err(StoreError::WrongMasterKey)
                }
                Err(error) => Err(error.into()),
            };
        }
        let key = tx.make_tenant_key(now).await?;
        tx.keep().await?;
        Ok(key)
    }
}

impl Tx {
    async fn make_tenant_key(&mut self, now: Timestamp) -> Result<TenantKey, StoreError> {
        let master = self.active_master().await?;
        let (key, wrapped) = self.store.keys.new_tenant_key(self.tenant, master).await?;
        sqlx::query(INSERT_KEY)
            .bind(self.tenant.to_string())
            .bind(i64::from(wrapped.master_version))
            .bind(wrapped.bytes)
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(key)
    }
}
