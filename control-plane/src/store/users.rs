//! Accounts.

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;
use zeroize::Zeroizing;

use super::{Store, StoreError, Tx, changed_one, named, parsed, small, time_option};
use crate::crypto::CryptoError;
use crate::crypto::sealed::Place;
use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::domain::one_time::OneTimePurpose;
use crate::domain::time::Timestamp;
use crate::domain::user::{Availability, Role, User};
use crate::ids::{TenantId, UserId};

const INSERT: &str = "INSERT INTO users
        (tenant_id, id, name, role, specialty, availability, password_hash, created_at, identity, email_index,
         email_verified_at, approved_at, password_changed_at)
        VALUES ($1, $2, '', $3, $4, $5, $6, $7, $8, $9, $10, $11, $7)";
/// A doctor in an active consultation is busy, whatever they said before; afterwards that holds again.
macro_rules! availability {
    () => {
        "CASE WHEN u.role = 'doctor'
               AND EXISTS (SELECT 1 FROM consultations c
                            WHERE c.tenant_id = u.tenant_id AND c.doctor_id = u.id AND c.state = 'active')
              THEN 'busy' ELSE u.availability END AS availability"
    };
}
pub(super) use availability;

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT u.id AS user_id, u.identity, u.identity_version, u.role, u.specialty, ",
            availability!(),
            ", u.email_verified_at, u.approved_at, u.deactivated_at, u.password_hash
               FROM users u WHERE u.tenant_id = $1 AND ",
            $condition
        )
    };
}
const BY_EMAIL: &str = select!("u.email_index = $2");
const BY_ID: &str = select!("u.id = $2");
const DOCTORS: &str = select!(
    "u.role = 'doctor' AND u.approved_at IS NOT NULL AND u.deactivated_at IS NULL ORDER BY u.id LIMIT 500"
);
const SET_IDENTITY: &str = "UPDATE users SET identity = $3, identity_version = $4, email_index = $5
                             WHERE tenant_id = $1 AND id = $2";
const SET_AVAILABILITY: &str = "UPDATE users SET availability = $3 WHERE tenant_id = $1 AND id = $2";
const SET_OFFLINE: &str = "UPDATE users SET availability = 'offline'
                            WHERE tenant_id = $1 AND id = $2 AND availability <> 'offline'";
const AVAILABLE: &str =
    "SELECT id FROM users WHERE tenant_id = $1 AND role = 'doctor' AND availability <> 'offline'";
const SET_PASSWORD: &str =
    "UPDATE users SET password_hash = $3, password_changed_at = $4, password_must_change = $5
                             WHERE tenant_id = $1 AND id = $2";
// Changes nothing: it is for the row's lock, which lasts until the transaction ends.
const HOLD: &str =
    "UPDATE users SET password_must_change = password_must_change WHERE tenant_id = $1 AND id = $2";
const UPGRADE_HASH: &str = "UPDATE users SET password_hash = $3 WHERE tenant_id = $1 AND id = $2";
const SIGN_IN_DETAILS: &str = "SELECT u.password_changed_at, u.password_must_change,
        (SELECT count(*) FROM totp t
          WHERE t.tenant_id = u.tenant_id AND t.user_id = u.id AND t.confirmed_at IS NOT NULL) AS totp,
        (SELECT count(*) FROM passkeys p WHERE p.tenant_id = u.tenant_id AND p.user_id = u.id) AS passkeys
   FROM users u WHERE u.tenant_id = $1 AND u.id = $2";
const IMPORTED: &str =
    "SELECT id FROM users WHERE tenant_id = $1 AND substr(password_hash, 1, 2) = '$2' LIMIT 1";
const VERIFY_EMAIL: &str =
    "UPDATE users SET email_verified_at = $3 WHERE tenant_id = $1 AND id = $2 AND email_verified_at IS NULL";
const ADMINISTRATOR: &str =
    "SELECT id FROM users WHERE tenant_id = $1 AND role = 'admin' AND deactivated_at IS NULL LIMIT 1";
const ANYONE: &str = "SELECT id FROM users WHERE tenant_id = $1 LIMIT 1";
const EMAIL_COLUMN: &str = "users.email";

/// Who somebody is; sealed under the person's own key. Holds a name, so it is not `Debug`.
#[derive(Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) name: String,
    /// Normalised; empty for guests.
    pub(super) email: String,
}

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
    /// The address is known to be the person's own.
    pub email_verified: bool,
    /// A doctor who may see patients at once; everyone else needs no approval.
    pub approved: bool,
}

