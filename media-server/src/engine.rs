//! The sans-I/O core of a worker: sessions, rooms and demux. Time and datagrams in, datagrams and events out.
//!
//! After any number of `handle_*` calls the caller calls [`Engine::flush`] until it says false and takes every
//! [`Engine::poll_departure`] each time, so that the first viewer need not wait for the last; then it takes every
//! [`Engine::poll_event`] and sleeps until [`Engine::deadline`].

mod hearing;
mod layers;
mod membership;
mod routing;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::Input;
use str0m::net::{Protocol, Receive};

use crate::command::MediaCommand;
use crate::demux::{Demux, Remote, Route, Slot};
use crate::egress::Departure;
use crate::ids::IdMap;
use crate::metrics::Counters;
use crate::room::Room;
use crate::room::layers::Layer;
use crate::session::{
    Connection, HOUSEKEEPING, Identity, Picture, Refused, Session, SessionConfig, SessionEvent,
};
use crate::timers::Timers;
use crate::transcription::Tap;
use crate::{MediaEvent, RoomId, SessionEnd};

/// Keyframe retries, active speakers and lost sessions are looked at this often: together with every second housekeeping of the
/// sessions, so that nobody wakes for them.
const TICK: Duration = HOUSEKEEPING.saturating_mul(2);
/// A browser that never gets through is given up after this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// What an engine needs to know about its node.
#[derive(Clone)]
pub struct EngineConfig {
    /// Number of the worker, part of every ufrag.
    pub worker: u8,
    pub ice_lite: bool,
    /// Own addresses with the worker's port.
    pub local: Vec<SocketAddr>,
    /// Addresses that lead here through NAT, with the worker's port.
    pub public: Vec<SocketAddr>,
    pub max_participants_per_room: usize,
    pub max_participants: usize,
    /// A session without connectivity for this long is ended.
    pub disconnect_timeout: Duration,
    /// Two participants should have been sent each other's sound by then.
    pub hearing_within: Duration,
    /// A microphone that is on and sends nothing for this long is reported.
    pub silent_after: Duration,
}

/// Fills a buffer with unpredictable bytes: credentials, first sequence numbers.
pub type Random = Box<dyn FnMut(&mut [u8; 28]) + Send>;

/// Sessions and rooms of one worker thread.
pub struct Engine {
    config: EngineConfig,
    session_config: Arc<SessionConfig>,
    sessions: Vec<Option<Session>>,
    rooms: IdMap<RoomId, Room>,
    demux: Demux,
    timers: Timers,
    /// Empty; kept so that it need not be allocated each time.
    due: Vec<Slot>,
    next_tick: Instant,
    /// Until one looks at everybody's layers.
    ticks_left: u8,
    /// Rooms where a layer has begun since the last tick.
    begun: Vec<RoomId>,
    /// Empty between two choices; kept so that it need not be allocated each time.
    pictures: Vec<Picture>,
    /// When sound was looked at last.
    listened: Instant,
    next_epoch: u32,
    /// Sessions that packets were written to since the last flush.
    written: VecDeque<Slot>,
    /// Sessions that have datagrams to send.
    sending: VecDeque<Slot>,
    /// When forwarded packets came that are among what is to be sent.
    departed: Vec<Duration>,
    /// What driven sessions reported and nobody has handled yet.
    pending: VecDeque<(Slot, SessionEvent)>,
    /// Sessions that panicked while they were written to.
    failed: Vec<Slot>,
    events: VecDeque<MediaEvent>,
    /// Somebody waits for one of them: a track that is there, a session that is lost or has ended.
    urgent: bool,
    tap: Option<Tap>,
    random: Random,
    counters: Counters,
}

impl Engine {
    pub fn new(config: EngineConfig, tap: Option<Tap>, random: Random, now: Instant) -> Self {
        let session_config = Arc::new(SessionConfig {
            started: now,
            identity: Identity::generate(),
            ice_lite: config.ice_lite,
            local: config.local.clone(),
            public: config.public.clone(),
        });
        Self {
            demux: Demux::new(config.worker),
            config,
            session_config,
            sessions: Vec::new(),
            rooms: IdMap::default(),
            timers: Timers::default(),
            due: Vec::new(),
            next_tick: now + TICK,
            ticks_left: 0,
            begun: Vec::new(),
            pictures: Vec::new(),
            listened: now,
            next_epoch: 0,
            written: VecDeque::new(),
            sending: VecDeque::new(),
            departed: Vec::new(),
            pending: VecDeque::new(),
            failed: Vec::new(),
            events: VecDeque::new(),
            urgent: false,
            tap,
            random,
            counters: Counters::default(),
        }
    }

