//! Changing the master key while everything goes on: a new version wraps new keys at once, the keys there are are
//! re-wrapped in batches, and what was re-wrapped stays so when the process dies. No data is touched.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::Row;
use tokio::time::Instant;

use super::masters::{MasterState, MasterVersion};
use super::{Engine, Store, StoreError, Tx, keys::wrapped, parsed, small};
use crate::crypto::keyring::{FIRST_VERSION, KeyringError, Owner, WrappedKey};
use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::domain::time::Timestamp;
use crate::ids::{TenantId, UserId};

/// Keys of one transaction: bounded by how long others wait.
const BATCH: usize = 2_000;
/// Keys of one statement: `SQLite` looks a parameter up among all those before it.
const STATEMENT: usize = 100;
/// A request that began before a new version wrapped may still be making a key with the old one; none lives longer.
pub const SETTLING: Duration = Duration::from_mins(1);

const OLD: &str = "SELECT patient_id, version, master_version, wrapped FROM patient_keys
                    WHERE tenant_id = $1 AND patient_id >= $4 AND master_version < $2
                    ORDER BY patient_id LIMIT $3";
const OLD_TENANT_KEY: &str =
    "SELECT master_version, wrapped FROM tenant_keys WHERE tenant_id = $1 AND master_version < $2";
const UPDATE_TENANT_KEY: &str =
    "UPDATE tenant_keys SET master_version = $2, wrapped = $3 WHERE tenant_id = $1";
const COUNTS: &str =
    "SELECT master_version, COUNT(*) AS keys FROM patient_keys WHERE tenant_id = $1 GROUP BY master_version";
const TENANT_KEY_COUNTS: &str =
    "SELECT master_version, COUNT(*) AS keys FROM tenant_keys WHERE tenant_id = $1 GROUP BY master_version";

/// A version of the master key and how many keys it wraps.
pub struct KeyCount {
    pub master: MasterVersion,
    pub keys: u64,
}

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The version that everything is wrapped with now.
    pub version: u32,
    /// An interrupted rotation was finished instead of beginning a new one.
    pub resumed: bool,
    pub rewrapped: u64,
}

/// Why a rotation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(
        "there is no newer key than version {0}: set AUSCULT_MASTER_KEY to a new one and AUSCULT_MASTER_KEY_{0} to the \
         present one, restart the server, then run this again"
    )]
    NoNewKey(u32),
    #[error("there is no version {0}")]
    NoSuchVersion(u32),
    #[error("version {0} wraps new keys: rotate first")]
    StillActive(u32),
    #[error("version {version} still wraps {keys} keys: `auscult keys rotate` re-wraps them")]
    StillUsed { version: u32, keys: u64 },
    #[error("requests that began before the rotation may still use version {0}: try again in a minute")]
    Settling(u32),
}

impl Store {
    /// Every version of the master key, oldest first.
    pub async fn key_status(&self) -> Result<Vec<KeyCount>, StoreError> {
        let counts = self.count_keys().await?;
        let masters = self.masters().await?.into_iter();
        Ok(masters
            .map(|master| KeyCount { keys: counts.get(&master.version).copied().unwrap_or(0), master })
            .collect())
    }

