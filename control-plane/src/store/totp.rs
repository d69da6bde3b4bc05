//! Authenticators (their secrets sealed under the person's key) and recovery codes (kept as keyed hashes).

use sqlx::Row;

use super::{StoreError, Tx, small, time_option};
use crate::crypto::sealed::Place;
use crate::domain::time::Timestamp;
use crate::ids::{TenantId, UserId};

const PUT: &str = "INSERT INTO totp (tenant_id, user_id, secret, confirmed_at, last_step, created_at)
      VALUES ($1, $2, $3, NULL, 0, $4)
      ON CONFLICT (tenant_id, user_id) DO UPDATE SET secret = $3, confirmed_at = NULL, last_step = 0, created_at = $4
      WHERE totp.confirmed_at IS NULL";
const GET: &str = "SELECT secret, confirmed_at FROM totp WHERE tenant_id = $1 AND user_id = $2";
const CONFIRM: &str =
    "UPDATE totp SET confirmed_at = $3 WHERE tenant_id = $1 AND user_id = $2 AND confirmed_at IS NULL";
const USE_STEP: &str =
    "UPDATE totp SET last_step = $3 WHERE tenant_id = $1 AND user_id = $2 AND last_step < $3";
const DELETE: &str = "DELETE FROM totp WHERE tenant_id = $1 AND user_id = $2";
const DELETE_CODES: &str = "DELETE FROM recovery_codes WHERE tenant_id = $1 AND user_id = $2";
const INSERT_CODE: &str = "INSERT INTO recovery_codes (tenant_id, user_id, code_hash) VALUES ($1, $2, $3)";
const USE_CODE: &str = "UPDATE recovery_codes SET used_at = $4
                         WHERE tenant_id = $1 AND user_id = $2 AND code_hash = $3 AND used_at IS NULL";
const CODES_LEFT: &str =
    "SELECT count(*) AS codes FROM recovery_codes WHERE tenant_id = $1 AND user_id = $2 AND used_at IS NULL";

/// A person's authenticator.
pub struct TotpSecret {
    /// Base 32.
    pub secret: String,
    /// `None`: enrolling has begun, no code was shown yet.
    pub confirmed_at: Option<Timestamp>,
}

impl Tx {
    /// Begins to enrol; replaces an attempt that was not finished. [`StoreError::Conflict`] when one is in use.
    pub async fn put_totp(&mut self, user: UserId, secret: &str, now: Timestamp) -> Result<(), StoreError> {
        let sealed = self.seal(user, &place(self.tenant, user), secret, now).await?;
        let done = sqlx::query(PUT)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(sealed)
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        super::changed_one(done.rows_affected())
    }

    pub async fn totp(&mut self, user: UserId) -> Result<Option<TotpSecret>, StoreError> {
        let row = sqlx::query(GET)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .fetch_optional(&mut *self.transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let sealed: Vec<u8> = row.try_get("secret")?;
        let secret = self.open(user, &place(self.tenant, user), &sealed).await?;
        Ok(Some(TotpSecret { secret, confirmed_at: time_option(&row, "confirmed_at")? }))
    }

    /// The authenticator works from now on.
    pub async fn confirm_totp(&mut self, user: UserId, now: Timestamp) -> Result<(), StoreError> {
        let done = sqlx::query(CONFIRM)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        super::changed_one(done.rows_affected())
    }

    /// Uses a step up: `false` when it or a later one was used before (RFC 6238, section 5.2).
    pub async fn use_totp_step(&mut self, user: UserId, step: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(USE_STEP)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(step)
            .execute(&mut *self.transaction)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    pub async fn delete_totp(&mut self, user: UserId) -> Result<(), StoreError> {
        for statement in [DELETE, DELETE_CODES] {
            sqlx::query(statement)
                .bind(self.tenant.to_string())
                .bind(user.to_string())
                .execute(&mut *self.transaction)
                .await?;
        }
        Ok(())
    }

    /// `codes`: normalised. Earlier ones are worth nothing any more.
    pub async fn replace_recovery_codes(&mut self, user: UserId, codes: &[String]) -> Result<(), StoreError> {
        sqlx::query(DELETE_CODES)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .execute(&mut *self.transaction)
            .await?;
        for code in codes {
            let hash = self.recovery_hash(user, code)?;
            sqlx::query(INSERT_CODE)
                .bind(self.tenant.to_string())
                .bind(user.to_string())
                .bind(hash)
                .execute(&mut *self.transaction)
                .await?;
        }
        Ok(())
    }

    /// `code`: normalised. `false` when it is none of the person's, or was used before.
    pub async fn use_recovery_code(
        &mut self,
        user: UserId,
        code: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(USE_CODE)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(self.recovery_hash(user, code)?)
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    pub async fn recovery_codes_left(&mut self, user: UserId) -> Result<u32, StoreError> {
        let row = sqlx::query(CODES_LEFT)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        small(&row, "codes")
    }

    /// Keyed, because a code is short enough to be typed: the database alone does not let anybody guess.
    fn recovery_hash(&self, user: UserId, code: &str) -> Result<String, StoreError> {
        let key = self.store.tenant_key(self.tenant)?;
        Ok(hex::encode(key.mac("recovery code", format!("{user} {code}").as_bytes())?))
    }
}

fn place(tenant: TenantId, user: UserId) -> Place {
    Place { tenant, table: "totp", row: user.to_string(), version: 1 }
}
