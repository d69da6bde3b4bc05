//! Sign-ins of API clients: an access token of ten minutes, and a refresh token that works once for the next pair.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::crypto::secret;
use crate::crypto::token::{self, LIFETIME};
use crate::domain::audit::{Action, Agent, AuditEntry, Outcome};
use crate::domain::refresh::{Verdict, judge};
use crate::domain::session::{Revocation, SecondFactor};
use crate::domain::user::Role;
use crate::error::ApiError;
use crate::http::actor::{ClientAddress, Clinic};
use crate::http::bearer::Bearer;
use crate::http::json::Body;
use crate::http::sign_in::{Proven, Visitor, prove_password, refuse, take_code};
use crate::http::views::ErrorBody;
use crate::ids::UserId;
use crate::store::{ApiSession, RefreshFamily, Tx};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(issue, revoke)).routes(routes!(refresh)).routes(routes!(current))
}

/// `POST /api/v1/tokens`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueTokens {
    pub email: String,
    pub password: String,
    /// Of the authenticator app, or a recovery code, where the account has a second factor.
    pub code: Option<String>,
}

/// `POST /api/v1/tokens/refresh`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshTokens {
    pub refresh_token: String,
}

/// Secrets, so it is not `Debug`.
#[derive(Serialize, ToSchema)]
pub struct TokensView {
    pub access_token: String,
    /// `Bearer`
    pub token_type: &'static str,
    pub expires_in_s: u64,
    /// Works once, for the next pair.
    pub refresh_token: String,
}

#[derive(Serialize, ToSchema)]
pub struct CurrentTokenView {
    pub sub: UserId,
    pub role: Role,
    /// Seconds since the Unix epoch.
    pub exp: u64,
}

/// Sign in as an API client.
#[utoipa::path(
    post, path = "/tokens", tag = "tokens",
    security(()),
    request_body = IssueTokens,
    responses(
        (status = 200, description = "Signed in", body = TokensView),
        (status = 401, description = "E-mail address or password is wrong, or a code is needed", body = ErrorBody),
    ),
)]
pub async fn issue(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Body(body): Body<IssueTokens>,
) -> Result<Json<TokensView>, ApiError> {
    let (now, limits) = (app.clock.now(), app.config.accounts.session_limits());
    let Proven { mut tx, account } = prove_password(&app, &visitor, &body.email, &body.password).await?;
    let user = &account.user;
    let counters = visitor.counters(&app, &user.email)?;
    let is_enrolled = account.totp || account.passkeys > 0;
    let second_factor = match body.code.as_deref() {
        _ if !is_enrolled => SecondFactor::None,
        None => {
            tx.commit(visitor.entry(user, Action::SecondStepAsked, now)).await?;
            return Err(ApiError::SecondFactorRequired);
        }
        Some(code) => {
            let Some(factor) = take_code(&mut tx, user.id, code, now).await? else {
                refuse(&app, tx, &visitor, &counters, Some(user.id)).await?;
                return Err(ApiError::WrongPassword);
            };
            factor
        }
    };
    if app.config.accounts.must_change(account.password_must_change, account.password_changed_at, now) {
        tx.commit(visitor.entry(user, Action::SecondStepAsked, now)).await?;
        return Err(ApiError::NotCleared("change the password in a browser first"));
    }
    tx.clear_failures(counters.login()).await?;
    let new = ApiSession {
        user: user.id,
        role: user.role,
        device: &device(&headers),
        address: visitor.address,
        second_factor,
    };
    let refresh_token = secret::generate()?;
    let (session, sibling) = tx.insert_api_session(&new, &refresh_token, limits, now).await?;
    let bearer = token::Bearer { tenant: visitor.tenant, user: user.id, role: user.role, session, sibling };
    let issued = visitor.entry(user, Action::TokensIssued, now);
    tx.commit(AuditEntry { subject: session.to_string(), ..issued }).await?;
    view(&app, &bearer, refresh_token)
}

