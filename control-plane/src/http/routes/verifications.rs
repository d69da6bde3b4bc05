//! Doctors show that they are doctors; an administrator decides.

use axum::Json;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{must_have_confirmed, notify, text_field};
use crate::app::App;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::time::Timestamp;
use crate::domain::verification::{DocumentType, MAX_DOCUMENT, VerificationState};
use crate::error::ApiError;
use crate::http::actor::SignedIn;
use crate::http::json::Body;
use crate::http::path::{IdPath, Search, choice};
use crate::http::upload::Upload;
use crate::http::views::{ErrorBody, PersonView};
use crate::ids::VerificationId;
use crate::mail::News;
use crate::store::{LicenceDocument, StoreError, Verification};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(apply, own))
        .layer(DefaultBodyLimit::max(MAX_DOCUMENT))
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(document))
        .routes(routes!(approve))
        .routes(routes!(reject))
}

/// `GET /api/v1/admin/verifications`
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListVerifications {
    /// `pending` or `all`; otherwise `pending`.
    state: Option<String>,
}

/// `POST /api/v1/admin/verifications/{id}/approve` and `…/reject`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideVerification {
    /// 3 to 500 characters; the doctor reads it.
    reason: String,
}

#[derive(Serialize, ToSchema)]
pub struct VerificationView {
    pub id: VerificationId,
    pub doctor: PersonView,
    pub specialty: String,
    pub state: VerificationState,
    /// `application/pdf`, `image/png` or `image/jpeg`.
    pub document_type: String,
    pub submitted_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    /// Why it was decided so.
    pub reason: Option<String>,
}

/// Hand in a licence.
#[utoipa::path(
    post, path = "/account/verification", tag = "account",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "PDF, PNG or JPEG, at most 10 MiB"),
    responses(
        (status = 201, description = "Handed in; the clinic decides", body = VerificationView),
        (status = 409, description = "One waits for its decision, or you are verified already", body = ErrorBody),
        (status = 422, description = "No such document", body = ErrorBody),
    ),
)]
pub async fn apply(
    State(app): State<App>,
    SignedIn { actor, user, .. }: SignedIn,
    Upload(bytes): Upload,
) -> Result<(StatusCode, Json<VerificationView>), ApiError> {
    actor.require(Permission::ApplyForApproval)?;
    if user.approved_at.is_some() {
        return Err(ApiError::WrongState("the clinic has verified you already".into()));
    }
    let document_type = DocumentType::of(&bytes)
        .ok_or_else(|| ApiError::field("licence", "must be a PDF, PNG or JPEG file"))?;
    let document = LicenceDocument { document_type, bytes: bytes.into() };
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    let id = tx.insert_verification(actor.user, &document, now).await.map_err(|error| match error {
        StoreError::Conflict => ApiError::Conflict("what you handed in waits for its decision"),
        error => error.into(),
    })?;
    let administrators = tx.administrators().await?;
    for administrator in &administrators {
        tx.insert_notice(*administrator, "verification_submitted", &id.to_string(), now).await?;
    }
    let application = tx.verification(id).await?;
    tx.commit(AuditEntry::of(&actor, Action::VerificationSubmitted, id, now)).await?;
    notify(&app, actor.tenant, administrators);
    Ok((StatusCode::CREATED, Json(application.into())))
}

/// What you handed in last, and what became of it.
#[utoipa::path(
    get, path = "/account/verification", tag = "account",
    responses((status = 200, description = "The last one", body = VerificationView), (status = 404, description = "Nothing was handed in", body = ErrorBody)),
)]
pub async fn own(State(app): State<App>, actor: Actor) -> Result<Json<VerificationView>, ApiError> {
    actor.require(Permission::ApplyForApproval)?;
    let mut tx = app.store.read(actor.tenant).await?;
    let application = tx.latest_verification(actor.user).await?.ok_or(ApiError::NotFound)?;
    let now = app.clock.now();
    tx.commit(AuditEntry::of(&actor, Action::VerificationRead, application.id, now)).await?;
    Ok(Json(application.into()))
}

/// What doctors handed in.
#[utoipa::path(
    get, path = "/admin/verifications", tag = "administration",
    params(ListVerifications),
    responses((status = 200, description = "Newest first, at most 200", body = Vec<VerificationView>), (status = 422, description = "A value of the query is wrong", body = ErrorBody)),
)]
pub async fn list(
    State(app): State<App>,
    actor: Actor,
    Search(query): Search<ListVerifications>,
) -> Result<Json<Vec<VerificationView>>, ApiError> {
    actor.require(Permission::DecideApprovals)?;
    let state = choice("state", query.state.as_deref(), |name| match name {
        "pending" => Some(Some(VerificationState::Pending)),
        "all" => Some(None),
        _ => None,
    })?;
    let state = state.unwrap_or(Some(VerificationState::Pending));
    let mut tx = app.store.read(actor.tenant).await?;
    let found = tx.verifications(state).await?;
    tx.commit(AuditEntry::of(&actor, Action::VerificationsListed, actor.user, app.clock.now())).await?;
    Ok(Json(found.into_iter().map(Into::into).collect()))
}

