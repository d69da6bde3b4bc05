//! Sign-ins. The database knows a session's secret only by its hash.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::users::availability;
use super::{Store, StoreError, Tx, changed_one, named, parsed, time};
use crate::crypto::secret;
use crate::domain::session::{Liveness, SEEN_EVERY, SecondFactor, SessionKind, SessionLimits};
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::ids::{SessionId, TenantId, UserId};

const INSERT: &str = "INSERT INTO sessions (tenant_id, id, user_id, secret_hash, created_at, last_seen_at,
                                            authenticated_at, kind, device, address, second_factor)
                      VALUES ($1, $2, $3, $4, $5, $5, $5, $6, $7, $8, $9)";
const BY_SECRET: &str = concat!(
    "SELECT s.id AS session_id, s.created_at, s.last_seen_at, s.authenticated_at, s.second_factor,
            u.id AS user_id, u.identity, u.identity_version, u.role, u.specialty, ",
    availability!(),
    ", u.email_verified_at, u.approved_at, u.deactivated_at
       FROM sessions s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
      WHERE s.tenant_id = $1 AND s.secret_hash = $2 AND s.kind = 'browser' AND u.deactivated_at IS NULL"
);
const IN_ACTIVE_CONSULTATION: &str = "SELECT c.id FROM participants m
                           JOIN consultations c ON c.tenant_id = m.tenant_id AND c.id = m.consultation_id
                          WHERE m.tenant_id = $1 AND m.user_id = $2 AND c.state = 'active' LIMIT 1";
const SEEN: &str =
    "UPDATE sessions SET last_seen_at = $3 WHERE tenant_id = $1 AND id = $2 AND last_seen_at < $3";
// Completed with the ids: `$2, $3, …)`.
const STILL_THERE: &str =
    "SELECT s.id FROM sessions s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
      WHERE s.tenant_id = $1 AND u.deactivated_at IS NULL AND s.id IN (";
const DELETE: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND id = $2";
const DELETE_ALL_OF: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2";
const DELETE_OLD: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND created_at <= $2";
const DELETE_OTHERS: &str =
    "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND id <> $3 RETURNING id";
const DELETE_OWN: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND id = $3";
const OF_USER: &str = "SELECT id, kind, device, address, created_at, last_seen_at FROM sessions
                        WHERE tenant_id = $1 AND user_id = $2 ORDER BY last_seen_at DESC, id LIMIT 200";
const CONFIRM: &str = "UPDATE sessions SET authenticated_at = $3 WHERE tenant_id = $1 AND id = $2";
const SET_FACTOR: &str = "UPDATE sessions SET second_factor = $3 WHERE tenant_id = $1 AND id = $2";
const DROP_FACTORS: &str = "UPDATE sessions SET second_factor = 'none'
                             WHERE tenant_id = $1 AND user_id = $2 AND second_factor IN ('totp', 'recovery')";

/// Sessions that one statement asks for.
const AT_A_TIME: usize = 500;
/// A session that is too old opens nothing more; the call that it is in may go on for as long as this.
const LAST_CALL: Duration = Duration::from_hours(24);

/// A session that is alive, and whose it is.
pub struct LiveSession {
    pub id: SessionId,
    pub user: User,
    /// When its person last proved a secret.
    pub authenticated_at: Timestamp,
    pub second_factor: SecondFactor,
    pub last_seen_at: Timestamp,
}

/// A session to be made.
pub struct NewSession<'a> {
    pub user: UserId,
    /// Kept as its hash only.
    pub secret: &'a str,
    pub kind: SessionKind,
    /// For the person's list of devices.
    pub device: &'a str,
    pub address: IpAddr,
    pub second_factor: SecondFactor,
}

/// A session as its person sees it in the list of devices.
pub struct Device {
    pub id: SessionId,
    pub kind: SessionKind,
    pub device: String,
    pub address: String,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
}

impl Store {
    /// The session behind a cookie's secret, while it lasts. Notes that its person was seen.
    pub async fn session(
        &self,
        tenant: TenantId,
        session_secret: &str,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<Option<LiveSession>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let row = sqlx::query(BY_SECRET)
            .bind(tenant.to_string())
            .bind(secret::hash(session_secret))
            .fetch_optional(&mut *tx.transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let Some(session) = tx.live_session(&row, limits, now).await? else { return Ok(None) };
        drop(tx);
        if now.since(session.last_seen_at) >= SEEN_EVERY {
            self.seen(tenant, session.id, now).await?;
        }
        Ok(Some(session))
    }

    /// Whether a session has not been ended; how old it is does not matter to what it has already opened.
    pub async fn is_signed_in(&self, tenant: TenantId, session: SessionId) -> Result<bool, StoreError> {
        Ok(self.ended_sessions(tenant, &[session]).await?.is_empty())
    }

    /// Those of `sessions` that have been ended, or whose person has been deactivated.
    pub async fn ended_sessions(
        &self,
        tenant: TenantId,
        sessions: &[SessionId],
    ) -> Result<Vec<SessionId>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let mut there = HashSet::new();
        for some in sessions.chunks(AT_A_TIME) {
            let places: Vec<_> = (2..some.len() + 2).map(|place| format!("${place}")).collect();
            let text = AssertSqlSafe(format!("{STILL_THERE}{})", places.join(", ")));
            let mut query = sqlx::query(text).persistent(false).bind(tenant.to_string());
            for session in some {
                query = query.bind(session.to_string());
            }
            for row in query.fetch_all(&mut *tx.transaction).await? {
                there.insert(parsed::<SessionId>(&row, "id")?);
            }
        }
        Ok(sessions.iter().copied().filter(|session| !there.contains(session)).collect())
    }

