//! Passkeys: public keys and counters, nothing secret.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{StoreError, Tx, changed_one, parsed, small, time, time_option};
use crate::crypto::passkey::StoredPasskey;
use crate::domain::time::Timestamp;
use crate::ids::{PasskeyId, UserId};

const INSERT: &str =
    "INSERT INTO passkeys (tenant_id, id, user_id, credential_id, public_key, state, transports, label,
                                            created_at)
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT id, user_id, credential_id, public_key, state, transports, label, created_at, last_used_at
               FROM passkeys WHERE tenant_id = $1 AND ",
            $condition
        )
    };
}
const OF_USER: &str = select!("user_id = $2 ORDER BY id");
const BY_CREDENTIAL: &str = select!("credential_id = $2");
// The state that was checked: of two proofs at once that show the same counter, one counts.
const USED: &str =
    "UPDATE passkeys SET state = $4, last_used_at = $5 WHERE tenant_id = $1 AND id = $2 AND state = $3";
const DELETE: &str = "DELETE FROM passkeys WHERE tenant_id = $1 AND user_id = $2 AND id = $3";
const DROP_FACTOR: &str = "UPDATE sessions SET second_factor = 'none'
    WHERE tenant_id = $1 AND user_id = $2 AND second_factor = 'passkey'
      AND NOT EXISTS (SELECT 1 FROM passkeys p WHERE p.tenant_id = $1 AND p.user_id = $2)";

/// A passkey and what its person calls it.
pub struct Passkey {
    pub id: PasskeyId,
    pub label: String,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub key: StoredPasskey,
}

impl Tx {
    /// [`StoreError::Conflict`] when somebody here has the passkey already.
    pub async fn insert_passkey(
        &mut self,
        key: &StoredPasskey,
        label: &str,
        now: Timestamp,
    ) -> Result<PasskeyId, StoreError> {
        let id = PasskeyId::generate();
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(key.user.to_string())
            .bind(key.credential.as_slice())
            .bind(key.public_key.as_slice())
            .bind(key.state.as_slice())
            .bind(i64::from(key.transports))
            .bind(label)
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(id)
    }

    /// Oldest first.
    pub async fn passkeys(&mut self, user: UserId) -> Result<Vec<Passkey>, StoreError> {
        let rows = sqlx::query(OF_USER)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter().map(passkey_of).collect()
    }

    /// The passkey that an authenticator calls `credential`.
    pub async fn passkey(&mut self, credential: &[u8]) -> Result<Option<Passkey>, StoreError> {
        let row = sqlx::query(BY_CREDENTIAL)
            .bind(self.tenant.to_string())
            .bind(credential)
            .fetch_optional(&mut *self.transaction)
            .await?;
        row.as_ref().map(passkey_of).transpose()
    }

    /// Notes a proof. [`StoreError::Conflict`] when another one came first.
    pub async fn passkey_used(
        &mut self,
        passkey: &Passkey,
        state: &[u8],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(USED)
            .bind(self.tenant.to_string())
            .bind(passkey.id.to_string())
            .bind(passkey.key.state.as_slice())
            .bind(state)
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    /// Without any passkey left, no session counts as signed in with one. [`StoreError::NotFound`] for one that this person does not have.
    pub async fn delete_passkey(&mut self, user: UserId, passkey: PasskeyId) -> Result<(), StoreError> {
        let done = sqlx::query(DELETE)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(passkey.to_string())
            .execute(&mut *self.transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound);
        }
        sqlx::query(DROP_FACTOR)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }
}

fn passkey_of(row: &AnyRow) -> Result<Passkey, StoreError> {
    let key = StoredPasskey {
        user: parsed(row, "user_id")?,
        credential: row.try_get("credential_id")?,
        public_key: row.try_get("public_key")?,
        state: row.try_get("state")?,
        transports: u8::try_from(small(row, "transports")?)
            .map_err(|_| StoreError::Unreadable("transports"))?,
    };
    Ok(Passkey {
        id: parsed(row, "id")?,
        label: row.try_get("label")?,
        created_at: time(row, "created_at")?,
        last_used_at: time_option(row, "last_used_at")?,
        key,
    })
}
