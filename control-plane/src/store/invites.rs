//! One-time invitations of guests. The database knows an invitation's secret only by its hash.

use std::time::Duration;

use super::labels::Labelled;
use super::{StoreError, Tx, changed_one, parsed};
use crate::crypto::secret;
use crate::domain::time::Timestamp;
use crate::ids::{ConsultationId, InviteId};

const LIFETIME: Duration = Duration::from_hours(24);

const INSERT: &str =
    "INSERT INTO invites (tenant_id, id, consultation_id, label, sealed_label, secret_hash, created_at, expires_at)
                      VALUES ($1, $2, $3, '', $4, $5, $6, $7)";
// An invitation ends with its consultation.
const OPEN: &str = "SELECT i.id, i.consultation_id, i.sealed_label, c.patient_id FROM invites i
                      JOIN consultations c ON c.tenant_id = i.tenant_id AND c.id = i.consultation_id
                     WHERE i.tenant_id = $1 AND i.secret_hash = $2 AND i.used_at IS NULL AND i.expires_at > $3
                       AND c.state IN ('accepted', 'active')";
const USE: &str = "UPDATE invites SET used_at = $3 WHERE tenant_id = $1 AND id = $2 AND used_at IS NULL";

/// An invitation that has just been used up.
pub struct UsedInvite {
    pub id: InviteId,
    pub consultation: ConsultationId,
    pub label: String,
}

impl Tx {
    pub async fn insert_invite(
        &mut self,
        consultation: ConsultationId,
        label: &str,
        invite_secret: &str,
        now: Timestamp,
    ) -> Result<InviteId, StoreError> {
        let id = InviteId::generate();
        let label = self.seal_label(consultation, Labelled::Invite, id.to_string(), label, now).await?;
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(consultation.to_string())
            .bind(label)
            .bind(secret::hash(invite_secret))
            .bind(now.millis())
            .bind(now.plus(LIFETIME).millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(id)
    }

    /// Uses an invitation up. [`StoreError::NotFound`] for unknown, used and old ones alike.
    pub async fn use_invite(
        &mut self,
        invite_secret: &str,
        now: Timestamp,
    ) -> Result<UsedInvite, StoreError> {
        let row = sqlx::query(OPEN)
            .bind(self.tenant.to_string())
            .bind(secret::hash(invite_secret))
            .bind(now.millis())
            .fetch_one(&mut *self.transaction)
            .await?;
        let (id, patient): (InviteId, _) = (parsed(&row, "id")?, parsed(&row, "patient_id")?);
        let label = self.label(patient, Labelled::Invite, id.to_string(), &row).await?;
        let invite = UsedInvite { id, consultation: parsed(&row, "consultation_id")?, label };
        let done = sqlx::query(USE)
            .bind(self.tenant.to_string())
            .bind(invite.id.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())?;
        Ok(invite)
    }
}