/// What signing in needs.
pub struct Credentials {
    pub user: User,
    pub password_hash: Option<String>,
    pub password_changed_at: Option<Timestamp>,
    /// An administrator or an import wants the password changed.
    pub password_must_change: bool,
    /// An authenticator app is in use.
    pub totp: bool,
    pub passkeys: u32,
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
        let mut tx = self.read(self.tenant).await?;
        let found =
            sqlx::query(ANYONE).bind(self.tenant.to_string()).fetch_optional(&mut *tx.transaction).await?;
        Ok(found.is_some())
    }

    /// The account of a normalised address, if there is one.
    pub async fn credentials(
        &self,
        tenant: TenantId,
        email: &str,
    ) -> Result<Option<Credentials>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let index = self.tenant_key(tenant)?.blind_index(EMAIL_COLUMN, email)?;
        let row = sqlx::query(BY_EMAIL)
            .bind(tenant.to_string())
            .bind(index)
            .fetch_optional(&mut *tx.transaction)
            .await?;
        match row {
            Some(row) => tx.credentials_of(&row).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether any password hash brought along from another system is left.
    pub async fn has_imported_passwords(&self, tenant: TenantId) -> Result<bool, StoreError> {
        let mut tx = self.read(tenant).await?;
        let found =
            sqlx::query(IMPORTED).bind(tenant.to_string()).fetch_optional(&mut *tx.transaction).await?;
        Ok(found.is_some())
    }

    /// The clinic's approved doctors by name, at most 500.
    pub async fn doctors(&self, tenant: TenantId) -> Result<Vec<User>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let rows = sqlx::query(DOCTORS).bind(tenant.to_string()).fetch_all(&mut *tx.transaction).await?;
        let mut doctors = Vec::with_capacity(rows.len());
        for row in &rows {
            doctors.push(tx.user_of(row).await?);
        }
        doctors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(doctors)
    }
}

impl Store {
    /// Doctors who have said that they take requests, or are busy.
    pub async fn available_doctors(&self, tenant: TenantId) -> Result<Vec<UserId>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let rows = sqlx::query(AVAILABLE).bind(tenant.to_string()).fetch_all(&mut *tx.transaction).await?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }
}

impl Tx {
    pub async fn insert_user(&mut self, new: &NewUser, now: Timestamp) -> Result<User, StoreError> {
        let id = UserId::generate();
        let identity = Identity { name: new.name.clone(), email: new.email.clone().unwrap_or_default() };
        let email_verified_at = new.email_verified.then_some(now);
        let approved_at = (new.approved || new.role != Role::Doctor).then_some(now);
        // The row first: a person's key belongs to a person who is there.
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(new.role.name())
            .bind(&new.specialty)
            .bind(Availability::Offline.name())
            .bind(new.password_hash.as_deref())
            .bind(now.millis())
            .bind(None::<Vec<u8>>)
            .bind(None::<Vec<u8>>)
            .bind(email_verified_at.map(Timestamp::millis))
            .bind(approved_at.map(Timestamp::millis))
            .execute(&mut *self.transaction)
            .await?;
        let (body, index) = self.seal_identity(id, &identity, 1, now).await?;
        sqlx::query(SET_IDENTITY)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(body)
            .bind(1_i64)
            .bind(index)
            .execute(&mut *self.transaction)
            .await?;
        Ok(User {
            id,
            email: identity.email,
            name: identity.name,
            role: new.role,
            specialty: new.specialty.clone(),
            availability: Availability::Offline,
            email_verified_at,
            approved_at,
            deactivated_at: None,
        })
    }

    /// [`StoreError::NotFound`] for an id that this clinic does not have.
    pub async fn user(&mut self, id: UserId) -> Result<User, StoreError> {
        let row = sqlx::query(BY_ID)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        self.user_of(&row).await
    }

    /// What signing in needs of a known person.
    pub async fn credentials(&mut self, id: UserId) -> Result<Credentials, StoreError> {
        let row = sqlx::query(BY_ID)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        self.credentials_of(&row).await
    }

    /// [`credentials`](Self::credentials) that stay so until this transaction ends: whoever changes the password or
    /// deactivates the account waits for it. Counters ([`failures`](Self::failures)) are held first, everywhere.
    pub async fn hold_credentials(&mut self, id: UserId) -> Result<Credentials, StoreError> {
        sqlx::query(HOLD)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .execute(&mut *self.transaction)
            .await?;
        self.credentials(id).await
    }

