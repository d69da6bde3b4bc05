//! Who was refused a patient's data. Handlers commit an entry with all that they do and show; what they refuse is entered
//! here, once, when the answer is known.
//!
//! Only of people who are signed in: a stranger's attempts show nothing, and must not fill the disk. They are counted by
//! `auscult_http_requests_total`, and wrong passwords have entries of their own.

use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::domain::access::Actor;
use crate::domain::audit::{Action, AuditEntry, Outcome};
use crate::error::ApiError;
use crate::http::views::{ErrorCode, ErrorView};
use crate::ids::{BreakGlassId, ConsultationId, SecurityEventId, UserId, VerificationId};

/// Routes that lead to what patients said, to who dealt with them, or to everybody's accounts. Others below them are meant
/// too.
pub const PATIENT_DATA: [&str; 12] = [
    "/api/v1/consultations",
    "/api/v1/patients",
    "/api/v1/break-glass",
    "/api/v1/account/access-log",
    "/api/v1/account/export",
    "/api/v1/admin/audit",
    "/api/v1/admin/break-glass",
    "/api/v1/admin/consultations",
    "/api/v1/admin/users",
    "/api/v1/admin/verifications",
    "/api/v1/admin/security-events",
    "/api/v1/users/search",
];

/// Whether refusals on this route are entered.
#[must_use]
pub fn is_patient_data(route: &str) -> bool {
    PATIENT_DATA
        .iter()
        .any(|start| route.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Filled in by the extractor that finds out who is asking.
#[derive(Clone, Default)]
struct Caller(Arc<OnceLock<Actor>>);

/// Tells the layer below who is asking.
pub(super) fn known(parts: &Parts, actor: &Actor) {
    if let Some(Caller(cell)) = parts.extensions.get() {
        // A handler may ask twice; it is the same person.
        let _ = cell.set(*actor);
    }
}

/// Enters a refusal of a person who is signed in. When it cannot be entered, the answer is that.
pub async fn enter(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    if !route.is_some_and(|route| is_patient_data(&route)) {
        return next.run(request).await;
    }
    let path = request.uri().path().to_owned();
    let caller = Caller::default();
    request.extensions_mut().insert(caller.clone());
    let response = next.run(request).await;
    match caller.0.get() {
        Some(actor) if is_refusal(&response) => match record(&app, actor, &path).await {
            Ok(()) => response,
            Err(error) => error.into_response(),
        },
        _ => response,
    }
}

/// An access decision; a forged form or a secret that must be proved anew is none.
fn is_refusal(response: &Response) -> bool {
    let code = response.extensions().get::<ErrorView>().map(|error| error.code);
    matches!(response.status(), StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
        && matches!(code, Some(ErrorCode::Forbidden | ErrorCode::NotCleared | ErrorCode::NotFound))
}

async fn record(app: &App, actor: &Actor, path: &str) -> Result<(), ApiError> {
    // The id that was asked for, and nothing else of what was typed.
    let consultation = id_in::<ConsultationId>(path);
    let person = id_in::<UserId>(path);
    let subject = consultation
        .map(|id| id.to_string())
        .or_else(|| person.map(|id| id.to_string()))
        .or_else(|| id_in::<BreakGlassId>(path).map(|id| id.to_string()))
        .or_else(|| id_in::<VerificationId>(path).map(|id| id.to_string()))
        .or_else(|| id_in::<SecurityEventId>(path).map(|id| id.to_string()));
    let patient = match (consultation, person) {
        (Some(id), _) => app.store.patient_of(actor.tenant, id).await?,
        (None, Some(id)) => app.store.patient_with_id(actor.tenant, id).await?,
        (None, None) => None,
    };
    let now = app.clock.now();
    let entry = AuditEntry::of(actor, Action::RequestRefused, subject.unwrap_or_default(), now);
    let entry = AuditEntry { patient, ..entry }.with_outcome(Outcome::Denied);
    Ok(app.store.record(actor.tenant, entry).await?)
}

fn id_in<T: FromStr>(path: &str) -> Option<T> {
    path.split('/').find_map(|part| part.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_patient_data_is_not_always() {
        assert!(is_patient_data("/api/v1/consultations"));
        assert!(is_patient_data("/api/v1/consultations/{id}/transcript"));
        assert!(!is_patient_data("/api/v1/consultations-of-others"));
        assert!(!is_patient_data("/api/v1/doctors"));
    }
}