/// One application.
#[utoipa::path(
    get, path = "/admin/verifications/{id}", tag = "administration",
    params(("id" = VerificationId, Path, description = "The application")),
    responses((status = 200, description = "The application", body = VerificationView)),
)]
pub async fn one(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<VerificationId>,
) -> Result<Json<VerificationView>, ApiError> {
    actor.require(Permission::DecideApprovals)?;
    let mut tx = app.store.read(actor.tenant).await?;
    let application = tx.verification(id).await?;
    tx.commit(AuditEntry::of(&actor, Action::VerificationRead, id, app.clock.now())).await?;
    Ok(Json(application.into()))
}

/// The document of an application.
#[utoipa::path(
    get, path = "/admin/verifications/{id}/document", tag = "administration",
    params(("id" = VerificationId, Path, description = "The application")),
    responses((status = 200, description = "As it was handed in", content(
        (Vec<u8> = "application/pdf"), (Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"),
    ))),
)]
pub async fn document(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<VerificationId>,
) -> Result<([(HeaderName, &'static str); 2], Vec<u8>), ApiError> {
    actor.require(Permission::DecideApprovals)?;
    let mut tx = app.store.read(actor.tenant).await?;
    let LicenceDocument { document_type, bytes } = tx.verification_document(id).await?;
    tx.commit(AuditEntry::of(&actor, Action::VerificationRead, id, app.clock.now())).await?;
    // A document from outside is saved, never shown as a page of ours.
    let headers =
        [(header::CONTENT_TYPE, document_type.media_type()), (header::CONTENT_DISPOSITION, "attachment")];
    Ok((headers, bytes))
}

/// Let a doctor work here.
#[utoipa::path(
    post, path = "/admin/verifications/{id}/approve", tag = "administration",
    params(("id" = VerificationId, Path, description = "The application")),
    request_body = DecideVerification,
    responses((status = 204, description = "Approved; the doctor is told"), (status = 409, description = "Decided already", body = ErrorBody)),
)]
pub async fn approve(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<VerificationId>,
    Body(body): Body<DecideVerification>,
) -> Result<StatusCode, ApiError> {
    decide(&app, &actor, id, VerificationState::Approved, &body.reason).await
}

/// Turn an application down; the doctor may hand in another one.
#[utoipa::path(
    post, path = "/admin/verifications/{id}/reject", tag = "administration",
    params(("id" = VerificationId, Path, description = "The application")),
    request_body = DecideVerification,
    responses((status = 204, description = "Rejected; the doctor is told"), (status = 409, description = "Decided already", body = ErrorBody)),
)]
pub async fn reject(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<VerificationId>,
    Body(body): Body<DecideVerification>,
) -> Result<StatusCode, ApiError> {
    decide(&app, &actor, id, VerificationState::Rejected, &body.reason).await
}

async fn decide(
    app: &App,
    actor: &Actor,
    id: VerificationId,
    decision: VerificationState,
    reason: &str,
) -> Result<StatusCode, ApiError> {
    actor.require(Permission::DecideApprovals)?;
    let now = app.clock.now();
    if decision == VerificationState::Approved {
        must_have_confirmed(actor, now)?;
    }
    let reason = text_field("reason", reason, 3, 500)?;
    let mut tx = app.store.begin(actor.tenant).await?;
    let application = tx.verification(id).await?;
    let doctor = tx.user(application.doctor).await?;
    tx.decide_verification(&application, decision, &reason, actor.user, now).await.map_err(|error| {
        match error {
            StoreError::Conflict => ApiError::WrongState("this has been decided already".into()),
            error => error.into(),
        }
    })?;
    let (action, kind) = match decision {
        VerificationState::Approved => {
            tx.approve_doctor(doctor.id, now).await?;
            (Action::VerificationApproved, "verification_approved")
        }
        _ => (Action::VerificationRejected, "verification_rejected"),
    };
    tx.insert_notice(doctor.id, kind, &id.to_string(), now).await?;
    tx.commit(AuditEntry::of(actor, action, id, now)).await?;
    notify(app, actor.tenant, [doctor.id]);
    app.send_mail(actor.tenant, &doctor.email, News::ApplicationDecided);
    Ok(StatusCode::NO_CONTENT)
}

impl From<Verification> for VerificationView {
    fn from(found: Verification) -> Self {
        Self {
            id: found.id,
            doctor: PersonView { id: found.doctor, name: found.doctor_name },
            specialty: found.specialty,
            state: found.state,
            document_type: found.document_type.media_type().to_owned(),
            submitted_at: found.submitted_at,
            decided_at: found.decided_at,
            reason: found.reason,
        }
    }
}
