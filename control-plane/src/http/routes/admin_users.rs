//! Accounts in the hands of an administrator.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{must_have_confirmed, page_size, text_field};
use crate::app::App;
use crate::crypto::secret::readable_password;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::session::Revocation;
use crate::domain::time::Timestamp;
use crate::domain::user::{AccountState, Role, normalise_email};
use crate::error::ApiError;
use crate::http::json::Body;
use crate::http::path::{IdPath, Search, choice};
use crate::http::views::ErrorBody;
use crate::ids::UserId;
use crate::store::{Account, AccountFilter, AccountRules, NewUser, StoreError, Tx};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, change))
        .routes(routes!(deactivate))
        .routes(routes!(reactivate))
        .routes(routes!(sign_out))
}

/// `GET /api/v1/admin/users`
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListUsers {
    /// `patient`, `doctor`, `admin` or `guest`; otherwise everybody but guests.
    role: Option<String>,
    /// `active`, `pending`, `unverified`, `deactivated` or `erased`.
    state: Option<String>,
    /// Beginnings of words of the name, the specialty or the address.
    q: Option<String>,
    /// From `next` of the page before.
    cursor: Option<String>,
    /// 1 to 200; otherwise 50.
    limit: Option<String>,
}

/// `POST /api/v1/admin/users`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    role: Role,
    /// 1 to 80 characters.
    name: String,
    email: String,
    /// A doctor's field, at most 60 characters; empty for everyone else.
    specialty: String,
}

/// `PUT /api/v1/admin/users/{id}`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUser {
    /// 1 to 80 characters.
    name: String,
    /// A doctor's field, at most 60 characters; empty for everyone else.
    specialty: String,
    role: Role,
}

#[derive(Serialize, ToSchema)]
pub struct AdminUserView {
    pub id: UserId,
    pub name: String,
    pub email: String,
    pub role: Role,
    pub specialty: String,
    pub state: AccountState,
    pub created_at: Timestamp,
    /// In a session that has not been ended.
    pub last_seen_at: Option<Timestamp>,
    /// Whether one is enrolled.
    pub second_factor: bool,
    pub sessions: u32,
}

#[derive(Serialize, ToSchema)]
pub struct AdminUserPageView {
    /// Newest first.
    pub items: Vec<AdminUserView>,
    /// `null` on the last page. A page may be short although more follow.
    pub next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct CreatedUserView {
    pub user: AdminUserView,
    /// Shown this once; must be changed at the first sign-in.
    pub password: String,
}

pub(super) fn rules(app: &App) -> AccountRules {
    let since = app.clock.now().minus(app.config.accounts.session_limits().absolute);
    AccountRules { verified_by_mail: app.config.mail.is_on(), sessions_since: since }
}

/// The clinic's accounts.
#[utoipa::path(
    get, path = "/admin/users", tag = "administration",
    params(ListUsers),
    responses((status = 200, description = "A page of accounts", body = AdminUserPageView), (status = 422, description = "A value of the query is wrong", body = ErrorBody)),
)]
pub async fn list(
    State(app): State<App>,
    actor: Actor,
    Search(query): Search<ListUsers>,
) -> Result<Json<AdminUserPageView>, ApiError> {
    actor.require(Permission::ManageUsers)?;
    let filter = AccountFilter {
        role: choice("role", query.role.as_deref(), Role::from_name)?,
        state: choice("state", query.state.as_deref(), AccountState::from_name)?,
        words: text_field("q", query.q.as_deref().unwrap_or_default(), 0, 100)?,
    };
    let before = choice("cursor", query.cursor.as_deref(), |text| text.parse().ok())?;
    let limit = page_size(query.limit.as_deref())?;
    let mut tx = app.store.read(actor.tenant).await?;
    let (accounts, next) = tx.accounts(&filter, rules(&app), before, limit).await?;
    tx.commit(AuditEntry::of(&actor, Action::UsersListed, actor.user, app.clock.now())).await?;
    let items = accounts.into_iter().map(Into::into).collect();
    Ok(Json(AdminUserPageView { items, next: next.map(|id| id.to_string()) }))
}

