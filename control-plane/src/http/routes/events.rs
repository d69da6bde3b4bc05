//! What somebody is told without asking: live events, and notices that wait until they are seen.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream, StreamExt};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::session::Revocation;
use crate::domain::time::Timestamp;
use crate::error::ApiError;
use crate::http::path::IdPath;
use crate::ids::NoticeId;
use crate::live::LiveEvent;
use crate::store::Notice;

/// A proxy closes a connection on which nothing is said.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(events)).routes(routes!(notices)).routes(routes!(see))
}

#[derive(Serialize, ToSchema)]
pub struct NoticeView {
    pub id: NoticeId,
    /// What happened: `break_glass_opened`, `verification_approved`, …
    pub kind: String,
    /// Id of what it is about.
    pub subject: String,
    pub created_at: Timestamp,
    pub seen_at: Option<Timestamp>,
}

/// Follow what changes, as server-sent events.
#[utoipa::path(
    get, path = "/events", tag = "clinic",
    responses((status = 200, description = "`availability {user, availability}`, `consultations {}`, `notice {}`, `signed_out {}`; guests get `consultations` and `signed_out`; whoever reads too slowly is cut off and connects again", body = String, content_type = "text/event-stream")),
)]
pub async fn events(
    State(app): State<App>,
    actor: Actor,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    actor.require(Permission::FollowEvents)?;
    let following = app.live.follow(&actor).ok_or(ApiError::Unavailable)?;
    // From here on a revocation finds the follower; one that came before is found in the database.
    if !app.store.is_signed_in(actor.tenant, actor.session).await? {
        app.live.revoke(Revocation::Session(actor.session));
    }
    let stopping = app.tasks.stopping().clone();
    let events = stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok(event_of(event)), following))
    });
    // A comment at once: the browser knows that it is connected.
    let hello = stream::iter([Ok(Event::default().comment("following"))]);
    let events = hello.chain(events).take_until(stopping.cancelled_owned());
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn event_of(event: LiveEvent) -> Event {
    let (name, data) = match event {
        LiveEvent::Availability { user, availability } => {
            ("availability", json!({"user": user, "availability": availability}))
        }
        LiveEvent::Consultations => ("consultations", json!({})),
        LiveEvent::Notice => ("notice", json!({})),
        LiveEvent::SignedOut => ("signed_out", json!({})),
    };
    Event::default().event(name).data(data.to_string())
}

/// What the caller should know.
#[utoipa::path(
    get, path = "/notices", tag = "clinic",
    responses((status = 200, description = "Newest first, at most 100", body = Vec<NoticeView>)),
)]
pub async fn notices(State(app): State<App>, actor: Actor) -> Result<Json<Vec<NoticeView>>, ApiError> {
    actor.require(Permission::ReadNotices)?;
    let notices = app.store.notices(actor.tenant, actor.user).await?;
    Ok(Json(notices.into_iter().map(Into::into).collect()))
}

/// Seen: it counts as new no longer.
#[utoipa::path(
    post, path = "/notices/{id}/seen", tag = "clinic",
    params(("id" = NoticeId, Path, description = "The notice")),
    responses((status = 204, description = "Done")),
)]
pub async fn see(
    State(app): State<App>,
    actor: Actor,
    IdPath(id): IdPath<NoticeId>,
) -> Result<StatusCode, ApiError> {
    actor.require(Permission::ReadNotices)?;
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.see_notice(actor.user, id, now).await?;
    tx.commit(AuditEntry::of(&actor, Action::NoticeSeen, id, now)).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<Notice> for NoticeView {
    fn from(notice: Notice) -> Self {
        let Notice { id, kind, subject, created_at, seen_at } = notice;
        Self { id, kind, subject, created_at, seen_at }
    }
}
