//! Signing in with an account at another provider: away to it, and back. The browser that comes back must be the one that
//! left (a cookie), for the sign-in that it left for (`state`), once. Roles never come from outside: a provider says who
//! somebody is, the clinic what they may do.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::session::methods;
use crate::app::App;
use crate::crypto::id_token::Profile;
use crate::crypto::secret;
use crate::domain::access::Actor;
use crate::domain::audit::{Action, Agent, AuditEntry, Outcome};
use crate::domain::one_time::OneTimePurpose;
use crate::domain::session::SecondFactor;
use crate::domain::time::Timestamp;
use crate::domain::user::{Role, User, normalise_email};
use crate::error::ApiError;
use crate::http::actor::cookie;
use crate::http::path::{IdPath, Search};
use crate::http::pending::{LIFETIME, Pending};
use crate::http::sign_in::{Visitor, new_session};
use crate::http::views::ErrorBody;
use crate::ids::{SessionId, TenantId, UserId};
use crate::oidc::{Departure, OidcError, Provider, Purpose, Return};
use crate::origin::origin;
use crate::store::{Credentials, NewUser, StoreError};

const COOKIE: &str = "__Host-auscult_oidc";
const NO_COOKIE: &str = "__Host-auscult_oidc=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";
/// Longest name that is taken over, characters.
const NAME_LEN: usize = 80;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(start)).routes(routes!(confirm)).routes(routes!(callback))
}

/// People who are at a provider now.
#[derive(Default)]
pub struct Departures(Pending<Traveller>);

struct Traveller {
    tenant: TenantId,
    provider: String,
    /// Hash of the cookie that went with them.
    browser: String,
    departure: Departure,
    confirms: Option<Confirms>,
}

/// The session whose person wants to prove once more that it is them.
#[derive(Clone, Copy)]
struct Confirms {
    user: UserId,
    session: SessionId,
}

#[derive(Serialize, ToSchema)]
pub struct DepartureView {
    /// At the provider: lead the page there. It comes back to `/settings/security`.
    pub address: String,
}

/// `GET /api/v1/oidc/{provider}/callback` (RFC 6749 section 4.1.2, RFC 9207). What else a provider adds is ignored.
#[derive(Deserialize)]
pub struct Returned {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// Why somebody is back without being signed in: what the sign-in page explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// By the person, at the provider.
    Cancelled,
    UnknownAccount,
    /// Somebody has the address here already, and the clinic does not link by address.
    AccountExists,
    UnverifiedEmail,
    /// The account may not sign in.
    Deactivated,
    ProviderDown,
    TooMany,
    Other,
}

impl Refusal {
    const fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::UnknownAccount => "unknown_account",
            Self::AccountExists => "account_exists",
            Self::UnverifiedEmail => "unverified_email",
            Self::Deactivated => "deactivated",
            Self::ProviderDown => "provider_down",
            Self::TooMany => "too_many",
            Self::Other => "other",
        }
    }
}

/// What keeps somebody out.
enum Stop {
    Refused(Refusal),
    Failed(ApiError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

/// Leave for a provider.
#[utoipa::path(
    get, path = "/oidc/{provider}/start", tag = "signing in",
    security(()),
    params(("provider" = String, Path, description = "From `GET /registrations/policy`")),
    responses(
        (status = 303, description = "To the provider, or to `/signin?error=…`"),
        (status = 404, description = "This clinic has no such provider", body = ErrorBody),
    ),
)]
pub async fn start(
    State(app): State<App>,
    visitor: Visitor,
    IdPath(id): IdPath<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let provider = provider_of(&app, visitor.tenant, &id)?;
    let origin = origin(&app, &uri, &headers).ok_or(ApiError::NotFound)?;
    if app.sign_ins.attempt(visitor.address, now).is_err() {
        return Ok(refused(Refusal::TooMany));
    }
    match provider.depart(Purpose::SignIn, way_back(&origin, &id), now).await {
        Ok(departed) => {
            let (address, cookie) = send_away(&app, visitor.tenant, id, departed, None, now)?;
            Ok(see_other(&address, vec![cookie]))
        }
        Err(error) => {
            cannot_begin(&id, &error);
            Ok(refused(Refusal::ProviderDown))
        }
    }
}

