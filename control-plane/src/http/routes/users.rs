//! Doctors: who can be asked, and whether they take requests.

use axum::Json;
use axum::extract::State;

use crate::app::App;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::user::{Availability, User};
use crate::error::ApiError;
use crate::http::json::Body;
use crate::http::views::{DoctorView, SetAvailability, UserView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(set_availability)).routes(routes!(doctors))
}

/// Whether the doctor takes requests.
#[utoipa::path(
    put, path = "/availability", tag = "clinic",
    request_body = SetAvailability,
    responses((status = 200, description = "Done", body = UserView)),
)]
pub async fn set_availability(
    State(app): State<App>,
    actor: Actor,
    Body(body): Body<SetAvailability>,
) -> Result<Json<UserView>, ApiError> {
    actor.require(Permission::SetAvailability)?;
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.set_availability(actor.user, body.availability).await?;
    // Busy in a call, whatever was said.
    let user = tx.user(actor.user).await?;
    tx.commit(AuditEntry::of(&actor, Action::AvailabilitySet, actor.user, app.clock.now())).await?;
    if body.availability != Availability::Offline {
        app.live.expect(actor.tenant, actor.user);
    }
    app.live.tell_availability(actor.tenant, actor.user, user.availability);
    Ok(Json(user.into()))
}

/// The clinic's verified doctors.
#[utoipa::path(
    get, path = "/doctors", tag = "clinic",
    responses((status = 200, description = "Doctors who can be asked", body = Vec<DoctorView>)),
)]
pub async fn doctors(State(app): State<App>, actor: Actor) -> Result<Json<Vec<DoctorView>>, ApiError> {
    actor.require(Permission::ListDoctors)?;
    let doctors = app.store.doctors(actor.tenant).await?;
    let views = doctors.into_iter().map(|User { id, name, specialty, availability, .. }| DoctorView {
        id,
        name,
        specialty,
        availability,
    });
    Ok(Json(views.collect()))
}
