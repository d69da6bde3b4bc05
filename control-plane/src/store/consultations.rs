//! Consultations. The reason is sealed for the patient; everything else is what the state machine needs.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::clinical::SealedText;
use super::participants::{Participant, takes_part};
use super::{Store, StoreError, Tx, changed_one, named, parsed, parsed_option, time, time_option};
use crate::crypto::sealed::Place;
use crate::domain::access::Actor;
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::clinical::{Access, Clinical, Involvement};
use crate::domain::consultation::{Acceptance, Consultation, ConsultationState, Reason, StateName};
use crate::domain::time::Timestamp;
use crate::domain::user::Role;
use crate::ids::{ConsultationId, TenantId, UserId};

const INSERT: &str =
    "INSERT INTO consultations (tenant_id, id, patient_id, specialty, reason, state, requested_at)
                      VALUES ($1, $2, $3, $4, $5, $6, $7)";
const UPDATE: &str = "UPDATE consultations
                         SET state = $4, doctor_id = $5, accepted_at = $6, started_at = $7, ended_at = $8
                       WHERE tenant_id = $1 AND id = $2 AND state = $3";
const STATE: &str = "SELECT state FROM consultations WHERE tenant_id = $1 AND id = $2";

/// A consultation with its people, as `$2` sees it at the time `$3`. A doctor from whom it was taken over while it was
/// active was in it, and takes no part any more.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT c.id, c.patient_id, p.identity AS patient_identity, p.identity_version AS patient_version,
                    c.doctor_id, d.identity AS doctor_identity, d.identity_version AS doctor_version, c.specialty,
                    c.reason, c.state, c.requested_at, c.accepted_at, c.started_at, c.ended_at,
                    m.id AS participant_id, m.kind, m.sealed_label,
                    (SELECT COUNT(*) FROM break_glass b
                      WHERE b.tenant_id = c.tenant_id AND b.user_id = $2 AND b.patient_id = c.patient_id
                        AND b.ended_at IS NULL AND b.expires_at > $3) AS break_glass
               FROM consultations c
               JOIN users p ON p.tenant_id = c.tenant_id AND p.id = c.patient_id
               LEFT JOIN users d ON d.tenant_id = c.tenant_id AND d.id = c.doctor_id
               LEFT JOIN participants m
                      ON m.tenant_id = c.tenant_id AND m.consultation_id = c.id AND m.user_id = $2
                     AND (m.kind <> 'doctor' OR c.doctor_id = $2)
              WHERE c.tenant_id = $1 AND ",
            $condition
        )
    };
}
const ONE: &str = select!("c.id = $4");
const OWN: &str = select!("m.id IS NOT NULL ORDER BY c.requested_at DESC, c.id DESC LIMIT 100");
const OWN_AND_QUEUE: &str =
    select!("(m.id IS NOT NULL OR c.state = 'requested') ORDER BY c.requested_at DESC, c.id DESC LIMIT 100");

const OPEN: &str = select!(
    "c.state IN ('requested', 'accepted', 'active') ORDER BY c.requested_at DESC, c.id DESC LIMIT 100"
);
const OF_PATIENT: &str = select!("c.patient_id = $4 ORDER BY c.requested_at DESC, c.id DESC LIMIT 100");

/// A consultation as one person sees it. Holds names and the reason, so it is not `Debug`.
pub struct ConsultationRecord {
    pub consultation: Consultation,
    pub patient_name: String,
    pub doctor_name: Option<String>,
    /// Empty when the caller may not read it, and in lists for everybody but the patient.
    pub reason: Reason,
    /// What allowed the reason to be read.
    pub access: Option<Access>,
    pub involvement: Involvement,
    /// The caller's own part in it; `None` for a doctor who only sees it in the queue.
    pub own: Option<Participant>,
}

impl ConsultationRecord {
    /// The audit entry of something done to it: about its patient, and for the purpose that opened it.
    #[must_use]
    pub fn entry(&self, actor: &Actor, action: Action, now: Timestamp) -> AuditEntry {
        let entry = AuditEntry::of(actor, action, self.consultation.id, now).about(self.consultation.patient);
        match &self.access {
            Some(access) => entry.under(access),
            None => entry,
        }
    }
}