    /// The one write without an audit entry: it changes nothing that anybody can see, and happens with every request.
    pub(super) async fn seen(
        &self,
        tenant: TenantId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin(tenant).await?;
        sqlx::query(SEEN)
            .bind(tenant.to_string())
            .bind(session.to_string())
            .bind(now.millis())
            .execute(&mut *tx.transaction)
            .await?;
        tx.keep().await
    }
}

impl Tx {
    /// From a row with the columns of [`BY_SECRET`]; `None` when the session lasts no longer.
    pub(super) async fn live_session(
        &mut self,
        row: &AnyRow,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<Option<LiveSession>, StoreError> {
        let session = LiveSession {
            id: parsed(row, "session_id")?,
            user: self.user_of(row).await?,
            authenticated_at: time(row, "authenticated_at")?,
            second_factor: named(row, "second_factor", SecondFactor::from_name)?,
            last_seen_at: time(row, "last_seen_at")?,
        };
        let alive = match limits.liveness(time(row, "created_at")?, session.last_seen_at, now) {
            Liveness::Alive => true,
            Liveness::Idle => self.in_active_consultation(session.user.id).await?,
            Liveness::Expired => false,
        };
        Ok(alive.then_some(session))
    }

    async fn in_active_consultation(&mut self, user: UserId) -> Result<bool, StoreError> {
        let row = sqlx::query(IN_ACTIVE_CONSULTATION)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .fetch_optional(&mut *self.transaction)
            .await?;
        Ok(row.is_some())
    }

    /// A new session; sessions that have long been too old to be alive go at the same time.
    pub async fn insert_session(
        &mut self,
        new: &NewSession<'_>,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<SessionId, StoreError> {
        sqlx::query(DELETE_OLD)
            .bind(self.tenant.to_string())
            .bind(now.minus(limits.absolute + LAST_CALL).millis())
            .execute(&mut *self.transaction)
            .await?;
        let id = SessionId::generate();
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(new.user.to_string())
            .bind(secret::hash(new.secret))
            .bind(now.millis())
            .bind(new.kind.name())
            .bind(new.device)
            .bind(new.address.to_string())
            .bind(new.second_factor.name())
            .execute(&mut *self.transaction)
            .await?;
        Ok(id)
    }

    /// The person's own sessions, the one used last first.
    pub async fn devices(&mut self, user: UserId) -> Result<Vec<Device>, StoreError> {
        let rows = sqlx::query(OF_USER)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Device {
                    id: parsed(row, "id")?,
                    kind: named(row, "kind", SessionKind::from_name)?,
                    device: row.try_get("device")?,
                    address: row.try_get("address")?,
                    created_at: time(row, "created_at")?,
                    last_seen_at: time(row, "last_seen_at")?,
                })
            })
            .collect()
    }

    /// A secret was proved again.
    pub async fn confirm_session(&mut self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        let done = sqlx::query(CONFIRM)
            .bind(self.tenant.to_string())
            .bind(session.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    /// A second factor was proved in a session that began without.
    pub async fn set_second_factor(
        &mut self,
        session: SessionId,
        factor: SecondFactor,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(SET_FACTOR)
            .bind(self.tenant.to_string())
            .bind(session.to_string())
            .bind(factor.name())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    /// The authenticator is gone: no session counts as signed in with it any more.
    pub async fn drop_second_factors(&mut self, user: UserId) -> Result<(), StoreError> {
        sqlx::query(DROP_FACTORS)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Ends every session of a person.
    pub async fn delete_sessions_of(&mut self, user: UserId) -> Result<(), StoreError> {
        sqlx::query(DELETE_ALL_OF)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Ends every session of a person except `kept`, and says which.
    pub async fn delete_other_sessions(
        &mut self,
        user: UserId,
        kept: SessionId,
    ) -> Result<Vec<SessionId>, StoreError> {
        let rows = sqlx::query(DELETE_OTHERS)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(kept.to_string())
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }

    /// Ends one session of a person; [`StoreError::NotFound`] for anybody else's.
    pub async fn delete_own_session(&mut self, user: UserId, session: SessionId) -> Result<(), StoreError> {
        let done = sqlx::query(DELETE_OWN)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(session.to_string())
            .execute(&mut *self.transaction)
            .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
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
