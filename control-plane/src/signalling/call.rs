//! One consultation that is on: who takes part and what must happen next. Pure: the hub feeds it events and the time,
//! and carries out the effects.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use media_server::{ParticipantId, QualityLevel, Source, TrackId};

use super::protocol::{
    CaptionView, LeaveReason, ParticipantView, Presence, Quality, ServerMessage, SignalError, TrackSource,
    TrackView,
};
use super::switchboard::error_message;
use super::tickets::TicketGrant;
use crate::domain::session::Revocation;
use crate::domain::time::Timestamp;
use crate::ids::{SessionId, TenantId};

/// How long someone who lost the socket stays the same participant.
pub(super) const GRACE: Duration = Duration::from_secs(15);
/// How long a call that nobody is in is remembered: late captions still find their consultation.
const LINGER: Duration = Duration::from_mins(1);

/// One signalling socket of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SocketId(pub(super) u64);

/// Why the server closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    Left,
    Replaced,
    Ended,
    /// The session that opened it has ended.
    SignedOut,
    ShuttingDown,
}

/// The peer connection of a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Session {
    None,
    Opening,
    Connected,
    Lost,
}

struct Participant {
    grant: TicketGrant,
    socket: Option<SocketId>,
    lost_at: Option<Timestamp>,
    session: Session,
    tracks: BTreeSet<Source>,
    muted: BTreeSet<Source>,
    captioned: bool,
    quality: Quality,
}

/// What happened.
pub(super) enum CallEvent {
    SocketOpened { grant: TicketGrant, socket: SocketId },
    SocketClosed { participant: ParticipantId, socket: SocketId },
    SessionOpened { participant: ParticipantId },
    Mute { participant: ParticipantId, source: Source, muted: bool },
    Consent { participant: ParticipantId, captions: bool },
    Leave { participant: ParticipantId },
    TrackPublished { track: TrackId },
    TrackUnpublished { track: TrackId },
    MediaConnected { participant: ParticipantId },
    MediaDisconnected { participant: ParticipantId },
    SessionEnded { participant: ParticipantId },
    ActiveSpeakers { participants: Vec<ParticipantId> },
    Quality { participant: ParticipantId, level: QualityLevel },
    Caption { caption: CaptionView },
    Silent { participant: ParticipantId, times: u32 },
    Revoked { ended: Revocation },
    Tick,
    Ended,
}

/// What must happen now, in this order.
pub(super) enum Effect {
    Tell { sockets: Vec<SocketId>, message: ServerMessage },
    Close { socket: SocketId, why: Closing },
    Work(Work),
}

/// Calls to the media node and the database; awaited after the call's lock is released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Work {
    SetMuted { track: TrackId, muted: bool },
    SetCaptioned { participant: ParticipantId, captioned: bool },
    LeaveRoom { participant: ParticipantId },
    RecordPresence { tenant: TenantId, participant: ParticipantId, present: bool },
}

/// One running consultation.
pub(super) struct Call {
    pub(super) tenant: TenantId,
    pub(super) started_at: Timestamp,
    participants: BTreeMap<ParticipantId, Participant>,
    empty_since: Option<Timestamp>,
}

impl Call {
    pub(super) fn new(grant: &TicketGrant) -> Self {
        Self {
            tenant: grant.tenant,
            started_at: grant.started_at,
            participants: BTreeMap::new(),
            empty_since: None,
        }
    }