/// Make an account.
#[utoipa::path(
    post, path = "/admin/users", tag = "administration",
    request_body = CreateUser,
    responses((status = 201, description = "Made; a doctor is approved by it", body = CreatedUserView), (status = 409, description = "The address has an account", body = ErrorBody)),
)]
pub async fn create(
    State(app): State<App>,
    actor: Actor,
    Body(body): Body<CreateUser>,
) -> Result<(StatusCode, Json<CreatedUserView>), ApiError> {
    actor.require(Permission::ManageUsers)?;
    if works_here(body.role) {
        must_have_confirmed(&actor, app.clock.now())?;
    }
    let email =
        normalise_email(&body.email).ok_or_else(|| ApiError::field("email", "is no e-mail address"))?;
    let specialty = specialty_of(body.role, &body.specialty)?;
    let password = readable_password()?;
    let hash = app.passwords.hash(&password).await?;
    let new = NewUser {
        email: Some(email),
        name: text_field("name", &body.name, 1, 80)?,
        role: body.role,
        specialty,
        password_hash: Some(hash.clone()),
        email_verified: true,
        approved: true,
    };
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    let user = tx.insert_user(&new, now).await.map_err(|error| match error {
        StoreError::Conflict => ApiError::Conflict("this address has an account already"),
        error => error.into(),
    })?;
    tx.set_password(user.id, &hash, true, now).await?;
    let account = tx.account(user.id, rules(&app)).await?;
    tx.commit(entry(&actor, Action::UserCreated, &account, now)).await?;
    Ok((StatusCode::CREATED, Json(CreatedUserView { user: account.into(), password })))
}

/// One account.
#[utoipa::path(
    get, path = "/admin/users/{id}", tag = "administration",
    params(("id" = UserId, Path, description = "The account")),
    responses((status = 200, description = "The account", body = AdminUserView)),
)]
pub async fn one(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<UserId>,
) -> Result<Json<AdminUserView>, ApiError> {
    actor.require(Permission::ManageUsers)?;
    let mut tx = app.store.read(actor.tenant).await?;
    let account = tx.account(id, rules(&app)).await?;
    tx.commit(entry(&actor, Action::UserRead, &account, app.clock.now())).await?;
    Ok(Json(account.into()))
}

/// Change name, specialty or role; another role ends every session of the person.
#[utoipa::path(
    put, path = "/admin/users/{id}", tag = "administration",
    params(("id" = UserId, Path, description = "The account")),
    request_body = ChangeUser,
    responses((status = 200, description = "Changed; who becomes a doctor is approved by it", body = AdminUserView), (status = 409, description = "Nobody would be left to run the clinic, or the account was erased", body = ErrorBody)),
)]
pub async fn change(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<UserId>,
    Body(body): Body<ChangeUser>,
) -> Result<Json<AdminUserView>, ApiError> {
    actor.require(Permission::ManageUsers)?;
    let name = text_field("name", &body.name, 1, 80)?;
    let specialty = specialty_of(body.role, &body.specialty)?;
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    let old = tx.account(id, rules(&app)).await?;
    if old.state == AccountState::Erased {
        return Err(ApiError::WrongState("an erased account cannot be changed".into()));
    }
    if old.role == Role::Guest {
        return Err(ApiError::WrongState("a guest's account cannot be changed".into()));
    }
    let takes_a_role = old.role != body.role;
    if takes_a_role {
        must_have_confirmed(&actor, now)?;
    }
    if old.name != name {
        tx.rename(id, &name, now).await?;
    }
    if takes_a_role {
        tx.give_role(id, body.role, now).await?;
        tx.delete_sessions_of(id).await?;
    }
    tx.set_specialty(id, &specialty).await?;
    if takes_a_role && old.role == Role::Admin {
        keep_an_administrator(&mut tx).await?;
    }
    let account = tx.account(id, rules(&app)).await?;
    tx.commit(entry(&actor, Action::UserChanged, &account, now)).await?;
    if takes_a_role {
        app.revoke(Revocation::User(id)).await;
    }
    Ok(Json(account.into()))
}

