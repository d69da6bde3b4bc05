//! The audit log for those who answer for it, and for the patients whose data it is about.

use std::collections::{BTreeSet, HashMap};

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{must_have_confirmed, page_size};
use crate::app::App;
use crate::checkpoints::CheckpointError;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry, Outcome, Purpose};
use crate::domain::audit_filter::AuditFilter;
use crate::domain::audit_log::LogEntry;
use crate::domain::time::Timestamp;
use crate::error::ApiError;
use crate::http::path::{IdPath, Search, choice};
use crate::http::views::{ErrorBody, PersonView};
use crate::ids::UserId;
use crate::trail::TrailError;
use crate::trail::export::{Export, Format};
use crate::trail::proof::{Proof, prove};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(export))
        .routes(routes!(proof))
        .routes(routes!(access_log))
}

/// `GET /api/v1/admin/audit`
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchAudit {
    /// `usr_…`, `anonymous` or `server`.
    actor: Option<String>,
    /// `usr_…`: whose data it was.
    patient: Option<String>,
    /// As `consultation.read`.
    action: Option<String>,
    /// `done`, `denied` or `failed`.
    outcome: Option<String>,
    /// A code of HL7 v3 `PurposeOfUse`.
    purpose: Option<String>,
    /// Milliseconds since the Unix epoch; this one and later.
    from: Option<String>,
    /// Earlier than this.
    to: Option<String>,
    /// From `next` of the page before.
    cursor: Option<String>,
    /// 1 to 200; otherwise 50.
    limit: Option<String>,
    /// Of an export: `ndjson` (the default) or `csv`.
    format: Option<String>,
}

impl SearchAudit {
    fn filter(&self) -> Result<AuditFilter, ApiError> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let person = |text: &str| {
            let known = matches!(text, "anonymous" | "server") || text.parse::<UserId>().is_ok();
            known.then(|| text.to_owned())
        };
        let action = |text: &str| Action::ALL.iter().map(|one| one.name()).find(|name| *name == text);
        let outcome = |text: &str| Outcome::ALL.into_iter().map(Outcome::name).find(|name| *name == text);
        let purpose = |text: &str| Purpose::ALL.into_iter().map(Purpose::code).find(|code| *code == text);
        Ok(AuditFilter {
            actor: choice("actor", given(&self.actor).as_deref(), person)?,
            patient: choice("patient", given(&self.patient).as_deref(), person)?,
            action: choice("action", self.action.as_deref(), action)?.map(Into::into),
            outcome: choice("outcome", self.outcome.as_deref(), outcome)?.map(Into::into),
            purpose: choice("purpose", self.purpose.as_deref(), purpose)?.map(Into::into),
            from: choice("from", self.from.as_deref(), |text| text.parse().ok())?,
            to: choice("to", self.to.as_deref(), |text| text.parse().ok())?,
        })
    }
}

/// `GET /api/v1/account/access-log`
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// From `next` of the page before.
    cursor: Option<String>,
    /// 1 to 200; otherwise 50.
    limit: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct AuditView {
    pub seq: i64,
    pub at: Timestamp,
    /// `usr_…`, `anonymous` or `server`.
    pub actor: String,
    pub actor_name: Option<String>,
    /// Empty for the server, and for nobody who has proved who they are.
    pub role: String,
    pub action: String,
    pub subject: String,
    /// Whose data it was.
    pub patient: Option<String>,
    pub patient_name: Option<String>,
    /// A code of HL7 v3 `PurposeOfUse`.
    pub purpose: String,
    #[schema(value_type = Outcome)]
    pub outcome: String,
    pub address: String,
    /// Whether a signed checkpoint covers it.
    pub proven: bool,
}

#[derive(Serialize, ToSchema)]
pub struct AuditPageView {
    /// Newest first.
    pub items: Vec<AuditView>,
    /// `null` on the last page.
    pub next: Option<String>,
    /// Entries of the whole log.
    pub size: i64,
    pub checkpoint: Option<CheckpointView>,
}