    /// Nobody has been in it for long enough.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.empty_since.is_some_and(|since| now.since(since) >= LINGER)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.participants.is_empty()
    }

    /// In which its people came.
    pub(super) fn sessions(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.participants.values().map(|person| person.grant.session)
    }

    /// In the call, or lost and waited for.
    pub(super) fn includes(&self, participant: ParticipantId) -> bool {
        self.participants.contains_key(&participant)
    }

    pub(super) fn is_captioned(&self, participant: ParticipantId) -> bool {
        self.participants.get(&participant).is_some_and(|person| person.captioned)
    }

    pub(super) fn is_session_open(&self, participant: ParticipantId) -> bool {
        self.participants.get(&participant).is_some_and(|person| person.session != Session::None)
    }

    pub(super) fn views(&self) -> Vec<ParticipantView> {
        self.participants.iter().map(|(id, person)| person.view(*id)).collect()
    }

    /// The only way a call changes.
    pub(super) fn apply(&mut self, event: CallEvent, now: Timestamp) -> Vec<Effect> {
        let effects = match event {
            CallEvent::SocketOpened { grant, socket } => self.socket_opened(grant, socket),
            CallEvent::SocketClosed { participant, socket } => self.socket_closed(participant, socket, now),
            CallEvent::SessionOpened { participant } => self.session_opened(participant),
            CallEvent::Mute { participant, source, muted } => self.mute(participant, source, muted),
            CallEvent::Consent { participant, captions } => self.consent(participant, captions),
            CallEvent::Leave { participant } => self.remove(participant, LeaveReason::Left, Closing::Left),
            CallEvent::TrackPublished { track } => self.track_published(track),
            CallEvent::TrackUnpublished { track } => {
                self.change(track.participant, |person| person.tracks.remove(&track.source))
            }
            CallEvent::MediaConnected { participant } => self.set_session(participant, Session::Connected),
            CallEvent::MediaDisconnected { participant } => self.set_session(participant, Session::Lost),
            CallEvent::SessionEnded { participant } => self.session_ended(participant),
            CallEvent::ActiveSpeakers { participants } => {
                let ids = participants.iter().map(ToString::to_string).collect();
                vec![self.tell_all(ServerMessage::ActiveSpeakers { ids })]
            }
            CallEvent::Quality { participant, level } => self.change(participant, |person| {
                std::mem::replace(&mut person.quality, level.into()) != Quality::from(level)
            }),
            CallEvent::Caption { caption } => vec![self.tell_all(ServerMessage::Caption { caption })],
            CallEvent::Silent { participant, times } => self.silent(participant, times),
            CallEvent::Revoked { ended } => self.revoke(ended),
            CallEvent::Tick => self.expire(now),
            CallEvent::Ended => self.end(),
        };
        self.empty_since = if self.participants.is_empty() { self.empty_since.or(Some(now)) } else { None };
        effects
    }

    fn socket_opened(&mut self, grant: TicketGrant, socket: SocketId) -> Vec<Effect> {
        let mut effects = Vec::new();
        let id = grant.participant;
        if let Some(person) = self.participants.get_mut(&id) {
            if let Some(old) = person.socket.replace(socket) {
                effects.push(Effect::Tell {
                    sockets: vec![old],
                    message: error_message(None, SignalError::Replaced),
                });
                effects.push(Effect::Close { socket: old, why: Closing::Replaced });
            }
            person.lost_at = None;
            person.grant = grant;
        } else {
            self.participants.insert(id, Participant::new(grant, socket));
            effects.push(self.record_presence(id, true));
        }
        effects.extend(self.announce(id, Some(socket)));
        effects
    }

    /// Ignored unless it is the participant's current socket: a replaced one takes nothing with it.
    fn socket_closed(&mut self, id: ParticipantId, socket: SocketId, now: Timestamp) -> Vec<Effect> {
        self.change(id, |person| {
            let current = person.socket == Some(socket);
            if current {
                person.socket = None;
                person.lost_at = Some(now);
            }
            current
        })
    }

    /// A new peer connection starts closed and unmuted: what holds for the participant is applied to it again.
    fn session_opened(&mut self, id: ParticipantId) -> Vec<Effect> {
        let Some(person) = self.participants.get_mut(&id) else {
            return vec![Effect::Work(Work::LeaveRoom { participant: id })];
        };
        person.session = Session::Opening;
        let mut effects: Vec<_> = person.muted.iter().map(|source| set_muted(id, *source, true)).collect();
        effects.push(Effect::Work(Work::SetCaptioned { participant: id, captioned: person.captioned }));
        effects.extend(self.announce(id, None));
        effects
    }

    fn session_ended(&mut self, id: ParticipantId) -> Vec<Effect> {
        let mut effects = self.change(id, |person| {
            person.tracks.clear();
            person.session = Session::None;
            true
        });
        if let Some(socket) = self.participants.get(&id).and_then(|person| person.socket) {
            effects.push(Effect::Tell {
                sockets: vec![socket],
                message: error_message(None, SignalError::MediaFailed),
            });
        }
        effects
    }

    /// Only the browser itself can do something about it.
    fn silent(&self, id: ParticipantId, times: u32) -> Vec<Effect> {
        let socket = self.participants.get(&id).and_then(|person| person.socket);
        let message = ServerMessage::Silent { source: TrackSource::Microphone, times };
        socket.map(|socket| Effect::Tell { sockets: vec![socket], message }).into_iter().collect()
    }

    fn set_session(&mut self, id: ParticipantId, session: Session) -> Vec<Effect> {
        self.change(id, |person| std::mem::replace(&mut person.session, session) != session)
    }

    fn track_published(&mut self, track: TrackId) -> Vec<Effect> {
        let id = track.participant;
        let mut effects = self.change(id, |person| person.tracks.insert(track.source));
        if self.participants.get(&id).is_some_and(|person| person.muted.contains(&track.source)) {
            effects.push(set_muted(id, track.source, true));
        }
        effects
    }

    fn mute(&mut self, id: ParticipantId, source: Source, muted: bool) -> Vec<Effect> {
        let mut effects =
            self.change(
                id,
                |person| {
                    if muted { person.muted.insert(source) } else { person.muted.remove(&source) }
                },
            );
        if !effects.is_empty() {
            effects.push(set_muted(id, source, muted));
        }
        effects
    }

    fn consent(&mut self, id: ParticipantId, captions: bool) -> Vec<Effect> {
        let mut effects =
            self.change(id, |person| std::mem::replace(&mut person.captioned, captions) != captions);
        if !effects.is_empty() {
            effects.push(Effect::Work(Work::SetCaptioned { participant: id, captioned: captions }));
        }
        effects
    }

    fn remove(&mut self, id: ParticipantId, reason: LeaveReason, why: Closing) -> Vec<Effect> {
        let Some(person) = self.participants.remove(&id) else { return Vec::new() };
        let mut effects = vec![self.tell_all(ServerMessage::Left { id: id.to_string(), reason })];
        if let Some(socket) = person.socket {
            effects.push(Effect::Close { socket, why });
        }
        effects.push(Effect::Work(Work::LeaveRoom { participant: id }));
        effects.push(self.record_presence(id, false));
        effects
    }

    fn expire(&mut self, now: Timestamp) -> Vec<Effect> {
        let gone: Vec<_> = self
            .participants
            .iter()
            .filter(|(_, person)| person.lost_at.is_some_and(|at| now.since(at) >= GRACE))
            .map(|(id, _)| *id)
            .collect();
        gone.into_iter().flat_map(|id| self.remove(id, LeaveReason::ConnectionLost, Closing::Left)).collect()
    }

    fn revoke(&mut self, ended: Revocation) -> Vec<Effect> {
        let out: Vec<_> = self
            .participants
            .iter()
            .filter(|(_, person)| ended.covers(person.grant.session, person.grant.user))
            .map(|(id, _)| *id)
            .collect();
        out.into_iter().flat_map(|id| self.remove(id, LeaveReason::Left, Closing::SignedOut)).collect()
    }

    fn end(&mut self) -> Vec<Effect> {
        let mut effects = vec![self.tell_all(ServerMessage::Ended)];
        for (id, person) in std::mem::take(&mut self.participants) {
            effects.extend(person.socket.map(|socket| Effect::Close { socket, why: Closing::Ended }));
            effects.push(self.record_presence(id, false));
        }
        effects
    }

    /// Announces the participant when `edit` says that something changed.
    fn change(&mut self, id: ParticipantId, edit: impl FnOnce(&mut Participant) -> bool) -> Vec<Effect> {
        match self.participants.get_mut(&id).map(edit) {
            Some(true) => self.announce(id, None).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn announce(&self, id: ParticipantId, except: Option<SocketId>) -> Option<Effect> {
        let participant = self.participants.get(&id)?.view(id);
        let sockets = self.sockets().filter(|socket| Some(*socket) != except).collect();
        Some(Effect::Tell { sockets, message: ServerMessage::Participant { participant } })
    }

    fn record_presence(&self, participant: ParticipantId, present: bool) -> Effect {
        Effect::Work(Work::RecordPresence { tenant: self.tenant, participant, present })
    }

    fn tell_all(&self, message: ServerMessage) -> Effect {
        Effect::Tell { sockets: self.sockets().collect(), message }
    }

    fn sockets(&self) -> impl Iterator<Item = SocketId> + '_ {
        self.participants.values().filter_map(|person| person.socket)
    }
}

