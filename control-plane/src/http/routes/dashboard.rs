//! What somebody sees first.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::domain::access::{Actor, NotAllowed, Permission};
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::consultation::StateName;
use crate::domain::time::Timestamp;
use crate::domain::user::Role;
use crate::domain::verification::VerificationState;
use crate::error::ApiError;
use crate::http::views::ConsultationView;
use crate::ids::ConsultationId;
use crate::store::Tx;

/// Consultations shown to a patient.
const RECENT: usize = 5;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read))
}

#[derive(Serialize, ToSchema)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum DashboardView {
    Patient(PatientDashboardView),
    Doctor(DoctorDashboardView),
    Admin(AdminDashboardView),
}

#[derive(Serialize, ToSchema)]
pub struct PatientDashboardView {
    /// The one that is not over.
    pub open_consultation: Option<ConsultationId>,
    pub unread_notices: u32,
    /// Newest first, at most 5.
    pub recent: Vec<ConsultationView>,
}

#[derive(Serialize, ToSchema)]
pub struct DoctorDashboardView {
    /// Consultations that wait for a doctor; 0 until the clinic has verified this one.
    pub queue: u32,
    /// The one that is going on.
    pub active: Option<ConsultationId>,
    pub patients: u32,
    pub unread_notices: u32,
    /// Of what was handed in last; `null` when nothing was.
    pub approval: Option<VerificationState>,
}

#[derive(Serialize, ToSchema)]
pub struct AdminDashboardView {
    pub users: UserCountsView,
    pub pending_verifications: u32,
    /// Emergency accesses that nobody has reviewed.
    pub open_break_glass: u32,
    /// That no administrator has seen.
    pub security_events: u32,
    pub sessions: u32,
    pub unread_notices: u32,
}

/// Who can sign in, by role, and who could.
#[derive(Serialize, ToSchema)]
pub struct UserCountsView {
    pub patient: u32,
    pub doctor: u32,
    pub admin: u32,
    pub deactivated: u32,
}

/// What to look at first.
#[utoipa::path(
    get, path = "/dashboard", tag = "clinic",
    responses((status = 200, description = "By role", body = DashboardView)),
)]
pub async fn read(State(app): State<App>, actor: Actor) -> Result<Json<DashboardView>, ApiError> {
    actor.require(Permission::ReadDashboard)?;
    let now = app.clock.now();
    let mut tx = app.store.read(actor.tenant).await?;
    let view = match actor.role {
        Role::Patient => DashboardView::Patient(of_patient(&mut tx, &actor, now).await?),
        Role::Doctor => DashboardView::Doctor(of_doctor(&mut tx, &actor, now).await?),
        Role::Admin => {
            let since = now.minus(app.config.accounts.session_limits().absolute);
            DashboardView::Admin(of_administrator(&mut tx, &actor, since).await?)
        }
        Role::Guest => return Err(NotAllowed::Role.into()),
    };
    tx.commit(AuditEntry::of(&actor, Action::DashboardRead, actor.user, now)).await?;
    Ok(Json(view))
}

async fn of_patient(tx: &mut Tx, actor: &Actor, now: Timestamp) -> Result<PatientDashboardView, ApiError> {
    let records = tx.consultations(actor, now).await?;
    let open = records.iter().find(|record| record.consultation.is_open());
    Ok(PatientDashboardView {
        open_consultation: open.map(|record| record.consultation.id),
        unread_notices: tx.unread_notices(actor.user).await?,
        recent: records.into_iter().take(RECENT).map(Into::into).collect(),
    })
}

async fn of_doctor(tx: &mut Tx, actor: &Actor, now: Timestamp) -> Result<DoctorDashboardView, ApiError> {
    let latest = tx.latest_verification(actor.user).await?;
    let (mut queue, mut active, mut patients) = (0, None, 0);
    if actor.cleared {
        queue = tx.totals(now).await?.queue;
        let records = tx.consultations(actor, now).await?;
        let is_active = |state| state == StateName::Active;
        let found = records.iter().find(|record| is_active(record.consultation.state.name()));
        active = found.map(|record| record.consultation.id);
        patients = u32::try_from(tx.known_patients(actor.user, now).await?.len()).unwrap_or(u32::MAX);
    }
    let unread_notices = tx.unread_notices(actor.user).await?;
    let approval = latest.map(|application| application.state);
    Ok(DoctorDashboardView { queue, active, patients, unread_notices, approval })
}

async fn of_administrator(
    tx: &mut Tx,
    actor: &Actor,
    sessions_since: Timestamp,
) -> Result<AdminDashboardView, ApiError> {
    let totals = tx.totals(sessions_since).await?;
    Ok(AdminDashboardView {
        users: UserCountsView {
            patient: totals.patients,
            doctor: totals.doctors,
            admin: totals.admins,
            deactivated: totals.deactivated,
        },
        pending_verifications: tx.pending_verifications().await?,
        open_break_glass: tx.unreviewed_break_glasses().await?,
        security_events: totals.security_events,
        sessions: totals.sessions,
        unread_notices: tx.unread_notices(actor.user).await?,
    })
}