/// Exchange a refresh token for the next pair.
#[utoipa::path(
    post, path = "/tokens/refresh", tag = "tokens",
    security(()),
    request_body = RefreshTokens,
    responses(
        (status = 200, description = "The next pair; the old refresh token is used up", body = TokensView),
        (status = 401, description = "Unknown, over, or used before: then every token of this sign-in is over", body = ErrorBody),
        (status = 409, description = "Used a moment ago by a parallel request", body = ErrorBody),
    ),
)]
pub async fn refresh(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Clinic(tenant): Clinic,
    Body(body): Body<RefreshTokens>,
) -> Result<Json<TokensView>, ApiError> {
    let now = app.clock.now();
    app.sign_ins.attempt(address, now).map_err(|retry_after| ApiError::TooManyRequests { retry_after })?;
    let limits = app.config.accounts.session_limits();
    let mut tx = app.store.begin(tenant).await?;
    let Some(family) = tx.refresh_family(&body.refresh_token, limits, now).await? else {
        let refused = AuditEntry::by(Agent::Anonymous, Action::TokensRefreshed, "", now);
        tx.commit(refused.from_address(address).with_outcome(Outcome::Denied)).await?;
        return Err(ApiError::Unauthenticated);
    };
    let (user, session) = (&family.session.user, family.session.id);
    let entry = |action| AuditEntry {
        role: Some(user.role),
        ..AuditEntry::by(Agent::User(user.id), action, session, now).from_address(address)
    };
    // A new role needs a new sign-in.
    if family.role != user.role {
        tx.delete_session(session).await?;
        tx.commit(entry(Action::SessionRevoked)).await?;
        app.revoke(Revocation::Session(session)).await;
        return Err(ApiError::Unauthenticated);
    }
    match judge(&family.state, family.successor(), now) {
        Verdict::Wait => Err(ApiError::Conflict(
            "this token was used a moment ago: wait for that answer, or try again in 2 s",
        )),
        Verdict::Revoke => {
            revoke_family(tx, &family, entry(Action::TokenReused)).await?;
            app.revoke(Revocation::Session(session)).await;
            Err(ApiError::Unauthenticated)
        }
        Verdict::Rotate | Verdict::Reissue => {
            let refresh_token = secret::generate()?;
            let sibling = tx.rotate(&family, &refresh_token, now).await?;
            let bearer = token::Bearer { tenant, user: user.id, role: user.role, session, sibling };
            tx.commit(entry(Action::TokensRefreshed)).await?;
            app.sign_ins.forgive(address);
            view(&app, &bearer, refresh_token)
        }
    }
}

/// Somebody else has the token too, and nobody can say who is who: everyone signs in again.
async fn revoke_family(mut tx: Tx, family: &RefreshFamily, entry: AuditEntry) -> Result<(), ApiError> {
    let session = family.session.id;
    tx.delete_session(session).await?;
    tx.insert_notice(family.session.user.id, "token_reused", &session.to_string(), entry.at).await?;
    Ok(tx.commit(entry.with_outcome(Outcome::Denied)).await?)
}

/// End this sign-in and all its tokens.
#[utoipa::path(
    delete, path = "/tokens", tag = "tokens",
    security(("access_token" = [])),
    responses((status = 204, description = "Signed out"), (status = 401, description = "No valid access token", body = ErrorBody)),
)]
pub async fn revoke(
    State(app): State<App>,
    Bearer { signed_in, .. }: Bearer,
) -> Result<StatusCode, ApiError> {
    let actor = signed_in.actor;
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.delete_session(actor.session).await?;
    tx.commit(AuditEntry::of(&actor, Action::SignedOut, actor.session, app.clock.now())).await?;
    app.revoke(Revocation::Session(actor.session)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Whom an access token stands for.
#[utoipa::path(
    get, path = "/tokens/current", tag = "tokens",
    security(("access_token" = [])),
    responses((status = 200, description = "The token is valid", body = CurrentTokenView), (status = 401, description = "No valid access token", body = ErrorBody)),
)]
pub async fn current(Bearer { claims, .. }: Bearer) -> Json<CurrentTokenView> {
    Json(CurrentTokenView { sub: claims.sub, role: claims.role, exp: claims.exp })
}

fn view(app: &App, bearer: &token::Bearer, refresh_token: String) -> Result<Json<TokensView>, ApiError> {
    Ok(Json(TokensView {
        access_token: app.access_tokens.mint(bearer, app.clock.now())?,
        token_type: "Bearer",
        expires_in_s: LIFETIME.as_secs(),
        refresh_token,
    }))
}

/// What the client calls itself, for the person's own list of devices.
fn device(headers: &HeaderMap) -> String {
    let name = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    name.chars().filter(|c| !c.is_control()).take(120).collect()
}
