//! Access tokens of API clients: `Authorization: Bearer …`. A token counts while its signature, its time, its session
//! and the person's role all hold, so signing out or deactivating somebody ends it at once.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::actor::{ClientAddress, Clinic, SignedIn, session_secret};
use crate::app::App;
use crate::crypto::token::AccessClaims;
use crate::error::ApiError;

/// Somebody who showed an access token.
pub struct Bearer {
    pub signed_in: SignedIn,
    pub claims: AccessClaims,
}

impl FromRequestParts<App> for Bearer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = access_token(&parts.headers)?.ok_or(ApiError::Unauthenticated)?.to_owned();
        Self::of(&token, parts, app).await
    }
}

impl Bearer {
    pub(super) async fn of(token: &str, parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        let Clinic(tenant) = Clinic::from_request_parts(parts, app).await?;
        let (now, limits) = (app.clock.now(), app.config.accounts.session_limits());
        let claims = app.access_tokens.verify(token, tenant, now).map_err(|_| ApiError::Unauthenticated)?;
        let session =
            app.store.session_of_token(&claims, limits, now).await?.ok_or(ApiError::Unauthenticated)?;
        Ok(Self { signed_in: SignedIn::of(app, session, tenant, address, String::new()), claims })
    }
}

/// The access token of a request, if it has one.
///
/// # Errors
/// With a session cookie as well, or with two `Authorization` headers, nobody could say who is asking.
pub(super) fn access_token(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut values = headers.get_all(header::AUTHORIZATION).into_iter();
    let first = values.next().and_then(|value| value.to_str().ok());
    let Some((scheme, token)) = first.and_then(|value| value.split_once(' ')) else { return Ok(None) };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    if values.next().is_some() || session_secret(headers).is_some() {
        return Err(ApiError::Malformed("send the session cookie or one access token, not both"));
    }
    Ok(Some(token.trim()))
}
