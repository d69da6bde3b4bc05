//! One WebSocket: who may open it, what it may send, how it closes. What the messages mean is the hub's business.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use super::call::Closing;
use super::convert::kept_view;
use super::protocol::{ClientMessage, PROTOCOL_VERSION, ServerMessage, SignalError};
use super::switchboard::{Opened, Outgoing, Seat, error_message};
use super::tickets::TicketGrant;
use crate::app::App;
use crate::domain::session::Revocation;
use crate::origin::origin;

const MAX_MESSAGE: usize = 64 * 1024;
/// A socket keeps a buffer of this size, and fills it with zeros before it reads; usual would be 128 KiB. Offers are the only
/// messages that are longer.
const READ_AT_ONCE: usize = 8 * 1024;
const AUTHENTICATE_WITHIN: Duration = Duration::from_secs(3);
const PING_EVERY: Duration = Duration::from_secs(10);
/// Two pings unanswered and some.
const SILENCE: Duration = Duration::from_secs(25);
/// A browser that does not take a message within this is gone.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);
const MESSAGES_PER_SECOND: f64 = 20.0;
const MESSAGES_AT_ONCE: f64 = 40.0;
/// Sockets that have not authenticated yet; further ones are turned away with 503.
const MAX_UNAUTHENTICATED: usize = 256;
/// Final captions that a newcomer is shown.
const RECENT_CAPTIONS: u32 = 200;

/// Places for sockets that have not authenticated yet.
#[derive(Clone)]
pub struct Lobby(Arc<Semaphore>);

impl Default for Lobby {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_UNAUTHENTICATED)))
    }
}

/// How a socket ends: a code of `docs/API.md`, and the error to tell before it, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The browser went away or fell silent: nobody to tell.
    Gone,
    Refused(SignalError),
    /// The address names another consultation or person than the ticket.
    SomebodyElse,
    TooSlow,
    Closed(Closing),
}

impl End {
    const fn code(self) -> u16 {
        match self {
            Self::Gone | Self::Closed(Closing::Left) => 1000,
            Self::TooSlow => 1013,
            Self::Closed(Closing::ShuttingDown) | Self::Refused(SignalError::ServerShuttingDown) => 1001,
            Self::Closed(Closing::Replaced) => 4409,
            Self::Closed(Closing::Ended) => 4410,
            Self::Refused(SignalError::TicketRefused) | Self::Closed(Closing::SignedOut) => 4401,
            Self::SomebodyElse => 4403,
            Self::Refused(SignalError::ConsultationNotActive) => 4411,
            Self::Refused(_) => 4400,
        }
    }

    /// Label of `signalling_closed_total`.
    const fn reason(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::TooSlow => "too_slow",
            Self::SomebodyElse => "somebody_else",
            Self::Closed(Closing::Left) => "left",
            Self::Closed(Closing::ShuttingDown) => "shutting_down",
            Self::Closed(Closing::Replaced) => "replaced",
            Self::Closed(Closing::Ended) => "ended",
            Self::Closed(Closing::SignedOut) => "signed_out",
            Self::Refused(SignalError::TicketRefused) => "ticket_refused",
            Self::Refused(SignalError::TooManyMessages) => "too_many_messages",
            Self::Refused(_) => "refused",
        }
    }
}

/// `GET /api/v1/signal`
pub async fn upgrade(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let ours = origin(&app, &uri, &headers);
    admit(app, &headers, ours, upgrade, None)
}

/// `GET /ws/{consultation_id}/{user_id}`: the same socket, for clients that say beforehand whom they speak for.
pub async fn upgrade_named(
    State(app): State<App>,
    Path(names): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let ours = origin(&app, &uri, &headers);
    admit(app, &headers, ours, upgrade, Some(names))
}

/// `ours`: where our own pages are; `names`: the consultation and the person that the address claims, the ticket must
/// agree.
fn admit(
    app: App,
    headers: &HeaderMap,
    ours: Option<String>,
    upgrade: WebSocketUpgrade,
    names: Option<(String, String)>,
) -> Response {
    if !is_from(headers, ours.as_deref()) {
        return (StatusCode::FORBIDDEN, "wrong origin").into_response();
    }
    let Ok(place) = Arc::clone(&app.lobby.0).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many sockets").into_response();
    };
    let running = app.tasks.hold();
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    upgrade.read_buffer_size(READ_AT_ONCE).on_upgrade(move |socket| async move {
        let (mut sink, mut stream) = socket.split();
        let end = match authenticate(&app, &mut stream).await {
            Ok(grant) if !is_named(&grant, names.as_ref()) => End::SomebodyElse,
            Ok(grant) => {
                drop(place);
                converse(&app, grant, &mut sink, &mut stream).await
            }
            Err(end) => end,
        };
        app.metrics.signalling_closed_total.with_label_values(&[end.reason()]).inc();
        // The browser may be gone already.
        let _ = timeout(GOODBYE_WITHIN, say_goodbye(&mut sink, &mut stream, end)).await;
        drop(running);
    })
}

