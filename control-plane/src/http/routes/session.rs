//! Signing in, as a person with an account or as an invited guest, and out.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::passkeys::{self, PasskeySignIn};
use super::{check_password, text_field};
use crate::app::App;
use crate::crypto::passkey::RelyingParty;
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::one_time::OneTimePurpose;
use crate::domain::session::{Revocation, SecondFactor};
use crate::domain::time::Timestamp;
use crate::domain::user::{Role, User};
use crate::error::ApiError;
use crate::http::actor::{NO_COOKIE, SignedIn};
use crate::http::json::Body;
use crate::http::sign_in::{
    Cookies, Proven, Visitor, is_locked, open_session, prove_password, refuse, session_view, take_code,
    take_recovery, take_totp,
};
use crate::http::views::{ErrorBody, GuestSessionView, GuestSignIn, SessionView, SignIn, UserView};
use crate::signalling::protocol::ParticipantKind;
use crate::store::{Credentials, NewUser, OneTime, StoreError, Tx};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sign_in, current, sign_out))
        .routes(routes!(second_step))
        .routes(routes!(change_password))
        .routes(routes!(confirm))
        .routes(routes!(sign_in_guest))
}

/// How to go on after a right password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepMethod {
    Totp,
    Recovery,
    /// `POST /api/v1/session/passkey`
    Passkey,
    /// `POST /api/v1/session/password`
    NewPassword,
}

impl StepMethod {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Recovery => "recovery",
            Self::Passkey => "passkey",
            Self::NewPassword => "new_password",
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct SecondStepView {
    /// Good for the next step only, for 5 minutes.
    pub challenge: String,
    pub methods: Vec<StepMethod>,
}

/// `POST /api/v1/session/second-step`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondStep {
    pub challenge: String,
    pub method: CodeMethod,
    pub code: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CodeMethod {
    Totp,
    Recovery,
}

/// `POST /api/v1/session/password`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    pub challenge: String,
    /// The new one.
    pub password: String,
}

/// `POST /api/v1/session/confirm`: one of them, or more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    #[serde(default)]
    pub password: Option<String>,
    /// Of the authenticator, or a recovery code.
    #[serde(default)]
    pub code: Option<String>,
    /// The answer to `POST /api/v1/passkeys/challenge`.
    #[serde(default)]
    pub passkey: Option<PasskeySignIn>,
}

/// Signed in, or one step further.
pub enum Progress {
    SignedIn(Cookies, SessionView),
    Step(SecondStepView),
}

impl IntoResponse for Progress {
    fn into_response(self) -> Response {
        match self {
            Self::SignedIn(cookies, view) => (cookies, Json(view)).into_response(),
            Self::Step(view) => (StatusCode::ACCEPTED, Json(view)).into_response(),
        }
    }
}

/// Sign in with a password.
#[utoipa::path(
    post, path = "/session", tag = "signing in",
    security(()),
    request_body = SignIn,
    responses(
        (status = 200, description = "Signed in", body = SessionView),
        (status = 202, description = "The password is right, one more step", body = SecondStepView),
        (status = 401, description = "E-mail address or password is wrong", body = ErrorBody),
    ),
)]
pub async fn sign_in(
    State(app): State<App>,
    visitor: Visitor,
    Body(body): Body<SignIn>,
) -> Result<Progress, ApiError> {
    let Proven { mut tx, account } = prove_password(&app, &visitor, &body.email, &body.password).await?;
    let methods = methods(&account);
    if methods.is_empty() {
        return finish(&app, &visitor, tx, &account, SecondFactor::None, Action::SignedIn).await;
    }
    let now = app.clock.now();
    let challenge = tx.insert_one_time(OneTimePurpose::SecondStep, Some(account.user.id), "", now).await?;
    tx.commit(visitor.entry(&account.user, Action::SecondStepAsked, now)).await?;
    Ok(Progress::Step(SecondStepView { challenge, methods }))
}

/// Empty: nothing is enrolled.
pub(super) fn methods(account: &Credentials) -> Vec<StepMethod> {
    let mut methods = Vec::new();
    if account.totp {
        methods.extend([StepMethod::Totp, StepMethod::Recovery]);
    }
    if account.passkeys > 0 {
        methods.push(StepMethod::Passkey);
    }
    methods
}

