//! Everything that is kept of one person, for that person. Other people's clinical text is not part of it: a doctor gets
//! the list of their consultations, not what their patients said.

use sqlx::Row;

use super::{
    ConsultationRecord, Device, LicenceDocument, Passkey, StoreError, Tx, Verification, parsed, time,
    time_option,
};
use crate::domain::access::Actor;
use crate::domain::clinical::{Access, Clinical};
use crate::domain::time::Timestamp;
use crate::domain::transcript::KeptCaption;
use crate::domain::user::User;
use crate::ids::{ConsultationId, NoticeId};

const CREATED: &str = "SELECT created_at FROM users WHERE tenant_id = $1 AND id = $2";
const CONSULTATIONS: &str = "SELECT consultation_id FROM participants WHERE tenant_id = $1 AND user_id = $2
                              ORDER BY created_at, id";
const NOTICES: &str = "SELECT id, kind, subject, created_at, seen_at FROM notices
                        WHERE tenant_id = $1 AND user_id = $2 ORDER BY created_at, id";
const TRAIL: &str = "SELECT at, actor, role, action, subject, purpose, outcome FROM audit
                      WHERE tenant_id = $1 AND (patient = $2 OR actor = $2) ORDER BY seq";

/// A consultation of the person; the transcript is there for its patient only.
pub struct ExportedConsultation {
    pub record: ConsultationRecord,
    pub transcript: Vec<KeptCaption>,
}

pub struct ExportedNotice {
    pub id: NoticeId,
    pub kind: String,
    pub subject: String,
    pub created_at: Timestamp,
    pub seen_at: Option<Timestamp>,
}

/// What somebody did with the person's data, or the person themselves.
pub struct ExportedAct {
    pub at: Timestamp,
    pub actor: String,
    pub role: String,
    pub action: String,
    pub subject: String,
    pub purpose: String,
    pub outcome: String,
}

/// All of it. Holds clinical text, so it is not `Debug`.
pub struct Export {
    pub at: Timestamp,
    pub user: User,
    pub created_at: Timestamp,
    /// JPEG.
    pub picture: Option<Vec<u8>>,
    pub devices: Vec<Device>,
    pub passkeys: Vec<Passkey>,
    pub consultations: Vec<ExportedConsultation>,
    /// What a doctor handed in to be verified.
    pub verifications: Vec<(Verification, LicenceDocument)>,
    pub notices: Vec<ExportedNotice>,
    pub trail: Vec<ExportedAct>,
}

impl Tx {
    /// In one snapshot; the caller commits with the one entry that says so.
    pub async fn export(&mut self, actor: &Actor, now: Timestamp) -> Result<Export, StoreError> {
        let created = self.rows_of(CREATED, actor).await?;
        Ok(Export {
            at: now,
            created_at: time(created.first().ok_or(StoreError::NotFound)?, "created_at")?,
            user: self.user(actor.user).await?,
            picture: self.exported_picture(actor, now).await?,
            devices: self.devices(actor.user).await?,
            passkeys: self.passkeys(actor.user).await?,
            consultations: self.exported_consultations(actor, now).await?,
            verifications: self.exported_verifications(actor).await?,
            notices: self.exported_notices(actor).await?,
            trail: self.exported_trail(actor).await?,
        })
    }

    async fn exported_picture(
        &mut self,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        match self.picture(actor.user, actor, now).await {
            Ok(picture) => Ok(Some(picture.body)),
            Err(StoreError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn exported_consultations(
        &mut self,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<ExportedConsultation>, StoreError> {
        let mut consultations = Vec::new();
        for row in self.rows_of(CONSULTATIONS, actor).await? {
            let id: ConsultationId = parsed(&row, "consultation_id")?;
            let record = match self.consultation(actor, id, now).await {
                // Another doctor's meanwhile.
                Err(StoreError::NotFound) => continue,
                record => record?,
            };
            let is_own = record.consultation.patient == actor.user;
            let access = Access::decide(actor, &record.involvement, Clinical::Transcript).filter(|_| is_own);
            let transcript = match access {
                Some(access) => self.transcript(&access, id).await?,
                None => Vec::new(),
            };
            consultations.push(ExportedConsultation { record, transcript });
        }
        Ok(consultations)
    }

    async fn exported_verifications(
        &mut self,
        actor: &Actor,
    ) -> Result<Vec<(Verification, LicenceDocument)>, StoreError> {
        let mut exported = Vec::new();
        for application in self.own_verifications(actor.user).await? {
            let document = self.verification_document(application.id).await?;
            exported.push((application, document));
        }
        Ok(exported)
    }

    async fn exported_notices(&mut self, actor: &Actor) -> Result<Vec<ExportedNotice>, StoreError> {
        let rows = self.rows_of(NOTICES, actor).await?;
        rows.iter()
            .map(|row| {
                Ok(ExportedNotice {
                    id: parsed(row, "id")?,
                    kind: row.try_get("kind")?,
                    subject: row.try_get("subject")?,
                    created_at: time(row, "created_at")?,
                    seen_at: time_option(row, "seen_at")?,
                })
            })
            .collect()
    }

    async fn exported_trail(&mut self, actor: &Actor) -> Result<Vec<ExportedAct>, StoreError> {
        let rows = self.rows_of(TRAIL, actor).await?;
        rows.iter()
            .map(|row| {
                Ok(ExportedAct {
                    at: time(row, "at")?,
                    actor: row.try_get("actor")?,
                    role: row.try_get("role")?,
                    action: row.try_get("action")?,
                    subject: row.try_get("subject")?,
                    purpose: row.try_get("purpose")?,
                    outcome: row.try_get("outcome")?,
                })
            })
            .collect()
    }

    async fn rows_of(
        &mut self,
        statement: &'static str,
        actor: &Actor,
    ) -> Result<Vec<sqlx::any::AnyRow>, StoreError> {
        let query = sqlx::query(statement).bind(self.tenant.to_string()).bind(actor.user.to_string());
        Ok(query.fetch_all(&mut *self.transaction).await?)
    }
}
