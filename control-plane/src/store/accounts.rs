//! Accounts as an administrator sees and changes them.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::users::Identity;
use super::{StoreError, Tx, changed_one, named, parsed, small, time, time_option};
use crate::domain::search::matches;
use crate::domain::time::Timestamp;
use crate::domain::user::{AccountState, Role};
use crate::ids::UserId;

/// `$2`: 1 where addresses have to be verified; `$3`: sessions that began later may be alive.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT * FROM (
               SELECT u.id AS user_id, u.identity, u.identity_version, u.role, u.specialty, u.created_at,
                      CASE WHEN u.erased_at IS NOT NULL THEN 'erased'
                           WHEN u.deactivated_at IS NOT NULL THEN 'deactivated'
                           WHEN $2 = 1 AND u.email_verified_at IS NULL AND u.role <> 'guest' THEN 'unverified'
                           WHEN u.approved_at IS NULL THEN 'pending'
                           ELSE 'active' END AS state,
                      (SELECT MAX(s.last_seen_at) FROM sessions s
                        WHERE s.tenant_id = u.tenant_id AND s.user_id = u.id) AS last_seen_at,
                      (SELECT COUNT(*) FROM sessions s
                        WHERE s.tenant_id = u.tenant_id AND s.user_id = u.id AND s.created_at > $3) AS sessions,
                      (SELECT COUNT(*) FROM passkeys p WHERE p.tenant_id = u.tenant_id AND p.user_id = u.id)
                      + (SELECT COUNT(*) FROM totp t WHERE t.tenant_id = u.tenant_id AND t.user_id = u.id
                                                       AND t.confirmed_at IS NOT NULL) AS factors
                 FROM users u WHERE u.tenant_id = $1) AS a
              WHERE ",
            $condition
        )
    };
}
const ONE: &str = select!("a.user_id = $4");
// Newest first: ids are ordered by time. Guests come only when they are asked for.
const PAGE: &str = select!(
    "a.user_id < $4 AND (($5 = '' AND a.role <> 'guest') OR a.role = $5) AND ($6 = '' OR a.state = $6)
     ORDER BY a.user_id DESC LIMIT $7"
);
/// After every id.
const END: &str = "usr_g";

const GIVE_ROLE: &str =
    "UPDATE users SET role = $3, approved_at = COALESCE(approved_at, $4), availability = 'offline'
                          WHERE tenant_id = $1 AND id = $2";
const SET_SPECIALTY: &str = "UPDATE users SET specialty = $3 WHERE tenant_id = $1 AND id = $2";
const RENAME: &str = "UPDATE users SET identity = $3, identity_version = $4
                       WHERE tenant_id = $1 AND id = $2 AND identity_version = $5";
const IDENTITY: &str =
    "SELECT identity, identity_version FROM users WHERE tenant_id = $1 AND id = $2 AND erased_at IS NULL";
const DEACTIVATE: &str = "UPDATE users SET deactivated_at = $3, availability = 'offline'
                           WHERE tenant_id = $1 AND id = $2 AND deactivated_at IS NULL";
const REACTIVATE: &str = "UPDATE users SET deactivated_at = NULL
                           WHERE tenant_id = $1 AND id = $2 AND deactivated_at IS NOT NULL AND erased_at IS NULL";
const ADMINISTRATORS: &str = "SELECT id FROM users WHERE tenant_id = $1 AND role = 'admin'
                                 AND deactivated_at IS NULL ORDER BY id LIMIT 100";
// Every other writer of the clinic waits for the head as well, so that nobody counts what is about to change.
const WAIT_FOR_OTHERS: &str = "UPDATE audit_heads SET seq = seq WHERE tenant_id = $1";

/// Rows looked at for one page: a name can only be compared once it is opened.
const MOST_LOOKED_AT: usize = 2000;
const BATCH: i64 = 200;

/// One account with what an administrator needs to know. Holds a name, so it is not `Debug`.
pub struct Account {
    pub id: UserId,
    pub name: String,
    /// Empty for guests and for the erased.
    pub email: String,
    pub role: Role,
    pub specialty: String,
    pub state: AccountState,
    pub created_at: Timestamp,
    /// In a session that has not been ended.
    pub last_seen_at: Option<Timestamp>,
    pub second_factor: bool,
    pub sessions: u32,
}

/// What the state of an account depends on besides its row.
#[derive(Clone, Copy)]
pub struct AccountRules {
    /// Addresses have to be verified.
    pub verified_by_mail: bool,
    /// Sessions that began later may be alive.
    pub sessions_since: Timestamp,
}

/// Which accounts are looked for.
#[derive(Default)]
pub struct AccountFilter {
    /// `None`: everybody but guests.
    pub role: Option<Role>,
    pub state: Option<AccountState>,
    /// Beginnings of words of the name or the specialty, or of the address.
    pub words: String,
}

