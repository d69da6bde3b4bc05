//! By which name a request reached us, and so which clinic it is for: pages, sockets and links of one clinic know each other
//! by it.

use axum::http::{HeaderMap, Uri, header};

use crate::app::App;

/// `https://…` as the browser knows the clinic that the request is for: configured, else from the request.
#[must_use]
pub fn origin(app: &App, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let authority = authority(uri, headers);
    let configured = &app.config.http.public_url;
    if configured.is_empty() {
        return authority.map(|authority| format!("https://{authority}"));
    }
    let clinic = app.store.clinic_of(name_of(&authority.unwrap_or_default()));
    Some(app.store.origin_of(clinic, configured))
}

/// Host and port that the request is for.
#[must_use]
pub fn authority(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let authority = uri.authority().map(ToString::to_string);
    authority.or_else(|| Some(headers.get(header::HOST)?.to_str().ok()?.to_owned()))
}

/// The host without its port. An IPv6 literal keeps its brackets; no clinic is named by one.
#[must_use]
pub fn name_of(authority: &str) -> &str {
    authority.rsplit_once(':').map_or(authority, |(name, _)| name)
}