    /// One datagram, or one frame of an ICE-TCP connection. `destination` must be one of our local addresses. `stamp`: when
    /// the kernel took it, since the Unix epoch, if it said so.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        stamp: Option<Duration>,
        proto: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
    ) {
        self.counters.datagrams_received += 1;
        let remote = (proto, source);
        let (slot, proven) = match self.demux.route(remote, datagram) {
            Route::Pinned(slot) => (slot, true),
            Route::Checked(slot) => (slot, false),
            Route::Claimed { slot, ufrag }
                if self.session(slot).is_some_and(|s| s.credentials.ufrag == ufrag) =>
            {
                (slot, false)
            }
            Route::Claimed { .. } | Route::Drop => {
                self.counters.dropped_unknown_source += 1;
                return;
            }
        };
        if proven && let Some(Err(refused)) = self.session_mut(slot).map(|s| s.admits(now, datagram)) {
            *match refused {
                Refused::OverRate => &mut self.counters.dropped_over_rate,
                Refused::Unproven => &mut self.counters.dropped_unproven,
                Refused::Malformed => &mut self.counters.dropped_malformed,
            } += 1;
            return;
        }
        let Ok(contents) = datagram.try_into() else {
            self.counters.dropped_malformed += 1;
            return;
        };
        let receive = Receive { proto, source, destination, contents };
        let input = Input::Receive(now, receive);
        if !proven && !self.prove(remote, slot, &input) {
            self.counters.dropped_unproven += 1;
            return;
        }
        let Input::Receive(_, receive) = input else { return };
        self.drive(slot, |session| session.receive(now, stamp, datagram, receive));
        self.settle(now);
    }

    /// Pins the address if the session accepts the message: its integrity check needs our password.
    fn prove(&mut self, remote: Remote, slot: Slot, input: &Input<'_>) -> bool {
        let Some(session) = self.session(slot) else { return false };
        let proven = catch_unwind(AssertUnwindSafe(|| session.accepts(input))).unwrap_or(false);
        proven && self.demux.pin(remote, slot)
    }

    /// Every due session and, every tick, the rooms.
    pub fn handle_timeout(&mut self, now: Instant) {
        // Each once: a session that has still something due must not hold up the others.
        let mut due = std::mem::take(&mut self.due);
        due.extend(std::iter::from_fn(|| self.timers.pop_due(now)));
        for slot in due.drain(..) {
            match self.session(slot).map(Session::deadline) {
                Some(deadline) if deadline <= now => self.drive(slot, |session| session.timeout(now)),
                Some(deadline) => self.timers.schedule(deadline, slot),
                None => {}
            }
        }
        self.due = due;
        if now >= self.next_tick {
            self.next_tick = self.session_config.next_multiple(now + HOUSEKEEPING, TICK);
            self.choose_all_layers(now);
            self.tick_rooms(now);
            self.end_lost_sessions(now);
            self.check_hearing(now);
            self.urgent = true;
        }
        self.settle(now);
    }

    /// Lets the packets of one session go that were written since its last flush; false when none is left.
    pub fn flush(&mut self) -> bool {
        while let Some(slot) = self.written.pop_front() {
            if self.session(slot).is_some_and(Session::is_written_to) {
                self.drive(slot, Session::flush);
                return true;
            }
        }
        false
    }

    /// What leaves next. Datagrams of one session come in a row; those of one that was written to wait for its flush, so that
    /// all leave together.
    pub fn poll_departure(&mut self) -> Option<Departure<'_>> {
        while let Some(slot) = self.sending.front().copied()
            && self.session(slot).is_none_or(|session| session.is_written_to() || session.outbox.is_empty())
        {
            self.sending.pop_front();
        }
        let slot = self.sending.front().copied()?;
        let departure = self.sessions.get_mut(usize::from(slot))?.as_mut()?.outbox.next()?;
        if !self.config.ice_lite {
            self.demux.expect_check((departure.route.proto, departure.route.destination), slot);
        }
        self.counters.datagrams_sent += departure.datagrams().len() as u64;
        Some(departure)
    }

    /// When the packets came that [`Engine::poll_departure`] has given since this was asked last.
    pub fn take_departed(&mut self) -> impl Iterator<Item = Duration> {
        self.departed.drain(..)
    }

    /// In the order in which they happened. What nobody waits for is told on the next tick, or before something that somebody
    /// does wait for, since whoever takes events has to be woken.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        let event = self.events.pop_front_if(|_| self.urgent);
        self.urgent &= event.is_some();
        event
    }

    fn tell(&mut self, event: MediaEvent) {
        self.urgent |= matches!(event, MediaEvent::Disconnected { .. } | MediaEvent::SessionEnded { .. });
        self.events.push_back(event);
    }

    /// Running totals and present sizes.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            sessions: self.sessions.iter().flatten().count() as u64,
            rooms: self.rooms.len() as u64,
            ..self.counters
        }
    }

    /// When `handle_timeout` is due next.
    #[must_use]
    pub fn deadline(&mut self) -> Instant {
        let sessions = &self.sessions;
        let of = |slot| sessions.get(usize::from(slot))?.as_ref().map(Session::deadline);
        self.timers.next(of).map_or(self.next_tick, |at| at.min(self.next_tick))
    }

    pub fn handle_command(&mut self, now: Instant, command: MediaCommand) {
        // Whoever comes again or goes must not be told afterwards that the session before is connected.
        let about_sessions = matches!(command, MediaCommand::Connect { .. } | MediaCommand::Leave { .. });
        self.urgent |=
            about_sessions && self.events.iter().any(|event| matches!(event, MediaEvent::Connected { .. }));
        match command {
            MediaCommand::Connect { grant, negotiation, reply } => {
                // The caller may have gone; the session then times out like any other that never connects.
                drop(reply.send(self.connect(now, grant, &negotiation)));
            }
            MediaCommand::Renegotiate { room, participant, negotiation, reply } => {
                drop(reply.send(self.renegotiate(now, room, participant, &negotiation)));
            }
            MediaCommand::Negotiated { room, participant, request } => {
                self.negotiated(now, room, participant, request);
            }
            MediaCommand::SetMuted { room, track, muted } => self.set_muted(now, room, track, muted),
            MediaCommand::SetTiles { room, participant, tiles } => {
                self.set_tiles(now, room, participant, &tiles);
            }
            MediaCommand::SetCaptioned { room, participant, captioned } => {
                if captioned || self.rooms.contains_key(&room) {
                    self.room(now, room).member(participant).captioned = captioned;
                }
            }
            MediaCommand::Leave { room, participant } => self.leave(room, participant),
            MediaCommand::CloseRoom { room } => self.close_room(room),
        }
        self.settle(now);
    }

    fn room(&mut self, now: Instant, id: RoomId) -> &mut Room {
        self.rooms.entry(id).or_insert_with(|| Room::new(now))
    }

    fn session(&self, slot: Slot) -> Option<&Session> {
        self.sessions.get(usize::from(slot))?.as_ref()
    }

    fn session_mut(&mut self, slot: Slot) -> Option<&mut Session> {
        self.sessions.get_mut(usize::from(slot))?.as_mut()
    }

    /// Runs one session inside its panic boundary; `settle` then handles what it reported. A panic costs this
    /// session only.
    fn drive(&mut self, slot: Slot, action: impl FnOnce(&mut Session)) {
        let Some(session) = self.sessions.get_mut(usize::from(slot)).and_then(Option::as_mut) else { return };
        if catch_unwind(AssertUnwindSafe(|| action(session))).is_err() {
            self.failed.push(slot);
            return;
        }
        session.take_departed(&mut self.departed);
        self.timers.schedule(session.deadline(), slot);
        while let Some(event) = session.next_event() {
            self.pending.push_back((slot, event));
        }
        self.sending.push_back(slot);
    }

    /// Handles everything that driven sessions reported, and what that causes.
    fn settle(&mut self, now: Instant) {
        loop {
            if let Some((slot, event)) = self.pending.pop_front() {
                self.handle_session_event(now, slot, event);
            } else if let Some(slot) = self.failed.pop() {
                self.counters.session_panics += 1;
                self.end_session(slot, SessionEnd::Failed);
            } else {
                return;
            }
        }
    }

    fn tick_rooms(&mut self, now: Instant) {
        let mut due = Vec::new();
        for (id, room) in &mut self.rooms {
            for (track, state) in &room.tracks {
                let waiting =
                    Layer::ALL.into_iter().filter(|layer| state.layers.get(*layer).keyframes.is_due(now));
                due.extend(waiting.map(|layer| (*id, *track, layer)));
            }
            if let Some(participants) = room.speakers.poll(now) {
                self.events.push_back(MediaEvent::ActiveSpeakers { room: *id, participants });
            }
        }
        for (room, track, layer) in due {
            self.request_keyframe_if_due(now, room, track, layer);
        }
    }

    fn end_lost_sessions(&mut self, now: Instant) {
        let timeout = self.config.disconnect_timeout;
        let ended = |session: &Session| match session.connection {
            _ if !session.is_alive() => Some((session.slot, SessionEnd::Closed)),
            Connection::New { since } if now.duration_since(since) > CONNECT_TIMEOUT => {
                Some((session.slot, SessionEnd::Timeout))
            }
            Connection::Lost { since } if now.duration_since(since) > timeout => {
                Some((session.slot, SessionEnd::Timeout))
            }
            _ => None,
        };
        let ended: Vec<_> = self.sessions.iter().flatten().filter_map(ended).collect();
        for (slot, why) in ended {
            self.end_session(slot, why);
        }
    }
}