fn way_back(origin: &str, provider: &str) -> String {
    format!("{origin}/api/v1/oidc/{provider}/callback")
}

fn cannot_begin(provider: &str, error: &OidcError) {
    tracing::warn!(provider, %error, "single sign-on cannot begin");
}

/// The address at the provider, and the cookie by which we know the browser again.
fn send_away(
    app: &App,
    tenant: TenantId,
    provider: String,
    (departure, mut address): (Departure, Url),
    confirms: Option<Confirms>,
    now: Timestamp,
) -> Result<(String, HeaderValue), ApiError> {
    let browser = secret::generate()?;
    let traveller = Traveller { tenant, provider, browser: secret::hash(&browser), departure, confirms };
    let state = app.departures.0.begin(traveller, now)?;
    address.query_pairs_mut().append_pair("state", &state);
    // Lax: the way back is a navigation that another site begins.
    let max_age = LIFETIME.as_secs();
    let cookie = format!("{COOKIE}={browser}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={max_age}");
    let mut cookie = HeaderValue::from_str(&cookie).map_err(|error| ApiError::Internal(error.into()))?;
    cookie.set_sensitive(true);
    Ok((address.into(), cookie))
}

/// Prove again that it is you, at a provider that your account is linked with.
#[utoipa::path(
    post, path = "/oidc/{provider}/confirm", tag = "signing in",
    params(("provider" = String, Path, description = "From `GET /registrations/policy`")),
    responses((status = 200, description = "Where to lead the page", body = DepartureView)),
)]
pub async fn confirm(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<([(HeaderName, HeaderValue); 1], Json<DepartureView>), ApiError> {
    let now = app.clock.now();
    let provider = provider_of(&app, actor.tenant, &id)?;
    let origin = origin(&app, &uri, &headers).ok_or(ApiError::NotFound)?;
    let too_many = |retry_after| ApiError::TooManyRequests { retry_after };
    app.sign_ins.attempt(actor.address, now).map_err(too_many)?;
    let departed = provider.depart(Purpose::Confirm, way_back(&origin, &id), now).await.map_err(|error| {
        cannot_begin(&id, &error);
        ApiError::Unavailable
    })?;
    let confirms = Confirms { user: actor.user, session: actor.session };
    let (address, cookie) = send_away(&app, actor.tenant, id, departed, Some(confirms), now)?;
    Ok(([(header::SET_COOKIE, cookie)], Json(DepartureView { address })))
}

/// Come back from a provider.
#[utoipa::path(
    get, path = "/oidc/{provider}/callback", tag = "signing in",
    security(()),
    params(("provider" = String, Path, description = "From `GET /registrations/policy`")),
    responses(
        (status = 303, description = "To `/` with the cookie, to `/signin#second-step.…` for one more step, or to `/signin?error=…`; who left to confirm comes to `/settings/security`"),
        (status = 404, description = "This clinic has no such provider", body = ErrorBody),
    ),
)]
pub async fn callback(
    State(app): State<App>,
    visitor: Visitor,
    IdPath(id): IdPath<String>,
    headers: HeaderMap,
    returned: Result<Search<Returned>, ApiError>,
) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let provider = provider_of(&app, visitor.tenant, &id)?;
    if app.sign_ins.attempt(visitor.address, now).is_err() {
        return Ok(refused(Refusal::TooMany));
    }
    let Ok(Search(returned)) = returned else {
        return refuse(&app, &visitor, Refusal::Other, None, now).await;
    };
    let traveller = match arrived(&app, &visitor, provider, &headers, &returned, now) {
        Ok(traveller) => traveller,
        Err(refusal) => return refuse(&app, &visitor, refusal, None, now).await,
    };
    let entered = match (identify(provider, &traveller, &returned, now).await, traveller.confirms) {
        (Ok(profile), None) => enter(&app, &visitor, provider, &profile, now).await,
        (Ok(profile), Some(confirms)) => {
            proved_again(&app, &visitor, provider, &profile, confirms, now).await
        }
        (Err(refusal), _) => Err(refusal.into()),
    };
    match entered {
        Ok(response) => Ok(response),
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::Refused(refusal)) => refuse(&app, &visitor, refusal, traveller.confirms, now).await,
    }
}

