//! Calls and sockets together: what the hub's lock protects. Nothing here waits: messages go into bounded queues.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use media_server::{ParticipantId, RoomId};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::call::{Call, CallEvent, Closing, Effect, SocketId, Work};
use super::protocol::{CaptionService, ParticipantView, ServerMessage, SignalError};
use super::tickets::{self, TicketGrant};
use crate::domain::clinical::Access;
use crate::domain::session::Revocation;
use crate::domain::time::Timestamp;
use crate::ids::{ConsultationId, SessionId, TenantId};

/// Messages waiting for one browser. When they are too many it is too slow: its socket is closed with 1013.
const OUTBOX: usize = 256;
/// A ticket issued before the end must not open a socket after it.
const ENDED_MEMORY: Duration = tickets::LIFETIME.saturating_mul(2);

/// What a socket writes next.
pub(super) enum Outgoing {
    Text(Utf8Bytes),
    /// The last one.
    Close(Closing),
}

/// Whom an authenticated socket speaks for.
#[derive(Clone, Copy)]
pub(super) struct Seat {
    pub(super) consultation: ConsultationId,
    pub(super) tenant: TenantId,
    pub(super) participant: ParticipantId,
    pub(super) started_at: Timestamp,
    /// To what has been said so far.
    pub(super) access: Access,
    pub(super) socket: SocketId,
}

impl Seat {
    pub(super) fn room(&self) -> RoomId {
        RoomId::from_uuid(self.consultation.uuid())
    }
}

/// The socket's end.
pub(super) struct Opened {
    pub(super) seat: Seat,
    pub(super) queue: mpsc::Receiver<Outgoing>,
    /// Cancelled when the queue was full.
    pub(super) overflow: CancellationToken,
    pub(super) participants: Vec<ParticipantView>,
    pub(super) session_open: bool,
}

/// Producer end of one socket.
struct Outbox {
    queue: mpsc::Sender<Outgoing>,
    overflow: CancellationToken,
}

#[derive(Default)]
pub(super) struct Switchboard {
    calls: HashMap<ConsultationId, Call>,
    ended: HashMap<ConsultationId, Timestamp>,
    sockets: HashMap<SocketId, Outbox>,
    last_socket: u64,
    door: Door,
}

/// Who may come in.
#[derive(Clone, Copy, Default)]
enum Door {
    #[default]
    Open,
    /// Those who are in a call and come back; calls are cut off at this time.
    Draining {
        until: Timestamp,
    },
    Closed,
}

impl Switchboard {
    /// Registers a socket: from here on it is told everything.
    pub(super) fn open(
        &mut self,
        grant: TicketGrant,
        now: Timestamp,
    ) -> Result<(Opened, Vec<Work>), SignalError> {
        if !self.lets_in(grant.consultation, grant.participant) {
            return Err(SignalError::ServerShuttingDown);
        }
        if self.is_ending(grant.consultation) {
            return Err(SignalError::ConsultationNotActive);
        }
        let (queue, receiver) = mpsc::channel(OUTBOX);
        let overflow = CancellationToken::new();
        self.last_socket += 1;
        let socket = SocketId(self.last_socket);
        self.sockets.insert(socket, Outbox { queue, overflow: overflow.clone() });
        let seat = Seat {
            consultation: grant.consultation,
            tenant: grant.tenant,
            participant: grant.participant,
            started_at: grant.started_at,
            access: grant.access,
            socket,
        };
        let call = self.calls.entry(grant.consultation).or_insert_with(|| Call::new(&grant));
        let effects = call.apply(CallEvent::SocketOpened { grant, socket }, now);
        let (participants, session_open) = (call.views(), call.is_session_open(seat.participant));
        let work = self.deliver(effects);
        if let Door::Draining { until } = self.door {
            self.send(&[socket], &draining_message(until, now));
        }
        Ok((Opened { seat, queue: receiver, overflow, participants, session_open }, work))
    }

