//! What happens to every request before and after its handler: an id, a time limit, a size limit, a check where it
//! comes from, security headers, and the bodies of errors.

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::app::App;
use crate::error::ApiError;
use crate::http::views::{ErrorBody, ErrorView};
use crate::origin::origin;

/// Largest request body.
pub const BODY_LIMIT: usize = 64 * 1024;
/// A handler that takes longer is given up.
const TIME_LIMIT: Duration = Duration::from_secs(10);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a page of ours may do. `wss:` and `blob:` are for the call: signalling, microphone level, recorded sounds.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data: blob:; font-src 'self'; connect-src 'self' wss:; media-src 'self' blob:; \
     worker-src 'self' blob:; manifest-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

const SECURITY_HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()",
    ),
];

/// Outermost: names and counts the request, then completes whatever comes back.
pub async fn identify(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = format!("req_{}", Uuid::new_v4().simple());
    let is_api = request.uri().path().starts_with("/api/");
    let route =
        request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let span = tracing::info_span!("http.request", request_id = %id, method = %request.method(), route);
    let started = app.clock.now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let duration = app.clock.now().since(started);
    app.metrics.http_request_seconds.observe(duration.as_secs_f64());
    app.metrics.http_requests_total.with_label_values(&[class(response.status())]).inc();
    let (status, duration_ms) = (response.status().as_u16(), duration.as_millis());
    span.in_scope(|| tracing::debug!(status, duration_ms, "request"));
    complete(&mut response, &id);
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    if is_api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

const fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

/// Writes the body of an error, which an [`ApiError`] leaves to us because it does not know the request's id.
fn complete(response: &mut Response, id: &str) {
    let Some(error) = response.extensions_mut().remove::<ErrorView>() else { return };
    let body = ErrorBody { error: ErrorView { request_id: id.to_owned(), ..error } };
    let (parts, body) = axum::Json(body).into_response().into_parts();
    *response.body_mut() = body;
    response.headers_mut().extend(parts.headers);
}

pub async fn limit_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(TIME_LIMIT, next.run(request))
        .await
        .unwrap_or_else(|_| ApiError::Unavailable.into_response())
}

/// Refuses what another site made a browser send: with anything that changes something, `Sec-Fetch-Site` and `Origin`
/// must name us where the browser sends them.
pub async fn require_same_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    if !request.method().is_safe() && !is_same_origin(&app, request.uri(), request.headers()) {
        return ApiError::Csrf.into_response();
    }
    next.run(request).await
}

fn is_same_origin(app: &App, uri: &Uri, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin");
    let from = headers.get(header::ORIGIN);
    site && from
        .is_none_or(|from| origin(app, uri, headers).is_some_and(|own| own.as_bytes() == from.as_bytes()))
}

/// An unknown path of the API, or a method that a known one does not have.
pub async fn no_such_route(method: Method) -> Response {
    if method == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        ApiError::NotFound.into_response()
    }
}
