//! The web client, built into the binary.

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../web-client/dist"]
#[allow_missing = true]
struct Client;

const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Auscult</title>\
    <h1>The web client is not part of this build</h1>\
    <p>Run <code>make run</code>, which builds it first. The API under <code>/api/v1</code> works.</p>";

/// Everything that is no API: a file of the client, else its `index.html` so that a deep link opens the right page.
pub async fn serve(method: Method, uri: Uri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Client::get(path).filter(|_| path != "index.html") {
        return send(file, is_hashed(path));
    }
    // A missing file must not turn into a page: the browser would run HTML as a script.
    if path.starts_with("assets/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    match Client::get("index.html") {
        Some(index) => send(index, false),
        None => (StatusCode::SERVICE_UNAVAILABLE, Html(NOT_BUILT)).into_response(),
    }
}

/// Vite puts a hash of the content into the names of everything under `assets/`.
fn is_hashed(path: &str) -> bool {
    path.starts_with("assets/")
}

fn send(file: EmbeddedFile, immutable: bool) -> Response {
    let cache = if immutable { "public, max-age=31536000, immutable" } else { "no-store" };
    let mut response = Response::new(Body::from(file.data));
    let mut mime = file.metadata.mimetype().to_owned();
    if mime.starts_with("text/") {
        mime.push_str("; charset=utf-8");
    }
    let mime = HeaderValue::from_str(&mime).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(header::CONTENT_TYPE, mime);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}
