//! Emergency access: opened with a reason by whoever has just proved who they are, and reviewed by somebody else.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{must_have_confirmed, notify, text_field};
use crate::app::App;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry, Purpose};
use crate::domain::break_glass::{BreakGlass, Finding};
use crate::domain::consultation::Reason;
use crate::domain::time::Timestamp;
use crate::domain::user::Role;
use crate::error::ApiError;
use crate::http::json::Body;
use crate::http::path::{IdPath, Search, choice};
use crate::http::views::{ErrorBody, PersonView};
use crate::ids::{BreakGlassId, UserId};
use crate::store::BreakGlassRecord;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(open))
        .routes(routes!(end))
        .routes(routes!(list))
        .routes(routes!(review))
}

/// `POST /api/v1/patients/{id}/break-glass`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenBreakGlass {
    /// 10 to 500 characters; whoever reviews it reads it.
    reason: String,
}

/// `GET /api/v1/admin/break-glass`
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListBreakGlass {
    /// `open` (not reviewed) or `all`; otherwise `open`.
    state: Option<String>,
}

/// `POST /api/v1/admin/break-glass/{id}/review`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewBreakGlass {
    finding: Finding,
}

#[derive(Serialize, ToSchema)]
pub struct BreakGlassView {
    pub id: BreakGlassId,
    pub user: PersonView,
    pub patient: PersonView,
    pub granted_at: Timestamp,
    pub expires_at: Timestamp,
    /// Given back before it expired.
    pub ended_at: Option<Timestamp>,
    pub reviewed_at: Option<Timestamp>,
    pub finding: Option<Finding>,
    /// `null` when the patient was erased.
    pub reason: Option<String>,
}

/// Open a patient's record in an emergency, for one hour.
#[utoipa::path(
    post, path = "/patients/{id}/break-glass", tag = "clinic",
    params(("id" = UserId, Path, description = "The patient")),
    request_body = OpenBreakGlass,
    responses((status = 201, description = "Open; the patient and the administrators are told", body = BreakGlassView), (status = 409, description = "Open already", body = ErrorBody)),
)]
pub async fn open(
    State(app): State<App>,
    actor: Actor,
    IdPath(patient): IdPath<UserId>,
    Body(body): Body<OpenBreakGlass>,
) -> Result<(StatusCode, Json<BreakGlassView>), ApiError> {
    actor.require(Permission::BreakGlass)?;
    let now = app.clock.now();
    must_have_confirmed(&actor, now)?;
    let reason = Reason::new(text_field("reason", &body.reason, 10, 500)?);
    let mut tx = app.store.begin(actor.tenant).await?;
    let person = tx.user(patient).await?;
    // Nobody is left to whom an erased record could belong: it has no name.
    if person.role != Role::Patient || person.name.is_empty() {
        return Err(ApiError::NotFound);
    }
    if tx.open_break_glass(actor.user, patient, now).await?.is_some() {
        return Err(ApiError::Conflict("this record is open to you already"));
    }
    let access = BreakGlass::begin(actor.user, patient, now);
    tx.insert_break_glass(&access, &reason).await?;
    let mut told = tx.administrators().await?;
    told.retain(|administrator| *administrator != actor.user);
    told.push(patient);
    for person in &told {
        tx.insert_notice(*person, "break_glass_opened", &access.id.to_string(), now).await?;
    }
    let record = tx.break_glass(access.id).await?;
    tx.commit(entry(&actor, Action::BreakGlassOpened, &access, now)).await?;
    notify(&app, actor.tenant, told);
    Ok((StatusCode::CREATED, Json(record.into())))
}

/// Give an emergency access back before it expires.
#[utoipa::path(
    delete, path = "/break-glass/{id}", tag = "clinic",
    params(("id" = BreakGlassId, Path, description = "Your emergency access")),
    responses((status = 204, description = "It opens nothing any more")),
)]
pub async fn end(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<BreakGlassId>,
) -> Result<StatusCode, ApiError> {
    actor.require(Permission::BreakGlass)?;
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.end_break_glass(actor.user, id, now).await?;
    let access = tx.break_glass(id).await?.access;
    tx.commit(entry(&actor, Action::BreakGlassEnded, &access, now)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Emergency accesses, and what was found about them.
#[utoipa::path(
    get, path = "/admin/break-glass", tag = "administration",
    params(ListBreakGlass),
    responses((status = 200, description = "Newest first, at most 200", body = Vec<BreakGlassView>), (status = 422, description = "A value of the query is wrong", body = ErrorBody)),
)]
pub async fn list(
    State(app): State<App>,
    actor: Actor,
    Search(query): Search<ListBreakGlass>,
) -> Result<Json<Vec<BreakGlassView>>, ApiError> {
    actor.require(Permission::ReviewBreakGlass)?;
    let unreviewed = choice("state", query.state.as_deref(), |name| match name {
        "open" => Some(true),
        "all" => Some(false),
        _ => None,
    })?;
    let mut tx = app.store.read(actor.tenant).await?;
    let found = tx.break_glasses(unreviewed.unwrap_or(true)).await?;
    tx.commit(AuditEntry::of(&actor, Action::BreakGlassListed, actor.user, app.clock.now())).await?;
    Ok(Json(found.into_iter().map(Into::into).collect()))
}

/// Say what you found about somebody else's emergency access.
#[utoipa::path(
    post, path = "/admin/break-glass/{id}/review", tag = "administration",
    params(("id" = BreakGlassId, Path, description = "The emergency access")),
    request_body = ReviewBreakGlass,
    responses((status = 204, description = "Reviewed; whoever opened it is told"), (status = 409, description = "Your own, or reviewed already", body = ErrorBody)),
)]
pub async fn review(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<BreakGlassId>,
    Body(body): Body<ReviewBreakGlass>,
) -> Result<StatusCode, ApiError> {
    actor.require(Permission::ReviewBreakGlass)?;
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    let access = tx.break_glass(id).await?.access;
    access.reviewable_by(actor.user).map_err(|why| ApiError::WrongState(why.to_string()))?;
    tx.review_break_glass(id, actor.user, body.finding, now).await?;
    tx.insert_notice(access.user, "break_glass_reviewed", &id.to_string(), now).await?;
    tx.commit(AuditEntry::of(&actor, Action::BreakGlassReviewed, id, now).about(access.patient)).await?;
    notify(&app, actor.tenant, [access.user]);
    Ok(StatusCode::NO_CONTENT)
}

fn entry(actor: &Actor, action: Action, access: &BreakGlass, now: Timestamp) -> AuditEntry {
    AuditEntry::of(actor, action, access.id, now).about(access.patient).for_purpose(Purpose::BreakGlass)
}

impl From<BreakGlassRecord> for BreakGlassView {
    fn from(record: BreakGlassRecord) -> Self {
        let BreakGlass { id, user, patient, granted_at, expires_at, ended_at, review } = record.access;
        Self {
            id,
            user: PersonView { id: user, name: record.user_name },
            patient: PersonView { id: patient, name: record.patient_name },
            granted_at,
            expires_at,
            ended_at,
            reviewed_at: review.map(|(at, _)| at),
            finding: review.map(|(_, finding)| finding),
            reason: record.reason.map(|reason| reason.reveal().to_owned()),
        }
    }
}
