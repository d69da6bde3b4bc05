//! Sign-ins of API clients. A session of kind `api` has no cookie; it is a family of refresh tokens, of which one is
//! valid. The database knows each only by its hash.

use std::net::IpAddr;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::users::availability;
use super::{
    LiveSession, NewSession, Store, StoreError, Tx, changed_one, named, parsed, parsed_option, time_option,
};
use crate::crypto::secret;
use crate::crypto::token::AccessClaims;
use crate::domain::refresh::TokenState;
use crate::domain::session::{SEEN_EVERY, SecondFactor, SessionKind, SessionLimits};
use crate::domain::time::Timestamp;
use crate::domain::user::Role;
use crate::ids::{RefreshTokenId, SessionId, UserId};

const INSERT: &str = "INSERT INTO refresh_tokens (tenant_id, id, session_id, secret_hash, role, created_at)
                      VALUES ($1, $2, $3, $4, $5, $6)";
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT r.id AS token_id, r.role AS token_role, r.access_used_at,
                    s.id AS session_id, s.created_at, s.last_seen_at, s.authenticated_at, s.second_factor,
                    u.id AS user_id, u.identity, u.identity_version, u.role, u.specialty, ",
            availability!(),
            ", u.email_verified_at, u.approved_at, u.deactivated_at
               FROM refresh_tokens r
               JOIN sessions s ON s.tenant_id = r.tenant_id AND s.id = r.session_id
               JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
              WHERE r.tenant_id = $1 AND u.deactivated_at IS NULL AND ",
            $condition
        )
    };
}
const BY_ACCESS_TOKEN: &str = select!("r.id = $2 AND r.session_id = $3 AND r.void_at IS NULL");
const BY_SECRET: &str = select!("r.secret_hash = $2");
const ACCESS_USED: &str = "UPDATE refresh_tokens SET access_used_at = COALESCE(access_used_at, $3)
                            WHERE tenant_id = $1 AND id = $2 AND void_at IS NULL";
// On PostgreSQL this also makes two refreshes of one family wait for each other.
const SEEN: &str =
    "UPDATE sessions SET last_seen_at = CASE WHEN last_seen_at < $3 THEN $3 ELSE last_seen_at END
                     WHERE tenant_id = $1 AND id = $2";
const STATE: &str = "SELECT used_at, successor, void_at, access_used_at FROM refresh_tokens
                      WHERE tenant_id = $1 AND id = $2";
const USE: &str = "UPDATE refresh_tokens SET used_at = COALESCE(used_at, $3), successor = $4
                    WHERE tenant_id = $1 AND id = $2 AND void_at IS NULL";
const VOID: &str = "UPDATE refresh_tokens SET void_at = $3
                     WHERE tenant_id = $1 AND id = $2 AND void_at IS NULL AND used_at IS NULL
                       AND access_used_at IS NULL";

/// A sign-in of an API client, to be made.
pub struct ApiSession<'a> {
    pub user: UserId,
    pub role: Role,
    pub device: &'a str,
    pub address: IpAddr,
    pub second_factor: SecondFactor,
}

/// A refresh token that was handed in, its session and what became of it so far.
pub struct RefreshFamily {
    pub token: RefreshTokenId,
    pub session: LiveSession,
    /// At the sign-in.
    pub role: Role,
    pub state: TokenState,
    successor: Option<(RefreshTokenId, TokenState)>,
}

impl RefreshFamily {
    /// Of the token that took its place.
    #[must_use]
    pub fn successor(&self) -> Option<&TokenState> {
        self.successor.as_ref().map(|(_, state)| state)
    }
}