impl Store {
    /// Whether people may be in it now.
    pub async fn is_active(
        &self,
        tenant: TenantId,
        consultation: ConsultationId,
    ) -> Result<bool, StoreError> {
        let mut tx = self.read(tenant).await?;
        let row = sqlx::query(STATE)
            .bind(tenant.to_string())
            .bind(consultation.to_string())
            .fetch_optional(&mut *tx.transaction)
            .await?;
        let state = row.map(|row| named(&row, "state", StateName::from_name)).transpose()?;
        Ok(state == Some(StateName::Active))
    }
}

impl Tx {
    /// [`StoreError::Conflict`] when the patient already has an open one.
    pub async fn insert_consultation(
        &mut self,
        new: &Consultation,
        reason: &Reason,
    ) -> Result<(), StoreError> {
        let place = reason_place(self.tenant, new.id);
        let sealed = self.seal(new.patient, &place, reason.reveal(), new.requested_at).await?;
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(new.id.to_string())
            .bind(new.patient.to_string())
            .bind(&new.specialty)
            .bind(sealed)
            .bind(new.state.name().name())
            .bind(new.requested_at.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// [`StoreError::NotFound`] also when the actor may not know of it.
    pub async fn consultation(
        &mut self,
        actor: &Actor,
        id: ConsultationId,
        now: Timestamp,
    ) -> Result<ConsultationRecord, StoreError> {
        let row = sqlx::query(ONE)
            .bind(self.tenant.to_string())
            .bind(actor.user.to_string())
            .bind(now.millis())
            .bind(id.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        let involvement = involvement(&row)?;
        if !involvement.is_visible_to(actor) {
            return Err(StoreError::NotFound);
        }
        let access = Access::decide(actor, &involvement, Clinical::Reason);
        self.record(&row, involvement, access).await
    }

    /// What the actor takes part in, for doctors also the queue, for administrators every open one; newest first, at
    /// most 100. Only patients see the reasons, their own ones: one entry in the trail cannot say whose were read.
    pub async fn consultations(
        &mut self,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<ConsultationRecord>, StoreError> {
        let statement = match actor.role {
            Role::Doctor => OWN_AND_QUEUE,
            Role::Admin => OPEN,
            Role::Patient | Role::Guest => OWN,
        };
        let rows = sqlx::query(statement)
            .bind(self.tenant.to_string())
            .bind(actor.user.to_string())
            .bind(now.millis())
            .fetch_all(&mut *self.transaction)
            .await?;
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            let involvement = involvement(row)?;
            let own = involvement.patient == actor.user;
            let access = Access::decide(actor, &involvement, Clinical::Reason).filter(|_| own);
            records.push(self.record(row, involvement, access).await?);
        }
        Ok(records)
    }

    /// Those of one patient that the actor has to do with: their own ones, in an emergency all; newest first, at most
    /// 100.
    pub async fn consultations_of(
        &mut self,
        actor: &Actor,
        patient: UserId,
        now: Timestamp,
    ) -> Result<Vec<ConsultationRecord>, StoreError> {
        let rows = sqlx::query(OF_PATIENT)
            .bind(self.tenant.to_string())
            .bind(actor.user.to_string())
            .bind(now.millis())
            .bind(patient.to_string())
            .fetch_all(&mut *self.transaction)
            .await?;
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            let involvement = involvement(row)?;
            if involvement.takes_part || involvement.break_glass {
                let access = Access::decide(actor, &involvement, Clinical::Reason);
                records.push(self.record(row, involvement, access).await?);
            }
        }
        Ok(records)
    }

    /// Compare and set: [`StoreError::Conflict`] when it is no longer in the state that `old` is in.
    pub async fn update_consultation(
        &mut self,
        old: &Consultation,
        new: &Consultation,
    ) -> Result<(), StoreError> {
        let state = &new.state;
        let done = sqlx::query(UPDATE)
            .bind(self.tenant.to_string())
            .bind(old.id.to_string())
            .bind(old.state.name().name())
            .bind(state.name().name())
            .bind(state.doctor().map(|doctor| doctor.to_string()))
            .bind(state.accepted_at().map(Timestamp::millis))
            .bind(state.started_at().map(Timestamp::millis))
            .bind(state.ended_at().map(Timestamp::millis))
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    /// `access`: to the reason.
    async fn record(
        &mut self,
        row: &AnyRow,
        involvement: Involvement,
        access: Option<Access>,
    ) -> Result<ConsultationRecord, StoreError> {
        let consultation = consultation(row)?;
        let reason = match &access {
            Some(access) => self.reason(access, &consultation, row).await?,
            None => String::new(),
        };
        let patient = self.identity(consultation.patient, row, "patient_identity", "patient_version").await?;
        let doctor_name = match consultation.state.doctor() {
            Some(doctor) => Some(self.identity(doctor, row, "doctor_identity", "doctor_version").await?.name),
            None => None,
        };
        let own = self.participant_option(consultation.patient, row).await?;
        Ok(ConsultationRecord {
            reason: Reason::new(reason),
            access,
            involvement,
            consultation,
            patient_name: patient.name,
            doctor_name,
            own,
        })
    }

    async fn reason(
        &mut self,
        access: &Access,
        consultation: &Consultation,
        row: &AnyRow,
    ) -> Result<String, StoreError> {
        let body: Vec<u8> = row.try_get("reason")?;
        let (patient, place) = (consultation.patient, reason_place(self.tenant, consultation.id));
        let sealed = SealedText { what: Clinical::Reason, patient, place, body: &body };
        match self.open_clinical(access, &sealed).await {
            // That it took place stays known to its doctor.
            Err(StoreError::Erased) => Ok(String::new()),
            reason => reason,
        }
    }
}

fn involvement(row: &AnyRow) -> Result<Involvement, StoreError> {
    Ok(Involvement {
        patient: parsed(row, "patient_id")?,
        doctor: parsed_option(row, "doctor_id")?,
        state: named(row, "state", StateName::from_name)?,
        takes_part: takes_part(row)?,
        break_glass: row.try_get::<i64, _>("break_glass")? > 0,
    })
}

fn reason_place(tenant: TenantId, consultation: ConsultationId) -> Place {
    Place { tenant, table: "consultations", row: consultation.to_string(), version: 1 }
}

fn consultation(row: &AnyRow) -> Result<Consultation, StoreError> {
    Ok(Consultation {
        id: parsed(row, "id")?,
        patient: parsed(row, "patient_id")?,
        specialty: row.try_get("specialty")?,
        requested_at: time(row, "requested_at")?,
        state: state(row)?,
    })
}

fn state(row: &AnyRow) -> Result<ConsultationState, StoreError> {
    let doctor: Option<UserId> = parsed_option(row, "doctor_id")?;
    let (accepted_at, started_at, ended_at) =
        (time_option(row, "accepted_at")?, time_option(row, "started_at")?, time_option(row, "ended_at")?);
    let name = named(row, "state", StateName::from_name)?;
    let state = match (name, doctor, accepted_at, started_at, ended_at) {
        (StateName::Requested, None, None, None, None) => ConsultationState::Requested,
        (StateName::Accepted, Some(doctor), Some(accepted_at), None, None) => {
            ConsultationState::Accepted { doctor, accepted_at }
        }
        (StateName::Active, Some(doctor), Some(accepted_at), Some(started_at), None) => {
            ConsultationState::Active { doctor, accepted_at, started_at }
        }
        (StateName::Completed, Some(doctor), Some(accepted_at), Some(started_at), Some(ended_at)) => {
            ConsultationState::Completed { doctor, accepted_at, started_at, ended_at }
        }
        (StateName::Cancelled, doctor, accepted_at, None, Some(cancelled_at)) => {
            ConsultationState::Cancelled {
                accepted: doctor.zip(accepted_at).map(|(doctor, at)| Acceptance { doctor, at }),
                cancelled_at,
            }
        }
        _ => return Err(StoreError::Unreadable("consultation state")),
    };
    Ok(state)
}
