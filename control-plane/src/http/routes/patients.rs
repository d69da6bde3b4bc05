//! The patients that somebody may know of, and finding people.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admin_users::rules;
use super::text_field;
use crate::app::App;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry, Purpose};
use crate::domain::search::matches;
use crate::domain::time::Timestamp;
use crate::domain::user::{AccountState, Role};
use crate::error::ApiError;
use crate::http::path::{IdPath, Search, choice};
use crate::http::views::{ConsultationView, ErrorBody};
use crate::ids::{BreakGlassId, UserId};
use crate::store::{AccountFilter, KnownPatient};

/// People found at once.
const MOST_FOUND: usize = 50;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one)).routes(routes!(search))
}

/// Why a patient's record is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PatientAccess {
    /// Their doctor.
    Assigned,
    /// For an hour, in an emergency.
    BreakGlass,
}

#[derive(Serialize, ToSchema)]
pub struct PatientView {
    pub id: UserId,
    pub name: String,
    /// With the caller.
    pub last_consultation_at: Option<Timestamp>,
    pub access: PatientAccess,
    /// When the emergency access ends.
    pub access_until: Option<Timestamp>,
    /// The caller's open emergency access.
    pub break_glass: Option<BreakGlassId>,
}

#[derive(Serialize, ToSchema)]
pub struct PatientRecordView {
    #[serde(flatten)]
    pub patient: PatientView,
    /// The caller's own ones, in an emergency all; newest first, at most 100.
    pub consultations: Vec<ConsultationView>,
}

/// `GET /api/v1/users/search`
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchUsers {
    /// Beginnings of words of the name or the specialty; 2 to 100 characters.
    q: Option<String>,
    /// `patient`, `doctor` or `admin`; otherwise everybody but guests.
    role: Option<String>,
    /// `true`: patients whose whole name is `q`, their doctor's or not, to open a record in an emergency.
    emergency: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct FoundPersonView {
    pub id: UserId,
    pub name: String,
    pub role: Role,
    pub specialty: String,
}

/// Whose doctor you are, and whose record is open to you in an emergency.
#[utoipa::path(
    get, path = "/patients", tag = "clinic",
    responses((status = 200, description = "The last seen first, at most 500", body = Vec<PatientView>)),
)]
pub async fn list(State(app): State<App>, actor: Actor) -> Result<Json<Vec<PatientView>>, ApiError> {
    actor.require(Permission::ReadPatients)?;
    let now = app.clock.now();
    let mut tx = app.store.read(actor.tenant).await?;
    let patients = tx.known_patients(actor.user, now).await?;
    tx.commit(AuditEntry::of(&actor, Action::PatientsListed, actor.user, now)).await?;
    Ok(Json(patients.into_iter().map(Into::into).collect()))
}

/// One of them, with consultations.
#[utoipa::path(
    get, path = "/patients/{id}", tag = "clinic",
    params(("id" = UserId, Path, description = "The patient")),
    responses((status = 200, description = "The patient", body = PatientRecordView)),
)]
pub async fn one(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<UserId>,
) -> Result<Json<PatientRecordView>, ApiError> {
    actor.require(Permission::ReadPatients)?;
    let now = app.clock.now();
    let mut tx = app.store.read(actor.tenant).await?;
    let patient = tx.known_patient(actor.user, id, now).await?;
    let consultations = tx.consultations_of(&actor, id, now).await?;
    let entry = AuditEntry::of(&actor, Action::PatientRead, id, now).about(id);
    let in_emergency = patient.break_glass.is_some();
    tx.commit(if in_emergency { entry.for_purpose(Purpose::BreakGlass) } else { entry }).await?;
    let consultations = consultations.into_iter().map(Into::into).collect();
    Ok(Json(PatientRecordView { patient: patient.into(), consultations }))
}

