//! A person's own data: all of it as one document, and its end.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::require_confirmed_account;
use crate::app::App;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::session::Revocation;
use crate::domain::time::Timestamp;
use crate::domain::user::{Role, User, normalise_email};
use crate::error::ApiError;
use crate::http::actor::SignedIn;
use crate::http::export::ExportView;
use crate::http::json::Body;
use crate::http::path::IdPath;
use crate::http::views::{EraseAccount, ErrorBody};
use crate::ids::UserId;
use crate::store::Tx;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(export)).routes(routes!(erase_own)).routes(routes!(erase))
}

/// Everything that is kept of the person, as one document.
#[utoipa::path(
    get, path = "/account/export", tag = "account",
    responses((status = 200, description = "All of it", body = ExportView)),
)]
pub async fn export(State(app): State<App>, actor: Actor) -> Result<Json<ExportView>, ApiError> {
    let now = app.clock.now();
    require_confirmed_account(&actor, now)?;
    let mut tx = app.store.read(actor.tenant).await?;
    let export = tx.export(&actor, now).await?;
    tx.commit(AuditEntry::of(&actor, Action::DataExported, actor.user, now)).await?;
    Ok(Json(export.into()))
}

/// Destroys the keys to the person's own data; the account is gone.
#[utoipa::path(
    post, path = "/account/erase", tag = "account",
    request_body = EraseAccount,
    responses(
        (status = 204, description = "Erased"),
        (status = 409, description = "In a consultation that is not over, or the last administrator", body = ErrorBody),
    ),
)]
pub async fn erase_own(
    State(app): State<App>,
    SignedIn { actor, user, .. }: SignedIn,
    Body(body): Body<EraseAccount>,
) -> Result<StatusCode, ApiError> {
    let now = app.clock.now();
    require_confirmed_account(&actor, now)?;
    if normalise_email(&body.confirm).as_ref() != Some(&user.email) {
        return Err(ApiError::field("confirm", "is not your e-mail address"));
    }
    let tx = app.store.begin(actor.tenant).await?;
    finish(&app, &actor, tx, user, now).await
}

/// Destroys the keys to a person's data; their account is gone.
#[utoipa::path(
    post, path = "/admin/users/{id}/erase", tag = "administration",
    params(("id" = UserId, Path, description = "The person")),
    responses(
        (status = 204, description = "Erased"),
        (status = 409, description = "In a consultation that is not over, or the last administrator", body = ErrorBody),
    ),
)]
pub async fn erase(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<UserId>,
) -> Result<StatusCode, ApiError> {
    let now = app.clock.now();
    actor.require(Permission::ManageUsers)?;
    require_confirmed_account(&actor, now)?;
    let mut tx = app.store.begin(actor.tenant).await?;
    let user = tx.user(id).await?;
    finish(&app, &actor, tx, user, now).await
}

async fn finish(
    app: &App,
    actor: &Actor,
    mut tx: Tx,
    user: User,
    now: Timestamp,
) -> Result<StatusCode, ApiError> {
    if tx.has_open_consultation(user.id).await? {
        return Err(ApiError::WrongState("end or cancel the consultation that is not over first".into()));
    }
    tx.erase(user.id, now).await?;
    if user.role == Role::Admin && !tx.keeps_an_administrator().await? {
        return Err(ApiError::Conflict("the last administrator cannot be erased: appoint another one first"));
    }
    tx.commit(AuditEntry::of(actor, Action::UserErased, user.id, now).about(user.id)).await?;
    app.revoke(Revocation::User(user.id)).await;
    Ok(StatusCode::NO_CONTENT)
}
