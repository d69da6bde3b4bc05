//! The audit trail: one gapless Merkle log per tenant. Every entry is written in one transaction with its hash, with
//! the root of the tree that ends with it, and with the new head.

use std::sync::LazyLock;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::{Store, StoreError, Tx};
use crate::domain::audit::{Agent, AuditEntry};
use crate::domain::audit_log::{HashedEntry, LogEntry};
use crate::domain::merkle::Frontier;
use crate::domain::user::Role;
use crate::ids::TenantId;

// The head row is bumped last in a transaction: on PostgreSQL it is locked from here to the commit.
const ADVANCE: &str = "UPDATE audit_heads SET seq = $4, frontier = $5
                        WHERE tenant_id = $1 AND seq = $2 AND frontier = $3";
const RESERVE: &str = "UPDATE audit_heads SET seq = seq + $2 WHERE tenant_id = $1 RETURNING seq, frontier";
const SET_FRONTIER: &str = "UPDATE audit_heads SET frontier = $2 WHERE tenant_id = $1";
const HEAD: &str = "SELECT seq, frontier FROM audit_heads WHERE tenant_id = $1";
pub(super) const LOG_COLUMNS: &str =
    "tenant_id, seq, at, actor, role, action, subject, patient, purpose, outcome, address, leaf, root";
const COLUMN_COUNT: usize = 13;
const PAGE: &str =
    "SELECT tenant_id, seq, at, actor, role, action, subject, patient, purpose, outcome, address,
                           leaf, root
                      FROM audit WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";

/// Rows per statement, largest first: few texts for the engine to prepare, few round trips.
static INSERTS: LazyLock<[(usize, String); 5]> =
    LazyLock::new(|| [128, 32, 8, 3, 1].map(|rows| (rows, insert(rows))));

/// `INSERT … VALUES ($1, …), (…)` for so many rows.
fn insert(rows: usize) -> String {
    let row = |row: usize| {
        let places = (1..=COLUMN_COUNT).map(|column| format!("${}", row * COLUMN_COUNT + column));
        format!("({})", places.collect::<Vec<_>>().join(", "))
    };
    let rows = (0..rows).map(row).collect::<Vec<_>>().join(", ");
    format!("INSERT INTO audit ({LOG_COLUMNS}) VALUES {rows}")
}

/// Where a tenant's log ends.
pub struct LogHead {
    pub size: i64,
    /// As stored: see [`Frontier::from_bytes`].
    pub frontier: Vec<u8>,
}

impl LogHead {
    pub(super) fn tree(&self) -> Result<Frontier, StoreError> {
        let size = u64::try_from(self.size).map_err(|_| StoreError::Unreadable("seq"))?;
        Frontier::from_bytes(size, &self.frontier).ok_or(StoreError::Unreadable("frontier"))
    }
}

impl Store {
    /// A transaction that reads one state of the clinic's rows, whatever is written meanwhile.
    pub async fn snapshot(&self, tenant: TenantId) -> Result<Tx, StoreError> {
        let ticket = self.keys.ticket();
        let postgres = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let transaction = self.begin_with("BEGIN", postgres, tenant).await?;
        Ok(self.enter(tenant, transaction, None, ticket))
    }

    /// Entries that go with no other write, at once.
    pub(super) async fn record_all(
        &self,
        tenant: TenantId,
        entries: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let mut tx = self.begin(tenant).await?;
        tx.append(entries).await?;
        tx.keep().await
    }
}

/// What a transaction adds to the log.
struct Growth {
    rows: Vec<HashedEntry>,
    tree: Frontier,
}

/// The log as a transaction leaves it.
pub(super) struct Appended {
    pub(super) entries: u64,
    pub(super) tree: Frontier,
}

impl Tx {
    /// Adds entries to the log. Nothing else may be done in the transaction after it.
    pub(super) async fn append(&mut self, entries: &[AuditEntry]) -> Result<(), StoreError> {
        let growth = match self.store.audit.end(self.tenant) {
            Some(end) => self.advance(end, entries).await?,
            None => None,
        };
        let Growth { rows, tree } = match growth {
            Some(growth) => growth,
            None => self.reserve(entries).await?,
        };
        self.insert_entries(&rows).await?;
        self.appended = Some(Appended { entries: rows.len() as u64, tree });
        Ok(())
    }

    /// In one round trip, when the log still ends where this process left it: `None` when another one wrote since.
    async fn advance(&mut self, end: Frontier, entries: &[AuditEntry]) -> Result<Option<Growth>, StoreError> {
        let tenant = self.tenant.to_string();
        let (size, frontier) = (end.size() as i64, end.to_bytes());
        let growth = grown(&tenant, end, entries);
        let done = sqlx::query(ADVANCE)
            .bind(&tenant)
            .bind(size)
            .bind(frontier)
            .bind(growth.tree.size() as i64)
            .bind(growth.tree.to_bytes())
            .execute(&mut *self.transaction)
            .await?;
        Ok((done.rows_affected() == 1).then_some(growth))
    }

