//! Signing in with an account at another provider: away to it, and back. The browser that comes back must be the one that
//! left (a cookie), for the sign-in that it left for (`state`), once. Roles never come from outside: a provider says who
//! somebody is, the clinic what they may do.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::session::methods;
use crate::app::App;
use crate::crypto::id_token::Profile;
use crate::crypto::secret;
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
use crate::ids::{TenantId, UserId};
use crate::oidc::{Departure, Provider, Return};
use crate::origin::origin;
use crate::store::{Credentials, NewUser, StoreError};

const COOKIE: &str = "__Host-auscult_oidc";
const NO_COOKIE: &str = "__Host-auscult_oidc=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";
/// Longest name that is taken over, characters.
const NAME_LEN: usize = 80;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(start)).routes(routes!(callback))
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
    let back = format!("{origin}/api/v1/oidc/{id}/callback");
    let (departure, mut address) = match provider.depart(back, now).await {
        Ok(departed) => departed,
        Err(error) => {
            tracing::warn!(provider = id, %error, "single sign-on cannot begin");
            return Ok(refused(Refusal::ProviderDown));
        }
    };
    let browser = secret::generate()?;
    let traveller =
        Traveller { tenant: visitor.tenant, provider: id, browser: secret::hash(&browser), departure };
    let state = app.departures.0.begin(traveller, now)?;
    address.query_pairs_mut().append_pair("state", &state);
    // Lax: the way back is a navigation that another site begins.
    let max_age = LIFETIME.as_secs();
    let cookie = format!("{COOKIE}={browser}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={max_age}");
    let mut cookie = HeaderValue::from_str(&cookie).map_err(|error| ApiError::Internal(error.into()))?;
    cookie.set_sensitive(true);
    Ok(see_other(address.as_str(), vec![cookie]))
}

/// Come back from a provider.
#[utoipa::path(
    get, path = "/oidc/{provider}/callback", tag = "signing in",
    security(()),
    params(("provider" = String, Path, description = "From `GET /registrations/policy`")),
    responses(
        (status = 303, description = "To `/` with the cookie, to `/signin#second-step.…` for one more step, or to `/signin?error=…`"),
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
    let who = match returned {
        Ok(Search(returned)) => identify(&app, &visitor, provider, &headers, &returned, now).await,
        Err(_) => Err(Refusal::Other),
    };
    let entered = match who {
        Ok(profile) => enter(&app, &visitor, provider, &profile, now).await,
        Err(refusal) => Err(refusal.into()),
    };
    match entered {
        Ok(response) => Ok(response),
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::Refused(refusal)) => {
            let entry = AuditEntry::by(Agent::Anonymous, Action::SignInRefused, "", now);
            let tx = app.store.begin(visitor.tenant).await?;
            tx.commit(entry.with_outcome(Outcome::Denied).from_address(visitor.address)).await?;
            Ok(refused(refusal))
        }
    }
}

fn provider_of<'a>(app: &'a App, tenant: TenantId, id: &str) -> Result<&'a Provider, ApiError> {
    let provider = app.oidc.provider(id).ok_or(ApiError::NotFound)?;
    if serves(app, provider, tenant) { Ok(provider) } else { Err(ApiError::NotFound) }
}

/// Whether people of this clinic may come by this provider.
pub(super) fn serves(app: &App, provider: &Provider, tenant: TenantId) -> bool {
    let clinic = provider.settings.clinic.as_str();
    clinic.is_empty() || app.store.clinic_at(clinic) == Some(tenant)
}

/// Whom the provider says this is, if it is who left.
async fn identify(
    app: &App,
    visitor: &Visitor,
    provider: &Provider,
    headers: &HeaderMap,
    returned: &Returned,
    now: Timestamp,
) -> Result<Profile, Refusal> {
    let browser = cookie(headers, COOKIE).map(secret::hash);
    let traveller = app.departures.0.finish(&returned.state, now).ok_or(Refusal::Other)?;
    let is_same = traveller.tenant == visitor.tenant
        && traveller.provider == provider.settings.id
        && browser.as_ref() == Some(&traveller.browser);
    if !is_same {
        return Err(Refusal::Other);
    }
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

fn see_other(place: &str, cookies: Vec<HeaderValue>) -> Response {
    let cookies: Vec<(HeaderName, HeaderValue)> =
        cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)).collect();
    (StatusCode::SEE_OTHER, [(header::LOCATION, place.to_owned())], AppendHeaders(cookies)).into_response()
}