fn is_named(grant: &TicketGrant, names: Option<&(String, String)>) -> bool {
    names.is_none_or(|(consultation, user)| {
        consultation.parse() == Ok(grant.consultation) && user.parse() == Ok(grant.user)
    })
}

/// A page of another site cannot open our socket in the name of a signed-in person (it could not get a ticket either).
fn is_from(headers: &HeaderMap, ours: Option<&str>) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    origin.is_some() && origin == ours
}

/// Reads on until the browser has closed too: unread bytes would reset the connection and destroy what we said last.
async fn say_goodbye(
    sink: &mut SplitSink<WebSocket, Message>,
    stream: &mut SplitStream<WebSocket>,
    end: End,
) -> Result<(), axum::Error> {
    if let End::Refused(code) = end {
        sink.send(text_of(&error_message(None, code))).await?;
    }
    let frame = CloseFrame { code: end.code(), reason: Utf8Bytes::from_static(end.reason()) };
    sink.send(Message::Close(Some(frame))).await?;
    while let Some(Ok(_)) = stream.next().await {}
    Ok(())
}

fn text_of(message: &ServerMessage) -> Message {
    Message::text(serde_json::to_string(message).expect("messages are plain data"))
}

/// The first message must be `authenticate`, in time, with a ticket that is good.
async fn authenticate(app: &App, stream: &mut SplitStream<WebSocket>) -> Result<TicketGrant, End> {
    let mut allowance = Allowance::new(Instant::now());
    let first = timeout(AUTHENTICATE_WITHIN, next_message(stream, &mut allowance));
    match first.await.map_err(|_| End::Refused(SignalError::TicketRefused))?? {
        ClientMessage::Authenticate { version, .. } if version != PROTOCOL_VERSION => {
            Err(End::Refused(SignalError::VersionMismatch))
        }
        ClientMessage::Authenticate { ticket, .. } => {
            app.tickets.redeem(&ticket, app.clock.now()).ok_or(End::Refused(SignalError::TicketRefused))
        }
        _ => Err(End::Refused(SignalError::MalformedMessage)),
    }
}

async fn converse(
    app: &App,
    grant: TicketGrant,
    sink: &mut SplitSink<WebSocket, Message>,
    stream: &mut SplitStream<WebSocket>,
) -> End {
    // The database knows; the hub only remembers the ends of its own time.
    match app.store.is_active(grant.tenant, grant.consultation).await {
        Ok(true) => {}
        Ok(false) => return End::Refused(SignalError::ConsultationNotActive),
        Err(error) => {
            tracing::error!(consultation = %grant.consultation, %error, "cannot read its state");
            return End::Refused(SignalError::MediaFailed);
        }
    }
    let (tenant, session) = (grant.tenant, grant.session);
    let opened = match app.hub.open(grant).await {
        Ok(opened) => opened,
        Err(code) => return End::Refused(code),
    };
    let seat = opened.seat;
    // From here on a revocation finds the socket; one that came before is found in the database.
    if !matches!(app.store.is_signed_in(tenant, session).await, Ok(true)) {
        app.hub.revoke(Revocation::Session(session)).await;
    }
    let end = match welcome(app, &opened).await {
        Ok(welcome) => {
            let Opened { queue, overflow, .. } = opened;
            tokio::select! {
                end = write(sink, welcome, queue) => end,
                end = read(app, seat, stream) => end,
                () = overflow.cancelled() => End::TooSlow,
            }
        }
        Err(end) => end,
    };
    app.hub.closed(seat).await;
    end
}

