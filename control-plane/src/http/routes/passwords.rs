//! A new password: chosen while signed in, or with a mailed link by somebody who forgot the old one.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::check_password;
use super::registrations::email_field;
use crate::app::App;
use crate::domain::audit::{Action, Agent, AuditEntry, Outcome};
use crate::domain::one_time::OneTimePurpose;
use crate::domain::session::Revocation;
use crate::domain::time::Timestamp;
use crate::domain::user::Role;
use crate::error::ApiError;
use crate::http::actor::SignedIn;
use crate::http::json::Body;
use crate::http::sign_in::{Visitor, is_locked, refuse, still};
use crate::http::views::ErrorBody;
use crate::mail::News;
use crate::store::{Credentials, OneTime, Tx};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(change)).routes(routes!(ask_reset)).routes(routes!(reset))
}

/// `PUT /api/v1/account/password`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPassword {
    pub current: String,
    pub new: String,
}

/// `POST /api/v1/password-reset`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskReset {
    pub email: String,
}

/// `POST /api/v1/password-reset/confirm`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    /// From the fragment of the address in the mail; works once.
    pub token: String,
    /// The new one.
    pub password: String,
}

/// Change your password; your other sessions end.
#[utoipa::path(
    put, path = "/account/password", tag = "account",
    request_body = SetPassword,
    responses((status = 204, description = "Changed")),
)]
pub async fn change(
    State(app): State<App>,
    visitor: Visitor,
    SignedIn { actor, user, .. }: SignedIn,
    Body(body): Body<SetPassword>,
) -> Result<StatusCode, ApiError> {
    if user.role == Role::Guest {
        return Err(ApiError::Forbidden);
    }
    check_password(&app, "new", &body.new, &user.email)?;
    let now = app.clock.now();
    let counters = visitor.counters(&app, &user.email)?;
    let mut tx = app.store.read(actor.tenant).await?;
    let known = tx.credentials(user.id).await?;
    drop(tx);
    let right = app.passwords.verify(&body.current, known.password_hash.as_deref(), false).await?;
    let new_hash = app.passwords.hash(&body.new).await?;
    let mut tx = app.store.begin(actor.tenant).await?;
    let locked = is_locked(&app, &mut tx, &counters).await?;
    if locked || !right || still(&mut tx, &known).await?.is_none() {
        refuse(&app, tx, &visitor, &counters, Some(user.id)).await?;
        return Err(ApiError::field("current", "is not right"));
    }
    if body.new == body.current {
        return Err(ApiError::field("new", "must not be the one you have"));
    }
    tx.set_password(user.id, &new_hash, false, now).await?;
    tx.clear_failures(counters.login()).await?;
    let ended = tx.delete_other_sessions(user.id, actor.session).await?;
    tx.commit(AuditEntry::of(&actor, Action::PasswordChanged, user.id, now)).await?;
    for session in ended {
        app.revoke(Revocation::Session(session)).await;
    }
    app.send_mail(actor.tenant, &user.email, News::PasswordChanged);
    Ok(StatusCode::NO_CONTENT)
}

/// Have a link for a new password sent. The answer is the same whether there is such an account.
#[utoipa::path(
    post, path = "/password-reset", tag = "signing in",
    security(()),
    request_body = AskReset,
    responses((status = 204, description = "Sent, if there is such an account")),
)]
pub async fn ask_reset(
    State(app): State<App>,
    visitor: Visitor,
    Body(body): Body<AskReset>,
) -> Result<StatusCode, ApiError> {
    let (now, email) = (app.clock.now(), email_field(&body.email)?);
    let too_many = |retry_after| ApiError::TooManyRequests { retry_after };
    app.sign_ins.attempt(visitor.address, now).map_err(too_many)?;
    if !app.config.mail.is_on() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let account = app.store.credentials(visitor.tenant, &email).await?.filter(can_reset);
    let user = account.as_ref().map(|account| account.user.id);
    let mut tx = app.store.begin(visitor.tenant).await?;
    // Without an account the secret is made all the same, and belongs to nobody.
    let token = tx.insert_one_time(OneTimePurpose::ResetPassword, user, "", now).await?;
    let subject = user.map(|user| user.to_string()).unwrap_or_default();
    let outcome = if user.is_some() { Outcome::Done } else { Outcome::Denied };
    let entry = AuditEntry::by(Agent::Anonymous, Action::PasswordResetAsked, subject, now);
    tx.commit(entry.with_outcome(outcome).from_address(visitor.address)).await?;
    if user.is_some() {
        app.send_mail(visitor.tenant, &email, News::ResetPassword { token });
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Whoever has no password signs in elsewhere, and goes on doing so.
fn can_reset(account: &Credentials) -> bool {
    account.password_hash.is_some() && account.user.deactivated_at.is_none()
}

/// Set a new password with a mailed link; every session ends.
#[utoipa::path(
    post, path = "/password-reset/confirm", tag = "signing in",
    security(()),
    request_body = ResetPassword,
    responses((status = 204, description = "Changed"), (status = 404, description = "Unknown, used or too old", body = ErrorBody)),
)]
pub async fn reset(
    State(app): State<App>,
    visitor: Visitor,
    Body(body): Body<ResetPassword>,
) -> Result<StatusCode, ApiError> {
    let now = app.clock.now();
    let too_many = |retry_after| ApiError::TooManyRequests { retry_after };
    app.sign_ins.attempt(visitor.address, now).map_err(too_many)?;
    let mut tx = app.store.read(visitor.tenant).await?;
    let (_, account) = holder(&mut tx, &body.token, now).await?;
    drop(tx);
    check_password(&app, "password", &body.password, &account.user.email)?;
    let hash = app.passwords.hash(&body.password).await?;
    let mut tx = app.store.begin(visitor.tenant).await?;
    let (secret, account) = holder(&mut tx, &body.token, now).await?;
    let user = &account.user;
    tx.spend_one_time(secret.id, now).await?;
    tx.clear_failures(visitor.counters(&app, &user.email)?.login()).await?;
    tx.set_password(user.id, &hash, false, now).await?;
    // Whoever reads the mail of the address has proved that it is theirs.
    tx.verify_email(user.id, now).await?;
    tx.delete_sessions_of(user.id).await?;
    tx.commit(visitor.entry(user, Action::PasswordReset, now)).await?;
    app.revoke(Revocation::User(user.id)).await;
    app.sign_ins.forgive(visitor.address);
    app.send_mail(visitor.tenant, &user.email, News::PasswordChanged);
    Ok(StatusCode::NO_CONTENT)
}

async fn holder(tx: &mut Tx, token: &str, now: Timestamp) -> Result<(OneTime, Credentials), ApiError> {
    let secret = tx.one_time(OneTimePurpose::ResetPassword, token, now).await?;
    let account = tx.credentials(secret.user.ok_or(ApiError::NotFound)?).await?;
    if can_reset(&account) { Ok((secret, account)) } else { Err(ApiError::NotFound) }
}
