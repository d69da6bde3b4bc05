//! Inviting a guest: interpreter, relative, second doctor.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};

use super::text_field;
use crate::app::App;
use crate::crypto::secret;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::consultation::{InvalidTransition, StateName};
use crate::error::ApiError;
use crate::http::json::Body;
use crate::http::path::IdPath;
use crate::http::views::{CreateInvite, ErrorBody, InviteView};
use crate::ids::ConsultationId;
use crate::origin::origin;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create))
}

/// A one-time invitation of a guest.
#[utoipa::path(
    post, path = "/consultations/{id}/invites", tag = "consultations",
    params(("id" = ConsultationId, Path, description = "The consultation")),
    request_body = CreateInvite,
    responses((status = 201, description = "Invited", body = InviteView), (status = 409, description = "Not in this state, or changed meanwhile", body = ErrorBody)),
)]
pub async fn create(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<ConsultationId>,
    uri: Uri,
    headers: HeaderMap,
    Body(body): Body<CreateInvite>,
) -> Result<(StatusCode, Json<InviteView>), ApiError> {
    actor.require(Permission::ConductConsultation)?;
    let label = text_field("label", &body.label, 1, 60)?;
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    let record = tx.consultation(&actor, id, now).await?;
    record.own.ok_or(ApiError::Forbidden)?;
    let from = record.consultation.state.name();
    if !matches!(from, StateName::Accepted | StateName::Active) {
        return Err(InvalidTransition { from, action: "joined by guests" }.into());
    }
    let secret = secret::generate()?;
    let invite = tx.insert_invite(id, &label, &secret, now).await?;
    let entry = AuditEntry::of(&actor, Action::InviteCreated, invite, now);
    tx.commit(entry.about(record.consultation.patient)).await?;
    let origin = origin(&app, &uri, &headers).unwrap_or_default();
    let url = format!("{origin}/guest#{secret}");
    Ok((StatusCode::CREATED, Json(InviteView { id: invite, secret, url })))
}
