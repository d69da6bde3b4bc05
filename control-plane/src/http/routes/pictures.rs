//! Profile pictures.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, StatusCode, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::account::has_account;
use crate::app::App;
use crate::domain::access::Actor;
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::user::Role;
use crate::error::ApiError;
use crate::http::path::IdPath;
use crate::http::upload::Upload;
use crate::http::views::ErrorBody;
use crate::ids::UserId;
use crate::picture::{MAX_BYTES, PictureError};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(put, remove))
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        .routes(routes!(show))
}

/// Set your picture.
#[utoipa::path(
    put, path = "/account/picture", tag = "account",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "PNG, JPEG or WebP, at most 5 MiB and 50 million pixels"),
    responses((status = 204, description = "Set: the middle as a square of 256 × 256 pixels, without metadata"), (status = 422, description = "No picture, or too many pixels", body = ErrorBody)),
)]
pub async fn put(
    State(app): State<App>,
    actor: Actor,
    Upload(upload): Upload,
) -> Result<StatusCode, ApiError> {
    has_account(&actor)?;
    let jpeg = app.pictures.portrait(upload).await?;
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.put_picture(actor.user, &jpeg, now).await?;
    tx.commit(AuditEntry::of(&actor, Action::PictureSet, actor.user, now)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove your picture.
#[utoipa::path(
    delete, path = "/account/picture", tag = "account",
    responses((status = 204, description = "Removed"), (status = 404, description = "There is none", body = ErrorBody)),
)]
pub async fn remove(State(app): State<App>, actor: Actor) -> Result<StatusCode, ApiError> {
    has_account(&actor)?;
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.delete_picture(actor.user).await?;
    tx.commit(AuditEntry::of(&actor, Action::PictureRemoved, actor.user, app.clock.now())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody's picture: of those who work here for everyone, of a patient for whoever was in a consultation with them, and
/// in an emergency.
#[utoipa::path(
    get, path = "/users/{id}/picture", tag = "clinic",
    params(("id" = UserId, Path, description = "Whom it shows")),
    responses((status = 200, description = "256 × 256 pixels", body = Vec<u8>, content_type = "image/jpeg"), (status = 404, description = "There is none, or none for you", body = ErrorBody)),
)]
pub async fn show(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<UserId>,
) -> Result<([(HeaderName, &'static str); 1], Vec<u8>), ApiError> {
    let now = app.clock.now();
    let mut tx = app.store.read(actor.tenant).await?;
    let picture = tx.picture(id, &actor, now).await?;
    let entry = AuditEntry::of(&actor, Action::PictureRead, id, now);
    tx.commit(if picture.role == Role::Patient { entry.about(id) } else { entry }).await?;
    Ok(([(header::CONTENT_TYPE, "image/jpeg")], picture.body))
}

impl From<PictureError> for ApiError {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::NotAPicture | PictureError::TooManyPixels => {
                Self::field("picture", error.to_string())
            }
            PictureError::Busy => Self::Unavailable,
            PictureError::Stopped => Self::Internal(error.into()),
        }
    }
}