/// Sign in, second step: a code.
#[utoipa::path(
    post, path = "/session/second-step", tag = "signing in",
    security(()),
    request_body = SecondStep,
    responses(
        (status = 200, description = "Signed in", body = SessionView),
        (status = 202, description = "The code is right, but the password must be changed", body = SecondStepView),
        (status = 401, description = "Wrong code, or the challenge is over", body = ErrorBody),
    ),
)]
pub async fn second_step(
    State(app): State<App>,
    visitor: Visitor,
    Body(body): Body<SecondStep>,
) -> Result<Progress, ApiError> {
    let now = app.clock.now();
    let mut tx = app.store.begin(visitor.tenant).await?;
    let (challenge, account) = challenged(&mut tx, OneTimePurpose::SecondStep, &body.challenge, now).await?;
    let user = account.user.id;
    let counters = visitor.counters(&app, &account.user.email)?;
    let locked = is_locked(&app, &mut tx, &counters).await?;
    let (factor, action) = match body.method {
        CodeMethod::Totp => (SecondFactor::Totp, Action::SignedIn),
        CodeMethod::Recovery => (SecondFactor::Recovery, Action::RecoveryCodeUsed),
    };
    let right = !locked
        && match body.method {
            CodeMethod::Totp => take_totp(&mut tx, user, &body.code, now).await?,
            CodeMethod::Recovery => take_recovery(&mut tx, user, &body.code, now).await?,
        };
    if !right {
        refuse(&app, tx, &visitor, &counters, Some(user)).await?;
        return Err(ApiError::WrongCode);
    }
    tx.spend_one_time(challenge.id, now).await?;
    finish(&app, &visitor, tx, &account, factor, action).await
}

/// The account behind a challenge. Unknown, used, old and those of the deactivated are all refused alike.
async fn challenged(
    tx: &mut Tx,
    purpose: OneTimePurpose,
    secret: &str,
    now: Timestamp,
) -> Result<(OneTime, Credentials), ApiError> {
    let challenge = tx.one_time(purpose, secret, now).await.map_err(|error| match error {
        StoreError::NotFound => ApiError::Unauthenticated,
        error => error.into(),
    })?;
    let user = challenge.user.ok_or(ApiError::Unauthenticated)?;
    let account = tx.credentials(user).await?;
    if account.user.deactivated_at.is_some() {
        return Err(ApiError::Unauthenticated);
    }
    Ok((challenge, account))
}

/// Everything is proved: a session, or first a new password.
async fn finish(
    app: &App,
    visitor: &Visitor,
    mut tx: Tx,
    account: &Credentials,
    second_factor: SecondFactor,
    action: Action,
) -> Result<Progress, ApiError> {
    let (now, user) = (app.clock.now(), &account.user);
    let (accounts, has_password) = (&app.config.accounts, account.password_hash.is_some());
    // Who always comes by another provider has none to change.
    if has_password && accounts.must_change(account.password_must_change, account.password_changed_at, now) {
        let detail = second_factor.name();
        let challenge = tx.insert_one_time(OneTimePurpose::NewPassword, Some(user.id), detail, now).await?;
        tx.commit(visitor.entry(user, Action::SecondStepAsked, now)).await?;
        return Ok(Progress::Step(SecondStepView { challenge, methods: vec![StepMethod::NewPassword] }));
    }
    let (cookies, view) = open_session(app, visitor, &mut tx, user, second_factor).await?;
    tx.commit(visitor.entry(user, action, now)).await?;
    Ok(Progress::SignedIn(cookies, view))
}

/// Sign in, last step: a new password, where the old one is too old or was given by somebody else.
#[utoipa::path(
    post, path = "/session/password", tag = "signing in",
    security(()),
    request_body = ChangePassword,
    responses(
        (status = 200, description = "Signed in", body = SessionView),
        (status = 401, description = "The challenge is over", body = ErrorBody),
    ),
)]
pub async fn change_password(
    State(app): State<App>,
    visitor: Visitor,
    Body(body): Body<ChangePassword>,
) -> Result<Progress, ApiError> {
    let now = app.clock.now();
    let purpose = OneTimePurpose::NewPassword;
    let mut tx = app.store.read(visitor.tenant).await?;
    let (_, account) = challenged(&mut tx, purpose, &body.challenge, now).await?;
    drop(tx);
    check_password(&app, "password", &body.password, &account.user.email)?;
    let old = account.password_hash.as_deref();
    if app.passwords.verify(&body.password, old, false).await? {
        return Err(ApiError::field("password", "must not be the one you have"));
    }
    let hash = app.passwords.hash(&body.password).await?;
    let mut tx = app.store.begin(visitor.tenant).await?;
    let (challenge, account) = challenged(&mut tx, purpose, &body.challenge, now).await?;
    tx.spend_one_time(challenge.id, now).await?;
    let user = &account.user;
    let factor = SecondFactor::from_name(&challenge.detail).unwrap_or(SecondFactor::None);
    if factor == SecondFactor::None && !methods(&account).is_empty() {
        // One was set up after the password had been proved.
        return Err(ApiError::Unauthenticated);
    }
    tx.clear_failures(visitor.counters(&app, &user.email)?.login()).await?;
    tx.set_password(user.id, &hash, false, now).await?;
    tx.delete_sessions_of(user.id).await?;
    let (cookies, view) = open_session(&app, &visitor, &mut tx, user, factor).await?;
    tx.commit(visitor.entry(user, Action::PasswordChanged, now)).await?;
    app.revoke(Revocation::User(user.id)).await;
    Ok(Progress::SignedIn(cookies, view))
}

