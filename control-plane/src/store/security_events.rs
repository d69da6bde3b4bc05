//! What was noticed in the audit log, until an administrator has seen it.

use std::time::Duration;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Store, StoreError, Tx, parsed, small, time, time_option};
use crate::domain::security::Alert;
use crate::domain::time::Timestamp;
use crate::ids::{SecurityEventId, TenantId, UserId};

const ALL: &str =
    "SELECT id, kind, subject, severity, count, first_at, last_at, acknowledged_at
                            FROM security_events WHERE tenant_id = $1 ORDER BY last_at DESC, id DESC LIMIT 200";
const OPEN: &str = "SELECT id, kind, subject, severity, count, first_at, last_at, acknowledged_at
                      FROM security_events WHERE tenant_id = $1 AND acknowledged_at IS NULL
                      ORDER BY last_at DESC, id DESC LIMIT 200";
const NEWEST: &str = "SELECT id, last_at, acknowledged_at FROM security_events
                       WHERE tenant_id = $1 AND kind = $2 AND subject = $3 ORDER BY last_at DESC, id DESC LIMIT 1";
const INSERT: &str =
    "INSERT INTO security_events (tenant_id, id, kind, subject, severity, count, first_at, last_at)
                      VALUES ($1, $2, $3, $4, $5, 1, $6, $6)";
const AGAIN: &str =
    "UPDATE security_events SET count = count + 1, last_at = $3 WHERE tenant_id = $1 AND id = $2";
const ACKNOWLEDGE: &str = "UPDATE security_events SET acknowledged_by = $3, acknowledged_at = $4
                            WHERE tenant_id = $1 AND id = $2 AND acknowledged_at IS NULL";
const EXISTS: &str = "SELECT id FROM security_events WHERE tenant_id = $1 AND id = $2";
const SEQ_AT: &str = "SELECT MIN(seq) AS seq FROM audit WHERE tenant_id = $1 AND at >= $2";

pub struct SecurityEvent {
    pub id: SecurityEventId,
    pub kind: String,
    pub subject: String,
    pub severity: String,
    /// Times that it was noticed.
    pub count: u32,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub acknowledged_at: Option<Timestamp>,
}

impl Store {
    /// The entry before the first one since `at`.
    pub async fn seq_before(&self, tenant: TenantId, at: Timestamp) -> Result<i64, StoreError> {
        let mut tx = self.read(tenant).await?;
        let row = sqlx::query(SEQ_AT)
            .bind(tenant.to_string())
            .bind(at.millis())
            .fetch_one(&mut *tx.transaction)
            .await?;
        match row.try_get::<Option<i64>, _>("seq")? {
            Some(first) => Ok(first - 1),
            None => Ok(tx.log_head().await?.size),
        }
    }

    /// Keeps what was noticed; again within `window` about the same subject it is counted, unless an administrator has
    /// seen it. Returns whether it is new. An alert that was kept before changes nothing: a server that starts, and
    /// another one on the same database, notice the same.
    pub async fn keep_alert(
        &self,
        tenant: TenantId,
        alert: &Alert,
        window: Duration,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin(tenant).await?;
        let newest = sqlx::query(NEWEST)
            .bind(tenant.to_string())
            .bind(alert.kind.name())
            .bind(&alert.subject)
            .fetch_optional(&mut *tx.transaction)
            .await?;
        let newest = newest.map(|row| -> Result<_, StoreError> {
            let is_open = time_option(&row, "acknowledged_at")?.is_none();
            Ok((parsed::<SecurityEventId>(&row, "id")?, time(&row, "last_at")?, is_open))
        });
        let newest = newest.transpose()?;
        let is_new = match newest {
            Some((_, last_at, _)) if alert.at <= last_at => return Ok(false),
            Some((id, last_at, true)) if alert.at.since(last_at) < window => {
                sqlx::query(AGAIN)
                    .bind(tenant.to_string())
                    .bind(id.to_string())
                    .bind(alert.at.millis())
                    .execute(&mut *tx.transaction)
                    .await?;
                false
            }
            _ => {
                sqlx::query(INSERT)
                    .bind(tenant.to_string())
                    .bind(SecurityEventId::generate().to_string())
                    .bind(alert.kind.name())
                    .bind(&alert.subject)
                    .bind(alert.kind.severity().name())
                    .bind(alert.at.millis())
                    .execute(&mut *tx.transaction)
                    .await?;
                true
            }
        };
        // What it was noticed in stands in the log already.
        tx.keep().await?;
        Ok(is_new)
    }
}

impl Tx {
    /// Newest first, at most 200; `open`: only what no administrator has seen.
    pub async fn security_events(&mut self, open: bool) -> Result<Vec<SecurityEvent>, StoreError> {
        let sql = if open { OPEN } else { ALL };
        let rows = sqlx::query(sql).bind(self.tenant.to_string()).fetch_all(&mut *self.transaction).await?;
        rows.iter().map(security_event).collect()
    }

    /// [`StoreError::NotFound`] when there is none; seen twice is seen.
    pub async fn acknowledge(
        &mut self,
        id: SecurityEventId,
        by: UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = sqlx::query(EXISTS)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .fetch_optional(&mut *self.transaction)
            .await?;
        row.ok_or(StoreError::NotFound)?;
        sqlx::query(ACKNOWLEDGE)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(by.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }
}

fn security_event(row: &AnyRow) -> Result<SecurityEvent, StoreError> {
    Ok(SecurityEvent {
        id: parsed(row, "id")?,
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        severity: row.try_get("severity")?,
        count: small(row, "count")?,
        first_at: time(row, "first_at")?,
        last_at: time(row, "last_at")?,
        acknowledged_at: time_option(row, "acknowledged_at")?,
    })
}