impl Tx {
    pub async fn account(&mut self, id: UserId, rules: AccountRules) -> Result<Account, StoreError> {
        let row = sqlx::query(ONE)
            .bind(self.tenant.to_string())
            .bind(i64::from(rules.verified_by_mail))
            .bind(rules.sessions_since.millis())
            .bind(id.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        self.account_of(&row).await
    }

    /// At most `limit` accounts made before `before`, newest first, and where the next page begins. A page may be short
    /// although more follow: names are sealed, and only so many are opened at a time.
    pub async fn accounts(
        &mut self,
        filter: &AccountFilter,
        rules: AccountRules,
        before: Option<UserId>,
        limit: usize,
    ) -> Result<(Vec<Account>, Option<UserId>), StoreError> {
        let (mut found, mut looked_at) = (Vec::new(), 0);
        let mut position = before.map_or_else(|| END.to_owned(), |id| id.to_string());
        loop {
            let rows = sqlx::query(PAGE)
                .bind(self.tenant.to_string())
                .bind(i64::from(rules.verified_by_mail))
                .bind(rules.sessions_since.millis())
                .bind(&position)
                .bind(filter.role.map_or("", Role::name))
                .bind(filter.state.map_or("", AccountState::name))
                .bind(BATCH)
                .fetch_all(&mut *self.transaction)
                .await?;
            let is_last = rows.len() < BATCH as usize;
            for (index, row) in rows.iter().enumerate() {
                let account = self.account_of(row).await?;
                let id = account.id;
                if matches(&filter.words, [&account.name, &account.specialty, &account.email]) {
                    found.push(account);
                }
                if found.len() == limit {
                    let more = !is_last || index + 1 < rows.len();
                    return Ok((found, more.then_some(id)));
                }
                position = id.to_string();
            }
            looked_at += rows.len();
            if is_last {
                return Ok((found, None));
            }
            if looked_at >= MOST_LOOKED_AT {
                let next = position.parse().map_err(|_| StoreError::Unreadable("user_id"))?;
                return Ok((found, Some(next)));
            }
        }
    }

    async fn account_of(&mut self, row: &AnyRow) -> Result<Account, StoreError> {
        let (id, state) = (parsed(row, "user_id")?, named(row, "state", AccountState::from_name)?);
        let Identity { name, email } = match state {
            AccountState::Erased => Identity { name: String::new(), email: String::new() },
            _ => self.identity(id, row, "identity", "identity_version").await?,
        };
        Ok(Account {
            id,
            name,
            email,
            role: named(row, "role", Role::from_name)?,
            specialty: row.try_get("specialty")?,
            state,
            created_at: time(row, "created_at")?,
            last_seen_at: time_option(row, "last_seen_at")?,
            second_factor: small(row, "factors")? > 0,
            sessions: small(row, "sessions")?,
        })
    }

    /// Who gives somebody a role answers for it: a doctor made so is approved.
    pub async fn give_role(&mut self, id: UserId, role: Role, now: Timestamp) -> Result<(), StoreError> {
        let done = sqlx::query(GIVE_ROLE)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(role.name())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    pub async fn set_specialty(&mut self, id: UserId, specialty: &str) -> Result<(), StoreError> {
        let done = sqlx::query(SET_SPECIALTY)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(specialty)
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    /// Another name under the same address. [`StoreError::Conflict`] when somebody else changed it meanwhile.
    pub async fn rename(&mut self, id: UserId, name: &str, now: Timestamp) -> Result<(), StoreError> {
        let row = sqlx::query(IDENTITY)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        let old = self.identity(id, &row, "identity", "identity_version").await?;
        let version = small(&row, "identity_version")?;
        let identity = Identity { name: name.to_owned(), ..old };
        let (body, _) = self.seal_identity(id, &identity, version + 1, now).await?;
        let done = sqlx::query(RENAME)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(body)
            .bind(i64::from(version + 1))
            .bind(i64::from(version))
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    /// [`StoreError::Conflict`] when they are deactivated already.
    pub async fn deactivate(&mut self, id: UserId, now: Timestamp) -> Result<(), StoreError> {
        let done = sqlx::query(DEACTIVATE)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    /// [`StoreError::Conflict`] when they are active, or erased.
    pub async fn reactivate(&mut self, id: UserId) -> Result<(), StoreError> {
        let done = sqlx::query(REACTIVATE)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    /// Whether somebody still runs the clinic after what this transaction did; two that each leave the other cannot
    /// both be told so. The last thing before the commit.
    pub async fn keeps_an_administrator(&mut self) -> Result<bool, StoreError> {
        sqlx::query(WAIT_FOR_OTHERS).bind(self.tenant.to_string()).execute(&mut *self.transaction).await?;
        Ok(!self.administrators().await?.is_empty())
    }

    /// Who runs the clinic; at most 100.
    pub async fn administrators(&mut self) -> Result<Vec<UserId>, StoreError> {
        let rows = sqlx::query(ADMINISTRATORS)
            .bind(self.tenant.to_string())
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }
}