/// Prove again that it is you, for five minutes of dangerous steps.
#[utoipa::path(
    post, path = "/session/confirm", tag = "signing in",
    request_body = Confirm,
    responses((status = 204, description = "Confirmed"), (status = 409, description = "This server has no name that passkeys could belong to", body = ErrorBody), (status = 422, description = "What was given is wrong; `fields` says which", body = ErrorBody)),
)]
pub async fn confirm(
    State(app): State<App>,
    visitor: Visitor,
    SignedIn { actor, user, .. }: SignedIn,
    party: Result<RelyingParty, ApiError>,
    Body(body): Body<Confirm>,
) -> Result<StatusCode, ApiError> {
    let now = app.clock.now();
    let field = match (&body.password, &body.code, &body.passkey) {
        (Some(_), ..) => "password",
        (None, Some(_), _) => "code",
        (None, None, Some(_)) => "passkey",
        (None, None, None) => return Err(ApiError::field("password", "is missing")),
    };
    let counters = visitor.counters(&app, &user.email)?;
    let mut right = true;
    if let Some(password) = &body.password {
        let mut tx = app.store.read(actor.tenant).await?;
        let hash = tx.credentials(user.id).await?.password_hash;
        drop(tx);
        right = app.passwords.verify(password, hash.as_deref(), false).await?;
    }
    let mut tx = app.store.begin(actor.tenant).await?;
    right &= !is_locked(&app, &mut tx, &counters).await?;
    if let Some(code) = body.code.as_deref().filter(|_| right) {
        right = take_code(&mut tx, user.id, code, now).await?.is_some();
    }
    if let Some(passkey) = body.passkey.as_ref().filter(|_| right) {
        let proved = passkeys::prove(&app, &mut tx, actor.tenant, &party?, passkey, now).await?;
        right = proved.is_ok_and(|owner| owner.id == user.id);
    }
    if !right {
        refuse(&app, tx, &visitor, &counters, Some(user.id)).await?;
        return Err(ApiError::field(field, "is not right"));
    }
    tx.confirm_session(actor.session, now).await?;
    tx.clear_failures(counters.login()).await?;
    tx.commit(visitor.entry(&user, Action::Reauthenticated, now)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Come in with a one-time invitation.
#[utoipa::path(
    post, path = "/session/guest", tag = "signing in",
    security(()),
    request_body = GuestSignIn,
    responses((status = 200, description = "Signed in", body = GuestSessionView), (status = 404, description = "No such invitation", body = ErrorBody)),
)]
pub async fn sign_in_guest(
    State(app): State<App>,
    visitor: Visitor,
    Body(body): Body<GuestSignIn>,
) -> Result<(Cookies, Json<GuestSessionView>), ApiError> {
    let now = app.clock.now();
    let name = text_field("name", &body.name, 1, 80)?;
    app.sign_ins
        .attempt(visitor.address, now)
        .map_err(|retry_after| ApiError::TooManyRequests { retry_after })?;
    let mut tx = app.store.begin(visitor.tenant).await?;
    let invite = tx.use_invite(&body.secret, now).await?;
    let guest = NewUser {
        email: None,
        name,
        role: Role::Guest,
        specialty: String::new(),
        password_hash: None,
        email_verified: false,
        approved: true,
    };
    let user = tx.insert_user(&guest, now).await?;
    tx.insert_participant(invite.consultation, user.id, ParticipantKind::Guest, &invite.label, now).await?;
    let (cookies, session) = open_session(&app, &visitor, &mut tx, &user, SecondFactor::None).await?;
    let used = visitor.entry(&user, Action::InviteUsed, now);
    tx.commit(AuditEntry { subject: invite.id.to_string(), ..used }).await?;
    app.sign_ins.forgive(visitor.address);
    Ok((cookies, Json(GuestSessionView { session, consultation_id: invite.consultation })))
}

/// Who is signed in.
#[utoipa::path(
    get, path = "/session", tag = "signing in",
    responses((status = 200, description = "Who is signed in", body = SessionView)),
)]
pub async fn current(State(app): State<App>, signed_in: SignedIn) -> Json<SessionView> {
    let SignedIn { actor, user, csrf_token, second_factor, .. } = signed_in;
    Json(session_view(&app, user, csrf_token, actor.authenticated_at, second_factor))
}

/// Sign out.
#[utoipa::path(
    delete, path = "/session", tag = "signing in",
    responses((status = 204, description = "Signed out")),
)]
pub async fn sign_out(
    State(app): State<App>,
    SignedIn { actor, .. }: SignedIn,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1]), ApiError> {
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.delete_session(actor.session).await?;
    tx.commit(AuditEntry::of(&actor, Action::SignedOut, actor.session, app.clock.now())).await?;
    app.revoke(Revocation::Session(actor.session)).await;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, HeaderValue::from_static(NO_COOKIE))]))
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User { id, email, name, role, specialty, availability, .. } = user;
        Self { id, email, name, role, specialty, availability }
    }
}