async fn refuse(
    app: &App,
    visitor: &Visitor,
    refusal: Refusal,
    confirms: Option<Confirms>,
    now: Timestamp,
) -> Result<Response, ApiError> {
    let subject = confirms.map(|confirms| confirms.user.to_string()).unwrap_or_default();
    let entry = AuditEntry::by(Agent::Anonymous, Action::SignInRefused, subject, now);
    let tx = app.store.begin(visitor.tenant).await?;
    tx.commit(entry.with_outcome(Outcome::Denied).from_address(visitor.address)).await?;
    match confirms {
        Some(_) => Ok(settings(&format!("?error={}", refusal.name()))),
        None => Ok(refused(refusal)),
    }
}

/// The session may do dangerous things for a while: the provider has asked its person again.
async fn proved_again(
    app: &App,
    visitor: &Visitor,
    provider: &Provider,
    profile: &Profile,
    Confirms { user, session }: Confirms,
    now: Timestamp,
) -> Result<Response, Stop> {
    let mut tx = app.store.begin(visitor.tenant).await?;
    if tx.oidc_user(&provider.settings.issuer, &profile.sub).await? != Some(user) {
        return Err(Refusal::Other.into());
    }
    match tx.confirm_session(session, now).await {
        Ok(()) => {}
        // It ended meanwhile.
        Err(StoreError::NotFound | StoreError::Conflict) => return Err(Refusal::Other.into()),
        Err(error) => return Err(error.into()),
    }
    let person = tx.user(user).await?;
    tx.commit(visitor.entry(&person, Action::Reauthenticated, now)).await?;
    app.sign_ins.forgive(visitor.address);
    Ok(settings(""))
}

pub(super) fn provider_of<'a>(app: &'a App, tenant: TenantId, id: &str) -> Result<&'a Provider, ApiError> {
    let provider = app.oidc.provider(id).ok_or(ApiError::NotFound)?;
    if serves(app, provider, tenant) { Ok(provider) } else { Err(ApiError::NotFound) }
}

/// Whether people of this clinic may come by this provider.
pub(super) fn serves(app: &App, provider: &Provider, tenant: TenantId) -> bool {
    let clinic = provider.settings.clinic.as_str();
    clinic.is_empty() || app.store.clinic_at(clinic) == Some(tenant)
}

/// Who left, if it is the browser that comes back.
fn arrived(
    app: &App,
    visitor: &Visitor,
    provider: &Provider,
    headers: &HeaderMap,
    returned: &Returned,
    now: Timestamp,
) -> Result<Traveller, Refusal> {
    let browser = cookie(headers, COOKIE).map(secret::hash);
    let traveller = app.departures.0.finish(&returned.state, now).ok_or(Refusal::Other)?;
    let is_same = traveller.tenant == visitor.tenant
        && traveller.provider == provider.settings.id
        && browser.as_ref() == Some(&traveller.browser);
    if is_same { Ok(traveller) } else { Err(Refusal::Other) }
}

/// Whom the provider says this is.
async fn identify(
    provider: &Provider,
    traveller: &Traveller,
    returned: &Returned,
    now: Timestamp,
) -> Result<Profile, Refusal> {
    match (returned.error.as_deref(), returned.code.as_deref()) {
        (None, Some(code)) => {
            let back = Return { code, issuer: returned.iss.as_deref() };
            provider.arrive(&traveller.departure, back, now).await.map_err(|error| {
                tracing::warn!(provider = provider.settings.id, %error, "single sign-on was refused");
                if error.may_pass() { Refusal::ProviderDown } else { Refusal::Other }
            })
        }
        (Some("access_denied"), _) => Err(Refusal::Cancelled),
        (Some("temporarily_unavailable" | "server_error"), _) => Err(Refusal::ProviderDown),
        _ => Err(Refusal::Other),
    }
}

