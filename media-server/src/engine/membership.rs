//! Joining, renegotiating, leaving: what changes who is in a room and who receives what.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::Engine;
use crate::demux::Slot;
use crate::grant::Grant;
use crate::session::Session;
use crate::{Answer, MediaError, MediaEvent, Negotiation, ParticipantId, RoomId, SessionEnd, TrackId};

impl Engine {
    /// A new session for the grant's participant; an earlier one is replaced in place once the offer is accepted.
    pub(super) fn connect(
        &mut self,
        now: Instant,
        grant: Grant,
        negotiation: &Negotiation,
    ) -> Result<Answer, MediaError> {
        let (room_id, participant) = (grant.room, grant.participant);
        self.check_limits(room_id, participant)?;
        let slot = self.free_slot()?;
        let mut bytes = [0; 28];
        (self.random)(&mut bytes);
        let credentials = self.demux.credentials(slot, &bytes);
        self.next_epoch = self.next_epoch.wrapping_add(1);
        let (epoch, config) = (self.next_epoch, self.session_config.clone());
        let built = catch_unwind(AssertUnwindSafe(|| {
            let mut session = Session::new(now, slot, epoch, grant, credentials, config);
            let answer = session.negotiate(now, negotiation, &self.demux, &mut self.random)?;
            Ok::<_, MediaError>((session, answer))
        }));
        let Ok(built) = built else {
            self.counters.session_panics += 1;
            return Err(MediaError::Sdp("not understood".into()));
        };
        let (session, answer) = built?;
        self.timers.schedule(session.deadline(), slot);
        if let Some(place) = self.sessions.get_mut(usize::from(slot)) {
            *place = Some(session);
        }
        let room = self.room(now, room_id);
        if let Some(old) = room.member(participant).slot.replace(slot) {
            room.unsubscribe(old);
            self.drop_session(old);
        }
        self.withdraw_unpublished(room_id, participant);
        Ok(answer)
    }

    pub(super) fn renegotiate(
        &mut self,
        now: Instant,
        room: RoomId,
        participant: ParticipantId,
        negotiation: &Negotiation,
    ) -> Result<Answer, MediaError> {
        let slot = self.slot(room, participant).ok_or(MediaError::NoSuchParticipant)?;
        let session = self
            .sessions
            .get_mut(usize::from(slot))
            .and_then(Option::as_mut)
            .ok_or(MediaError::NoSuchParticipant)?;
        let negotiated = catch_unwind(AssertUnwindSafe(|| {
            session.negotiate(now, negotiation, &self.demux, &mut self.random)
        }));
        let Ok(answer) = negotiated else {
            self.counters.session_panics += 1;
            self.end_session(slot, SessionEnd::Failed);
            return Err(MediaError::SessionFailed);
        };
        self.drive(slot, |_| ());
        self.withdraw_unpublished(room, participant);
        self.update_subscriptions(slot);
        answer
    }

    pub(super) fn negotiated(
        &mut self,
        now: Instant,
        room: RoomId,
        participant: ParticipantId,
        request: u32,
    ) {
        let Some(slot) = self.slot(room, participant) else { return };
        if let Some(session) = self.session_mut(slot) {
            session.open_forwards(request);
        }
        self.update_subscriptions(slot);
        self.choose_layers(now, slot);
    }

    pub(super) fn set_muted(&mut self, now: Instant, room: RoomId, track: TrackId, muted: bool) {
        let state = self.room(now, room);
        if !state.set_muted(track, muted) || muted {
            return;
        }
        let subscribers = state.tracks.get(&track).map(|state| state.subscribers.clone()).unwrap_or_default();
        for (slot, mid) in subscribers {
            let forwards = self.session_mut(slot).map(|session| &mut session.forwards);
            if let Some(forward) =
                forwards.and_then(|forwards| forwards.iter_mut().find(|forward| forward.mid == mid))
            {
                forward.interrupt();
            }
        }
    }