impl Store {
    /// The session behind an access token, while it lasts and the person's role is still that of the token. Notes that
    /// the token arrived and its person was seen.
    pub async fn session_of_token(
        &self,
        claims: &AccessClaims,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<Option<LiveSession>, StoreError> {
        let mut tx = self.read(claims.tenant).await?;
        let row = sqlx::query(BY_ACCESS_TOKEN)
            .bind(claims.tenant.to_string())
            .bind(claims.jti.to_string())
            .bind(claims.sid.to_string())
            .fetch_optional(&mut *tx.transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let Some(session) = tx.live_session(&row, limits, now).await? else { return Ok(None) };
        drop(tx);
        if (session.user.id, session.user.role) != (claims.sub, claims.role) {
            return Ok(None);
        }
        if time_option(&row, "access_used_at")?.is_none() && !self.access_used(claims, now).await? {
            return Ok(None);
        }
        if now.since(session.last_seen_at) >= SEEN_EVERY {
            self.seen(claims.tenant, session.id, now).await?;
        }
        Ok(Some(session))
    }

    /// The first use of an access token; false when another pair was made in its place meanwhile. Without an audit
    /// entry: the request that it comes with has its own.
    async fn access_used(&self, claims: &AccessClaims, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.begin(claims.tenant).await?;
        let done = sqlx::query(ACCESS_USED)
            .bind(claims.tenant.to_string())
            .bind(claims.jti.to_string())
            .bind(now.millis())
            .execute(&mut *tx.transaction)
            .await?;
        tx.keep().await?;
        Ok(done.rows_affected() == 1)
    }
}

impl Tx {
    /// A new sign-in with its first refresh token.
    pub async fn insert_api_session(
        &mut self,
        new: &ApiSession<'_>,
        refresh_secret: &str,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<(SessionId, RefreshTokenId), StoreError> {
        // No cookie opens it: nobody ever sees this secret.
        let unknown = secret::generate()?;
        let session = NewSession {
            user: new.user,
            secret: &unknown,
            kind: SessionKind::Api,
            device: new.device,
            address: new.address,
            second_factor: new.second_factor,
        };
        let session = self.insert_session(&session, limits, now).await?;
        let token = self.insert_refresh_token(session, new.role, refresh_secret, now).await?;
        Ok((session, token))
    }

    async fn insert_refresh_token(
        &mut self,
        session: SessionId,
        role: Role,
        refresh_secret: &str,
        now: Timestamp,
    ) -> Result<RefreshTokenId, StoreError> {
        let id = RefreshTokenId::generate();
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(session.to_string())
            .bind(secret::hash(refresh_secret))
            .bind(role.name())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(id)
    }

    /// What a refresh token belongs to, locked until the transaction ends. `None`: unknown, or its session is over.
    pub async fn refresh_family(
        &mut self,
        refresh_secret: &str,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<Option<RefreshFamily>, StoreError> {
        let row = sqlx::query(BY_SECRET)
            .bind(self.tenant.to_string())
            .bind(secret::hash(refresh_secret))
            .fetch_optional(&mut *self.transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let Some(session) = self.live_session(&row, limits, now).await? else { return Ok(None) };
        let locked = sqlx::query(SEEN)
            .bind(self.tenant.to_string())
            .bind(session.id.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        if locked.rows_affected() == 0 {
            return Ok(None);
        }
        let token = parsed(&row, "token_id")?;
        let (state, next) = self.token_state(token).await?;
        let successor = match next {
            Some(id) => Some((id, self.token_state(id).await?.0)),
            None => None,
        };
        let role = named(&row, "token_role", Role::from_name)?;
        Ok(Some(RefreshFamily { token, session, role, state, successor }))
    }

    async fn token_state(
        &mut self,
        token: RefreshTokenId,
    ) -> Result<(TokenState, Option<RefreshTokenId>), StoreError> {
        let row = sqlx::query(STATE)
            .bind(self.tenant.to_string())
            .bind(token.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        Ok((state_of(&row)?, parsed_option(&row, "successor")?))
    }

    /// The next token of a family, in the place of this one and of a successor that never arrived.
    pub async fn rotate(
        &mut self,
        family: &RefreshFamily,
        refresh_secret: &str,
        now: Timestamp,
    ) -> Result<RefreshTokenId, StoreError> {
        if let Some((lost, _)) = family.successor {
            let done = sqlx::query(VOID)
                .bind(self.tenant.to_string())
                .bind(lost.to_string())
                .bind(now.millis())
                .execute(&mut *self.transaction)
                .await?;
            changed_one(done.rows_affected())?;
        }
        let next = self.insert_refresh_token(family.session.id, family.role, refresh_secret, now).await?;
        let done = sqlx::query(USE)
            .bind(self.tenant.to_string())
            .bind(family.token.to_string())
            .bind(now.millis())
            .bind(next.to_string())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())?;
        Ok(next)
    }
}

fn state_of(row: &AnyRow) -> Result<TokenState, StoreError> {
    Ok(TokenState {
        used_at: time_option(row, "used_at")?,
        void: row.try_get::<Option<i64>, _>("void_at")?.is_some(),
        access_used: row.try_get::<Option<i64>, _>("access_used_at")?.is_some(),
    })
}
