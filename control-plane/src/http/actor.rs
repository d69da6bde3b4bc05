//! Who is asking: session cookie -> [`SignedIn`], and for everything that changes something the CSRF token as well.
//! A handler that takes an [`Actor`] cannot be reached without them.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};

use crate::app::App;
use crate::domain::access::Actor;
use crate::domain::session::ABSOLUTE;
use crate::domain::user::User;
use crate::error::ApiError;

pub const CSRF_HEADER: &str = "x-csrf-token";
const COOKIE: &str = "__Host-auscult_session";

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

/// Somebody with a session that is alive.
pub struct SignedIn {
    pub actor: Actor,
    pub user: User,
    pub csrf_token: String,
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        let secret = session_secret(&parts.headers).ok_or(ApiError::Unauthenticated)?;
        let tenant = app.store.tenant();
        let session = app.store.session(tenant, secret, app.clock.now()).await?;
        let session = session.ok_or(ApiError::Unauthenticated)?;
        if !parts.method.is_safe() {
            let token = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
            if !token.is_some_and(|token| app.keys.is_csrf_token(secret, token)) {
                return Err(ApiError::Csrf);
            }
        }
        let (user, session) = (session.user, session.id);
        let actor = Actor { tenant, user: user.id, role: user.role, session, address };
        Ok(Self { actor, user, csrf_token: app.keys.csrf_token(secret) })
    }
}

impl FromRequestParts<App> for Actor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        SignedIn::from_request_parts(parts, app).await.map(|signed_in| signed_in.actor)
    }
}

fn session_secret(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// `Set-Cookie` for a new session.
pub fn session_cookie(secret: &str) -> Result<HeaderValue, ApiError> {
    let max_age = ABSOLUTE.as_secs();
    let cookie = format!("{COOKIE}={secret}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={max_age}");
    let mut value = HeaderValue::from_str(&cookie).map_err(|error| ApiError::Internal(error.into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Set-Cookie` that removes it.
pub const NO_COOKIE: &str = "__Host-auscult_session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0";
