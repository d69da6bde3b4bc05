//! The only home of SQL. One text for every statement, on SQLite and PostgreSQL alike.
//!
//! A [`Tx`] is the only way to what patients said and to every write, and [`Tx::commit`] takes an audit entry: dropping
//! a `Tx` undoes it, so nothing is kept or shown without its line in the trail.
#![expect(clippy::disallowed_methods, reason = "the one home of SQL")]

mod audit;
mod consultations;
mod invites;
mod keys;
mod open;
mod participants;
mod sessions;
mod transcripts;
mod users;

use std::str::FromStr;
use std::sync::Arc;

use sqlx::any::AnyRow;
use sqlx::{Any, AnyPool, Row, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use consultations::ConsultationRecord;
pub use participants::Participant;
pub use sessions::LiveSession;
pub use users::{Credentials, NewUser};

use crate::crypto::CryptoError;
use crate::crypto::keyring::Keyring;
use crate::domain::audit::AuditEntry;
use crate::domain::time::Timestamp;
use crate::ids::TenantId;

/// Why the store did not do it. Its text holds no value of any column.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such row, or none that this caller may know of.
    #[error("not found")]
    NotFound,
    /// Somebody else changed it first, or it would exist twice.
    #[error("changed by someone else")]
    Conflict,
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error("the database holds a {0} that this version does not know")]
    Unreadable(&'static str),
    #[error("the master key does not open this database: restore the master.key it was made with")]
    WrongMasterKey,
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
    #[error("database migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Conflict,
            _ => Self::Database(error),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

/// The database and the keys to it; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    engine: Engine,
    keys: Keyring,
    /// `SQLite` has one writer at a time: they queue here, first come first served, instead of polling its lock.
    writers: Arc<Semaphore>,
    tenant: TenantId,
}

impl Store {
    /// The clinic that this installation serves.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The keys to what is sealed.
    #[must_use]
    pub const fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// A transaction in one tenant. Undone unless committed.
    pub async fn begin(&self, tenant: TenantId) -> Result<Tx, StoreError> {
        let turn = match self.engine {
            Engine::Sqlite => Arc::clone(&self.writers).acquire_owned().await.ok(),
            Engine::Postgres => None,
        };
        let transaction = match self.engine {
            // Without IMMEDIATE a transaction that reads before it writes fails when another one writes meanwhile.
            Engine::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await?,
            Engine::Postgres => self.pool.begin().await?,
        };
        Ok(Tx { transaction, tenant, keys: self.keys.clone(), _turn: turn })
    }

    /// Whether the database takes writes: one is begun and undone.
    pub async fn ping(&self) -> Result<(), StoreError> {
        drop(self.begin(self.tenant).await?);
        Ok(())
    }

    /// Waits for what is under way and closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction in one tenant.
pub struct Tx {
    transaction: Transaction<'static, Any>,
    tenant: TenantId,
    keys: Keyring,
    /// Released when the transaction is over.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Tx {
    /// Keeps everything that was done, together with its line in the audit trail. Durable when this returns.
    pub async fn commit(mut self, entry: AuditEntry) -> Result<(), StoreError> {
        self.append(&entry).await?;
        self.transaction.commit().await?;
        Ok(())
    }
}

/// An id or a name as it is stored.
fn parsed<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<T, StoreError> {
    row.try_get::<String, _>(column)?.parse().map_err(|_| StoreError::Unreadable(column))
}

fn parsed_option<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<Option<T>, StoreError> {
    let text = row.try_get::<Option<String>, _>(column)?;
    text.map(|text| text.parse().map_err(|_| StoreError::Unreadable(column))).transpose()
}

/// A name of a closed set, by its `from_name`.
fn named<T>(
    row: &AnyRow,
    column: &'static str,
    from_name: impl FnOnce(&str) -> Option<T>,
) -> Result<T, StoreError> {
    from_name(&row.try_get::<String, _>(column)?).ok_or(StoreError::Unreadable(column))
}

fn time(row: &AnyRow, column: &'static str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

fn time_option(row: &AnyRow, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_millis))
}

/// A version or count that never is negative or large.
fn small(row: &AnyRow, column: &'static str) -> Result<u32, StoreError> {
    u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::Unreadable(column))
}

/// Exactly one row was meant: none means that somebody was faster.
fn changed_one(rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}