/// Signs the person in, or leads them to their own second factor.
async fn enter(
    app: &App,
    visitor: &Visitor,
    provider: &Provider,
    profile: &Profile,
    now: Timestamp,
) -> Result<Response, Stop> {
    let mut tx = app.store.read(visitor.tenant).await?;
    let known = tx.oidc_user(&provider.settings.issuer, &profile.sub).await?;
    drop(tx);
    let user = match known {
        Some(user) => user,
        None => meet(app, visitor, provider, profile, now).await?,
    };
    let mut tx = app.store.begin(visitor.tenant).await?;
    let account = tx.credentials(user).await?;
    let user = &account.user;
    if user.deactivated_at.is_some() {
        return Err(Refusal::Deactivated.into());
    }
    let own_methods = methods(&account);
    let factor = match provider.settings.second_factor {
        true => SecondFactor::Oidc,
        false if own_methods.is_empty() => SecondFactor::None,
        false => {
            let challenge = tx.insert_one_time(OneTimePurpose::SecondStep, Some(user.id), "", now).await?;
            tx.commit(visitor.entry(user, Action::SecondStepAsked, now)).await?;
            let methods: Vec<_> = own_methods.iter().map(|method| method.name()).collect();
            let place = format!("/signin#second-step.{challenge}.{}", methods.join("."));
            return Ok(see_other(&place, vec![HeaderValue::from_static(NO_COOKIE)]));
        }
    };
    let (cookie, _) = new_session(app, visitor, &mut tx, user, factor).await?;
    tx.commit(visitor.entry(user, Action::SignedIn, now)).await?;
    app.sign_ins.forgive(visitor.address);
    Ok(see_other("/", vec![cookie, HeaderValue::from_static(NO_COOKIE)]))
}

/// Somebody who comes by this provider for the first time: linked with their account or given one, as the clinic wants.
async fn meet(
    app: &App,
    visitor: &Visitor,
    provider: &Provider,
    profile: &Profile,
    now: Timestamp,
) -> Result<UserId, Stop> {
    let settings = &provider.settings;
    if !settings.link_by_email && !settings.register {
        return Err(Refusal::UnknownAccount.into());
    }
    let email = profile.email.as_deref().and_then(normalise_email).filter(|_| profile.is_email_verified());
    let email = email.ok_or(Refusal::UnverifiedEmail)?;
    let existing = app.store.credentials(visitor.tenant, &email).await?;
    let mut tx = app.store.begin(visitor.tenant).await?;
    let (user, action) = match existing {
        Some(account) => (linkable(settings.link_by_email, account)?, Action::OidcLinked),
        None if settings.register => {
            let new = NewUser {
                name: name_of(profile, &email),
                email: Some(email),
                role: Role::Patient,
                specialty: String::new(),
                password_hash: None,
                email_verified: true,
                approved: false,
            };
            (tx.insert_user(&new, now).await?, Action::Registered)
        }
        None => return Err(Refusal::UnknownAccount.into()),
    };
    tx.link_oidc(&settings.issuer, &profile.sub, user.id, now).await?;
    if action == Action::OidcLinked {
        tx.insert_notice(user.id, "oidc_linked", &settings.id, now).await?;
    }
    tx.commit(visitor.entry(&user, action, now)).await?;
    Ok(user.id)
}

/// An account whose address nobody has proved may have been made by somebody else, to wait for its owner.
fn linkable(allowed: bool, account: Credentials) -> Result<User, Refusal> {
    let user = account.user;
    if user.deactivated_at.is_some() {
        Err(Refusal::Deactivated)
    } else if allowed && user.email_verified_at.is_some() {
        Ok(user)
    } else {
        Err(Refusal::AccountExists)
    }
}

/// What to call the person until they say otherwise: what the provider says, else the address before the `@`.
fn name_of(profile: &Profile, email: &str) -> String {
    let given = profile.name.as_deref().unwrap_or_default();
    let clean: String = given.chars().filter(|c| !c.is_control()).take(NAME_LEN).collect();
    match clean.trim() {
        "" => email.split('@').next().unwrap_or_default().chars().take(NAME_LEN).collect(),
        name => name.to_owned(),
    }
}

fn refused(refusal: Refusal) -> Response {
    let place = format!("/signin?error={}", refusal.name());
    see_other(&place, vec![HeaderValue::from_static(NO_COOKIE)])
}

fn settings(news: &str) -> Response {
    see_other(&format!("/settings/security{news}"), vec![HeaderValue::from_static(NO_COOKIE)])
}

fn see_other(place: &str, cookies: Vec<HeaderValue>) -> Response {
    let cookies: Vec<(HeaderName, HeaderValue)> =
        cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)).collect();
    (StatusCode::SEE_OTHER, [(header::LOCATION, place.to_owned())], AppendHeaders(cookies)).into_response()
}
