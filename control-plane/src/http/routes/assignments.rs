//! An administrator gives a consultation to a doctor.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::consultations::announce;
use super::notify;
use crate::app::App;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::consultation::ConsultationEvent;
use crate::domain::user::{Role, User};
use crate::error::ApiError;
use crate::http::json::Body;
use crate::http::path::IdPath;
use crate::http::views::{ConsultationView, ErrorBody};
use crate::ids::{ConsultationId, UserId};
use crate::store::{StoreError, Tx};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(assign))
}

/// `POST /api/v1/admin/consultations/{id}/assign`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignDoctor {
    /// A verified doctor of the clinic.
    doctor_id: String,
}

/// Give a consultation that has not begun to a doctor, or one that goes on and whose doctor can no longer work (deactivated,
/// not a doctor any more); whoever had it loses it.
#[utoipa::path(
    post, path = "/admin/consultations/{id}/assign", tag = "administration",
    params(("id" = ConsultationId, Path, description = "The consultation")),
    request_body = AssignDoctor,
    responses((status = 200, description = "Assigned; patient and doctors are told", body = ConsultationView), (status = 409, description = "It goes on with a doctor who is here, is over, or changed meanwhile", body = ErrorBody)),
)]
pub async fn assign(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<ConsultationId>,
    Body(body): Body<AssignDoctor>,
) -> Result<Json<ConsultationView>, ApiError> {
    actor.require(Permission::AssignDoctor)?;
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    let old = tx.consultation(&actor, id, now).await?.consultation;
    let doctor = verified_doctor(&mut tx, &body.doctor_id).await?;
    let former = old.state.doctor().filter(|former| *former != doctor);
    let has_begun = old.state.started_at().is_some();
    let event = match former {
        Some(former) if has_begun && !can_work(&tx.user(former).await?) => {
            ConsultationEvent::TakenOver { doctor }
        }
        _ => ConsultationEvent::Assigned { doctor },
    };
    let new = old.apply(event, now)?;
    let mut told = vec![old.patient, doctor];
    if new != old {
        tx.update_consultation(&old, &new).await?;
        if !has_begun {
            tx.remove_doctors(id).await?;
        }
        tx.seat_doctor(id, doctor, now).await?;
        for person in &told {
            tx.insert_notice(*person, "consultation_assigned", &id.to_string(), now).await?;
        }
        if let Some(former) = former {
            tx.insert_notice(former, "consultation_moved", &id.to_string(), now).await?;
            told.push(former);
        }
    }
    let record = tx.consultation(&actor, id, now).await?;
    tx.commit(AuditEntry::of(&actor, Action::ConsultationAssigned, id, now).about(old.patient)).await?;
    announce(&app, &actor, &new);
    notify(&app, actor.tenant, told);
    Ok(Json(record.into()))
}

/// Whoever cannot be given a consultation answers as nobody.
async fn verified_doctor(tx: &mut Tx, id: &str) -> Result<UserId, ApiError> {
    let nobody = || ApiError::field("doctor_id", "is no verified doctor of this clinic");
    let id: UserId = id.parse().map_err(|_| nobody())?;
    let user = match tx.user(id).await {
        Err(StoreError::NotFound) => return Err(nobody()),
        user => user?,
    };
    if can_work(&user) { Ok(id) } else { Err(nobody()) }
}

fn can_work(user: &User) -> bool {
    user.role == Role::Doctor && user.approved_at.is_some() && user.deactivated_at.is_none()
}
