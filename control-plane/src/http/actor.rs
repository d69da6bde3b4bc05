//! Who is asking: session cookie -> [`SignedIn`], and for everything that changes something the CSRF token as well; or an
//! access token (`bearer.rs`), never both.
//! A handler that takes an [`Actor`] cannot be reached without them.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};

use super::bearer::{Bearer, access_token};
use super::refusals;
use crate::app::App;
use crate::domain::access::Actor;
use crate::domain::session::{Must, SecondFactor, SessionLimits, obligations};
use crate::domain::user::User;
use crate::error::ApiError;
use crate::ids::TenantId;
use crate::origin::{authority, name_of};
use crate::store::LiveSession;

pub const CSRF_HEADER: &str = "x-csrf-token";
pub const COOKIE: &str = "__Host-auscult_session";

/// The browser's address, as the gateway saw it.
#[derive(Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let ConnectInfo(peer) = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .ok_or_else(|| ApiError::Internal(anyhow::anyhow!("the gateway did not say who is connected")))?;
        Ok(Self(peer.ip().to_canonical()))
    }
}

/// The clinic that the request's host names.
#[derive(Clone, Copy)]
pub struct Clinic(pub TenantId);

impl FromRequestParts<App> for Clinic {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let host = authority(&parts.uri, &parts.headers).unwrap_or_default();
        Ok(Self(app.store.clinic_of(name_of(&host))))
    }
}

/// Somebody with a session that is alive. With an access token there is no CSRF token: it is empty.
pub struct SignedIn {
    pub actor: Actor,
    pub user: User,
    pub csrf_token: String,
    pub second_factor: SecondFactor,
    pub must: Vec<Must>,
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if let Some(token) = access_token(&parts.headers)? {
            let token = token.to_owned();
            let signed_in = Bearer::of(&token, parts, app).await?.signed_in;
            refusals::known(parts, &signed_in.actor);
            return Ok(signed_in);
        }
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        let secret = session_secret(&parts.headers).ok_or(ApiError::Unauthenticated)?.to_owned();
        let secret = secret.as_str();
        let Clinic(tenant) = Clinic::from_request_parts(parts, app).await?;
        let key = app.store.tenant_key(tenant)?;
        let session =
            app.store.session(tenant, secret, app.config.accounts.session_limits(), app.clock.now()).await?;
        let session = session.ok_or(ApiError::Unauthenticated)?;
        if !parts.method.is_safe() {
            let token = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
            if !token.is_some_and(|token| key.is_csrf_token(secret, token)) {
                return Err(ApiError::Csrf);
            }
        }
        let csrf_token = key.csrf_token(secret);
        let signed_in = Self::of(app, session, tenant, address, csrf_token);
        refusals::known(parts, &signed_in.actor);
        Ok(signed_in)
    }
}

impl SignedIn {
    pub(super) fn of(
        app: &App,
        session: LiveSession,
        tenant: TenantId,
        address: IpAddr,
        csrf_token: String,
    ) -> Self {
        let user = session.user;
        let must = must(app, &user, session.second_factor);
        let actor = Actor {
            tenant,
            user: user.id,
            role: user.role,
            session: session.id,
            address,
            authenticated_at: session.authenticated_at,
            second_factor: session.second_factor != SecondFactor::None,
            cleared: must.is_empty(),
        };
        Self { actor, user, csrf_token, second_factor: session.second_factor, must }
    }
}

/// What the person still has to do in this clinic.
pub(super) fn must(app: &App, user: &User, second_factor: SecondFactor) -> Vec<Must> {
    let needed = app.config.accounts.needs_second_factor(user.role);
    obligations(user, second_factor, app.config.mail.is_on(), needed)
}

impl FromRequestParts<App> for Actor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        SignedIn::from_request_parts(parts, app).await.map(|signed_in| signed_in.actor)
    }
}

pub(super) fn session_secret(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, COOKIE)
}

/// The value of a cookie that the browser sent.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='))
}

/// `Set-Cookie` for a new session.
pub fn session_cookie(secret: &str, limits: SessionLimits) -> Result<HeaderValue, ApiError> {
    let max_age = limits.absolute.as_secs();
    let cookie = format!("{COOKIE}={secret}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={max_age}");
    let mut value = HeaderValue::from_str(&cookie).map_err(|error| ApiError::Internal(error.into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Set-Cookie` that removes it.
pub const NO_COOKIE: &str = "__Host-auscult_session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0";
