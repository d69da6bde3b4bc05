//! One's own account: what is known of it, and the devices that are signed in to it.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{specialty_of, text_field};
use crate::app::App;
use crate::domain::access::Actor;
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::session::{Liveness, Revocation, SessionKind};
use crate::domain::time::Timestamp;
use crate::domain::user::Role;
use crate::error::ApiError;
use crate::http::actor::NO_COOKIE;
use crate::http::json::Body;
use crate::http::path::IdPath;
use crate::http::views::{ErrorBody, UserView};
use crate::ids::SessionId;
use crate::store::{StoreError, Tx};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read, change))
        .routes(routes!(devices, sign_out_everywhere))
        .routes(routes!(sign_out_device))
}

/// `PUT /api/v1/account`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAccount {
    /// 1 to 80 characters.
    pub name: String,
    /// A doctor's field, 1 to 60 characters; empty for everyone else.
    pub specialty: String,
}

#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each answers its own question")]
pub struct AccountView {
    pub user: UserView,
    pub email_verified: bool,
    /// A doctor whom the clinic has verified; everyone else needs no approval.
    pub approved: bool,
    pub has_picture: bool,
    /// Whoever comes by another provider alone has none.
    pub has_password: bool,
    pub totp: bool,
    pub passkeys: u32,
    pub recovery_codes_left: u32,
    pub password_changed_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub struct DeviceView {
    pub id: SessionId,
    pub kind: SessionKind,
    /// "Firefox on Linux", or what an API client calls itself.
    pub device: String,
    pub address: String,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// The one that asks.
    pub current: bool,
}

/// Your account.
#[utoipa::path(
    get, path = "/account", tag = "account",
    responses((status = 200, description = "Your account", body = AccountView)),
)]
pub async fn read(State(app): State<App>, actor: Actor) -> Result<Json<AccountView>, ApiError> {
    has_account(&actor)?;
    let mut tx = app.store.read(actor.tenant).await?;
    let view = view(&mut tx, &actor).await?;
    tx.commit(AuditEntry::of(&actor, Action::UserRead, actor.user, app.clock.now())).await?;
    Ok(Json(view))
}

/// Change your name or specialty.
#[utoipa::path(
    put, path = "/account", tag = "account",
    request_body = ChangeAccount,
    responses((status = 200, description = "Changed", body = AccountView)),
)]
pub async fn change(
    State(app): State<App>,
    actor: Actor,
    Body(body): Body<ChangeAccount>,
) -> Result<Json<AccountView>, ApiError> {
    has_account(&actor)?;
    let name = text_field("name", &body.name, 1, 80)?;
    let specialty = specialty_of(actor.role, &body.specialty)?;
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.rename(actor.user, &name, now).await?;
    tx.set_specialty(actor.user, &specialty).await?;
    let view = view(&mut tx, &actor).await?;
    tx.commit(AuditEntry::of(&actor, Action::UserChanged, actor.user, now)).await?;
    Ok(Json(view))
}

async fn view(tx: &mut Tx, actor: &Actor) -> Result<AccountView, StoreError> {
    let account = tx.credentials(actor.user).await?;
    let recovery_codes_left = tx.recovery_codes_left(actor.user).await?;
    let has_picture = tx.has_picture(actor.user).await?;
    Ok(AccountView {
        email_verified: account.user.email_verified_at.is_some(),
        approved: account.user.approved_at.is_some(),
        has_picture,
        has_password: account.password_hash.is_some(),
        totp: account.totp,
        passkeys: account.passkeys,
        recovery_codes_left,
        password_changed_at: account.password_changed_at,
        user: account.user.into(),
    })
}

/// Where you are signed in.
#[utoipa::path(
    get, path = "/account/sessions", tag = "account",
    responses((status = 200, description = "The one used last first", body = Vec<DeviceView>)),
)]
pub async fn devices(State(app): State<App>, actor: Actor) -> Result<Json<Vec<DeviceView>>, ApiError> {
    has_account(&actor)?;
    let (now, limits) = (app.clock.now(), app.config.accounts.session_limits());
    let mut tx = app.store.read(actor.tenant).await?;
    let devices = tx.devices(actor.user).await?;
    tx.commit(AuditEntry::of(&actor, Action::UserRead, actor.user, now)).await?;
    let views = devices.into_iter().map(|found| DeviceView {
        current: found.id == actor.session,
        id: found.id,
        kind: found.kind,
        device: found.device,
        address: found.address,
        created_at: found.created_at,
        last_seen_at: found.last_seen_at,
    });
    let is_alive =
        |view: &DeviceView| limits.liveness(view.created_at, view.last_seen_at, now) == Liveness::Alive;
    Ok(Json(views.filter(|view| view.current || is_alive(view)).collect()))
}

/// Sign one of your devices out.
#[utoipa::path(
    delete, path = "/account/sessions/{id}", tag = "account",
    params(("id" = SessionId, Path)),
    responses((status = 204, description = "Signed out"), (status = 404, description = "None of yours", body = ErrorBody)),
)]
pub async fn sign_out_device(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<SessionId>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.delete_own_session(actor.user, id).await?;
    tx.commit(AuditEntry::of(&actor, Action::SessionRevoked, id, app.clock.now())).await?;
    app.revoke(Revocation::Session(id)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out everywhere, here too.
#[utoipa::path(
    delete, path = "/account/sessions", tag = "account",
    responses((status = 204, description = "Signed out everywhere")),
)]
pub async fn sign_out_everywhere(
    State(app): State<App>,
    actor: Actor,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1]), ApiError> {
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.delete_sessions_of(actor.user).await?;
    tx.commit(AuditEntry::of(&actor, Action::SessionRevoked, actor.user, app.clock.now())).await?;
    app.revoke(Revocation::User(actor.user)).await;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, HeaderValue::from_static(NO_COOKIE))]))
}

/// Guests were let in by a doctor and have none.
pub(super) fn has_account(actor: &Actor) -> Result<(), ApiError> {
    if actor.role == Role::Guest { Err(ApiError::Forbidden) } else { Ok(()) }
}