#[derive(Serialize, ToSchema)]
pub struct CheckpointView {
    /// Entries that it covers.
    pub size: i64,
    pub at: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub struct AccessView {
    pub at: Timestamp,
    /// `null`: the server, nobody who has proved who they are, or somebody whose name was erased.
    pub actor: Option<PersonView>,
    pub role: String,
    pub action: String,
    pub purpose: String,
    #[schema(value_type = Outcome)]
    pub outcome: String,
}

#[derive(Serialize, ToSchema)]
pub struct AccessPageView {
    /// Newest first.
    pub items: Vec<AccessView>,
    /// `null` on the last page.
    pub next: Option<String>,
}

/// The clinic's audit log.
#[utoipa::path(
    get, path = "/admin/audit", tag = "administration",
    params(SearchAudit),
    responses((status = 200, description = "A page of entries", body = AuditPageView), (status = 422, description = "A value of the query is wrong", body = ErrorBody)),
)]
pub async fn list(
    State(app): State<App>,
    actor: Actor,
    Search(query): Search<SearchAudit>,
) -> Result<Json<AuditPageView>, ApiError> {
    actor.require(Permission::ReadAudit)?;
    let filter = query.filter()?;
    let before = choice("cursor", query.cursor.as_deref(), |text| text.parse().ok())?;
    let limit = page_size(query.limit.as_deref())?;
    let mut tx = app.store.read(actor.tenant).await?;
    let mut entries = tx.audit_page(&filter, before, limit + 1).await?;
    let next = next_of(&mut entries, limit);
    let (size, checkpoint) = (tx.log_head().await?.size, tx.newest_checkpoint().await?);
    let people = entries.iter().flat_map(|entry| [&entry.actor, &entry.patient]);
    let names = tx.names(people.filter_map(|id| id.parse().ok()).collect()).await?;
    let about = filter.patient.as_ref().and_then(|patient| patient.parse().ok());
    let entry = AuditEntry::of(&actor, Action::AuditRead, "", app.clock.now());
    tx.commit(AuditEntry { patient: about, ..entry }).await?;
    let signed = checkpoint.as_ref().map_or(0, |signed| signed.size);
    Ok(Json(AuditPageView {
        items: entries.into_iter().map(|entry| view(entry, &names, signed)).collect(),
        next,
        size,
        checkpoint: checkpoint.map(|signed| CheckpointView { size: signed.size, at: signed.at }),
    }))
}

/// Takes away what is more than a page. Returns the cursor of the next one.
fn next_of(entries: &mut Vec<LogEntry>, limit: usize) -> Option<String> {
    let more = entries.len() > limit;
    entries.truncate(limit);
    entries.last().filter(|_| more).map(|entry| entry.seq.to_string())
}

fn view(entry: LogEntry, names: &HashMap<UserId, String>, signed: i64) -> AuditView {
    let name = |id: &str| names.get(&id.parse().ok()?).cloned();
    AuditView {
        seq: entry.seq,
        at: Timestamp::from_millis(entry.at),
        actor_name: name(&entry.actor),
        patient_name: name(&entry.patient),
        actor: entry.actor,
        role: entry.role,
        action: entry.action,
        subject: entry.subject,
        patient: Some(entry.patient).filter(|patient| !patient.is_empty()),
        purpose: entry.purpose,
        outcome: entry.outcome,
        address: entry.address,
        proven: entry.seq <= signed,
    }
}

