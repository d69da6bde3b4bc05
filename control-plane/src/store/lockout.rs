//! Failed sign-ins, counted by keyed hash: of what was typed (account or not), of a known browser, of an address.

use sqlx::any::AnyRow;

use super::{Store, StoreError, Tx, small, time, time_option};
use crate::domain::lockout::{Failures, LockoutRule};
use crate::domain::time::Timestamp;
use crate::ids::TenantId;

// Also locks the row until the transaction ends, so that guesses made at the same time are judged one after the other.
const TAKE: &str = "INSERT INTO sign_in_failures (tenant_id, subject, failures, last_failed_at, locked_until)
      VALUES ($1, $2, 0, $3, NULL)
      ON CONFLICT (tenant_id, subject) DO UPDATE SET failures = sign_in_failures.failures
      RETURNING failures, last_failed_at, locked_until";
const LOOK: &str = "SELECT failures, last_failed_at, locked_until FROM sign_in_failures WHERE tenant_id = $1 AND subject = $2";
const SET: &str = "UPDATE sign_in_failures SET failures = $3, last_failed_at = $4, locked_until = $5
                    WHERE tenant_id = $1 AND subject = $2";
const CLEAR: &str = "DELETE FROM sign_in_failures WHERE tenant_id = $1 AND subject = $2";
// What was counted that long ago counts no more, locked or not.
const FORGET: &str = "DELETE FROM sign_in_failures WHERE tenant_id = $1 AND last_failed_at < $2";

impl Store {
    /// When the subject's lock ends; `None` when it is not locked.
    pub async fn locked_until(
        &self,
        tenant: TenantId,
        subject: &[u8],
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let row = sqlx::query(LOOK)
            .bind(tenant.to_string())
            .bind(subject)
            .fetch_optional(&mut *tx.transaction)
            .await?;
        let failures = row.as_ref().map(failures_of).transpose()?;
        Ok(failures.and_then(|failures| failures.locked_until).filter(|until| now < *until))
    }
}

impl Tx {
    /// The count of a subject, which nobody else can change until this transaction is over.
    pub async fn failures(&mut self, subject: &[u8], now: Timestamp) -> Result<Failures, StoreError> {
        let row = sqlx::query(TAKE)
            .bind(self.tenant.to_string())
            .bind(subject)
            .bind(now.millis())
            .fetch_one(&mut *self.transaction)
            .await?;
        failures_of(&row)
    }

    /// Counts one more failure and returns the count before and after; what is long forgotten goes at the same time.
    pub async fn count_failure(
        &mut self,
        subject: &[u8],
        rule: LockoutRule,
        now: Timestamp,
    ) -> Result<(Failures, Failures), StoreError> {
        let forgotten_before = now
            .millis()
            .saturating_sub(i64::try_from(rule.period.as_millis()).unwrap_or(i64::MAX).saturating_mul(2));
        sqlx::query(FORGET)
            .bind(self.tenant.to_string())
            .bind(forgotten_before)
            .execute(&mut *self.transaction)
            .await?;
        let before = self.failures(subject, now).await?;
        let after = before.and_one_more(rule, now);
        sqlx::query(SET)
            .bind(self.tenant.to_string())
            .bind(subject)
            .bind(i64::from(after.count))
            .bind(after.last_at.millis())
            .bind(after.locked_until.map(Timestamp::millis))
            .execute(&mut *self.transaction)
            .await?;
        Ok((before, after))
    }

    /// The person has proved who they are: nothing counts any more.
    pub async fn clear_failures(&mut self, subject: &[u8]) -> Result<(), StoreError> {
        sqlx::query(CLEAR)
            .bind(self.tenant.to_string())
            .bind(subject)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }
}

fn failures_of(row: &AnyRow) -> Result<Failures, StoreError> {
    Ok(Failures {
        count: small(row, "failures")?,
        last_at: time(row, "last_failed_at")?,
        locked_until: time_option(row, "locked_until")?,
    })
}