impl Participant {
    fn new(grant: TicketGrant, socket: SocketId) -> Self {
        Self {
            grant,
            socket: Some(socket),
            lost_at: None,
            session: Session::None,
            tracks: BTreeSet::new(),
            muted: BTreeSet::new(),
            captioned: false,
            quality: Quality::Good,
        }
    }

    fn view(&self, id: ParticipantId) -> ParticipantView {
        let presence = match (self.socket, self.session) {
            (None, _) | (_, Session::Lost) => Presence::Reconnecting,
            (Some(_), Session::None | Session::Opening) => Presence::Joined,
            (Some(_), Session::Connected) => Presence::Connected,
        };
        let track =
            |source: &Source| TrackView { source: (*source).into(), muted: self.muted.contains(source) };
        ParticipantView {
            id: id.to_string(),
            name: self.grant.name.clone(),
            kind: self.grant.kind,
            label: self.grant.label.clone(),
            presence,
            tracks: self.tracks.iter().map(track).collect(),
            captioned: self.captioned,
            quality: self.quality,
        }
    }
}

fn set_muted(participant: ParticipantId, source: Source, muted: bool) -> Effect {
    Effect::Work(Work::SetMuted { track: TrackId { participant, source }, muted })
}

#[cfg(test)]
mod tests;