    async fn credentials_of(&mut self, row: &AnyRow) -> Result<Credentials, StoreError> {
        let user = self.user_of(row).await?;
        let details = sqlx::query(SIGN_IN_DETAILS)
            .bind(self.tenant.to_string())
            .bind(user.id.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        Ok(Credentials {
            user,
            password_hash: row.try_get("password_hash")?,
            password_changed_at: time_option(&details, "password_changed_at")?,
            password_must_change: small(&details, "password_must_change")? != 0,
            totp: small(&details, "totp")? != 0,
            passkeys: small(&details, "passkeys")?,
        })
    }

    /// A new password. `must_change`: somebody else knows it. Secrets that lead to a session or to another password, and
    /// were made with the old one, are worth nothing any more.
    pub async fn set_password(
        &mut self,
        id: UserId,
        hash: &str,
        must_change: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(SET_PASSWORD)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(hash)
            .bind(now.millis())
            .bind(i64::from(must_change))
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())?;
        for purpose in
            [OneTimePurpose::ResetPassword, OneTimePurpose::SecondStep, OneTimePurpose::NewPassword]
        {
            self.forget_one_times(purpose, id).await?;
        }
        Ok(())
    }

    /// The same password under a better hash.
    pub async fn upgrade_password_hash(&mut self, id: UserId, hash: &str) -> Result<(), StoreError> {
        let done = sqlx::query(UPGRADE_HASH)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(hash)
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    /// The address is known to be the person's own.
    pub async fn verify_email(&mut self, id: UserId, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(VERIFY_EMAIL)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Whether anybody runs this clinic.
    pub async fn has_administrator(&mut self) -> Result<bool, StoreError> {
        let found = sqlx::query(ADMINISTRATOR)
            .bind(self.tenant.to_string())
            .fetch_optional(&mut *self.transaction)
            .await?;
        Ok(found.is_some())
    }

    /// Sealed body and blind index of the address (`None` for guests).
    pub(super) async fn seal_identity(
        &mut self,
        id: UserId,
        identity: &Identity,
        version: u32,
        now: Timestamp,
    ) -> Result<(Vec<u8>, Option<Vec<u8>>), StoreError> {
        let json = Zeroizing::new(serde_json::to_string(identity).map_err(|_| CryptoError::Seal)?);
        let body = self.seal(id, &identity_place(self.tenant, id, version), &json, now).await?;
        let key = self.store.tenant_key(self.tenant)?;
        let index = match identity.email.as_str() {
            "" => None,
            email => Some(key.blind_index(EMAIL_COLUMN, email)?),
        };
        Ok((body, index))
    }

    /// From a row with the columns of `select!`.
    pub(super) async fn user_of(&mut self, row: &AnyRow) -> Result<User, StoreError> {
        let id: UserId = parsed(row, "user_id")?;
        let identity = self.identity(id, row, "identity", "identity_version").await?;
        Ok(User {
            id,
            email: identity.email,
            name: identity.name,
            role: named(row, "role", Role::from_name)?,
            specialty: row.try_get("specialty")?,
            availability: named(row, "availability", Availability::from_name)?,
            email_verified_at: time_option(row, "email_verified_at")?,
            approved_at: time_option(row, "approved_at")?,
            deactivated_at: time_option(row, "deactivated_at")?,
        })
    }

    /// Who a person is, from the two columns; empty for somebody whose key was destroyed.
    pub(super) async fn identity(
        &mut self,
        person: UserId,
        row: &AnyRow,
        body: &str,
        version: &'static str,
    ) -> Result<Identity, StoreError> {
        let Some(sealed) = row.try_get::<Option<Vec<u8>>, _>(body)? else {
            return Ok(Identity { name: String::new(), email: String::new() });
        };
        let place = identity_place(self.tenant, person, small(row, version)?);
        let json = Zeroizing::new(self.open(person, &place, &sealed).await?);
        serde_json::from_str(&json).map_err(|_| StoreError::Unreadable("identity"))
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

impl Tx {
    /// [`StoreError::Conflict`] when they are offline already.
    pub async fn set_offline(&mut self, user: UserId) -> Result<(), StoreError> {
        let done = sqlx::query(SET_OFFLINE)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }
}

fn identity_place(tenant: TenantId, person: UserId, version: u32) -> Place {
    Place { tenant, table: "users", row: person.to_string(), version }
}
