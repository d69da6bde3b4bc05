//! The life of a consultation, one handler per step; the rules are in `domain/consultation.rs`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tokio::sync::oneshot;

use super::text_field;
use crate::app::App;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::clinical::{Access, Clinical};
use crate::domain::consultation::{
    Consultation, ConsultationEvent, ConsultationState, InvalidTransition, Reason,
};
use crate::domain::user::Role;
use crate::error::ApiError;
use crate::http::actor::SignedIn;
use crate::http::json::Body;
use crate::http::path::IdPath;
use crate::http::views::{ConsultationView, ErrorBody, PersonView, RequestConsultation, TicketView};
use crate::ids::ConsultationId;
use crate::live::{Audience, LiveEvent};
use crate::signalling::protocol::ParticipantKind;
use crate::signalling::tickets::{LIFETIME, TicketGrant};
use crate::store::{ConsultationRecord, StoreError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(request, list))
        .routes(routes!(one))
        .routes(routes!(accept))
        .routes(routes!(start))
        .routes(routes!(end))
        .routes(routes!(cancel))
        .routes(routes!(ticket))
}

/// Ask for a consultation.
#[utoipa::path(
    post, path = "/consultations", tag = "consultations",
    request_body = RequestConsultation,
    responses((status = 201, description = "Requested", body = ConsultationView), (status = 409, description = "The patient has an open one already", body = ErrorBody)),
)]
pub async fn request(
    State(app): State<App>,
    actor: Actor,
    Body(body): Body<RequestConsultation>,
) -> Result<(StatusCode, Json<ConsultationView>), ApiError> {
    actor.require(Permission::RequestConsultation)?;
    let reason = Reason::new(text_field("reason", &body.reason, 3, 2000)?);
    let specialty = text_field("specialty", &body.specialty, 0, 60)?;
    let now = app.clock.now();
    let new = Consultation {
        id: ConsultationId::generate(),
        patient: actor.user,
        specialty,
        requested_at: now,
        state: ConsultationState::Requested,
    };
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.insert_consultation(&new, &reason).await.map_err(|error| match error {
        StoreError::Conflict => ApiError::Conflict("you already have an open consultation"),
        error => error.into(),
    })?;
    tx.insert_participant(new.id, actor.user, ParticipantKind::Patient, "", now).await?;
    let record = tx.consultation(&actor, new.id, now).await?;
    tx.commit(AuditEntry::of(&actor, Action::ConsultationRequested, new.id, now)).await?;
    announce(&app, &actor, &record.consultation);
    Ok((StatusCode::CREATED, Json(record.into())))
}

/// The consultations that the caller may know of.
#[utoipa::path(
    get, path = "/consultations", tag = "consultations",
    responses((status = 200, description = "Own ones, for doctors also the queue, for administrators every open one; newest first, at most 100. Only patients see the reasons here: others open one consultation to read its reason", body = Vec<ConsultationView>)),
)]
pub async fn list(State(app): State<App>, actor: Actor) -> Result<Json<Vec<ConsultationView>>, ApiError> {
    actor.require(Permission::ListConsultations)?;
    let now = app.clock.now();
    let mut tx = app.store.read(actor.tenant).await?;
    let records = tx.consultations(&actor, now).await?;
    tx.commit(AuditEntry::of(&actor, Action::ConsultationsListed, actor.user, now)).await?;
    Ok(Json(records.into_iter().map(Into::into).collect()))
}

/// One consultation.
#[utoipa::path(
    get, path = "/consultations/{id}", tag = "consultations",
    params(("id" = ConsultationId, Path, description = "The consultation")),
    responses((status = 200, description = "The consultation", body = ConsultationView)),
)]
pub async fn one(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<ConsultationId>,
) -> Result<Json<ConsultationView>, ApiError> {
    actor.require(Permission::ListConsultations)?;
    let now = app.clock.now();
    let mut tx = app.store.read(actor.tenant).await?;
    let record = tx.consultation(&actor, id, now).await?;
    tx.commit(record.entry(&actor, Action::ConsultationRead, now)).await?;
    Ok(Json(record.into()))
}