/// The log up to now as a file. Lines of JSON can be checked with `auscult audit check`.
#[utoipa::path(
    get, path = "/admin/audit/export", tag = "administration",
    params(SearchAudit),
    responses(
        (status = 200, description = "The entries; with `ndjson` those that were not asked for stand as hashes", content(
            (String = "application/x-ndjson"), (String = "text/csv"),
        )),
        (status = 422, description = "A value of the query is wrong", body = ErrorBody),
    ),
)]
pub async fn export(
    State(app): State<App>,
    actor: Actor,
    Search(query): Search<SearchAudit>,
) -> Result<Response, ApiError> {
    actor.require(Permission::ReadAudit)?;
    let now = app.clock.now();
    must_have_confirmed(&actor, now)?;
    let filter = query.filter()?;
    let format = choice("format", query.format.as_deref(), |text| match text {
        "ndjson" => Some(Format::Ndjson),
        "csv" => Some(Format::Csv),
        _ => None,
    })?;
    let format = format.unwrap_or(Format::Ndjson);
    let about = filter.patient.as_ref().and_then(|patient| patient.parse().ok());
    let entry = AuditEntry::of(&actor, Action::AuditExported, "", now);
    app.store.record(actor.tenant, AuditEntry { patient: about, ..entry }).await?;
    let signed = app.checkpoints.sign(actor.tenant, now).await?.ok_or(ApiError::NotFound)?;
    let export = Export::new(app.store.clone(), actor.tenant, signed, filter, format);
    let body = stream::try_unfold(export, |mut export| async {
        Ok::<_, TrailError>(export.next().await?.map(|text| (text, export)))
    });
    let (media_type, name) = match format {
        Format::Ndjson => ("application/x-ndjson", "attachment; filename=\"audit.ndjson\""),
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
    };
    let headers = [(header::CONTENT_TYPE, media_type), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// The proof that an entry stands in the signed log.
#[utoipa::path(
    get, path = "/admin/audit/{seq}/proof", tag = "administration",
    params(("seq" = i64, Path, description = "The entry's number")),
    responses((status = 200, description = "Inclusion proof of RFC 9162", body = Proof)),
)]
pub async fn proof(
    State(app): State<App>,
    actor: Actor,
    IdPath(seq): IdPath<i64>,
) -> Result<Json<Proof>, ApiError> {
    actor.require(Permission::ReadAudit)?;
    let now = app.clock.now();
    let mut tx = app.store.snapshot(actor.tenant).await?;
    if tx.log_head().await?.size < seq {
        return Err(ApiError::NotFound);
    }
    if tx.checkpoint_covering(seq).await?.is_none() {
        drop(tx);
        app.checkpoints.sign(actor.tenant, now).await?;
        tx = app.store.snapshot(actor.tenant).await?;
    }
    let proof = prove(&mut tx, seq).await?.ok_or(ApiError::NotFound)?;
    tx.commit(AuditEntry::of(&actor, Action::AuditProved, seq, now)).await?;
    Ok(Json(proof))
}

/// Who dealt with the patient's own data.
#[utoipa::path(
    get, path = "/account/access-log", tag = "account",
    params(Paging),
    responses((status = 200, description = "A page of what was done", body = AccessPageView), (status = 422, description = "A value of the query is wrong", body = ErrorBody)),
)]
pub async fn access_log(
    State(app): State<App>,
    actor: Actor,
    Search(query): Search<Paging>,
) -> Result<Json<AccessPageView>, ApiError> {
    actor.require(Permission::ReadAccessLog)?;
    let before = choice("cursor", query.cursor.as_deref(), |text| text.parse().ok())?;
    let limit = page_size(query.limit.as_deref())?;
    let mut tx = app.store.read(actor.tenant).await?;
    let mut entries = tx.audit_page(&AuditFilter::of_patient(actor.user), before, limit + 1).await?;
    let next = next_of(&mut entries, limit);
    let people: BTreeSet<UserId> = entries.iter().filter_map(|entry| entry.actor.parse().ok()).collect();
    let names = tx.names(people).await?;
    tx.commit(AuditEntry::of(&actor, Action::AccessLogRead, actor.user, app.clock.now())).await?;
    let items = entries.into_iter().map(|entry| {
        let person = entry.actor.parse::<UserId>().ok();
        let person = person.and_then(|id| Some(PersonView { id, name: names.get(&id)?.clone() }));
        AccessView {
            at: Timestamp::from_millis(entry.at),
            actor: person,
            role: entry.role,
            action: entry.action,
            purpose: entry.purpose,
            outcome: entry.outcome,
        }
    });
    Ok(Json(AccessPageView { items: items.collect(), next }))
}

impl From<TrailError> for ApiError {
    fn from(error: TrailError) -> Self {
        match error {
            TrailError::Store(error) => error.into(),
            fault @ TrailError::Fault(_) => Self::Internal(fault.into()),
        }
    }
}

impl From<CheckpointError> for ApiError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Store(error) => error.into(),
            error => Self::Internal(error.into()),
        }
    }
}
