//! Which version of the master key wraps and which ones only open. The keys themselves are never in the database, only
//! what tells one from another, so that the wrong key is noticed at start and not at the first record.

use sqlx::Row;

use super::{Store, StoreError, Tx, named, small, time};
use crate::domain::time::Timestamp;

const ALL: &str = "SELECT version, state, fingerprint, created_at FROM master_keys ORDER BY version";
const ACTIVE: &str = "SELECT version FROM master_keys WHERE state = 'active' ORDER BY version DESC LIMIT 1";
const INSERT: &str = "INSERT INTO master_keys (version, state, fingerprint, created_at)
                      VALUES ($1, 'active', $2, $3) ON CONFLICT (version) DO NOTHING";
const ONLY_OPENS: &str = "UPDATE master_keys SET state = 'opens' WHERE state = 'active' AND version < $1";
const RETIRE: &str = "UPDATE master_keys SET state = 'retired' WHERE version = $1 AND state = 'opens'";

/// What a version of the master key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MasterState {
    /// Wraps new keys.
    Active,
    /// Opens what it has wrapped.
    Opens,
    /// Wraps nothing any more; its key may be destroyed.
    Retired,
}

impl MasterState {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Opens => "opens",
            Self::Retired => "retired",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Opens, Self::Retired].into_iter().find(|state| state.name() == name)
    }
}

/// One version of the master key, as the database knows it.
#[derive(Debug, Clone)]
pub struct MasterVersion {
    pub version: u32,
    pub state: MasterState,
    pub fingerprint: String,
    pub created_at: Timestamp,
}

impl Store {
    /// Notes the master key on the first start; later refuses one that is not the one the database was made with.
    pub(super) async fn check_masters(&self, now: Timestamp) -> Result<(), StoreError> {
        let known = self.masters().await?;
        if known.is_empty() {
            return self.activate_master(self.keys.newest_master().await?, now).await;
        }
        for master in known.iter().filter(|master| master.state != MasterState::Retired) {
            match self.keys.fingerprint(master.version) {
                Ok(fingerprint) if fingerprint == master.fingerprint => {}
                _ => return Err(StoreError::WrongMasterKey),
            }
        }
        Ok(())
    }

    /// Every version there ever was, oldest first.
    pub(super) async fn masters(&self) -> Result<Vec<MasterVersion>, StoreError> {
        // Not a table of a clinic: nothing in it belongs to one.
        let rows = sqlx::query(ALL).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(MasterVersion {
                    version: small(row, "version")?,
                    state: named(row, "state", MasterState::from_name)?,
                    fingerprint: row.try_get("fingerprint")?,
                    created_at: time(row, "created_at")?,
                })
            })
            .collect()
    }

    /// New keys are wrapped with `version` from now on, in every process that uses this database.
    pub(super) async fn activate_master(&self, version: u32, now: Timestamp) -> Result<(), StoreError> {
        let fingerprint = self.keys.fingerprint(version)?;
        let mut tx = self.begin(self.tenant).await?;
        let version = i64::from(version);
        sqlx::query(INSERT)
            .bind(version)
            .bind(fingerprint)
            .bind(now.millis())
            .execute(&mut *tx.transaction)
            .await?;
        sqlx::query(ONLY_OPENS).bind(version).execute(&mut *tx.transaction).await?;
        tx.keep().await
    }

    /// `false` when it was not in the state for that.
    pub(super) async fn mark_retired(&self, version: u32) -> Result<bool, StoreError> {
        let mut tx = self.begin(self.tenant).await?;
        let done =
            sqlx::query(RETIRE).bind(i64::from(version)).execute(&mut *tx.transaction).await?.rows_affected();
        tx.keep().await?;
        Ok(done == 1)
    }
}

impl Tx {
    /// Asked for every key that is made, which is once per person: so a rotation counts at once everywhere.
    pub(super) async fn active_master(&mut self) -> Result<u32, StoreError> {
        let row = sqlx::query(ACTIVE).fetch_one(&mut *self.transaction).await?;
        small(&row, "version")
    }
}
