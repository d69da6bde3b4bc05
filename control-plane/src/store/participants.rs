//! Who takes part in which consultation; a participant's id stays the same over reloads, reconnects and restarts.

use media_server::ParticipantId;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::labels::Labelled;
use super::{Store, StoreError, Tx, changed_one, named, parsed, parsed_option};
use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::domain::time::Timestamp;
use crate::ids::{ConsultationId, TenantId, UserId};
use crate::signalling::protocol::ParticipantKind;

const INSERT: &str =
    "INSERT INTO participants (tenant_id, id, consultation_id, user_id, kind, label, sealed_label, created_at)
                      VALUES ($1, $2, $3, $4, $5, '', $6, $7)";
const SEAT_DOCTOR: &str =
    "INSERT INTO participants (tenant_id, id, consultation_id, user_id, kind, label, created_at)
                      VALUES ($1, $2, $3, $4, 'doctor', '', $5)
                      ON CONFLICT (tenant_id, user_id, consultation_id) DO NOTHING";
const USER: &str =
    "SELECT user_id FROM participants WHERE tenant_id = $1 AND consultation_id = $2 AND id = $3";
const REMOVE_DOCTORS: &str =
    "DELETE FROM participants WHERE tenant_id = $1 AND consultation_id = $2 AND kind = 'doctor'";
const SET_CONSENT: &str = "UPDATE participants SET captions_consented_at = $4
                            WHERE tenant_id = $1 AND consultation_id = $2 AND id = $3";

/// One person's part in one consultation.
#[derive(Clone)]
pub struct Participant {
    pub id: ParticipantId,
    pub kind: ParticipantKind,
    /// A guest's part in the doctor's words; empty for doctor and patient.
    pub label: String,
}

pub(super) const fn kind_name(kind: ParticipantKind) -> &'static str {
    match kind {
        ParticipantKind::Doctor => "doctor",
        ParticipantKind::Patient => "patient",
        ParticipantKind::Guest => "guest",
    }
}

pub(super) fn kind_from_name(name: &str) -> Option<ParticipantKind> {
    [ParticipantKind::Doctor, ParticipantKind::Patient, ParticipantKind::Guest]
        .into_iter()
        .find(|kind| kind_name(*kind) == name)
}

/// From the column participant_id of an outer join.
pub(super) fn takes_part(row: &AnyRow) -> Result<bool, StoreError> {
    Ok(parsed_option::<ParticipantId>(row, "participant_id")?.is_some())
}

impl Store {
    /// A speaker allows or forbids captions of their words. Durable when this returns.
    pub async fn record_consent(
        &self,
        tenant: TenantId,
        consultation: ConsultationId,
        participant: ParticipantId,
        captions: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin(tenant).await?;
        let user = tx.participant_user(consultation, participant).await?;
        let done = sqlx::query(SET_CONSENT)
            .bind(tenant.to_string())
            .bind(consultation.to_string())
            .bind(participant.to_string())
            .bind(captions.then_some(now.millis()))
            .execute(&mut *tx.transaction)
            .await?;
        changed_one(done.rows_affected())?;
        let action = if captions { Action::CaptionConsentGiven } else { Action::CaptionConsentWithdrawn };
        tx.commit(AuditEntry::by(Agent::User(user), action, participant, now)).await
    }

    /// Somebody came into the call (`joined`) or left it.
    pub async fn record_presence(
        &self,
        tenant: TenantId,
        consultation: ConsultationId,
        participant: ParticipantId,
        joined: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin(tenant).await?;
        let user = tx.participant_user(consultation, participant).await?;
        let action = if joined { Action::ParticipantJoined } else { Action::ParticipantLeft };
        tx.commit(AuditEntry::by(Agent::User(user), action, participant, now)).await
    }
}

impl Tx {
    /// From the columns participant_id, kind, sealed_label of an outer join; `patient`: of the consultation.
    pub(super) async fn participant_option(
        &mut self,
        patient: UserId,
        row: &AnyRow,
    ) -> Result<Option<Participant>, StoreError> {
        let Some(id) = parsed_option::<ParticipantId>(row, "participant_id")? else { return Ok(None) };
        let label = self.label(patient, Labelled::Participant, id.to_string(), row).await?;
        Ok(Some(Participant { id, kind: named(row, "kind", kind_from_name)?, label }))
    }

    pub async fn insert_participant(
        &mut self,
        consultation: ConsultationId,
        user: UserId,
        kind: ParticipantKind,
        label: &str,
        now: Timestamp,
    ) -> Result<Participant, StoreError> {
        let id = ParticipantId::from_uuid(Uuid::now_v7());
        let sealed = match label {
            "" => None,
            label => {
                let of = Labelled::Participant;
                Some(self.seal_label(consultation, of, id.to_string(), label, now).await?)
            }
        };
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(consultation.to_string())
            .bind(user.to_string())
            .bind(kind_name(kind))
            .bind(sealed)
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(Participant { id, kind, label: label.to_owned() })
    }

    /// Before it begins: nobody will ask who was its doctor. Once it has begun what they said is kept under their name.
    pub async fn remove_doctors(&mut self, consultation: ConsultationId) -> Result<(), StoreError> {
        sqlx::query(REMOVE_DOCTORS)
            .bind(self.tenant.to_string())
            .bind(consultation.to_string())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Its doctor from now on, who may have been that before.
    pub async fn seat_doctor(
        &mut self,
        consultation: ConsultationId,
        doctor: UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(SEAT_DOCTOR)
            .bind(self.tenant.to_string())
            .bind(ParticipantId::from_uuid(Uuid::now_v7()).to_string())
            .bind(consultation.to_string())
            .bind(doctor.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    pub(super) async fn participant_user(
        &mut self,
        consultation: ConsultationId,
        participant: ParticipantId,
    ) -> Result<UserId, StoreError> {
        let row = sqlx::query(USER)
            .bind(self.tenant.to_string())
            .bind(consultation.to_string())
            .bind(participant.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        parsed(&row, "user_id")
    }
}
