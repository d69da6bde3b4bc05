//! What was said, sealed for the patient of the consultation, whoever said it.

use std::collections::HashMap;

use media_server::ParticipantId;
use media_server::transcription::CaptionText;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::clinical::SealedText;
use super::participants::kind_from_name;
use super::{Store, StoreError, Tx, named, parsed};
use crate::crypto::sealed::Place;
use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::domain::clinical::{Access, Clinical};
use crate::domain::time::Timestamp;
use crate::domain::transcript::{EntryState, KeptCaption, NewCaption};
use crate::ids::{CaptionId, ConsultationId, TenantId, UserId};
use crate::signalling::protocol::ParticipantKind;

const PATIENT: &str = "SELECT patient_id FROM consultations WHERE tenant_id = $1 AND id = $2";
const INSERT: &str = "INSERT INTO captions (tenant_id, id, consultation_id, participant_id, utterance, state,
                                            start_ms, end_ms, model, demonstration, body, created_at)
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                      ON CONFLICT (tenant_id, consultation_id, participant_id, utterance, start_ms) DO NOTHING";
// Without who spoke: that is the same for many rows, and is looked up once.
macro_rules! select {
    ($order:literal) => {
        concat!(
            "SELECT id, participant_id, utterance, state, start_ms, end_ms, model, demonstration, body
               FROM captions WHERE tenant_id = $1 AND consultation_id = $2 ORDER BY ",
            $order
        )
    };
}
const ALL: &str = select!("start_ms, id");
const NEWEST: &str = select!("start_ms DESC, id DESC LIMIT $3");
const SPEAKERS: &str = "SELECT m.id, m.kind, c.patient_id, u.id AS user_id, u.identity, u.identity_version
                          FROM consultations c
                          JOIN participants m ON m.tenant_id = c.tenant_id AND m.consultation_id = c.id
                          JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
                         WHERE c.tenant_id = $1 AND c.id = $2";

/// Who takes part in a consultation.
struct Speaker {
    kind: ParticipantKind,
    name: String,
    /// Of the consultation.
    patient: UserId,
}

impl Store {
    /// Keeps a settled caption: sealed, audited, durable when this returns. Idempotent: `false` when it was there.
    pub async fn append_caption(
        &self,
        tenant: TenantId,
        consultation: ConsultationId,
        caption: &NewCaption,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin(tenant).await?;
        let patient = tx.patient_of(consultation).await?;
        let id = CaptionId::generate();
        let place = caption_place(tenant, consultation, caption.participant, id);
        let body = tx.seal(patient, &place, caption.text.reveal(), now).await?;
        let done = sqlx::query(INSERT)
            .bind(tenant.to_string())
            .bind(id.to_string())
            .bind(consultation.to_string())
            .bind(caption.participant.to_string())
            .bind(i64::try_from(caption.utterance).map_err(|_| StoreError::Unreadable("utterance"))?)
            .bind(caption.state.name())
            .bind(caption.start_ms)
            .bind(caption.end_ms)
            .bind(&caption.model)
            .bind(i64::from(caption.demonstration))
            .bind(body)
            .bind(now.millis())
            .execute(&mut *tx.transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        tx.commit(AuditEntry::by(Agent::Server, Action::CaptionKept, id, now)).await?;
        Ok(true)
    }

    /// The newest captions of a consultation, oldest first, at most `limit`, for one participant's screen.
    pub async fn recent_captions(
        &self,
        access: &Access,
        tenant: TenantId,
        consultation: ConsultationId,
        reader: ParticipantId,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<KeptCaption>, StoreError> {
        let mut tx = self.begin(tenant).await?;
        let user = tx.participant_user(consultation, reader).await?;
        let rows = sqlx::query(NEWEST)
            .bind(tenant.to_string())
            .bind(consultation.to_string())
            .bind(i64::from(limit))
            .fetch_all(&mut *tx.transaction)
            .await?;
        let captions = tx.kept(access, Clinical::Captions, consultation, rows.iter().rev()).await?;
        let entry = AuditEntry::by(Agent::User(user), Action::CaptionsRead, consultation, now);
        tx.commit(entry.under(access)).await?;
        Ok(captions)
    }
}

impl Tx {
    /// The whole transcript by start.
    pub async fn transcript(
        &mut self,
        access: &Access,
        consultation: ConsultationId,
    ) -> Result<Vec<KeptCaption>, StoreError> {
        let rows = sqlx::query(ALL)
            .bind(self.tenant.to_string())
            .bind(consultation.to_string())
            .fetch_all(&mut *self.transaction)
            .await?;
        self.kept(access, Clinical::Transcript, consultation, rows.iter()).await
    }

    async fn kept(
        &mut self,
        access: &Access,
        what: Clinical,
        consultation: ConsultationId,
        rows: impl Iterator<Item = &AnyRow>,
    ) -> Result<Vec<KeptCaption>, StoreError> {
        let speakers = self.speakers(consultation).await?;
        let mut captions = Vec::new();
        for row in rows {
            let (id, participant) = (parsed(row, "id")?, parsed(row, "participant_id")?);
            let speaker = speakers.get(&participant).ok_or(StoreError::Unreadable("participant_id"))?;
            let place = caption_place(self.tenant, consultation, participant, id);
            let body: Vec<u8> = row.try_get("body")?;
            let sealed = SealedText { what, patient: speaker.patient, place, body: &body };
            let text = self.open_clinical(access, &sealed).await?;
            let caption = caption(row, participant, text)?;
            captions.push(KeptCaption { id, caption, kind: speaker.kind, speaker: speaker.name.clone() });
        }
        Ok(captions)
    }

    async fn speakers(
        &mut self,
        consultation: ConsultationId,
    ) -> Result<HashMap<ParticipantId, Speaker>, StoreError> {
        let rows = sqlx::query(SPEAKERS)
            .bind(self.tenant.to_string())
            .bind(consultation.to_string())
            .fetch_all(&mut *self.transaction)
            .await?;
        let mut speakers = HashMap::new();
        for row in &rows {
            let identity =
                self.identity(parsed(row, "user_id")?, row, "identity", "identity_version").await?;
            let (kind, patient) = (named(row, "kind", kind_from_name)?, parsed(row, "patient_id")?);
            speakers.insert(parsed(row, "id")?, Speaker { kind, name: identity.name, patient });
        }
        Ok(speakers)
    }

    pub(super) async fn patient_of(&mut self, consultation: ConsultationId) -> Result<UserId, StoreError> {
        let row = sqlx::query(PATIENT)
            .bind(self.tenant.to_string())
            .bind(consultation.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        parsed(&row, "patient_id")
    }
}

fn caption(row: &AnyRow, participant: ParticipantId, text: String) -> Result<NewCaption, StoreError> {
    let utterance = row.try_get::<i64, _>("utterance")?;
    Ok(NewCaption {
        participant,
        utterance: u64::try_from(utterance).map_err(|_| StoreError::Unreadable("utterance"))?,
        state: named(row, "state", EntryState::from_name)?,
        start_ms: row.try_get("start_ms")?,
        end_ms: row.try_get("end_ms")?,
        text: CaptionText::new(text),
        model: row.try_get("model")?,
        demonstration: row.try_get::<i64, _>("demonstration")? != 0,
    })
}

/// Binds the words to their consultation and speaker too: they cannot be put into another mouth.
fn caption_place(
    tenant: TenantId,
    consultation: ConsultationId,
    participant: ParticipantId,
    caption: CaptionId,
) -> Place {
    Place { tenant, table: "captions", row: format!("{consultation}/{participant}/{caption}"), version: 1 }
}
