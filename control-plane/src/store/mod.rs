//! The only home of SQL. One text for every statement, on SQLite and PostgreSQL alike.
//!
//! A [`Tx`] is the only way to what patients said and to every write, and [`Tx::commit`] takes an audit entry: dropping
//! a `Tx` undoes it, so nothing is kept or shown without its line in the trail.
#![expect(clippy::disallowed_methods, reason = "the one home of SQL")]

mod accounts;
mod audit;
mod audit_view;
mod audit_writer;
mod break_glass;
mod checkpoints;
mod clinical;
mod clinics;
mod consultations;
mod dump;
mod erasure;
mod export;
mod invites;
mod keys;
mod labels;
mod lockout;
mod masters;
mod notices;
mod oidc;
mod one_time;
mod open;
mod participants;
mod passkeys;
mod patients;
mod pictures;
mod postgres;
mod refresh_tokens;
mod rotation;
mod security_events;
mod sessions;
mod totp;
mod transcripts;
mod upgrade;
mod users;
mod verifications;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, RwLock};

use sqlx::any::AnyRow;
use sqlx::{Any, AnyPool, AssertSqlSafe, Row, SqlSafeStr as _, SqlStr, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

pub use accounts::{Account, AccountFilter, AccountRules};
pub use break_glass::BreakGlassRecord;
pub use checkpoints::SignedHead;
pub use consultations::ConsultationRecord;
pub use dump::{DumpError, LEFT_OUT, TABLES, check as check_dump, schema_version};
pub use export::{Export, ExportedAct, ExportedConsultation, ExportedNotice};
pub use masters::{MasterState, MasterVersion};
pub use notices::Notice;
pub use one_time::OneTime;
pub use participants::Participant;
pub use passkeys::Passkey;
pub use patients::{ClinicTotals, KnownPatient};
pub use pictures::Picture;
pub use refresh_tokens::{ApiSession, RefreshFamily};
pub use rotation::{KeyCount, Rotation, RotationError, SETTLING};
pub use security_events::SecurityEvent;
pub use sessions::{Device, LiveSession, NewSession};
pub use totp::TotpSecret;
pub use users::{Credentials, NewUser};
pub use verifications::{LicenceDocument, Verification};

use audit::Appended;
use audit_writer::AuditLink;
use clinics::Clinics;

use crate::crypto::CryptoError;
use crate::crypto::keyring::{Keyring, Ticket};
use crate::crypto::sealed::PatientKey;
use crate::domain::audit::AuditEntry;
use crate::domain::time::Timestamp;
use crate::erasures::{ErasureLedger, LedgerError};
use crate::ids::{TenantId, UserId};

/// Why the store did not do it. Its text holds no value of any column.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such row, or none that this caller may know of.
    #[error("not found")]
    NotFound,
    /// Somebody else changed it first, or it would exist twice.
    #[error("changed by someone else")]
    Conflict,
    /// It belonged to somebody whose keys were destroyed; nobody can read it any more.
    #[error("erased")]
    Erased,
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error("the database holds a {0} that this version does not know")]
    Unreadable(&'static str),
    #[error("the master key does not open this database: restore the master.key it was made with")]
    WrongMasterKey,
    /// PostgreSQL is set up in a way that would not keep clinics apart; says what to change.
    #[error("{0}")]
    Unsafe(String),
    #[error(
        "the database's schema is of version {found}, this program needs {needed}: set database.owner_url or run `auscult migrate` with it"
    )]
    OtherSchema { found: i64, needed: i64 },
    /// Nothing was changed.
    #[error("the disk is full")]
    DiskFull,
    /// A commit did not reach the disk. What the file holds is only known after a new start, which reads its log.
    #[error("the disk failed: no writes are taken until the server is started again")]
    DiskFailed,
    /// Nothing was changed.
    #[error("the database is busy")]
    Busy,
    /// PostgreSQL ended the connection, or failed at work of its own. Nothing was changed.
    #[error("the database cannot be reached or has failed")]
    Unreachable,
    /// PostgreSQL was lost during a commit: it may have been kept or not.
    #[error("the database was lost while it kept this")]
    Unsure,
    /// The list of erased people outside the database.
    #[error("list of erasures: {0}")]
    Erasures(#[from] LedgerError),
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
            sqlx::Error::Database(database) if is_full(database.code().as_deref()) => Self::DiskFull,
            _ if is_lost(&error) => {
                tracing::error!(%error, "the database does not answer");
                Self::Unreachable
            }
            _ => Self::Database(error),
        }
    }
}

/// `SQLITE_FULL`, or PostgreSQL's `disk_full`.
fn is_full(code: Option<&str>) -> bool {
    code.is_some_and(|code| code == "53100" || primary(code) == Some(13))
}

/// `SQLITE_IOERR` in any of its kinds. (PostgreSQL panics and recovers by itself when a write to its log fails.)
fn is_io_error(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(database) if database.code().as_deref().and_then(primary) == Some(10))
}

/// Whether PostgreSQL is gone, going or out of order, by the classes of its codes: connection (08), resources (53: a full
/// disk among them), an operator's or a crash's doing (57P), its system (58). It panics and recovers by itself when its
/// log cannot be written, and ends every connection.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            code.len() == 5 && ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

