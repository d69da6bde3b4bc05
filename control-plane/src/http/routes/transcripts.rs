//! Reading what was said.

use axum::Json;
use axum::extract::State;

use crate::app::App;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::consultation::{InvalidTransition, StateName};
use crate::domain::transcript::KeptCaption;
use crate::error::ApiError;
use crate::http::routes::consultations::ConsultationPath;
use crate::http::views::{TranscriptEntryView, TranscriptView};

/// GET /api/v1/consultations/{id}/transcript
pub async fn read(
    State(app): State<App>,
    actor: Actor,
    ConsultationPath(id): ConsultationPath,
) -> Result<Json<TranscriptView>, ApiError> {
    actor.require(Permission::ReadTranscript)?;
    let mut tx = app.store.begin(actor.tenant).await?;
    let record = tx.consultation(&actor, id).await?;
    if record.own.is_none() {
        return Err(ApiError::Forbidden);
    }
    let from = record.consultation.state.name();
    if !matches!(from, StateName::Active | StateName::Completed) {
        return Err(InvalidTransition { from, action: "read: nothing has been said in it" }.into());
    }
    let captions = tx.transcript(id).await?;
    tx.commit(AuditEntry::of(&actor, Action::TranscriptRead, id, app.clock.now())).await?;
    let mut models: Vec<_> = captions.iter().map(|kept| kept.caption.model.as_str()).collect();
    models.retain(|model| !model.is_empty());
    models.sort_unstable();
    models.dedup();
    Ok(Json(TranscriptView {
        consultation: record.into(),
        model: models.join(", "),
        demonstration: captions.iter().any(|kept| kept.caption.demonstration),
        entries: captions.into_iter().map(entry).collect(),
    }))
}

fn entry(KeptCaption { speaker, kind, caption, .. }: KeptCaption) -> TranscriptEntryView {
    TranscriptEntryView {
        speaker,
        kind,
        start_ms: caption.start_ms,
        end_ms: caption.end_ms,
        state: caption.state,
        text: caption.text.reveal().to_owned(),
    }
}
