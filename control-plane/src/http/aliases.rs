//! Addresses under which systems that Auscult replaces answered: each is led to the handler of one of our routes, with
//! everything that stands before it. `docs/API.md` lists them.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, RawPathParams, Request};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use tower::ServiceExt as _;

use crate::app::App;
use crate::error::ApiError;

/// One address: its method and path, and the route that answers, where `{id}` is what stood in the path.
pub struct Alias {
    pub method: &'static str,
    pub path: &'static str,
    pub target: (Method, &'static str),
}

const fn alias(method: &'static str, path: &'static str, target: (Method, &'static str)) -> Alias {
    Alias { method, path, target }
}

const SIGN_IN: (Method, &str) = (Method::POST, "/api/v1/session");
const REGISTER: (Method, &str) = (Method::POST, "/api/v1/registrations");
const AUDIT: (Method, &str) = (Method::GET, "/api/v1/admin/audit");

pub static ALIASES: [Alias; 18] = [
    alias("POST", "/auth/login", SIGN_IN),
    alias("POST", "/login", SIGN_IN),
    alias("POST", "/auth/register", REGISTER),
    alias("POST", "/register", REGISTER),
    alias("POST", "/api/auth/register", REGISTER),
    alias("POST", "/auth/logout", (Method::DELETE, "/api/v1/session")),
    alias("POST", "/api/auth/login", (Method::POST, "/api/v1/tokens")),
    alias("POST", "/api/auth/refresh", (Method::POST, "/api/v1/tokens/refresh")),
    alias("GET", "/api/auth/validate", (Method::GET, "/api/v1/tokens/current")),
    alias("GET", "/dashboard", (Method::GET, "/api/v1/dashboard")),
    alias("POST", "/consultation/end/{id}", (Method::POST, "/api/v1/consultations/{id}/end")),
    alias("GET", "/admin/logs", AUDIT),
    alias("GET", "/admin/audit-logs", AUDIT),
    alias("POST", "/admin/verify-doctor/{id}", (Method::POST, "/api/v1/admin/verifications/{id}/approve")),
    alias("GET", "/api/doctors", (Method::GET, "/api/v1/doctors")),
    alias("GET", "/api/users/profile", (Method::GET, "/api/v1/account")),
    alias("PUT", "/api/users/profile", (Method::PUT, "/api/v1/account")),
    alias("GET", "/api/users/search", (Method::GET, "/api/v1/users/search")),
];

/// They changed something although a link, a picture or a prefetch can ask for them: refused, with what to send instead.
pub static CHANGED_BY_GET: [(&str, &str); 3] = [
    ("/logout", "DELETE /api/v1/session"),
    ("/consultation/start/{id}", "POST /api/v1/consultations/{id}/start"),
    ("/consultation/end/{id}", "POST /api/v1/consultations/{id}/end"),
];

/// `api`: what answers under `/api/v1`.
pub fn routes(api: &Router) -> Router<App> {
    let mut router = Router::new();
    for Alias { method, path, target } in &ALIASES {
        let filter = match *method {
            "GET" => MethodFilter::GET,
            "PUT" => MethodFilter::PUT,
            _ => MethodFilter::POST,
        };
        router = router.route(path, led_to(api.clone(), filter, target));
    }
    for (path, instead) in CHANGED_BY_GET {
        let hint = format!("this changes something: send {instead}\n");
        let refuse = move || async move { (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")], hint) };
        router = router.route(path, get(refuse));
    }
    router
}

fn led_to(api: Router, filter: MethodFilter, target: &'static (Method, &str)) -> MethodRouter<App> {
    on(filter, move |params: RawPathParams, request: Request| async move {
        let id = params.iter().next().map(|(_, id)| id.to_owned()).unwrap_or_default();
        let Some(request) = rewritten(request, target, &id) else {
            return ApiError::NotFound.into_response();
        };
        let mut response = api.oneshot(request).await.into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    })
}

/// The request as if it had been sent to the target; `None` when what stands for `{id}` is none.
fn rewritten(request: Request, (method, path): &(Method, &str), id: &str) -> Option<Request> {
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    let path = path.replace("{id}", id);
    let path = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let (mut parts, body) = request.into_parts();
    // Over HTTP/2 the host stands in the address.
    let mut uri = parts.uri.into_parts();
    uri.path_and_query = Some(path.parse().ok()?);
    let mut rewritten = Request::new(body);
    *rewritten.method_mut() = method.clone();
    *rewritten.uri_mut() = Uri::from_parts(uri).ok()?;
    *rewritten.version_mut() = parts.version;
    *rewritten.headers_mut() = parts.headers;
    // Nothing else of the request's way here: it begins anew.
    if let Some(peer) = parts.extensions.remove::<ConnectInfo<SocketAddr>>() {
        rewritten.extensions_mut().insert(peer);
    }
    Some(rewritten)
}
