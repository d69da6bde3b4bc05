//! What was signed about a clinic's log. Kept without a line in the log: it is about the log itself.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{StoreError, Tx, time};
use crate::domain::merkle::Frontier;
use crate::domain::time::Timestamp;

const INSERT: &str =
    "INSERT INTO checkpoints (tenant_id, size, note, frontier, created_at) VALUES ($1, $2, $3, $4, $5)";
const NEWEST: &str = "SELECT size, note, frontier, created_at FROM checkpoints WHERE tenant_id = $1
                       ORDER BY size DESC LIMIT 1";
const COVERING: &str =
    "SELECT size, note, frontier, created_at FROM checkpoints WHERE tenant_id = $1 AND size >= $2
                         ORDER BY size LIMIT 1";
const BEFORE: &str =
    "SELECT size, note, frontier, created_at FROM checkpoints WHERE tenant_id = $1 AND size < $2
                       ORDER BY size DESC LIMIT 1";
const PAGE: &str =
    "SELECT size, note, frontier, created_at FROM checkpoints WHERE tenant_id = $1 AND size > $2
                     ORDER BY size LIMIT 1000";

/// A signed checkpoint.
#[derive(Clone)]
pub struct SignedHead {
    pub size: i64,
    /// C2SP signed note.
    pub note: String,
    /// Of the tree that was signed; as stored.
    pub frontier: Vec<u8>,
    pub at: Timestamp,
}

impl SignedHead {
    /// `None`: the row is not one that we wrote.
    #[must_use]
    pub fn tree(&self) -> Option<Frontier> {
        Frontier::from_bytes(u64::try_from(self.size).ok()?, &self.frontier)
    }
}

impl Tx {
    pub async fn newest_checkpoint(&mut self) -> Result<Option<SignedHead>, StoreError> {
        let row =
            sqlx::query(NEWEST).bind(self.tenant.to_string()).fetch_optional(&mut *self.transaction).await?;
        row.map(|row| signed_head(&row)).transpose()
    }

    /// The first checkpoint that covers entry `seq`.
    pub async fn checkpoint_covering(&mut self, seq: i64) -> Result<Option<SignedHead>, StoreError> {
        self.one_checkpoint(COVERING, seq).await
    }

    /// The last checkpoint that does not.
    pub async fn checkpoint_before(&mut self, seq: i64) -> Result<Option<SignedHead>, StoreError> {
        self.one_checkpoint(BEFORE, seq).await
    }

    async fn one_checkpoint(
        &mut self,
        sql: &'static str,
        seq: i64,
    ) -> Result<Option<SignedHead>, StoreError> {
        let row = sqlx::query(sql)
            .bind(self.tenant.to_string())
            .bind(seq)
            .fetch_optional(&mut *self.transaction)
            .await?;
        row.map(|row| signed_head(&row)).transpose()
    }

    /// The checkpoints after `size`, smallest first; at most 1000.
    pub async fn checkpoints(&mut self, size: i64) -> Result<Vec<SignedHead>, StoreError> {
        let rows = sqlx::query(PAGE)
            .bind(self.tenant.to_string())
            .bind(size)
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter().map(signed_head).collect()
    }

    /// [`StoreError::Conflict`] when another process has signed this size.
    pub async fn keep_checkpoint(mut self, signed: &SignedHead) -> Result<(), StoreError> {
        if self.newest_checkpoint().await?.is_some_and(|newest| newest.size >= signed.size) {
            return Err(StoreError::Conflict);
        }
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(signed.size)
            .bind(&signed.note)
            .bind(signed.frontier.clone())
            .bind(signed.at.millis())
            .execute(&mut *self.transaction)
            .await?;
        self.keep().await
    }
}

fn signed_head(row: &AnyRow) -> Result<SignedHead, StoreError> {
    Ok(SignedHead {
        size: row.try_get("size")?,
        note: row.try_get("note")?,
        frontier: row.try_get("frontier")?,
        at: time(row, "created_at")?,
    })
}
