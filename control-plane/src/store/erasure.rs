//! Erasing a person: their keys are destroyed, so whatever was sealed for them is unreadable at once, wherever it
//! stands; who they were and how they signed in is deleted. Their id stays, in the trail and beside other people's data.

use super::{Engine, Store, StoreError, Tx};
use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::domain::time::Timestamp;
use crate::erasures::Erasure;
use crate::ids::{TenantId, UserId};

/// Whatever holds something of the person; `$1` the clinic, `$2` the person.
const DELETE: [&str; 10] = [
    "DELETE FROM patient_keys WHERE tenant_id = $1 AND patient_id = $2",
    "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM one_time_secrets WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM totp WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM recovery_codes WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM passkeys WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM oidc_identities WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM profile_pictures WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM verifications WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM notices WHERE tenant_id = $1 AND user_id = $2",
];
/// What the doctor called the people beside the patient may name somebody.
const CLEAR: [&str; 2] = [
    "UPDATE participants SET sealed_label = NULL WHERE tenant_id = $1 AND consultation_id IN
        (SELECT id FROM consultations WHERE tenant_id = $1 AND patient_id = $2)",
    "UPDATE invites SET sealed_label = NULL WHERE tenant_id = $1 AND consultation_id IN
        (SELECT id FROM consultations WHERE tenant_id = $1 AND patient_id = $2)",
];
const CLOSE_ACCOUNT: &str =
    "UPDATE users SET identity = NULL, email = NULL, name = '', email_index = NULL, password_hash = NULL, specialty = '',
                      availability = 'offline', erased_at = $3, deactivated_at = COALESCE(deactivated_at, $3)
      WHERE tenant_id = $1 AND id = $2";
const LEFT: &str = "SELECT id FROM users u WHERE tenant_id = $1 AND id = $2 AND (erased_at IS NULL OR EXISTS
        (SELECT 1 FROM patient_keys k WHERE k.tenant_id = u.tenant_id AND k.patient_id = u.id))";
const OPEN: &str = "SELECT id FROM consultations WHERE tenant_id = $1 AND (patient_id = $2 OR doctor_id = $2)
                       AND state IN ('requested', 'accepted', 'active') LIMIT 1";
/// How often the checkpoint after an erasure is tried: a reader may be in its way.
const CHECKPOINT_TRIES: u32 = 50;

impl Store {
    /// Erases again whoever stands in the list and is not erased here: the database is an older copy, or the process
    /// died between the list and the database.
    pub(super) async fn replay_erasures(&self, now: Timestamp) -> Result<(), StoreError> {
        let clinics = self.clinics();
        for Erasure { tenant, person, .. } in self.erasures.read()? {
            if clinics.contains(&tenant) && self.is_left(tenant, person).await? {
                let mut tx = self.begin(tenant).await?;
                tx.destroy(person, now).await?;
                let entry = AuditEntry::by(Agent::Server, Action::UserErased, person, now).about(person);
                tx.commit(entry).await?;
                tracing::warn!(%person, "erased again: the database was older than the erasure");
            }
        }
        Ok(())
    }

    async fn is_left(&self, tenant: TenantId, person: UserId) -> Result<bool, StoreError> {
        self.read(tenant).await?.finds(LEFT, person).await
    }

    /// What was deleted is overwritten (`secure_delete`), but the journal may still hold it: it is emptied as soon as
    /// no reader needs it. On PostgreSQL that is the work of its vacuum and of its own journal's recycling.
    pub(super) async fn empty_journal(&self) {
        if self.engine != Engine::Sqlite {
            return;
        }
        for _ in 0..CHECKPOINT_TRIES {
            let result =
                sqlx::query_scalar::<_, i64>("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.pool).await;
            match result {
                Ok(0) => return,
                Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                Err(error) => return tracing::error!(%error, "the journal was not emptied after an erasure"),
            }
        }
        tracing::warn!(
            "the journal was not emptied after an erasure: readers kept it; the next checkpoint does it"
        );
    }
}

impl Tx {
    /// Destroys a person's keys and account. The erasure stands in the list outside the database before this returns:
    /// it will happen even if the process dies before the commit.
    pub async fn erase(&mut self, person: UserId, now: Timestamp) -> Result<(), StoreError> {
        self.destroy(person, now).await?;
        let (ledger, tenant) = (self.store.erasures.clone(), self.tenant);
        let noted = tokio::task::spawn_blocking(move || ledger.append(Erasure { tenant, person, at: now }));
        Ok(noted.await.map_err(|_| StoreError::Busy)??)
    }

    async fn destroy(&mut self, person: UserId, now: Timestamp) -> Result<(), StoreError> {
        let (tenant, id) = (self.tenant.to_string(), person.to_string());
        for statement in DELETE.into_iter().chain(CLEAR) {
            sqlx::query(statement).bind(&tenant).bind(&id).execute(&mut *self.transaction).await?;
        }
        sqlx::query(CLOSE_ACCOUNT)
            .bind(&tenant)
            .bind(&id)
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        self.erased.push(person);
        Ok(())
    }

    /// Whether the person is patient or doctor of a consultation that is not over.
    pub async fn has_open_consultation(&mut self, person: UserId) -> Result<bool, StoreError> {
        self.finds(OPEN, person).await
    }

    pub(super) async fn finds(
        &mut self,
        statement: &'static str,
        person: UserId,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(statement)
            .bind(self.tenant.to_string())
            .bind(person.to_string())
            .fetch_optional(&mut *self.transaction)
            .await?;
        Ok(row.is_some())
    }
}
