//! What somebody should know: kinds and ids, shown until seen.

use sqlx::Row;

use super::{Store, StoreError, Tx, parsed, small, time, time_option};
use crate::domain::time::Timestamp;
use crate::ids::{NoticeId, TenantId, UserId};

const INSERT: &str = "INSERT INTO notices (tenant_id, id, user_id, kind, subject, created_at)
                      VALUES ($1, $2, $3, $4, $5, $6)";
const OF_USER: &str = "SELECT id, kind, subject, created_at, seen_at FROM notices
                        WHERE tenant_id = $1 AND user_id = $2 ORDER BY created_at DESC, id DESC LIMIT 100";
const UNREAD: &str =
    "SELECT COUNT(*) AS unread FROM notices WHERE tenant_id = $1 AND user_id = $2 AND seen_at IS NULL";
const SEE: &str = "UPDATE notices SET seen_at = COALESCE(seen_at, $4)
                    WHERE tenant_id = $1 AND user_id = $2 AND id = $3";

/// Something that one person should know.
pub struct Notice {
    pub id: NoticeId,
    pub kind: String,
    /// Id of what it is about.
    pub subject: String,
    pub created_at: Timestamp,
    pub seen_at: Option<Timestamp>,
}

impl Store {
    /// The person's own, newest first, at most 100.
    pub async fn notices(&self, tenant: TenantId, user: UserId) -> Result<Vec<Notice>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let rows = sqlx::query(OF_USER)
            .bind(tenant.to_string())
            .bind(user.to_string())
            .fetch_all(&mut *tx.transaction)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Notice {
                    id: parsed(row, "id")?,
                    kind: row.try_get("kind")?,
                    subject: row.try_get("subject")?,
                    created_at: time(row, "created_at")?,
                    seen_at: time_option(row, "seen_at")?,
                })
            })
            .collect()
    }
}

impl Tx {
    /// `subject`: the id of what it is about.
    pub async fn insert_notice(
        &mut self,
        user: UserId,
        kind: &str,
        subject: &str,
        now: Timestamp,
    ) -> Result<NoticeId, StoreError> {
        let id = NoticeId::generate();
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(user.to_string())
            .bind(kind)
            .bind(subject)
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(id)
    }

    /// [`StoreError::NotFound`] for somebody else's.
    pub async fn see_notice(&mut self, user: UserId, id: NoticeId, now: Timestamp) -> Result<(), StoreError> {
        let done = sqlx::query(SEE)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(id.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
    }

    pub async fn unread_notices(&mut self, user: UserId) -> Result<u32, StoreError> {
        let row = sqlx::query(UNREAD)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        small(&row, "unread")
    }
}
