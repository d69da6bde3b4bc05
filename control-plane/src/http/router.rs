//! Every route of the product.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use super::layers::{BODY_LIMIT, identify, limit_time, no_such_route, require_same_origin};
use super::routes::{consultations, health, invites, session, transcripts, users};
use crate::app::App;
use crate::error::ApiError;
use crate::signalling::socket;
use crate::web;

/// The whole product as one service.
pub fn router(app: App) -> Router {
    let api = Router::new()
        .route("/session", post(session::sign_in).get(session::current).delete(session::sign_out))
        .route("/session/guest", post(session::sign_in_guest))
        .route("/availability", put(users::set_availability))
        .route("/doctors", get(users::doctors))
        .route("/consultations", post(consultations::request).get(consultations::list))
        .route("/consultations/{id}", get(consultations::one))
        .route("/consultations/{id}/accept", post(consultations::accept))
        .route("/consultations/{id}/start", post(consultations::start))
        .route("/consultations/{id}/end", post(consultations::end))
        .route("/consultations/{id}/cancel", post(consultations::cancel))
        .route("/consultations/{id}/invites", post(invites::create))
        .route("/consultations/{id}/ticket", post(consultations::ticket))
        .route("/consultations/{id}/transcript", get(transcripts::read))
        .route("/status", get(health::status))
        .route("/signal", get(socket::upgrade))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_route)
        .layer(from_fn_with_state(app.clone(), require_same_origin))
        .layer(from_fn(limit_time))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    Router::new()
        .nest("/api/v1", api)
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/api/{*path}", any(no_such_route))
        .fallback(web::serve)
        .layer(CatchPanicLayer::custom(|_| after_panic()))
        .layer(from_fn_with_state(app.clone(), identify))
        .with_state(app)
}

/// The panic itself has been reported by its hook; one request ends, the process goes on.
fn after_panic() -> Response {
    ApiError::Internal(anyhow::anyhow!("a handler panicked")).into_response()
}
