//! Accounts.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Store, StoreError, Tx, changed_one, named, parsed};
use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::domain::time::Timestamp;
use crate::domain::user::{Availability, Role, User};
use crate::ids::{TenantId, UserId};

const INSERT: &str = "INSERT INTO users
        (tenant_id, id, email, name, role, specialty, availability, password_hash, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const BY_EMAIL: &str = "SELECT id, email, name, role, specialty, availability, password_hash FROM users
                         WHERE tenant_id = $1 AND email = $2";
const DOCTORS: &str = "SELECT id, email, name, role, specialty, availability FROM users
                        WHERE tenant_id = $1 AND role = 'doctor' ORDER BY name, id LIMIT 200";
const SET_AVAILABILITY: &str = "UPDATE users SET availability = $3 WHERE tenant_id = $1 AND id = $2";
const ANYONE: &str = "SELECT id FROM users WHERE tenant_id = $1 LIMIT 1";

/// An account to be made.
pub struct NewUser {
    /// Normalised; `None` for guests, who cannot sign in again.
    pub email: Option<String>,
    pub name: String,
    pub role: Role,
    /// Empty unless a doctor.
    pub specialty: String,
    /// A PHC string of `Passwords::hash`.
    pub password_hash: Option<String>,
}

/// What signing in needs.
pub struct Credentials {
    pub user: User,
    pub password_hash: Option<String>,
}

impl Store {
    /// Makes an account outside of any request: the command line and the demonstration clinic.
    /// [`StoreError::Conflict`] when the address is taken.
    pub async fn create_user(&self, new: &NewUser, now: Timestamp) -> Result<User, StoreError> {
        let mut tx = self.begin(self.tenant).await?;
        let user = tx.insert_user(new, now).await?;
        tx.commit(AuditEntry::by(Agent::Server, Action::UserCreated, user.id, now)).await?;
        Ok(user)
    }

    /// Whether anybody has an account yet.
    pub async fn has_users(&self) -> Result<bool, StoreError> {
        let found = sqlx::query(ANYONE).bind(self.tenant.to_string()).fetch_optional(&self.pool).await?;
        Ok(found.is_some())
    }

    /// The account of a normalised address, if there is one.
    pub async fn credentials(
        &self,
        tenant: TenantId,
        email: &str,
    ) -> Result<Option<Credentials>, StoreError> {
        let row =
            sqlx::query(BY_EMAIL).bind(tenant.to_string()).bind(email).fetch_optional(&self.pool).await?;
        row.map(|row| Ok(Credentials { user: user(&row)?, password_hash: row.try_get("password_hash")? }))
            .transpose()
    }

    /// The clinic's doctors by name, at most 200.
    pub async fn doctors(&self, tenant: TenantId) -> Result<Vec<User>, StoreError> {
        let rows = sqlx::query(DOCTORS).bind(tenant.to_string()).fetch_all(&self.pool).await?;
        rows.iter().map(user).collect()
    }
}

impl Tx {
    pub async fn insert_user(&mut self, new: &NewUser, now: Timestamp) -> Result<User, StoreError> {
        let id = UserId::generate();
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(new.email.as_deref())
            .bind(&new.name)
            .bind(new.role.name())
            .bind(&new.specialty)
            .bind(Availability::Offline.name())
            .bind(new.password_hash.as_deref())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(User {
            id,
            email: new.email.clone().unwrap_or_default(),
            name: new.name.clone(),
            role: new.role,
            specialty: new.specialty.clone(),
            availability: Availability::Offline,
        })
    }

    pub async fn set_availability(
        &mut self,
        user: UserId,
        availability: Availability,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(SET_AVAILABILITY)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(availability.name())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }
}

/// From a row with the columns id, email, name, role, specialty, availability.
pub(super) fn user(row: &AnyRow) -> Result<User, StoreError> {
    Ok(User {
        id: parsed(row, "id")?,
        email: row.try_get::<Option<String>, _>("email")?.unwrap_or_default(),
        name: row.try_get("name")?,
        role: named(row, "role", Role::from_name)?,
        specialty: row.try_get("specialty")?,
        availability: named(row, "availability", Availability::from_name)?,
    })
}
