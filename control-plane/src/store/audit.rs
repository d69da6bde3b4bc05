//! The audit trail: one gapless sequence per tenant.

use sqlx::Row;

use super::{StoreError, Tx};
use crate::domain::audit::{Agent, AuditEntry};

// The head row is bumped last in a transaction: on PostgreSQL it is locked from here to the commit.
const NEXT: &str = "UPDATE audit_heads SET seq = seq + 1 WHERE tenant_id = $1 RETURNING seq";
const APPEND: &str = "INSERT INTO audit (tenant_id, seq, at, actor, action, subject, purpose, address)
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

impl Tx {
    pub(super) async fn append(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        let tenant = self.tenant.to_string();
        let seq: i64 =
            sqlx::query(NEXT).bind(&tenant).fetch_one(&mut *self.transaction).await?.try_get("seq")?;
        let agent = match entry.agent {
            Agent::User(user) => user.to_string(),
            Agent::Anonymous => "anonymous".into(),
            Agent::Server => "server".into(),
        };
        sqlx::query(APPEND)
            .bind(&tenant)
            .bind(seq)
            .bind(entry.at.millis())
            .bind(agent)
            .bind(entry.action.name())
            .bind(&entry.subject)
            .bind(entry.action.purpose())
            .bind(entry.address.map(|address| address.to_string()).unwrap_or_default())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }
}
