//! What a request can be refused with: the only map from our errors to HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::crypto::CryptoError;
use crate::crypto::password::PasswordError;
use crate::domain::access::NotAllowed;
use crate::domain::consultation::InvalidTransition;
use crate::http::views::{ErrorCode, ErrorView};
use crate::store::StoreError;

/// What is wrong with a body, by field name.
pub type FieldErrors = BTreeMap<String, String>;

/// Messages are for a person at a screen; none holds a name, a clinical word or an internal detail.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("sign in first")]
    Unauthenticated,
    #[error("e-mail address or password is wrong")]
    WrongPassword,
    #[error("that code is not right")]
    WrongCode,
    #[error("this passkey was not accepted")]
    WrongPasskey,
    /// An API client's password is right, but the account has a second factor.
    #[error("this account needs a code as well")]
    SecondFactorRequired,
    #[error("the request did not come from this site's own page; reload it")]
    Csrf,
    #[error("not allowed")]
    Forbidden,
    /// A dangerous step: prove a secret again first.
    #[error("confirm that it is you first")]
    Reauthenticate,
    /// Known, but not yet allowed to: unverified address, doctor not approved, password to be changed.
    #[error("{0}")]
    NotCleared(&'static str),
    #[error("not found")]
    NotFound,
    #[error("some fields are not right")]
    Invalid(FieldErrors),
    #[error("{0}")]
    Malformed(&'static str),
    #[error("{0}")]
    WrongState(String),
    #[error("{0}")]
    Conflict(&'static str),
    #[error("the request is too large")]
    BodyTooLarge,
    #[error("too many attempts, try again later")]
    TooManyRequests { retry_after: Duration },
    /// Sealed data that does not open.
    #[error("this record was changed or moved outside Auscult and does not open")]
    Damaged(#[source] CryptoError),
    #[error("something went wrong on our side")]
    Internal(#[source] anyhow::Error),
    #[error("the server is busy, try again in a moment")]
    Unavailable,
    #[error("the server is about to restart, try again in a moment")]
    Draining,
    /// Nothing was changed.
    #[error("{0}; nothing was changed, tell the administrator")]
    Storage(StoreError),
    /// Nobody can say whether it was changed.
    #[error("{0}; look whether it was kept before you try again, and tell the administrator")]
    Unsure(StoreError),
}

impl ApiError {
    /// One field is not right.
    pub fn field(name: &str, what: impl Into<String>) -> Self {
        Self::Invalid(FieldErrors::from([(name.to_owned(), what.into())]))
    }

    const fn status_and_code(&self) -> (StatusCode, ErrorCode) {
        match self {
            Self::Unauthenticated | Self::WrongPassword | Self::WrongCode | Self::WrongPasskey => {
                (StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated)
            }
            Self::SecondFactorRequired => (StatusCode::UNAUTHORIZED, ErrorCode::SecondFactorRequired),
            Self::Csrf => (StatusCode::FORBIDDEN, ErrorCode::Csrf),
            Self::Forbidden => (StatusCode::FORBIDDEN, ErrorCode::Forbidden),
            Self::Reauthenticate => (StatusCode::FORBIDDEN, ErrorCode::Reauthenticate),
            Self::NotCleared(_) => (StatusCode::FORBIDDEN, ErrorCode::NotCleared),
            Self::NotFound => (StatusCode::NOT_FOUND, ErrorCode::NotFound),
            Self::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidInput),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, ErrorCode::MalformedBody),
            Self::WrongState(_) => (StatusCode::CONFLICT, ErrorCode::WrongState),
            Self::Conflict(_) => (StatusCode::CONFLICT, ErrorCode::Conflict),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::BodyTooLarge),
            Self::TooManyRequests { .. } => (StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyRequests),
            Self::Damaged(_) | Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal),
            Self::Unavailable | Self::Draining | Self::Storage(_) | Self::Unsure(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable)
            }
        }
    }
}

impl IntoResponse for ApiError {
    /// The body is written by `http/layers.rs`, which knows the request's id.
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let message = self.to_string();
        let mut response = status.into_response();
        if let Self::TooManyRequests { retry_after } = &self {
            let seconds = HeaderValue::from(retry_after.as_secs().max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        let fields = match self {
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "request failed");
                None
            }
            Self::Damaged(error) => {
                tracing::error!(%error, "a sealed record does not open");
                None
            }
            Self::Storage(error) | Self::Unsure(error) => {
                tracing::error!(%error, "a write was refused");
                None
            }
            Self::Invalid(fields) => Some(fields),
            _ => None,
        };
        response.extensions_mut().insert(ErrorView { code, message, fields, request_id: String::new() });
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound | StoreError::Erased => Self::NotFound,
            StoreError::Conflict => Self::Conflict("changed by someone else meanwhile, reload"),
            StoreError::DiskFull | StoreError::Unreachable => Self::Storage(error),
            StoreError::DiskFailed | StoreError::Unsure => Self::Unsure(error),
            StoreError::Crypto(error @ CryptoError::DoesNotOpen) => Self::Damaged(error),
            StoreError::Crypto(CryptoError::Unavailable)
            | StoreError::Busy
            | StoreError::Database(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => Self::Unavailable,
            error => Self::Internal(error.into()),
        }
    }
}

impl From<InvalidTransition> for ApiError {
    fn from(error: InvalidTransition) -> Self {
        Self::WrongState(error.to_string())
    }
}

const NOT_CLEARED: &str =
    "verify your e-mail address first; a doctor also waits for the approval of the clinic";

impl From<NotAllowed> for ApiError {
    fn from(error: NotAllowed) -> Self {
        match error {
            NotAllowed::Role => Self::Forbidden,
            NotAllowed::NotCleared => Self::NotCleared(NOT_CLEARED),
        }
    }
}

impl From<CryptoError> for ApiError {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::Unavailable => Self::Unavailable,
            error => Self::Internal(error.into()),
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Length => Self::field("password", error.to_string()),
            PasswordError::Busy => Self::Unavailable,
            PasswordError::Stopped => Self::Internal(error.into()),
        }
    }
}