/// A doctor takes a waiting consultation.
#[utoipa::path(
    post, path = "/consultations/{id}/accept", tag = "consultations",
    params(("id" = ConsultationId, Path, description = "The consultation")),
    responses((status = 200, description = "Done", body = ConsultationView), (status = 409, description = "Not in this state, or changed meanwhile", body = ErrorBody)),
)]
pub async fn accept(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<ConsultationId>,
) -> Result<Json<ConsultationView>, ApiError> {
    actor.require(Permission::AcceptConsultation)?;
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    let old = tx.consultation(&actor, id, now).await?.consultation;
    let new = old.apply(ConsultationEvent::Accepted { doctor: actor.user }, now)?;
    tx.update_consultation(&old, &new).await?;
    tx.insert_participant(id, actor.user, ParticipantKind::Doctor, "", now).await?;
    let record = tx.consultation(&actor, id, now).await?;
    tx.commit(record.entry(&actor, Action::ConsultationAccepted, now)).await?;
    announce(&app, &actor, &record.consultation);
    Ok(Json(record.into()))
}

/// Open the consultation to its people.
#[utoipa::path(
    post, path = "/consultations/{id}/start", tag = "consultations",
    params(("id" = ConsultationId, Path, description = "The consultation")),
    responses((status = 200, description = "Done", body = ConsultationView), (status = 409, description = "Not in this state, or changed meanwhile", body = ErrorBody)),
)]
pub async fn start(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<ConsultationId>,
) -> Result<Json<ConsultationView>, ApiError> {
    actor.require(Permission::ConductConsultation)?;
    change(&app, &actor, id, ConsultationEvent::Started, Action::ConsultationStarted).await
}

/// Give up a consultation that has not begun.
#[utoipa::path(
    post, path = "/consultations/{id}/cancel", tag = "consultations",
    params(("id" = ConsultationId, Path, description = "The consultation")),
    responses((status = 200, description = "Done", body = ConsultationView), (status = 409, description = "Not in this state, or changed meanwhile", body = ErrorBody)),
)]
pub async fn cancel(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<ConsultationId>,
) -> Result<Json<ConsultationView>, ApiError> {
    actor.require(Permission::CancelConsultation)?;
    change(&app, &actor, id, ConsultationEvent::Cancelled, Action::ConsultationCancelled).await
}

/// End the consultation for everyone.
///
/// The last captions are kept before the consultation becomes completed, so a completed one has its whole transcript;
/// everyone in the call is told after that. Runs to its end even when the doctor's browser goes away.
#[utoipa::path(
    post, path = "/consultations/{id}/end", tag = "consultations",
    params(("id" = ConsultationId, Path, description = "The consultation")),
    responses((status = 200, description = "Done", body = ConsultationView), (status = 409, description = "Not in this state, or changed meanwhile", body = ErrorBody)),
)]
pub async fn end(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<ConsultationId>,
) -> Result<Json<ConsultationView>, ApiError> {
    actor.require(Permission::ConductConsultation)?;
    let (reply, answer) = oneshot::channel();
    app.clone().tasks.spawn_job(async move {
        // Nobody waits for the answer any more when this fails.
        let _ = reply.send(complete(&app, &actor, id).await);
    });
    answer.await.map_err(|_| ApiError::Unavailable)?
}

async fn complete(app: &App, actor: &Actor, id: ConsultationId) -> Result<Json<ConsultationView>, ApiError> {
    let mut tx = app.store.begin(actor.tenant).await?;
    let now = app.clock.now();
    let record = tx.consultation(actor, id, now).await?;
    if record.own.is_none() {
        return Err(ApiError::Forbidden);
    }
    record.consultation.apply(ConsultationEvent::Ended, now)?;
    // The captions need the database meanwhile; the state is checked again below.
    drop(tx);
    app.hub.close_call(id).await;
    let completed = change(app, actor, id, ConsultationEvent::Ended, Action::ConsultationEnded).await?;
    app.hub.end_consultation(id).await;
    Ok(completed)
}

