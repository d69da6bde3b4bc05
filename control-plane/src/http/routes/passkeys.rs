//! Passkeys: making and removing one's own, and signing in with one. A passkey needs neither a name nor a password, and
//! counts as a second factor.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{require_confirmed_account, text_field};
use crate::app::App;
use crate::crypto::passkey::{Answer, Enrolment, PasskeyError, Question, RelyingParty};
use crate::domain::access::Actor;
use crate::domain::audit::{Action, Agent, AuditEntry, Outcome};
use crate::domain::session::SecondFactor;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::error::ApiError;
use crate::http::actor::SignedIn;
use crate::http::json::Body;
use crate::http::path::IdPath;
use crate::http::pending::Pending;
use crate::http::sign_in::{Cookies, Visitor, open_session};
use crate::http::views::{ErrorBody, SessionView};
use crate::ids::{PasskeyId, TenantId, UserId};
use crate::origin::origin;
use crate::store::{Passkey, Tx};

/// A person has at most so many.
const MOST: usize = 20;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(ask))
        .routes(routes!(sign_in))
        .routes(routes!(list, add))
        .routes(routes!(begin))
        .routes(routes!(remove))
}

/// The ceremonies that are under way.
#[derive(Default)]
pub struct Ceremonies {
    enrolments: Pending<(TenantId, UserId, Enrolment)>,
    questions: Pending<(TenantId, Question)>,
}

#[derive(Serialize, ToSchema)]
pub struct PasskeyChallengeView {
    /// Comes back with the answer, within 5 minutes and once.
    pub challenge_id: String,
    /// `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON` of WebAuthn level 3.
    #[schema(value_type = Object)]
    pub options: Value,
}

#[derive(Serialize, ToSchema)]
pub struct PasskeyView {
    pub id: PasskeyId,
    pub label: String,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

/// `POST /api/v1/session/passkey`, and within `POST /api/v1/session/confirm`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeySignIn {
    pub challenge_id: String,
    /// `AuthenticationResponseJSON` of WebAuthn level 3.
    #[schema(value_type = Object)]
    pub credential: Value,
}

/// `POST /api/v1/account/passkeys`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPasskey {
    pub challenge_id: String,
    /// What its person calls it, 1 to 60 characters.
    pub label: String,
    /// `RegistrationResponseJSON` of WebAuthn level 3.
    #[schema(value_type = Object)]
    pub credential: Value,
}

impl FromRequestParts<App> for RelyingParty {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let origin = origin(app, &parts.uri, &parts.headers).ok_or(PasskeyError::NoName)?;
        Ok(Self::new(&origin)?)
    }
}

impl From<PasskeyError> for ApiError {
    fn from(error: PasskeyError) -> Self {
        match error {
            PasskeyError::NoName => Self::WrongState(error.to_string()),
            PasskeyError::Refused | PasskeyError::Copied => Self::WrongPasskey,
            PasskeyError::Stored => Self::Internal(error.into()),
        }
    }
}

/// Begin to sign in with a passkey.
#[utoipa::path(
    post, path = "/passkeys/challenge", tag = "signing in",
    security(()),
    responses(
        (status = 200, description = "What to ask the browser", body = PasskeyChallengeView),
        (status = 409, description = "This server has no name that passkeys could belong to", body = ErrorBody),
    ),
)]
pub async fn ask(
    State(app): State<App>,
    visitor: Visitor,
    party: RelyingParty,
) -> Result<Json<PasskeyChallengeView>, ApiError> {
    let now = app.clock.now();
    app.sign_ins
        .attempt(visitor.address, now)
        .map_err(|retry_after| ApiError::TooManyRequests { retry_after })?;
    let (question, options) = party.ask()?;
    let challenge_id = app.ceremonies.questions.begin((visitor.tenant, question), now)?;
    Ok(Json(PasskeyChallengeView { challenge_id, options }))
}

