//! One-time secrets. The database knows them only by their hash.

use sqlx::Row;

use super::{StoreError, Tx, changed_one, parsed, parsed_option};
use crate::crypto::secret;
use crate::domain::one_time::OneTimePurpose;
use crate::domain::time::Timestamp;
use crate::ids::{OneTimeId, UserId};

const INSERT: &str =
    "INSERT INTO one_time_secrets (tenant_id, id, purpose, user_id, secret_hash, detail, created_at, expires_at)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const BY_SECRET: &str = "SELECT id, user_id, detail FROM one_time_secrets
      WHERE tenant_id = $1 AND purpose = $2 AND secret_hash = $3 AND used_at IS NULL AND expires_at > $4";
const SPEND: &str =
    "UPDATE one_time_secrets SET used_at = $3 WHERE tenant_id = $1 AND id = $2 AND used_at IS NULL";
const FORGET_OF: &str = "DELETE FROM one_time_secrets WHERE tenant_id = $1 AND user_id = $2 AND purpose = $3";
const FORGET_ALL: &str = "DELETE FROM one_time_secrets WHERE tenant_id = $1 AND purpose = $2";
const FORGET_OLD: &str = "DELETE FROM one_time_secrets WHERE tenant_id = $1 AND expires_at <= $2";

/// A secret that still is good for its purpose.
pub struct OneTime {
    pub id: OneTimeId,
    pub user: Option<UserId>,
    /// What the purpose needs to remember.
    pub detail: String,
}

impl Tx {
    /// Makes a secret and returns it; those that are over go at the same time.
    pub async fn insert_one_time(
        &mut self,
        purpose: OneTimePurpose,
        user: Option<UserId>,
        detail: &str,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        sqlx::query(FORGET_OLD)
            .bind(self.tenant.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        let secret = secret::generate()?;
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(OneTimeId::generate().to_string())
            .bind(purpose.name())
            .bind(user.map(|user| user.to_string()))
            .bind(secret::hash(&secret))
            .bind(detail)
            .bind(now.millis())
            .bind(now.plus(purpose.lifetime()).millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(secret)
    }

    /// Looks a secret up without using it. [`StoreError::NotFound`] for unknown, used and old ones alike.
    pub async fn one_time(
        &mut self,
        purpose: OneTimePurpose,
        secret: &str,
        now: Timestamp,
    ) -> Result<OneTime, StoreError> {
        let row = sqlx::query(BY_SECRET)
            .bind(self.tenant.to_string())
            .bind(purpose.name())
            .bind(secret::hash(secret))
            .bind(now.millis())
            .fetch_one(&mut *self.transaction)
            .await?;
        Ok(OneTime {
            id: parsed(&row, "id")?,
            user: parsed_option(&row, "user_id")?,
            detail: row.try_get("detail")?,
        })
    }

    /// Uses a secret up. [`StoreError::Conflict`] when somebody was faster.
    pub async fn spend_one_time(&mut self, id: OneTimeId, now: Timestamp) -> Result<(), StoreError> {
        let done = sqlx::query(SPEND)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    /// Makes every secret of a person for this purpose worthless: a newer one was made, or none is needed any more.
    pub async fn forget_one_times(
        &mut self,
        purpose: OneTimePurpose,
        user: UserId,
    ) -> Result<(), StoreError> {
        sqlx::query(FORGET_OF)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(purpose.name())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// The same for secrets that belong to nobody.
    pub async fn forget_all_one_times(&mut self, purpose: OneTimePurpose) -> Result<(), StoreError> {
        sqlx::query(FORGET_ALL)
            .bind(self.tenant.to_string())
            .bind(purpose.name())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }
}