    /// Makes a new version and re-wraps everything, or finishes an earlier rotation. `progress`: keys done so far.
    pub async fn rotate_master_key(
        &self,
        now: Timestamp,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Rotation, RotationError> {
        let active = self.active_version().await?;
        let counts = self.count_keys().await?;
        let resumed = counts.range(..active).any(|(_, keys)| *keys > 0);
        let version = if resumed { active } else { self.next_master(active, now).await? };
        let mut rewrapped = 0;
        for tenant in self.tenants().await? {
            let before = rewrapped;
            rewrapped += self.rewrap_tenant_key(tenant, version).await?;
            let mut from = String::new();
            loop {
                let began = Instant::now();
                let people = self.rewrap_some(tenant, version, &from).await?;
                rewrapped += people.len() as u64;
                progress(rewrapped);
                let Some(last) = people.last().filter(|_| people.len() == BATCH) else { break };
                from = last.to_string();
                if self.engine == Engine::Sqlite {
                    // Its other writers poll for the lock: they get as much of the time as this does.
                    tokio::time::sleep(began.elapsed()).await;
                }
            }
            if rewrapped > before || !resumed {
                let entry = AuditEntry::by(Agent::Server, Action::KeysRotated, version, now);
                self.record(tenant, entry).await?;
            }
        }
        Ok(Rotation { version, resumed, rewrapped })
    }

    /// Gives up a version that wraps nothing any more, and destroys its key.
    pub async fn retire_master_key(&self, version: u32, now: Timestamp) -> Result<(), RotationError> {
        let masters = self.masters().await?;
        let master = masters.iter().find(|master| master.version == version);
        let master = master.ok_or(RotationError::NoSuchVersion(version))?;
        let successor = masters.iter().find(|later| later.version > version);
        let (Some(successor), false) = (successor, master.state == MasterState::Active) else {
            return Err(RotationError::StillActive(version));
        };
        if now.since(successor.created_at) < SETTLING {
            return Err(RotationError::Settling(version));
        }
        let keys = self.count_keys().await?.get(&version).copied().unwrap_or(0);
        if keys > 0 {
            return Err(RotationError::StillUsed { version, keys });
        }
        self.mark_retired(version).await?;
        Ok(self.keys.remove_master(version).await?)
    }

    async fn next_master(&self, active: u32, now: Timestamp) -> Result<u32, RotationError> {
        let next = self.keys.add_master(active + 1).await?;
        if next <= active {
            return Err(RotationError::NoNewKey(active));
        }
        self.activate_master(next, now).await?;
        Ok(next)
    }

    async fn active_version(&self) -> Result<u32, StoreError> {
        self.begin(self.tenant).await?.active_master().await
    }

    /// How many keys of clinics and persons each version of the master key wraps.
    async fn count_keys(&self) -> Result<BTreeMap<u32, u64>, StoreError> {
        let mut counts = BTreeMap::new();
        for tenant in self.tenants().await? {
            let mut tx = self.read(tenant).await?;
            for statement in [COUNTS, TENANT_KEY_COUNTS] {
                let query = sqlx::query(statement).bind(tenant.to_string());
                for row in query.fetch_all(&mut *tx.transaction).await? {
                    let keys: i64 = row.try_get("keys")?;
                    *counts.entry(small(&row, "master_version")?).or_insert(0) += keys.unsigned_abs();
                }
            }
        }
        Ok(counts)
    }

    async fn rewrap_tenant_key(&self, tenant: TenantId, version: u32) -> Result<u64, StoreError> {
        let mut tx = self.begin(tenant).await?;
        let row = sqlx::query(OLD_TENANT_KEY)
            .bind(tenant.to_string())
            .bind(i64::from(version))
            .fetch_optional(&mut *tx.transaction)
            .await?;
        let Some(row) = row else { return Ok(0) };
        let key = WrappedKey {
            version: FIRST_VERSION,
            master_version: small(&row, "master_version")?,
            bytes: row.try_get("wrapped")?,
        };
        for key in self.keys.rewrap(vec![(Owner::Clinic(tenant), key)], version).await? {
            sqlx::query(UPDATE_TENANT_KEY)
                .bind(tenant.to_string())
                .bind(i64::from(key.master_version))
                .bind(key.bytes)
                .execute(&mut *tx.transaction)
                .await?;
        }
        tx.keep().await?;
        Ok(1)
    }

    /// In the order of the people's ids, beginning with the one that was in the middle: without it each batch would
    /// first pass over all that is done. Returns whose keys they are.
    async fn rewrap_some(
        &self,
        tenant: TenantId,
        version: u32,
        from: &str,
    ) -> Result<Vec<UserId>, StoreError> {
        let mut tx = self.begin(tenant).await?;
        let rows = sqlx::query(OLD)
            .bind(tenant.to_string())
            .bind(i64::from(version))
            .bind(BATCH as i64)
            .bind(from)
            .fetch_all(&mut *tx.transaction)
            .await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let people: Vec<UserId> =
            rows.iter().map(|row| parsed(row, "patient_id")).collect::<Result<_, _>>()?;
        let old = rows.iter().zip(&people);
        let old = old.map(|(row, person)| Ok((Owner::Person(tenant, *person), wrapped(row)?)));
        let keys = self.keys.rewrap(old.collect::<Result<_, StoreError>>()?, version).await?;
        tx.update_person_keys(&people, keys).await?;
        tx.keep().await?;
        Ok(people)
    }
}

impl Tx {
    /// A row that is gone meanwhile stays gone.
    async fn update_person_keys(
        &mut self,
        people: &[UserId],
        keys: Vec<WrappedKey>,
    ) -> Result<(), StoreError> {
        let mut rows = people.iter().zip(keys);
        let mut left = rows.len();
        while left > 0 {
            let some = left.min(STATEMENT);
            // The text is made of numbers alone.
            let mut query = sqlx::query(sqlx::AssertSqlSafe(update(some))).bind(self.tenant.to_string());
            for (person, key) in rows.by_ref().take(some) {
                query = query
                    .bind(person.to_string())
                    .bind(i64::from(key.version))
                    .bind(i64::from(key.master_version))
                    .bind(key.bytes);
            }
            query.execute(&mut *self.transaction).await?;
            left -= some;
        }
        Ok(())
    }
}

/// Re-wraps so many rows of `patient_keys`.
fn update(rows: usize) -> String {
    let row = |row: usize| {
        let first = row * 4 + 2;
        format!("(${first},${},${},${})", first + 1, first + 2, first + 3)
    };
    let rows = (0..rows).map(row).collect::<Vec<_>>().join(",");
    // The columns of a VALUES list are called column1, column2, … by both engines.
    format!(
        "UPDATE patient_keys SET master_version = v.column3, wrapped = v.column4 FROM (VALUES {rows}) AS v
          WHERE patient_keys.tenant_id = $1 AND patient_keys.patient_id = v.column1
            AND patient_keys.version = v.column2"
    )
}