/// The primary part of an SQLite result code.
fn primary(code: &str) -> Option<u32> {
    (code.len() <= 4).then(|| code.parse::<u32>().ok()).flatten().map(|code| code & 0xff)
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
    erasures: ErasureLedger,
    /// Writers queue here, first come first served: `SQLite` has one at a time and would be polled, and PostgreSQL's
    /// connections would all be taken by writers.
    writers: Arc<Semaphore>,
    /// The first clinic.
    tenant: TenantId,
    clinics: Arc<RwLock<Clinics>>,
    audit: Arc<AuditLink>,
    /// Cancelled when a commit did not reach the disk.
    failed: CancellationToken,
}

// First in every transaction on PostgreSQL: row-level security shows that clinic's rows alone, until it ends.
const SET_TENANT: &str = "SELECT set_config('app.tenant_id', $1, true)";

// Whatever the database's default is: who waited for a row must see what it was changed to.
const READ_COMMITTED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// `begin` and [`SET_TENANT`] in one round trip. An id is made of letters, digits and underscores.
fn entering(begin: &str, tenant: TenantId) -> SqlStr {
    AssertSqlSafe(format!("{begin}; SELECT set_config('app.tenant_id', '{tenant}', true)")).into_sql_str()
}

impl Store {
    /// The first clinic: what the command line and the demonstration work on.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The keys to what is sealed.
    #[must_use]
    pub const fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// A transaction in one tenant that may write. Undone unless committed.
    pub async fn begin(&self, tenant: TenantId) -> Result<Tx, StoreError> {
        if self.failed.is_cancelled() {
            return Err(StoreError::DiskFailed);
        }
        let turn = Arc::clone(&self.writers).acquire_owned().await.ok();
        let ticket = self.keys.ticket();
        // Without IMMEDIATE a transaction that reads before it writes fails when another one writes meanwhile.
        let transaction = self.begin_with("BEGIN IMMEDIATE", READ_COMMITTED, tenant).await?;
        Ok(self.enter(tenant, transaction, turn, ticket))
    }

    /// A transaction in one tenant that only reads: it waits for no writer. Its [`Tx::commit`] writes the audit entry.
    pub async fn read(&self, tenant: TenantId) -> Result<Tx, StoreError> {
        let ticket = self.keys.ticket();
        let transaction = self.begin_with("BEGIN", READ_COMMITTED, tenant).await?;
        Ok(self.enter(tenant, transaction, None, ticket))
    }

    /// Begins even if whoever asked goes away meanwhile, as a request whose client hangs up does: sqlx 0.9.0 forgets a
    /// transaction of PostgreSQL whose beginning is not waited for, and the connection's next user would be inside it
    /// (sqlx issue 4385).
    async fn begin_with(
        &self,
        sqlite: &'static str,
        postgres: &str,
        tenant: TenantId,
    ) -> Result<Transaction<'static, Any>, StoreError> {
        let begin = match self.engine {
            Engine::Sqlite => sqlite.into_sql_str(),
            Engine::Postgres => entering(postgres, tenant),
        };
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin_with(begin).await }).await;
        Ok(begun.map_err(|_| StoreError::Unreachable)??)
    }

    fn enter(
        &self,
        tenant: TenantId,
        transaction: Transaction<'static, Any>,
        turn: Option<OwnedSemaphorePermit>,
        ticket: Ticket,
    ) -> Tx {
        Tx {
            transaction,
            tenant,
            store: self.clone(),
            new_keys: HashMap::new(),
            erased: Vec::new(),
            ticket,
            appended: None,
            turn,
        }
    }

    /// Returns when a commit did not reach the disk. Trying again could report as written what is not (fsync drops the
    /// pages that it could not write), so the process has to end and start from what is really there.
    pub async fn disk_failed(&self) {
        self.failed.cancelled().await;
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
    store: Store,
    /// Made in this transaction, by version: nobody else knows of them until it is kept.
    new_keys: HashMap<(UserId, u32), Arc<PatientKey>>,
    /// Whose keys were destroyed in this transaction: once it is kept, no copy of them may be left.
    erased: Vec<UserId>,
    ticket: Ticket,
    appended: Option<Appended>,
    /// Among the writers; released when the transaction is over. `None` for a reader.
    turn: Option<OwnedSemaphorePermit>,
}

impl Tx {
    /// Keeps everything that was done, together with its line in the audit trail. Durable when this returns.
    pub async fn commit(mut self, entry: AuditEntry) -> Result<(), StoreError> {
        if self.turn.is_none() {
            // A reader: its snapshot ends here, and the entry is written before anybody sees what was read.
            let (store, tenant) = (self.store.clone(), self.tenant);
            drop(self.transaction);
            return store.record(tenant, entry).await;
        }
        self.append(std::slice::from_ref(&entry)).await?;
        self.keep().await
    }

    /// Keeps what was done without a line in the trail: only for what nobody can see and nothing depends on.
    async fn keep(self) -> Result<(), StoreError> {
        let Self { transaction, store, tenant, erased, appended, .. } = self;
        transaction.commit().await.map_err(|error| {
            if is_io_error(&error) {
                tracing::error!(%error, "a commit did not reach the disk");
                store.failed.cancel();
                return StoreError::DiskFailed;
            }
            if is_lost(&error) {
                tracing::error!(%error, "the database was lost during a commit");
                return StoreError::Unsure;
            }
            StoreError::from(error)
        })?;
        if let Some(appended) = appended {
            store.audit.grew(tenant, appended);
        }
        for person in &erased {
            store.keys.forget(tenant, *person);
        }
        if !erased.is_empty() {
            store.empty_journal().await;
        }
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