/// Find people: doctors their own patients and every doctor, administrators everybody.
#[utoipa::path(
    get, path = "/users/search", tag = "clinic",
    params(SearchUsers),
    responses((status = 200, description = "At most 50", body = Vec<FoundPersonView>), (status = 422, description = "A value of the query is wrong", body = ErrorBody)),
)]
pub async fn search(
    State(app): State<App>,
    actor: Actor,
    Search(query): Search<SearchUsers>,
) -> Result<Json<Vec<FoundPersonView>>, ApiError> {
    actor.require(Permission::SearchUsers)?;
    let words = text_field("q", query.q.as_deref().unwrap_or_default(), 2, 100)?;
    let role = choice("role", query.role.as_deref(), |name| {
        Role::from_name(name).filter(|role| *role != Role::Guest)
    })?;
    let in_emergency = choice("emergency", query.emergency.as_deref(), |text| text.parse::<bool>().ok())?;
    let mut found = match actor.role {
        _ if in_emergency == Some(true) => by_whole_name(&app, &actor, words).await?,
        Role::Admin => everybody(&app, &actor, words, role).await?,
        _ => known_to_doctor(&app, &actor, &words, role).await?,
    };
    found.truncate(MOST_FOUND);
    Ok(Json(found))
}

async fn everybody(
    app: &App,
    actor: &Actor,
    words: String,
    role: Option<Role>,
) -> Result<Vec<FoundPersonView>, ApiError> {
    let mut tx = app.store.read(actor.tenant).await?;
    let filter = AccountFilter { role, state: None, words };
    let (accounts, _) = tx.accounts(&filter, rules(app), None, MOST_FOUND).await?;
    tx.commit(AuditEntry::of(actor, Action::UsersSearched, actor.user, app.clock.now())).await?;
    let living = accounts.into_iter().filter(|account| account.state != AccountState::Erased);
    let views = living.map(|account| FoundPersonView {
        id: account.id,
        name: account.name,
        role: account.role,
        specialty: account.specialty,
    });
    Ok(views.collect())
}

/// Who knows only the beginning of a name finds nobody: a doctor cannot leaf through the clinic's patients.
async fn by_whole_name(app: &App, actor: &Actor, name: String) -> Result<Vec<FoundPersonView>, ApiError> {
    actor.require(Permission::BreakGlass)?;
    let words = |name: &str| name.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    let whole = words(&name);
    let mut found = everybody(app, actor, name, Some(Role::Patient)).await?;
    found.retain(|person| words(&person.name) == whole);
    Ok(found)
}

async fn known_to_doctor(
    app: &App,
    actor: &Actor,
    words: &str,
    role: Option<Role>,
) -> Result<Vec<FoundPersonView>, ApiError> {
    let now = app.clock.now();
    let doctors = app.store.doctors(actor.tenant).await?;
    let mut tx = app.store.read(actor.tenant).await?;
    let patients = tx.known_patients(actor.user, now).await?;
    tx.commit(AuditEntry::of(actor, Action::UsersSearched, actor.user, now)).await?;
    let patients = patients.into_iter().map(|patient| FoundPersonView {
        id: patient.id,
        name: patient.name,
        role: Role::Patient,
        specialty: String::new(),
    });
    let doctors = doctors.into_iter().map(|doctor| FoundPersonView {
        id: doctor.id,
        name: doctor.name,
        role: Role::Doctor,
        specialty: doctor.specialty,
    });
    let is_meant = |person: &FoundPersonView| {
        role.is_none_or(|role| role == person.role) && matches(words, [&person.name, &person.specialty])
    };
    Ok(patients.chain(doctors).filter(is_meant).collect())
}

impl From<KnownPatient> for PatientView {
    fn from(patient: KnownPatient) -> Self {
        let access = if patient.assigned { PatientAccess::Assigned } else { PatientAccess::BreakGlass };
        Self {
            id: patient.id,
            name: patient.name,
            last_consultation_at: patient.last_consultation_at,
            access,
            access_until: patient.access_until,
            break_glass: patient.break_glass,
        }
    }
}
