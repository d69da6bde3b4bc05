//! What stands in a request's address.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::error::ApiError;

/// `{id}` in a path; what is no id answers as an id that nobody has.
pub struct IdPath<T>(pub T);

impl<T: FromStr> FromRequestParts<App> for IdPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path(id) =
            Path::<String>::from_request_parts(parts, app).await.map_err(|_| ApiError::NotFound)?;
        id.parse().map(Self).map_err(|_| ApiError::NotFound)
    }
}

/// The part after `?`. Its fields are texts, checked by [`choice`] and the handlers.
pub struct Search<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Search<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(query)| Self(query))
            .map_err(|_| ApiError::Malformed("the query holds something that is not known here"))
    }
}

/// One of a closed set by name; absent or empty: `None`.
pub fn choice<T>(
    name: &str,
    value: Option<&str>,
    from_name: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, ApiError> {
    match value.filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => {
            from_name(value).map(Some).ok_or_else(|| ApiError::field(name, "is none of the choices"))
        }
    }
}
