//! Whether the process lives, whether it can serve, and what it counts.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::domain::access::{Actor, Permission};
use crate::error::ApiError;
use crate::http::actor::ClientAddress;
use crate::http::views::StatusView;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(status))
}

/// GET /livez
pub async fn live() -> &'static str {
    "ok\n"
}

/// GET /readyz
pub async fn ready(State(app): State<App>) -> (StatusCode, String) {
    let mut failing = String::new();
    if app.hub.is_draining() || app.tasks.is_stopping() {
        failing += "the server is stopping\n";
    }
    if let Err(error) = app.store.ping().await {
        tracing::warn!(%error, "not ready");
        failing += "the database takes no writes\n";
    }
    if !app.media.is_alive() {
        failing += "a media worker is not running\n";
    }
    if failing.is_empty() {
        (StatusCode::OK, "ok\n".into())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, failing)
    }
}

/// What the server can do right now.
#[utoipa::path(
    get, path = "/status", tag = "system",
    responses((status = 200, description = "Version and caption service", body = StatusView)),
)]
pub async fn status(State(app): State<App>, actor: Actor) -> Result<Json<StatusView>, ApiError> {
    actor.require(Permission::SeeStatus)?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(Json(StatusView { captions: app.media.captions().into(), version }))
}

/// GET /metrics, for the addresses in `telemetry.metrics_allow`; nobody else learns that it exists.
pub async fn metrics(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
) -> Result<Response, ApiError> {
    if !app.config.telemetry.metrics_allow.contains(&address) {
        return Err(ApiError::NotFound);
    }
    let text = app.metrics.render().map_err(|error| ApiError::Internal(error.into()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
