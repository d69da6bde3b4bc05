//! Profile pictures, sealed under their person's key.

use sqlx::Row;

use super::{StoreError, Tx, changed_one, named, small};
use crate::crypto::sealed::Place;
use crate::domain::access::Actor;
use crate::domain::time::Timestamp;
use crate::domain::user::Role;
use crate::ids::{TenantId, UserId};

const VERSION: &str = "SELECT version FROM profile_pictures WHERE tenant_id = $1 AND user_id = $2";
const PUT: &str = "INSERT INTO profile_pictures (tenant_id, user_id, version, body, updated_at)
      VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (tenant_id, user_id) DO UPDATE SET version = $3, body = $4, updated_at = $5
      WHERE profile_pictures.version < $3";
const DELETE: &str = "DELETE FROM profile_pictures WHERE tenant_id = $1 AND user_id = $2";
// Everybody sees those who work here, administrators also those who are to; a patient is seen by whoever was in a
// consultation with them, and in an emergency.
const SHOWN: &str = "SELECT p.version, p.body, u.role
      FROM profile_pictures p JOIN users u ON u.tenant_id = p.tenant_id AND u.id = p.user_id
     WHERE p.tenant_id = $1 AND p.user_id = $2
       AND (p.user_id = $3 OR (u.role IN ('doctor', 'admin') AND ($4 = 'admin' OR u.approved_at IS NOT NULL))
            OR EXISTS (SELECT 1 FROM participants a JOIN participants b
                           ON b.tenant_id = a.tenant_id AND b.consultation_id = a.consultation_id
                        WHERE a.tenant_id = p.tenant_id AND a.user_id = p.user_id AND b.user_id = $3)
            OR EXISTS (SELECT 1 FROM break_glass g
                        WHERE g.tenant_id = p.tenant_id AND g.patient_id = p.user_id AND g.user_id = $3
                          AND g.ended_at IS NULL AND g.expires_at > $5))";

/// A picture of somebody.
pub struct Picture {
    /// JPEG.
    pub body: Vec<u8>,
    /// Of whom it shows.
    pub role: Role,
}

impl Tx {
    pub async fn has_picture(&mut self, user: UserId) -> Result<bool, StoreError> {
        self.finds(VERSION, user).await
    }

    /// In place of the one that was there. [`StoreError::Conflict`] when another one came first.
    pub async fn put_picture(&mut self, user: UserId, jpeg: &[u8], now: Timestamp) -> Result<(), StoreError> {
        let row = sqlx::query(VERSION)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .fetch_optional(&mut *self.transaction)
            .await?;
        let version = row.map_or(Ok(0), |row| small(&row, "version"))? + 1;
        let sealed = self.seal_bytes(user, &place(self.tenant, user, version), jpeg, now).await?;
        let done = sqlx::query(PUT)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(i64::from(version))
            .bind(sealed)
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    /// [`StoreError::NotFound`] without one.
    pub async fn delete_picture(&mut self, user: UserId) -> Result<(), StoreError> {
        let done = sqlx::query(DELETE)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .execute(&mut *self.transaction)
            .await?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// [`StoreError::NotFound`] without one, and for whoever may not see it.
    pub async fn picture(
        &mut self,
        user: UserId,
        seen_by: &Actor,
        now: Timestamp,
    ) -> Result<Picture, StoreError> {
        let row = sqlx::query(SHOWN)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(seen_by.user.to_string())
            .bind(seen_by.role.name())
            .bind(now.millis())
            .fetch_one(&mut *self.transaction)
            .await?;
        let place = place(self.tenant, user, small(&row, "version")?);
        let sealed: Vec<u8> = row.try_get("body")?;
        let body = self.open_bytes(user, &place, &sealed).await?;
        Ok(Picture { body, role: named(&row, "role", Role::from_name)? })
    }
}

fn place(tenant: TenantId, user: UserId, version: u32) -> Place {
    Place { tenant, table: "profile_pictures", row: user.to_string(), version }
}