    async fn reserve(&mut self, entries: &[AuditEntry]) -> Result<Growth, StoreError> {
        let tenant = self.tenant.to_string();
        let count = entries.len() as i64;
        let row = sqlx::query(RESERVE).bind(&tenant).bind(count).fetch_one(&mut *self.transaction).await?;
        let head = LogHead { size: row.try_get::<i64, _>("seq")? - count, ..head_of(&row)? };
        let growth = grown(&tenant, head.tree()?, entries);
        let frontier = growth.tree.to_bytes();
        sqlx::query(SET_FRONTIER).bind(&tenant).bind(frontier).execute(&mut *self.transaction).await?;
        Ok(growth)
    }

    async fn insert_entries(&mut self, mut rows: &[HashedEntry]) -> Result<(), StoreError> {
        for (count, sql) in &*INSERTS {
            while let Some((some, rest)) = rows.split_at_checked(*count) {
                // The text is made of constants alone.
                let mut query = sqlx::query(AssertSqlSafe(sql.as_str()));
                for HashedEntry { entry, leaf, root } in some {
                    query = query
                        .bind(&entry.tenant)
                        .bind(entry.seq)
                        .bind(entry.at)
                        .bind(&entry.actor)
                        .bind(&entry.role)
                        .bind(&entry.action)
                        .bind(&entry.subject)
                        .bind(&entry.patient)
                        .bind(&entry.purpose)
                        .bind(&entry.outcome)
                        .bind(&entry.address)
                        .bind(leaf.clone())
                        .bind(root.clone());
                }
                query.execute(&mut *self.transaction).await?;
                rows = rest;
            }
        }
        Ok(())
    }

    pub async fn log_head(&mut self) -> Result<LogHead, StoreError> {
        let row = sqlx::query(HEAD).bind(self.tenant.to_string()).fetch_one(&mut *self.transaction).await?;
        head_of(&row)
    }

    /// At most `limit` entries after `seq`, in order.
    pub async fn log_page(&mut self, seq: i64, limit: i64) -> Result<Vec<HashedEntry>, StoreError> {
        let rows = sqlx::query(PAGE)
            .bind(self.tenant.to_string())
            .bind(seq)
            .bind(limit)
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter().map(hashed_entry).collect()
    }
}

fn grown(tenant: &str, mut tree: Frontier, entries: &[AuditEntry]) -> Growth {
    let first = tree.size() as i64 + 1;
    let hashed = |(entry, seq): (&AuditEntry, i64)| {
        let entry = log_entry(tenant, seq, entry);
        let leaf = entry.leaf();
        tree.append(leaf);
        HashedEntry { entry, leaf: Some(leaf.to_vec()), root: Some(tree.root().to_vec()) }
    };
    let rows = entries.iter().zip(first..).map(hashed).collect();
    Growth { rows, tree }
}

fn head_of(row: &AnyRow) -> Result<LogHead, StoreError> {
    let frontier = row.try_get::<Option<Vec<u8>>, _>("frontier")?.unwrap_or_default();
    Ok(LogHead { size: row.try_get("seq")?, frontier })
}

/// From a row with the [`LOG_COLUMNS`].
pub(super) fn hashed_entry(row: &AnyRow) -> Result<HashedEntry, StoreError> {
    let entry = LogEntry {
        tenant: row.try_get("tenant_id")?,
        seq: row.try_get("seq")?,
        at: row.try_get("at")?,
        actor: row.try_get("actor")?,
        role: row.try_get("role")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
        patient: row.try_get("patient")?,
        purpose: row.try_get("purpose")?,
        outcome: row.try_get("outcome")?,
        address: row.try_get("address")?,
    };
    Ok(HashedEntry { entry, leaf: row.try_get("leaf")?, root: row.try_get("root")? })
}

fn log_entry(tenant: &str, seq: i64, entry: &AuditEntry) -> LogEntry {
    LogEntry {
        tenant: tenant.to_owned(),
        seq,
        at: entry.at.millis(),
        actor: match entry.agent {
            Agent::User(user) => user.to_string(),
            Agent::Anonymous => "anonymous".into(),
            Agent::Server => "server".into(),
        },
        role: entry.role.map_or("", Role::name).to_owned(),
        action: entry.action.name().to_owned(),
        subject: entry.subject.clone(),
        patient: entry.patient.map(|patient| patient.to_string()).unwrap_or_default(),
        purpose: entry.purpose.code().to_owned(),
        outcome: entry.outcome.name().to_owned(),
        address: entry.address.map(|address| address.to_string()).unwrap_or_default(),
    }
}
