//! The document of `GET /account/export`. Holds everything of a person, so nothing here is `Debug`.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Serialize;
use utoipa::ToSchema;

use super::views::{TranscriptEntryView, UserView};
use crate::domain::audit::Outcome;
use crate::domain::consultation::StateName;
use crate::domain::session::SessionKind;
use crate::domain::time::Timestamp;
use crate::domain::verification::VerificationState;
use crate::ids::{ConsultationId, NoticeId, SessionId, UserId, VerificationId};
use crate::store::{
    Export, ExportedAct, ExportedConsultation, ExportedNotice, LicenceDocument, Verification,
};

#[derive(Serialize, ToSchema)]
pub struct ExportView {
    pub exported_at: Timestamp,
    pub account: ExportedAccountView,
    pub devices: Vec<ExportedDeviceView>,
    pub passkeys: Vec<ExportedPasskeyView>,
    /// The person's own ones in full; a doctor's without what belongs to the patient.
    pub consultations: Vec<ExportedConsultationView>,
    /// What a doctor handed in to be verified, the last one first.
    pub verifications: Vec<ExportedVerificationView>,
    pub notices: Vec<ExportedNoticeView>,
    /// What the person did, and what others did with the person's data.
    pub trail: Vec<ExportedActView>,
}

#[derive(Serialize, ToSchema)]
pub struct ExportedAccountView {
    pub user: UserView,
    pub created_at: Timestamp,
    pub email_verified_at: Option<Timestamp>,
    pub approved_at: Option<Timestamp>,
    /// The profile picture: a JPEG file in base 64.
    pub picture: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ExportedDeviceView {
    pub id: SessionId,
    pub kind: SessionKind,
    pub device: String,
    pub address: String,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub struct ExportedPasskeyView {
    pub label: String,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub struct ExportedConsultationView {
    pub id: ConsultationId,
    pub state: StateName,
    pub specialty: String,
    pub patient: UserId,
    pub doctor: Option<UserId>,
    /// Empty unless the person is its patient.
    pub doctor_name: String,
    /// Empty unless the person is its patient.
    pub reason: String,
    pub requested_at: Timestamp,
    pub accepted_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// Empty unless the person is its patient.
    pub transcript: Vec<TranscriptEntryView>,
}

#[derive(Serialize, ToSchema)]
pub struct ExportedVerificationView {
    pub id: VerificationId,
    pub state: VerificationState,
    pub document_type: String,
    /// Base64 (RFC 4648 section 4).
    pub document: String,
    pub submitted_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    pub reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ExportedNoticeView {
    pub id: NoticeId,
    pub kind: String,
    pub subject: String,
    pub created_at: Timestamp,
    pub seen_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub struct ExportedActView {
    pub at: Timestamp,
    /// `usr_…`, `anonymous` or `server`.
    pub actor: String,
    pub role: String,
    pub action: String,
    pub subject: String,
    pub purpose: String,
    #[schema(value_type = Outcome)]
    pub outcome: String,
}

impl From<Export> for ExportView {
    fn from(export: Export) -> Self {
        let person = export.user.id;
        let devices = export.devices.into_iter().map(|device| ExportedDeviceView {
            id: device.id,
            kind: device.kind,
            device: device.device,
            address: device.address,
            created_at: device.created_at,
            last_seen_at: device.last_seen_at,
        });
        let passkeys = export.passkeys.into_iter().map(|passkey| ExportedPasskeyView {
            label: passkey.label,
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
        });
        let consultations = export.consultations.into_iter().map(|one| consultation(one, person));
        Self {
            exported_at: export.at,
            devices: devices.collect(),
            passkeys: passkeys.collect(),
            consultations: consultations.collect(),
            verifications: export.verifications.into_iter().map(verification).collect(),
            notices: export.notices.into_iter().map(notice).collect(),
            trail: export.trail.into_iter().map(act).collect(),
            account: ExportedAccountView {
                created_at: export.created_at,
                email_verified_at: export.user.email_verified_at,
                approved_at: export.user.approved_at,
                picture: export.picture.map(|jpeg| BASE64_STANDARD.encode(jpeg)),
                user: export.user.into(),
            },
        }
    }
}

fn consultation(exported: ExportedConsultation, person: UserId) -> ExportedConsultationView {
    let ExportedConsultation { record, transcript } = exported;
    let consultation = &record.consultation;
    let is_own = consultation.patient == person;
    let own = |text: String| if is_own { text } else { String::new() };
    ExportedConsultationView {
        id: consultation.id,
        state: consultation.state.name(),
        specialty: consultation.specialty.clone(),
        patient: consultation.patient,
        doctor: consultation.state.doctor(),
        requested_at: consultation.requested_at,
        accepted_at: consultation.state.accepted_at(),
        started_at: consultation.state.started_at(),
        ended_at: consultation.state.ended_at(),
        doctor_name: own(record.doctor_name.unwrap_or_default()),
        reason: own(record.reason.reveal().to_owned()),
        transcript: transcript.into_iter().map(TranscriptEntryView::from).collect(),
    }
}

fn verification((application, document): (Verification, LicenceDocument)) -> ExportedVerificationView {
    ExportedVerificationView {
        id: application.id,
        state: application.state,
        document_type: document.document_type.media_type().to_owned(),
        document: BASE64_STANDARD.encode(&document.bytes),
        submitted_at: application.submitted_at,
        decided_at: application.decided_at,
        reason: application.reason,
    }
}

fn notice(notice: ExportedNotice) -> ExportedNoticeView {
    let ExportedNotice { id, kind, subject, created_at, seen_at } = notice;
    ExportedNoticeView { id, kind, subject, created_at, seen_at }
}

fn act(act: ExportedAct) -> ExportedActView {
    let ExportedAct { at, actor, role, action, subject, purpose, outcome } = act;
    ExportedActView { at, actor, role, action, subject, purpose, outcome }
}
