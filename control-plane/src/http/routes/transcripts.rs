//! Reading what was said.

use axum::Json;
use axum::extract::State;

use crate::app::App;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::clinical::{Access, Clinical};
use crate::domain::consultation::{InvalidTransition, StateName};
use crate::domain::transcript::KeptCaption;
use crate::error::ApiError;
use crate::http::path::IdPath;
use crate::http::views::{ErrorBody, TranscriptEntryView, TranscriptView};
use crate::ids::ConsultationId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read))
}

/// The transcript of a consultation.
#[utoipa::path(
    get, path = "/consultations/{id}/transcript", tag = "consultations",
    params(("id" = ConsultationId, Path, description = "The consultation")),
    responses((status = 200, description = "What was said", body = TranscriptView), (status = 409, description = "Not in this state, or changed meanwhile", body = ErrorBody)),
)]
pub async fn read(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<ConsultationId>,
) -> Result<Json<TranscriptView>, ApiError> {
    actor.require(Permission::ReadTranscript)?;
    let now = app.clock.now();
    let mut tx = app.store.read(actor.tenant).await?;
    let record = tx.consultation(&actor, id, now).await?;
    let access =
        Access::decide(&actor, &record.involvement, Clinical::Transcript).ok_or(ApiError::Forbidden)?;
    let from = record.consultation.state.name();
    if !matches!(from, StateName::Active | StateName::Completed) {
        return Err(InvalidTransition { from, action: "read: nothing has been said in it" }.into());
    }
    let captions = tx.transcript(&access, id).await?;
    tx.commit(AuditEntry::of(&actor, Action::TranscriptRead, id, now).under(&access)).await?;
    let mut models: Vec<_> = captions.iter().map(|kept| kept.caption.model.as_str()).collect();
    models.retain(|model| !model.is_empty());
    models.sort_unstable();
    models.dedup();
    Ok(Json(TranscriptView {
        consultation: record.into(),
        model: models.join(", "),
        demonstration: captions.iter().any(|kept| kept.caption.demonstration),
        entries: captions.into_iter().map(TranscriptEntryView::from).collect(),
    }))
}

impl From<KeptCaption> for TranscriptEntryView {
    fn from(KeptCaption { speaker, kind, caption, .. }: KeptCaption) -> Self {
        Self {
            speaker,
            kind,
            start_ms: caption.start_ms,
            end_ms: caption.end_ms,
            state: caption.state,
            text: caption.text.reveal().to_owned(),
        }
    }
}