    pub(super) fn close(&mut self, seat: Seat, now: Timestamp) -> Vec<Work> {
        self.sockets.remove(&seat.socket);
        let event = CallEvent::SocketClosed { participant: seat.participant, socket: seat.socket };
        self.apply(seat.consultation, event, now)
    }

    /// Ignored when the call is over, except that a session opened for it meanwhile must not live on.
    pub(super) fn apply(
        &mut self,
        consultation: ConsultationId,
        event: CallEvent,
        now: Timestamp,
    ) -> Vec<Work> {
        let effects = match (self.calls.get_mut(&consultation), event) {
            (Some(call), event) => call.apply(event, now),
            (None, CallEvent::SessionOpened { participant }) => return vec![Work::LeaveRoom { participant }],
            (None, _) => return Vec::new(),
        };
        self.deliver(effects)
    }

    pub(super) fn call(&self, consultation: ConsultationId) -> Option<&Call> {
        self.calls.get(&consultation)
    }

    /// Nobody may enter any more; who is in stays until the call is removed.
    pub(super) fn begin_end(&mut self, consultation: ConsultationId, now: Timestamp) {
        self.ended.insert(consultation, now);
    }

    pub(super) fn is_ending(&self, consultation: ConsultationId) -> bool {
        self.ended.contains_key(&consultation)
    }

    pub(super) fn end(&mut self, consultation: ConsultationId, now: Timestamp) -> Vec<Work> {
        let work = self.apply(consultation, CallEvent::Ended, now);
        self.calls.remove(&consultation);
        work
    }

    /// Lets grace periods run out and forgets what is over. Returns the work of each call.
    pub(super) fn tick(&mut self, now: Timestamp) -> Vec<(ConsultationId, Vec<Work>)> {
        self.ended.retain(|_, at| now.since(*at) < ENDED_MEMORY);
        self.calls.retain(|_, call| !call.is_over(now));
        let running: Vec<_> = self.calls.keys().copied().collect();
        running.into_iter().map(|id| (id, self.apply(id, CallEvent::Tick, now))).collect()
    }

    /// Whoever is in a call by what has ended leaves it, also while they are being waited for.
    pub(super) fn revoke(&mut self, ended: Revocation, now: Timestamp) -> Vec<(ConsultationId, Vec<Work>)> {
        let running: Vec<_> = self.calls.keys().copied().collect();
        running.into_iter().map(|id| (id, self.apply(id, CallEvent::Revoked { ended }, now))).collect()
    }

    pub(super) fn sessions(&self) -> Vec<(TenantId, SessionId)> {
        let of_call = |call: &Call| call.sessions().map(|session| (call.tenant, session)).collect::<Vec<_>>();
        self.calls.values().flat_map(of_call).collect()
    }

    /// Calls that somebody is in.
    pub(super) fn busy(&self) -> usize {
        self.calls.values().filter(|call| !call.is_empty()).count()
    }

    pub(super) fn tell(&mut self, socket: SocketId, message: &ServerMessage) {
        self.send(&[socket], message);
    }

    pub(super) fn tell_service(&mut self, service: CaptionService) {
        let everyone: Vec<_> = self.sockets.keys().copied().collect();
        self.send(&everyone, &ServerMessage::CaptionService { service });
    }