/// Keep somebody out: every session, socket and call of theirs ends at once.
#[utoipa::path(
    post, path = "/admin/users/{id}/deactivate", tag = "administration",
    params(("id" = UserId, Path, description = "The account")),
    responses((status = 204, description = "Deactivated"), (status = 409, description = "Already, or nobody would be left to run the clinic", body = ErrorBody)),
)]
pub async fn deactivate(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<UserId>,
) -> Result<StatusCode, ApiError> {
    actor.require(Permission::ManageUsers)?;
    let now = app.clock.now();
    must_have_confirmed(&actor, now)?;
    let mut tx = app.store.begin(actor.tenant).await?;
    let account = tx.account(id, rules(&app)).await?;
    tx.deactivate(id, now).await?;
    tx.delete_sessions_of(id).await?;
    if account.role == Role::Admin {
        keep_an_administrator(&mut tx).await?;
    }
    tx.commit(entry(&actor, Action::UserDeactivated, &account, now)).await?;
    app.revoke(Revocation::User(id)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Let somebody in again.
#[utoipa::path(
    post, path = "/admin/users/{id}/reactivate", tag = "administration",
    params(("id" = UserId, Path, description = "The account")),
    responses((status = 204, description = "Reactivated"), (status = 409, description = "Not deactivated, or erased", body = ErrorBody)),
)]
pub async fn reactivate(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<UserId>,
) -> Result<StatusCode, ApiError> {
    actor.require(Permission::ManageUsers)?;
    let now = app.clock.now();
    must_have_confirmed(&actor, now)?;
    let mut tx = app.store.begin(actor.tenant).await?;
    let account = tx.account(id, rules(&app)).await?;
    tx.reactivate(id).await?;
    tx.commit(entry(&actor, Action::UserReactivated, &account, now)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End every session, socket and call of somebody, who may sign in again.
#[utoipa::path(
    post, path = "/admin/users/{id}/sign-out", tag = "administration",
    params(("id" = UserId, Path, description = "The account")),
    responses((status = 204, description = "Signed out everywhere")),
)]
pub async fn sign_out(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<UserId>,
) -> Result<StatusCode, ApiError> {
    actor.require(Permission::ManageUsers)?;
    let mut tx = app.store.begin(actor.tenant).await?;
    let account = tx.account(id, rules(&app)).await?;
    tx.delete_sessions_of(id).await?;
    tx.commit(entry(&actor, Action::SessionRevoked, &account, app.clock.now())).await?;
    app.revoke(Revocation::User(id)).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn keep_an_administrator(tx: &mut Tx) -> Result<(), ApiError> {
    if tx.keeps_an_administrator().await? {
        return Ok(());
    }
    Err(ApiError::WrongState("the last administrator cannot be removed".into()))
}

/// Whose account opens the data of others.
const fn works_here(role: Role) -> bool {
    matches!(role, Role::Doctor | Role::Admin)
}

/// Guests come by invitation only.
fn specialty_of(role: Role, text: &str) -> Result<String, ApiError> {
    match role {
        Role::Guest => Err(ApiError::field("role", "must be patient, doctor or admin")),
        Role::Doctor => text_field("specialty", text, 0, 60),
        Role::Patient | Role::Admin if text.trim().is_empty() => Ok(String::new()),
        Role::Patient | Role::Admin => Err(ApiError::field("specialty", "is for doctors only")),
    }
}

fn entry(actor: &Actor, action: Action, account: &Account, now: Timestamp) -> AuditEntry {
    let entry = AuditEntry::of(actor, action, account.id, now);
    if account.role == Role::Patient { entry.about(account.id) } else { entry }
}

impl From<Account> for AdminUserView {
    fn from(account: Account) -> Self {
        let Account { id, name, email, role, specialty, state, created_at, last_seen_at, .. } = account;
        let (second_factor, sessions) = (account.second_factor, account.sessions);
        Self { id, name, email, role, specialty, state, created_at, last_seen_at, second_factor, sessions }
    }
}