    pub(super) fn leave(&mut self, room_id: RoomId, participant: ParticipantId) {
        if let Some(slot) = self.slot(room_id, participant) {
            if let Some(session) = self.session_mut(slot) {
                session.disconnect();
            }
            self.clear(room_id, participant, slot);
        }
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.members.remove(&participant);
        room.hearing.forget(participant);
        if room.members.is_empty() {
            self.rooms.remove(&room_id);
        }
    }

    pub(super) fn close_room(&mut self, room: RoomId) {
        let members: Vec<ParticipantId> =
            self.rooms.get(&room).map(|room| room.members.keys().copied().collect()).unwrap_or_default();
        for participant in members {
            self.leave(room, participant);
        }
    }

    /// Ends a session that was not asked to; the participant may connect again.
    pub(super) fn end_session(&mut self, slot: Slot, why: SessionEnd) {
        let Some(session) = self.session(slot) else { return };
        let (room, participant) = (session.grant.room, session.grant.participant);
        self.clear(room, participant, slot);
        self.tell(MediaEvent::SessionEnded { room, participant, why });
    }

    /// Takes the session and everything that it published or received out of the room.
    fn clear(&mut self, room_id: RoomId, participant: ParticipantId, slot: Slot) {
        self.drop_session(slot);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.unsubscribe(slot);
        room.member(participant).slot = None;
        room.speakers.forget(participant);
        let withdrawn = room.unpublish(participant, |_| true);
        self.events
            .extend(withdrawn.into_iter().map(|track| MediaEvent::TrackUnpublished { room: room_id, track }));
    }

    fn drop_session(&mut self, slot: Slot) {
        self.demux.forget(slot);
        if let Some(place) = self.sessions.get_mut(usize::from(slot)) {
            *place = None;
        }
    }

    /// Tracks that the latest offer no longer lists.
    fn withdraw_unpublished(&mut self, room_id: RoomId, participant: ParticipantId) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let session = room.slot(participant).and_then(|slot| self.sessions.get(usize::from(slot))?.as_ref());
        let withdrawn =
            room.unpublish(participant, |source| !session.is_some_and(|session| session.publishes(source)));
        self.events
            .extend(withdrawn.into_iter().map(|track| MediaEvent::TrackUnpublished { room: room_id, track }));
    }

    /// Makes the room's lists equal to the session's open m-lines, as far as its grant allows.
    fn update_subscriptions(&mut self, slot: Slot) {
        let Some(session) = self.sessions.get(usize::from(slot)).and_then(Option::as_ref) else { return };
        let Some(room) = self.rooms.get_mut(&session.grant.room) else { return };
        let wanted: Vec<_> =
            if session.grant.subscribe { session.open_lines().collect() } else { Vec::new() };
        room.subscribe(slot, &wanted);
    }

    fn slot(&self, room: RoomId, participant: ParticipantId) -> Option<Slot> {
        self.rooms.get(&room)?.slot(participant)
    }

    fn check_limits(&self, room: RoomId, participant: ParticipantId) -> Result<(), MediaError> {
        let limit = self.config.max_participants_per_room;
        let room = self.rooms.get(&room);
        if room.is_some_and(|room| room.present() >= limit && room.slot(participant).is_none()) {
            return Err(MediaError::RoomFull { limit });
        }
        let limit = self.config.max_participants;
        if self.sessions.iter().flatten().count() >= limit {
            return Err(MediaError::WorkerFull { limit });
        }
        Ok(())
    }

    fn free_slot(&mut self) -> Result<Slot, MediaError> {
        let index = self.sessions.iter().position(Option::is_none).unwrap_or_else(|| {
            self.sessions.push(None);
            self.sessions.len() - 1
        });
        Slot::try_from(index).map_err(|_| MediaError::WorkerFull { limit: usize::from(Slot::MAX) })
    }
}
