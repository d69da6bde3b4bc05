//! Signing in, as a person with an account or as an invited guest, and out.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};

use super::text_field;
use crate::app::App;
use crate::crypto::secret;
use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::domain::user::{Role, User, normalise_email};
use crate::error::ApiError;
use crate::http::actor::{ClientAddress, NO_COOKIE, SignedIn, session_cookie};
use crate::http::json::Body;
use crate::http::views::{GuestSessionView, GuestSignIn, SessionView, SignIn, UserView};
use crate::signalling::protocol::ParticipantKind;
use crate::store::{Credentials, NewUser, Tx};

type SetCookie = [(HeaderName, HeaderValue); 1];

/// POST /api/v1/session
pub async fn sign_in(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Body(body): Body<SignIn>,
) -> Result<(SetCookie, Json<SessionView>), ApiError> {
    let now = app.clock.now();
    let email = normalise_email(&body.email).ok_or(ApiError::WrongPassword)?;
    app.sign_ins
        .attempt(address, Some(&email), now)
        .map_err(|retry_after| ApiError::TooManyRequests { retry_after })?;
    let tenant = app.store.tenant();
    let (user, hash) = match app.store.credentials(tenant, &email).await? {
        Some(Credentials { user, password_hash }) => (Some(user), password_hash),
        None => (None, None),
    };
    let right = app.passwords.verify(&body.password, hash.as_deref()).await?;
    let mut tx = app.store.begin(tenant).await?;
    let Some(user) = user.filter(|_| right) else {
        let refused = AuditEntry::by(Agent::Anonymous, Action::SignInRefused, "", now).from_address(address);
        tx.commit(refused).await?;
        return Err(ApiError::WrongPassword);
    };
    app.sign_ins.forgive(address, Some(&email));
    let (cookie, view) = open_session(&app, &mut tx, &user).await?;
    let agent = Agent::User(user.id);
    tx.commit(AuditEntry::by(agent, Action::SignedIn, user.id, now).from_address(address)).await?;
    Ok((cookie, Json(view)))
}

/// POST /api/v1/session/guest
pub async fn sign_in_guest(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Body(body): Body<GuestSignIn>,
) -> Result<(SetCookie, Json<GuestSessionView>), ApiError> {
    let now = app.clock.now();
    let name = text_field("name", &body.name, 1, 80)?;
    app.sign_ins
        .attempt(address, None, now)
        .map_err(|retry_after| ApiError::TooManyRequests { retry_after })?;
    let mut tx = app.store.begin(app.store.tenant()).await?;
    let invite = tx.use_invite(&body.secret, now).await?;
    let guest =
        NewUser { email: None, name, role: Role::Guest, specialty: String::new(), password_hash: None };
    let user = tx.insert_user(&guest, now).await?;
    tx.insert_participant(invite.consultation, user.id, ParticipantKind::Guest, &invite.label, now).await?;
    let (cookie, session) = open_session(&app, &mut tx, &user).await?;
    let used = AuditEntry::by(Agent::User(user.id), Action::InviteUsed, invite.id, now);
    tx.commit(used.from_address(address)).await?;
    app.sign_ins.forgive(address, None);
    Ok((cookie, Json(GuestSessionView { session, consultation_id: invite.consultation })))
}

/// GET /api/v1/session
pub async fn current(signed_in: SignedIn) -> Json<SessionView> {
    Json(SessionView { user: signed_in.user.into(), csrf_token: signed_in.csrf_token })
}

/// DELETE /api/v1/session
pub async fn sign_out(
    State(app): State<App>,
    SignedIn { actor, .. }: SignedIn,
) -> Result<(StatusCode, SetCookie), ApiError> {
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.delete_session(actor.session).await?;
    tx.commit(AuditEntry::of(&actor, Action::SignedOut, actor.session, app.clock.now())).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, HeaderValue::from_static(NO_COOKIE))]))
}

async fn open_session(app: &App, tx: &mut Tx, user: &User) -> Result<(SetCookie, SessionView), ApiError> {
    let secret = secret::generate()?;
    tx.insert_session(user.id, &secret, app.clock.now()).await?;
    let view = SessionView { user: user.clone().into(), csrf_token: app.keys.csrf_token(&secret) };
    Ok(([(header::SET_COOKIE, session_cookie(&secret)?)], view))
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User { id, email, name, role, specialty, availability } = user;
        Self { id, email, name, role, specialty, availability }
    }
}
