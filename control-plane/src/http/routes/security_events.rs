//! What the server noticed by itself, for administrators.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::security::Severity;
use crate::domain::time::Timestamp;
use crate::error::ApiError;
use crate::http::path::{IdPath, Search, choice};
use crate::http::views::ErrorBody;
use crate::ids::SecurityEventId;
use crate::store::SecurityEvent;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(acknowledge))
}

/// `GET /api/v1/admin/security-events`
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListEvents {
    /// `open` (the default): what nobody has acknowledged; or `all`.
    state: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct SecurityEventView {
    pub id: SecurityEventId,
    /// `brute_force`, `lockout`, `role_probing`, `mass_reads`, `off_hours_break_glass`, `token_reuse` or
    /// `checkpoint_mismatch`.
    pub kind: String,
    #[schema(value_type = Severity)]
    pub severity: String,
    /// `usr_…` or an address.
    pub subject: String,
    pub count: u32,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub acknowledged_at: Option<Timestamp>,
}

/// What looks wrong in the audit log.
#[utoipa::path(
    get, path = "/admin/security-events", tag = "administration",
    params(ListEvents),
    responses((status = 200, description = "Newest first, at most 200", body = Vec<SecurityEventView>), (status = 422, description = "A value of the query is wrong", body = ErrorBody)),
)]
pub async fn list(
    State(app): State<App>,
    actor: Actor,
    Search(query): Search<ListEvents>,
) -> Result<Json<Vec<SecurityEventView>>, ApiError> {
    actor.require(Permission::ReadAudit)?;
    let all = choice("state", query.state.as_deref(), |text| match text {
        "open" => Some(false),
        "all" => Some(true),
        _ => None,
    })?;
    let mut tx = app.store.read(actor.tenant).await?;
    let events = tx.security_events(!all.unwrap_or(false)).await?;
    tx.commit(AuditEntry::of(&actor, Action::SecurityEventsRead, "", app.clock.now())).await?;
    Ok(Json(events.into_iter().map(Into::into).collect()))
}

/// Somebody has seen it.
#[utoipa::path(
    post, path = "/admin/security-events/{id}/acknowledge", tag = "administration",
    params(("id" = SecurityEventId, Path, description = "The event")),
    responses((status = 204, description = "Done")),
)]
pub async fn acknowledge(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<SecurityEventId>,
) -> Result<StatusCode, ApiError> {
    actor.require(Permission::ReadAudit)?;
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.acknowledge(id, actor.user, now).await?;
    tx.commit(AuditEntry::of(&actor, Action::SecurityEventAcknowledged, id, now)).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<SecurityEvent> for SecurityEventView {
    fn from(event: SecurityEvent) -> Self {
        let SecurityEvent { id, kind, subject, severity, count, first_at, last_at, acknowledged_at } = event;
        Self { id, kind, severity, subject, count, first_at, last_at, acknowledged_at }
    }
}
