//! What somebody should know: kinds and ids, shown until seen.

use super::{StoreError, Tx};
use crate::domain::time::Timestamp;
use crate::ids::{NoticeId, UserId};

const INSERT: &str = "INSERT INTO notices (tenant_id, id, user_id, kind, subject, created_at)
                      VALUES ($1, $2, $3, $4, $5, $6)";

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
}