/// A step that only its own people may take.
async fn change(
    app: &App,
    actor: &Actor,
    id: ConsultationId,
    event: ConsultationEvent,
    action: Action,
) -> Result<Json<ConsultationView>, ApiError> {
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    let record = tx.consultation(actor, id, now).await?;
    if record.own.is_none() {
        return Err(ApiError::Forbidden);
    }
    let new = record.consultation.apply(event, now)?;
    tx.update_consultation(&record.consultation, &new).await?;
    let doctor = match new.state.doctor() {
        Some(doctor) => Some(tx.user(doctor).await?),
        None => None,
    };
    tx.commit(record.entry(actor, action, now)).await?;
    announce(app, actor, &new);
    // Busy while it is active.
    if let Some(doctor) = doctor {
        app.live.tell_availability(actor.tenant, doctor.id, doctor.availability);
    }
    Ok(Json(ConsultationRecord { consultation: new, ..record }.into()))
}

/// Whoever may be looking at it looks again.
pub(super) fn announce(app: &App, actor: &Actor, consultation: &Consultation) {
    let patient = Audience::User(consultation.patient);
    // Its guests are not known here; all of them ask again.
    let [doctors, admins, guests] = [Role::Doctor, Role::Admin, Role::Guest].map(Audience::Role);
    for audience in [patient, doctors, admins, guests] {
        app.live.tell(actor.tenant, audience, LiveEvent::Consultations);
    }
}

/// A one-time ticket for the signalling socket.
#[utoipa::path(
    post, path = "/consultations/{id}/ticket", tag = "consultations",
    params(("id" = ConsultationId, Path, description = "The consultation")),
    responses((status = 200, description = "For the signalling socket", body = TicketView), (status = 409, description = "Not in this state, or changed meanwhile", body = ErrorBody)),
)]
pub async fn ticket(
    State(app): State<App>,
    SignedIn { actor, user, .. }: SignedIn,
    IdPath(id): IdPath<ConsultationId>,
) -> Result<Json<TicketView>, ApiError> {
    actor.require(Permission::JoinConsultation)?;
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    let record = tx.consultation(&actor, id, now).await?;
    let access =
        Access::decide(&actor, &record.involvement, Clinical::Captions).ok_or(ApiError::Forbidden)?;
    let ConsultationState::Active { started_at, .. } = record.consultation.state else {
        return Err(InvalidTransition { from: record.consultation.state.name(), action: "joined" }.into());
    };
    if record.own.as_ref().is_some_and(|own| !app.hub.lets_in(id, own.id)) {
        return Err(ApiError::Draining);
    }
    tx.commit(record.entry(&actor, Action::TicketIssued, now)).await?;
    let own = record.own.ok_or(ApiError::Forbidden)?;
    let grant = TicketGrant {
        consultation: id,
        tenant: actor.tenant,
        user: actor.user,
        session: actor.session,
        participant: own.id,
        name: user.name,
        kind: own.kind,
        label: own.label,
        started_at,
        access,
    };
    let expires_in_s = u32::try_from(LIFETIME.as_secs()).unwrap_or(u32::MAX);
    Ok(Json(TicketView { ticket: app.tickets.issue(grant, now), expires_in_s, ice_servers: Vec::new() }))
}

impl From<ConsultationRecord> for ConsultationView {
    fn from(record: ConsultationRecord) -> Self {
        let Consultation { id, patient, specialty, requested_at, state } = record.consultation;
        Self {
            id,
            state: state.name(),
            reason: record.reason.reveal().to_owned(),
            specialty,
            patient: PersonView { id: patient, name: record.patient_name },
            doctor: state.doctor().zip(record.doctor_name).map(|(id, name)| PersonView { id, name }),
            requested_at,
            accepted_at: state.accepted_at(),
            started_at: state.started_at(),
            ended_at: state.ended_at(),
            participant_id: record.own.map(|own| own.id.to_string()),
        }
    }
}
