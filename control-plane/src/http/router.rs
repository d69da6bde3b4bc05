//! Every route of the product.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::layers::{BODY_LIMIT, identify, limit_time, no_such_route, require_same_origin};
use super::routes::{
    account, admin_users, assignments, audit, bootstrap, break_glass, consultations, dashboard, erasure,
    events, health, invites, oidc, passkeys, passwords, patients, pictures, providers, registrations,
    security_events, session, tokens, totp, transcripts, users, verifications,
};
use super::{aliases, openapi, refusals};
use crate::app::App;
use crate::error::ApiError;
use crate::signalling::socket;
use crate::web;

/// Every described route below `/api/v1`: what is not here is not part of the API.
fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::frame())
        .merge(session::routes())
        .merge(registrations::routes())
        .merge(bootstrap::routes())
        .merge(passwords::routes())
        .merge(account::routes())
        .merge(pictures::routes())
        .merge(totp::routes())
        .merge(passkeys::routes())
        .merge(oidc::routes())
        .merge(providers::routes())
        .merge(tokens::routes())
        .merge(erasure::routes())
        .merge(events::routes())
        .merge(users::routes())
        .merge(admin_users::routes())
        .merge(audit::routes())
        .merge(security_events::routes())
        .merge(consultations::routes())
        .merge(assignments::routes())
        .merge(verifications::routes())
        .merge(patients::routes())
        .merge(break_glass::routes())
        .merge(dashboard::routes())
        .merge(invites::routes())
        .merge(transcripts::routes())
        .merge(health::routes())
}

/// The description of the API (OpenAPI 3.1), made from the handlers.
#[must_use]
pub fn description() -> OpenApi {
    openapi::complete(described().into_openapi())
}

/// The whole product as one service.
pub fn router(app: App) -> Router {
    let (api, description) = described().split_for_parts();
    let api = api
        .route("/signal", get(socket::upgrade))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_route)
        .layer(from_fn_with_state(app.clone(), refusals::enter))
        .layer(from_fn_with_state(app.clone(), require_same_origin))
        .layer(from_fn(limit_time))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    let api = Router::new().nest("/api/v1", api);
    let aliases = aliases::routes(&api.clone().with_state(app.clone()));
    api.merge(aliases)
        .merge(openapi::pages(openapi::complete(description)))
        .route("/ws/{consultation_id}/{user_id}", get(socket::upgrade_named))
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