    /// Whether the participant may open a socket.
    pub(super) fn lets_in(&self, consultation: ConsultationId, participant: ParticipantId) -> bool {
        match self.door {
            Door::Open => true,
            Door::Draining { .. } => self.call(consultation).is_some_and(|call| call.includes(participant)),
            Door::Closed => false,
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        !matches!(self.door, Door::Open)
    }

    /// Tells everyone until when their call may go on; no other begins.
    pub(super) fn drain(&mut self, until: Timestamp, now: Timestamp) {
        self.door = Door::Draining { until };
        let everyone: Vec<_> = self.sockets.keys().copied().collect();
        self.send(&everyone, &draining_message(until, now));
    }

    /// Tells everyone goodbye; calls stay, so that their last captions still find them.
    pub(super) fn close_all(&mut self) {
        self.door = Door::Closed;
        let everyone: Vec<_> = self.sockets.keys().copied().collect();
        self.send(&everyone, &error_message(None, SignalError::ServerShuttingDown));
        for socket in everyone {
            self.push(socket, Outgoing::Close(Closing::ShuttingDown));
        }
    }

    fn deliver(&mut self, effects: Vec<Effect>) -> Vec<Work> {
        let mut work = Vec::new();
        for effect in effects {
            match effect {
                Effect::Tell { sockets, message } => self.send(&sockets, &message),
                Effect::Close { socket, why } => self.push(socket, Outgoing::Close(why)),
                Effect::Work(item) => work.push(item),
            }
        }
        work
    }

    /// Serialised once, however many sockets.
    fn send(&mut self, sockets: &[SocketId], message: &ServerMessage) {
        let text = Utf8Bytes::from(serde_json::to_string(message).expect("messages are plain data"));
        for socket in sockets {
            self.push(*socket, Outgoing::Text(text.clone()));
        }
    }

    fn push(&mut self, socket: SocketId, outgoing: Outgoing) {
        let Some(outbox) = self.sockets.get(&socket) else { return };
        if outbox.queue.try_send(outgoing).is_err() {
            outbox.overflow.cancel();
        }
    }
}

fn draining_message(until: Timestamp, now: Timestamp) -> ServerMessage {
    let left = until.since(now).as_millis();
    ServerMessage::Draining { left_ms: i64::try_from(left).unwrap_or(i64::MAX) }
}

pub(super) fn error_message(request: Option<u32>, code: SignalError) -> ServerMessage {
    ServerMessage::Error { request, code, message: code.sentence().to_owned() }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::UserId;
    use crate::signalling::protocol::ParticipantKind;

    fn grant(participant: u128) -> TicketGrant {
        TicketGrant {
            consultation: ConsultationId::from_uuid(Uuid::from_u128(1)),
            tenant: TenantId::from_uuid(Uuid::from_u128(2)),
            user: UserId::from_uuid(Uuid::from_u128(participant)),
            session: SessionId::from_uuid(Uuid::from_u128(participant)),
            participant: ParticipantId::from_uuid(Uuid::from_u128(participant)),
            name: "Somebody".into(),
            kind: ParticipantKind::Guest,
            label: String::new(),
            started_at: Timestamp::from_millis(0),
            access: Access::of_patient(UserId::from_uuid(Uuid::from_u128(1))),
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_browser_that_does_not_read_is_given_up_and_the_others_go_on() {
        let mut board = Switchboard::default();
        let (slow, _) = board.open(grant(1), at(0)).unwrap_or_else(|_| panic!("opens"));
        let (mut quick, _) = board.open(grant(2), at(0)).unwrap_or_else(|_| panic!("opens"));
        for _ in 0..2 * OUTBOX {
            board.apply(quick.seat.consultation, CallEvent::ActiveSpeakers { participants: vec![] }, at(0));
            assert!(quick.queue.try_recv().is_ok(), "told at once");
        }
        assert!(slow.overflow.is_cancelled());
        assert!(!quick.overflow.is_cancelled());
    }

    #[test]
    fn nobody_enters_an_ended_call_as_long_as_a_ticket_could_live() {
        let mut board = Switchboard::default();
        let consultation = grant(1).consultation;
        board.begin_end(consultation, at(0));
        board.end(consultation, at(0));
        board.tick(at(59_999));
        assert_eq!(board.open(grant(1), at(59_999)).err(), Some(SignalError::ConsultationNotActive));
        board.tick(at(60_000));
        assert!(board.open(grant(1), at(60_000)).is_ok(), "forgotten: memory is bounded");
    }

    #[test]
    fn a_session_that_opens_after_the_end_is_closed() {
        let mut board = Switchboard::default();
        let participant = grant(1).participant;
        let work = board.apply(grant(1).consultation, CallEvent::SessionOpened { participant }, at(0));
        assert_eq!(work, [Work::LeaveRoom { participant }]);
    }
}