/// Everything that a client that knows nothing needs. The hub already queues what happens meanwhile.
async fn welcome(app: &App, opened: &Opened) -> Result<Message, End> {
    let seat = opened.seat;
    let captions = app
        .store
        .recent_captions(
            &seat.access,
            seat.tenant,
            seat.consultation,
            seat.participant,
            RECENT_CAPTIONS,
            app.clock.now(),
        )
        .await
        .map_err(|error| {
            tracing::error!(consultation = %seat.consultation, %error, "cannot read the captions so far");
            End::Refused(SignalError::MediaFailed)
        })?;
    let elapsed = app.clock.now().since(seat.started_at).as_millis();
    Ok(text_of(&ServerMessage::Welcome {
        version: PROTOCOL_VERSION,
        you: seat.participant.to_string(),
        consultation: seat.consultation,
        elapsed_ms: i64::try_from(elapsed).unwrap_or(i64::MAX),
        participants: opened.participants.clone(),
        caption_service: app.media.captions().into(),
        captions: captions.iter().map(|kept| kept_view(&kept.caption)).collect(),
        session_open: opened.session_open,
    }))
}

async fn write(
    sink: &mut SplitSink<WebSocket, Message>,
    welcome: Message,
    mut queue: mpsc::Receiver<Outgoing>,
) -> End {
    let mut next = welcome;
    let mut ping = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    loop {
        if !matches!(timeout(WRITE_WITHIN, sink.send(next)).await, Ok(Ok(()))) {
            return End::Gone;
        }
        next = tokio::select! {
            outgoing = queue.recv() => match outgoing {
                Some(Outgoing::Text(text)) => Message::Text(text),
                Some(Outgoing::Close(why)) => return End::Closed(why),
                None => return End::Gone,
            },
            _ = ping.tick() => Message::Ping(Bytes::new()),
        };
    }
}

async fn read(app: &App, seat: Seat, stream: &mut SplitStream<WebSocket>) -> End {
    let mut allowance = Allowance::new(Instant::now());
    loop {
        let message = match next_message(stream, &mut allowance).await {
            Ok(message) => message,
            Err(end) => return end,
        };
        app.metrics.signalling_messages_total.inc();
        if let Err(code) = app.hub.handle(seat, message).await {
            return End::Refused(code);
        }
    }
}

/// The next thing the browser says; pings and pongs in between only show that it is alive.
async fn next_message(
    stream: &mut SplitStream<WebSocket>,
    allowance: &mut Allowance,
) -> Result<ClientMessage, End> {
    loop {
        let frame = match timeout(SILENCE, stream.next()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Err(broken(error)),
            Ok(None) | Err(_) => return Err(End::Gone),
        };
        if !allowance.take(Instant::now()) {
            return Err(End::Refused(SignalError::TooManyMessages));
        }
        match frame {
            Message::Text(text) => {
                return serde_json::from_str(&text).map_err(|_| End::Refused(SignalError::MalformedMessage));
            }
            Message::Binary(_) => return Err(End::Refused(SignalError::MalformedMessage)),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => return Err(End::Gone),
        }
    }
}

/// Tells a frame that breaks the rules from a connection that broke.
fn broken(error: axum::Error) -> End {
    use tungstenite::Error as E;
    match error.into_inner().downcast_ref::<E>() {
        Some(E::Capacity(_) | E::Protocol(_) | E::Utf8(_)) => End::Refused(SignalError::MalformedMessage),
        _ => End::Gone,
    }
}

/// A token bucket over messages.
struct Allowance {
    left: f64,
    filled: Instant,
}

impl Allowance {
    const fn new(now: Instant) -> Self {
        Self { left: MESSAGES_AT_ONCE, filled: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let earned = now.duration_since(self.filled).as_secs_f64() * MESSAGES_PER_SECOND;
        self.left = (self.left + earned).min(MESSAGES_AT_ONCE);
        self.filled = now;
        let granted = self.left >= 1.0;
        if granted {
            self.left -= 1.0;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_may_open_a_socket() {
        let from = |origin: &str| HeaderMap::from_iter([(header::ORIGIN, origin.parse().unwrap())]);
        let ours = Some("https://care.example:8443");
        assert!(is_from(&from("https://care.example:8443"), ours));
        for origin in ["https://evil.example", "http://care.example:8443", "https://care.example", "null", ""]
        {
            assert!(!is_from(&from(origin), ours), "{origin}");
        }
        assert!(!is_from(&HeaderMap::new(), ours));
        assert!(!is_from(&HeaderMap::new(), None));
    }

    #[test]
    fn forty_messages_at_once_and_twenty_a_second() {
        let begin = Instant::now();
        let mut allowance = Allowance::new(begin);
        assert_eq!((0..50).filter(|_| allowance.take(begin)).count(), 40);
        let later = begin + Duration::from_millis(500);
        assert_eq!((0..50).filter(|_| allowance.take(later)).count(), 10);
        let much_later = begin + Duration::from_hours(1);
        assert_eq!((0..50).filter(|_| allowance.take(much_later)).count(), 40);
    }
}
