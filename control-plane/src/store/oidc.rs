//! Who somebody is at a provider of single sign-on. The provider's name of the person is known only by its keyed hash.

use sqlx::Row;

use super::{StoreError, Tx, parsed_option, time};
use crate::domain::time::Timestamp;
use crate::ids::UserId;

const FIND: &str =
    "SELECT user_id FROM oidc_identities WHERE tenant_id = $1 AND issuer = $2 AND subject_index = $3";
const INSERT: &str = "INSERT INTO oidc_identities (tenant_id, issuer, subject_index, user_id, created_at)
                      VALUES ($1, $2, $3, $4, $5)";
const OF: &str = "SELECT issuer, MIN(created_at) AS linked_at FROM oidc_identities
                  WHERE tenant_id = $1 AND user_id = $2 GROUP BY issuer ORDER BY issuer";
const UNLINK: &str = "DELETE FROM oidc_identities WHERE tenant_id = $1 AND user_id = $2 AND issuer = $3";

impl Tx {
    /// Whose account this person of `issuer` has been linked with.
    pub async fn oidc_user(&mut self, issuer: &str, subject: &str) -> Result<Option<UserId>, StoreError> {
        let index = self.subject_index(issuer, subject)?;
        let row = sqlx::query(FIND)
            .bind(self.tenant.to_string())
            .bind(issuer)
            .bind(index)
            .fetch_optional(&mut *self.transaction)
            .await?;
        row.map_or(Ok(None), |row| parsed_option(&row, "user_id"))
    }

    /// [`StoreError::Conflict`] when the person has been linked already.
    pub async fn link_oidc(
        &mut self,
        issuer: &str,
        subject: &str,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let index = self.subject_index(issuer, subject)?;
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(issuer)
            .bind(index)
            .bind(user.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// The providers that somebody can sign in with, and since when.
    pub async fn linked_issuers(&mut self, user: UserId) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let rows = sqlx::query(OF)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter().map(|row| Ok((row.try_get("issuer")?, time(row, "linked_at")?))).collect()
    }

    /// [`StoreError::NotFound`] when nobody of `issuer` is this person.
    pub async fn unlink_oidc(&mut self, user: UserId, issuer: &str) -> Result<(), StoreError> {
        let done = sqlx::query(UNLINK)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(issuer)
            .execute(&mut *self.transaction)
            .await?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// No issuer has a line break in it, so that no two people read the same.
    fn subject_index(&self, issuer: &str, subject: &str) -> Result<Vec<u8>, StoreError> {
        let key = self.store.tenant_key(self.tenant)?;
        Ok(key.blind_index("oidc_identities.subject", &format!("{issuer}\n{subject}"))?)
    }
}
