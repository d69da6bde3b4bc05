//! Sign-ins. The database knows a session's secret only by its hash.

use super::{Store, StoreError, Tx, time};
use crate::crypto::secret;
use crate::domain::session::{ABSOLUTE, Liveness, SEEN_EVERY, liveness};
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::ids::{SessionId, TenantId, UserId};

const INSERT: &str = "INSERT INTO sessions (tenant_id, id, user_id, secret_hash, created_at, last_seen_at)
                      VALUES ($1, $2, $3, $4, $5, $5)";
const BY_SECRET: &str = "SELECT s.id AS session_id, s.created_at, s.last_seen_at,
                                u.id, u.email, u.name, u.role, u.specialty, u.availability
                           FROM sessions s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
                          WHERE s.tenant_id = $1 AND s.secret_hash = $2";
const IN_ACTIVE_CONSULTATION: &str = "SELECT c.id FROM participants m
                           JOIN consultations c ON c.tenant_id = m.tenant_id AND c.id = m.consultation_id
                          WHERE m.tenant_id = $1 AND m.user_id = $2 AND c.state = 'active' LIMIT 1";
const SEEN: &str =
    "UPDATE sessions SET last_seen_at = $3 WHERE tenant_id = $1 AND id = $2 AND last_seen_at < $3";
const DELETE: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND id = $2";
const DELETE_OLD: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND created_at <= $2";

/// A session that is alive, and whose it is.
pub struct LiveSession {
    pub id: SessionId,
    pub user: User,
}

impl Store {
    /// The session behind a cookie's secret, while it lasts. Notes that its person was seen.
    pub async fn session(
        &self,
        tenant: TenantId,
        session_secret: &str,
        now: Timestamp,
    ) -> Result<Option<LiveSession>, StoreError> {
        let row = sqlx::query(BY_SECRET)
            .bind(tenant.to_string())
            .bind(secret::hash(session_secret))
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let session = LiveSession { id: super::parsed(&row, "session_id")?, user: super::users::user(&row)? };
        let last_seen_at = time(&row, "last_seen_at")?;
        let alive = match liveness(time(&row, "created_at")?, last_seen_at, now) {
            Liveness::Alive => true,
            Liveness::Idle => self.in_active_consultation(tenant, session.user.id).await?,
            Liveness::Expired => false,
        };
        if !alive {
            return Ok(None);
        }
        if now.since(last_seen_at) >= SEEN_EVERY {
            self.seen(tenant, session.id, now).await?;
        }
        Ok(Some(session))
    }

    async fn in_active_consultation(&self, tenant: TenantId, user: UserId) -> Result<bool, StoreError> {
        let row = sqlx::query(IN_ACTIVE_CONSULTATION)
            .bind(tenant.to_string())
            .bind(user.to_string())
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.is_some())
    }

    /// The one write without an audit entry: it changes nothing that anybody can see, and happens with every request.
    async fn seen(&self, tenant: TenantId, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin(tenant).await?;
        sqlx::query(SEEN)
            .bind(tenant.to_string())
            .bind(session.to_string())
            .bind(now.millis())
            .execute(&mut *tx.transaction)
            .await?;
        tx.transaction.commit().await?;
        Ok(())
    }
}

impl Tx {
    /// A new session; sessions too old to be alive go at the same time.
    pub async fn insert_session(
        &mut self,
        user: UserId,
        session_secret: &str,
        now: Timestamp,
    ) -> Result<SessionId, StoreError> {
        let oldest = now.millis().saturating_sub(i64::try_from(ABSOLUTE.as_millis()).unwrap_or(i64::MAX));
        sqlx::query(DELETE_OLD)
            .bind(self.tenant.to_string())
            .bind(oldest)
            .execute(&mut *self.transaction)
            .await?;
        let id = SessionId::generate();
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(user.to_string())
            .bind(secret::hash(session_secret))
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(id)
    }

    /// Ends a session; its cookie is worth nothing from now on.
    pub async fn delete_session(&mut self, session: SessionId) -> Result<(), StoreError> {
        sqlx::query(DELETE)
            .bind(self.tenant.to_string())
            .bind(session.to_string())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }
}