/// Sign in with a passkey.
#[utoipa::path(
    post, path = "/session/passkey", tag = "signing in",
    security(()),
    request_body = PasskeySignIn,
    responses(
        (status = 200, description = "Signed in", body = SessionView),
        (status = 401, description = "This passkey was not accepted", body = ErrorBody),
    ),
)]
pub async fn sign_in(
    State(app): State<App>,
    visitor: Visitor,
    party: RelyingParty,
    Body(body): Body<PasskeySignIn>,
) -> Result<(Cookies, Json<SessionView>), ApiError> {
    let now = app.clock.now();
    app.sign_ins
        .attempt(visitor.address, now)
        .map_err(|retry_after| ApiError::TooManyRequests { retry_after })?;
    let mut tx = app.store.begin(visitor.tenant).await?;
    let user = match prove(&app, &mut tx, visitor.tenant, &party, &body, now).await? {
        Ok(user) => user,
        Err(owner) => return refuse(tx, &visitor, owner, now).await,
    };
    let (cookies, view) = open_session(&app, &visitor, &mut tx, &user, SecondFactor::Passkey).await?;
    tx.commit(visitor.entry(&user, Action::SignedIn, now)).await?;
    app.sign_ins.forgive(visitor.address);
    Ok((cookies, Json(view)))
}

/// Whose passkey answered as it was asked, once; else whose it would have been. The caller commits.
pub(super) async fn prove(
    app: &App,
    tx: &mut Tx,
    tenant: TenantId,
    party: &RelyingParty,
    body: &PasskeySignIn,
    now: Timestamp,
) -> Result<Result<User, Option<UserId>>, ApiError> {
    let question = app.ceremonies.questions.finish(&body.challenge_id, now);
    let question = question.filter(|(asked_in, _)| *asked_in == tenant).map(|(_, question)| question);
    let answer = Answer::parse(body.credential.to_string().as_bytes());
    let passkey = match &answer {
        Ok(answer) => tx.passkey(answer.credential()).await?,
        Err(_) => None,
    };
    let (Some(question), Ok(answer), Some(passkey)) = (question, answer, passkey) else {
        return Ok(Err(None));
    };
    let user = tx.user(passkey.key.user).await?;
    match question.check(party, &answer, &passkey.key) {
        Ok(state) if user.deactivated_at.is_none() => {
            tx.passkey_used(&passkey, &state, now).await?;
            return Ok(Ok(user));
        }
        Err(PasskeyError::Copied) => {
            tx.insert_notice(user.id, "passkey_copied", &passkey.id.to_string(), now).await?;
        }
        _ => {}
    }
    Ok(Err(Some(user.id)))
}

/// Everything that is wrong with a passkey answers alike; the trail knows whose it was.
async fn refuse<T>(tx: Tx, visitor: &Visitor, owner: Option<UserId>, now: Timestamp) -> Result<T, ApiError> {
    let subject = owner.map(|owner| owner.to_string()).unwrap_or_default();
    let entry = AuditEntry::by(Agent::Anonymous, Action::SignInRefused, subject, now);
    tx.commit(entry.with_outcome(Outcome::Denied).from_address(visitor.address)).await?;
    Err(ApiError::WrongPasskey)
}

/// Your passkeys.
#[utoipa::path(
    get, path = "/account/passkeys", tag = "account",
    responses((status = 200, description = "Oldest first", body = [PasskeyView])),
)]
pub async fn list(State(app): State<App>, actor: Actor) -> Result<Json<Vec<PasskeyView>>, ApiError> {
    let mut tx = app.store.read(actor.tenant).await?;
    let passkeys = tx.passkeys(actor.user).await?;
    tx.commit(AuditEntry::of(&actor, Action::UserRead, actor.user, app.clock.now())).await?;
    Ok(Json(passkeys.into_iter().map(PasskeyView::from).collect()))
}

/// Begin to make a passkey.
#[utoipa::path(
    post, path = "/account/passkeys/challenge", tag = "account",
    responses(
        (status = 200, description = "What to ask the browser", body = PasskeyChallengeView),
        (status = 409, description = "There are 20 already, or this server has no name that passkeys could belong to", body = ErrorBody),
    ),
)]
pub async fn begin(
    State(app): State<App>,
    SignedIn { actor, user, .. }: SignedIn,
    party: RelyingParty,
) -> Result<Json<PasskeyChallengeView>, ApiError> {
    let now = app.clock.now();
    require_confirmed_account(&actor, now)?;
    let mut tx = app.store.read(actor.tenant).await?;
    let existing: Vec<_> = tx.passkeys(actor.user).await?.into_iter().map(|passkey| passkey.key).collect();
    drop(tx);
    if existing.len() >= MOST {
        return Err(ApiError::Conflict("you have 20 passkeys already; remove one first"));
    }
    let User { id, email, name, .. } = &user;
    let (enrolment, options) = party.enrol(*id, email, name, &existing)?;
    let challenge_id = app.ceremonies.enrolments.begin((actor.tenant, actor.user, enrolment), now)?;
    Ok(Json(PasskeyChallengeView { challenge_id, options }))
}

/// Keep the passkey that was made.
#[utoipa::path(
    post, path = "/account/passkeys", tag = "account",
    request_body = AddPasskey,
    responses(
        (status = 201, description = "Kept", body = PasskeyView),
        (status = 409, description = "Known already", body = ErrorBody),
    ),
)]
pub async fn add(
    State(app): State<App>,
    SignedIn { actor, second_factor, .. }: SignedIn,
    party: RelyingParty,
    Body(body): Body<AddPasskey>,
) -> Result<(StatusCode, Json<PasskeyView>), ApiError> {
    let now = app.clock.now();
    require_confirmed_account(&actor, now)?;
    let label = text_field("label", &body.label, 1, 60)?;
    let mine =
        |(tenant, user, _): &(TenantId, UserId, Enrolment)| (*tenant, *user) == (actor.tenant, actor.user);
    let (_, user, enrolment) = app
        .ceremonies
        .enrolments
        .finish(&body.challenge_id, now)
        .filter(mine)
        .ok_or_else(|| ApiError::field("challenge_id", "is unknown, used or too old; begin again"))?;
    let key = enrolment
        .finish(&party, user, body.credential.to_string().as_bytes())
        .map_err(|error| ApiError::field("credential", error.to_string()))?;
    let mut tx = app.store.begin(actor.tenant).await?;
    if tx.passkeys(actor.user).await?.len() >= MOST {
        return Err(ApiError::Conflict("you have 20 passkeys already; remove one first"));
    }
    let id = tx.insert_passkey(&key, &label, now).await?;
    if second_factor == SecondFactor::None {
        tx.set_second_factor(actor.session, SecondFactor::Passkey).await?;
    }
    tx.commit(AuditEntry::of(&actor, Action::PasskeyAdded, id, now)).await?;
    Ok((StatusCode::CREATED, Json(PasskeyView { id, label, created_at: now, last_used_at: None })))
}

/// Remove a passkey.
#[utoipa::path(
    delete, path = "/account/passkeys/{id}", tag = "account",
    params(("id" = PasskeyId, Path)),
    responses((status = 204, description = "Removed")),
)]
pub async fn remove(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<PasskeyId>,
) -> Result<StatusCode, ApiError> {
    let now = app.clock.now();
    require_confirmed_account(&actor, now)?;
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.delete_passkey(actor.user, id).await?;
    tx.commit(AuditEntry::of(&actor, Action::PasskeyRemoved, id, now)).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<Passkey> for PasskeyView {
    fn from(passkey: Passkey) -> Self {
        let Passkey { id, label, created_at, last_used_at, .. } = passkey;
        Self { id, label, created_at, last_used_at }
    }
}
