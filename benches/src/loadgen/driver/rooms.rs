//! Rooms: how they open, when they count, how they close.

use std::time::{Duration, Instant};

use anyhow::Result;
use str0m::media::MediaKind;

use super::{GRACE, Note, OPENING, Run};
use crate::loadgen::outcome::Outcome;
use crate::loadgen::participant::{Lines, Participant, Who};
use crate::loadgen::peer::Peer;
use crate::loadgen::scenario::Arrivals;
use crate::loadgen::stamp::Stream;
use crate::loadgen::system::{Ask, Join, Line};

pub(super) struct Room {
    pub(super) members: Vec<usize>,
    opened: Instant,
    /// Everyone receives everything.
    pub(super) ready: bool,
    counting: bool,
    /// Nothing is sent any more; the room goes at this time.
    pub(super) closing: Option<Instant>,
}

impl Run {
    /// A new connection at an address of its own.
    pub(super) fn peer(&mut self, now: Instant, index: usize, second: bool) -> Result<Peer> {
        let address = self.port.address(self.next_address);
        self.next_address = (self.next_address + 1) % 60_000;
        self.by_address.insert(address.ip(), (index, second));
        Peer::new(now, address, self.driver.certificate.clone(), self.driver.profile.is_some())
    }

    pub(super) fn open_due_rooms(&mut self, now: Instant) -> Result<()> {
        let threads = u32::from(self.driver.threads);
        while now >= self.next_opening && self.ending.is_none() {
            match self.driver.scenario.arrivals {
                Arrivals::Standing { rooms } => {
                    if (self.next_room - self.driver.first_room) as usize >= rooms {
                        return Ok(());
                    }
                    self.next_opening += OPENING;
                }
                Arrivals::Turnover { rooms_per_second, .. } => {
                    self.next_opening +=
                        Duration::from_secs_f64(f64::from(threads) / rooms_per_second.max(0.001));
                }
            }
            let room = self.next_room;
            self.next_room += threads;
            self.open_room(now, room)?;
        }
        Ok(())
    }

    fn open_room(&mut self, now: Instant, id: u32) -> Result<()> {
        let members = (0..self.driver.scenario.size)
            .map(|seat| self.join(now, Who { room: id, seat }))
            .collect::<Result<_>>()?;
        let room = Room { members, opened: now, ready: false, counting: false, closing: None };
        self.rooms.insert(id, room);
        Ok(())
    }

    fn join(&mut self, now: Instant, who: Who) -> Result<usize> {
        let index = self.participants.iter().position(Option::is_none).unwrap_or_else(|| {
            self.participants.push(None);
            self.participants.len() - 1
        });
        let seed = self.random;
        let mut participant = Participant::new(now, who, self.driver.scenario, self.driver.profile, seed);
        let tracks = if self.driver.second_connection { Vec::new() } else { participant.tracks() };
        let mut send = Vec::new();
        if participant.publishes() {
            send.push(MediaKind::Audio);
            send.extend(self.driver.scenario.video.then_some(MediaKind::Video));
        }
        let mut join = Join { who, offer: None, publish: Vec::new(), subscribe: Vec::new() };
        if !send.is_empty() || !tracks.is_empty() {
            let mut peer = self.peer(now, index, false)?;
            let receive: Vec<MediaKind> = tracks.iter().map(|(_, kind)| *kind).collect();
            let layers = usize::from(self.driver.scenario.layers);
            let (offer, sending, receiving) = peer.offer(&send, layers, &receive)?;
            let line = |mid: &str0m::media::Mid, seat, kind| Line { mid: mid.to_string(), seat, kind };
            join.offer = Some(offer);
            join.publish = sending.iter().zip(&send).map(|(mid, kind)| line(mid, who.seat, *kind)).collect();
            join.subscribe =
                receiving.iter().zip(&tracks).map(|(mid, (seat, kind))| line(mid, *seat, *kind)).collect();
            participant.lines =
                sending.first().map(|audio| Lines { audio: *audio, video: sending.get(1).copied() });
            participant.main = Some(peer);
        }
        self.participants[index] = Some(participant);
        self.by_who.insert(who, index);
        self.schedule(now, index, who);
        self.ask(Ask::Join(join))?;
        Ok(index)
    }

    /// How many standing rooms are this driver's.
    pub(super) fn standing_rooms(&self) -> usize {
        let (rooms, threads) = (self.driver.scenario.rooms(), usize::from(self.driver.threads));
        (rooms + threads - 1 - usize::from(self.driver.number) % threads) / threads
    }

    pub(super) fn look_after_rooms(&mut self, now: Instant) -> Result<()> {
        let life = match self.driver.scenario.arrivals {
            Arrivals::Turnover { life, .. } => life,
            Arrivals::Standing { .. } => Duration::MAX,
        };
        let mut gone = Vec::new();
        let (mut ready, mut closing) = (Vec::new(), Vec::new());
        for (id, room) in &mut self.rooms {
            let complete = |index: &usize| self.participants[*index].as_ref().is_some_and(|one| one.complete);
            if !room.ready && room.members.iter().all(complete) {
                room.ready = true;
                ready.push(*id);
            }
            match room.closing {
                Some(at) if now >= at => gone.push(*id),
                None if now.duration_since(room.opened) >= life => {
                    room.closing = Some(now + GRACE);
                    closing.push(*id);
                }
                _ => {}
            }
        }
        // A room that opened during the measurement counts from when everyone receives everything.
        if self.measuring {
            for id in ready {
                self.count(now, id, true);
            }
        }
        for id in closing {
            self.count(now, id, false);
        }
        gone.into_iter().try_for_each(|id| self.close(id))
    }

    /// Begins or ends the accounts of a room.
    fn count(&mut self, now: Instant, id: u32, begin: bool) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if !begin && !room.counting {
            return;
        }
        room.counting = begin || room.counting;
        let sent: Vec<[u64; Stream::COUNT]> = room
            .members
            .iter()
            .map(|index| self.participants[*index].as_ref().map_or([0; Stream::COUNT], |one| one.sent))
            .collect();
        for index in &room.members {
            if let Some(participant) = &mut self.participants[*index] {
                if begin { participant.begin(now, &sent) } else { participant.end(now, &sent) }
            }
        }
    }

    fn close(&mut self, id: u32) -> Result<()> {
        let Some(room) = self.rooms.remove(&id) else { return Ok(()) };
        let steps_from = self.began.filter(|_| self.driver.profile.is_some_and(|one| one.rates.is_some()));
        for index in room.members {
            let Some(participant) = self.participants[index].take() else { continue };
            if room.counting {
                self.outcome.tally += participant.tally();
                participant.rate(&mut self.outcome.quality, steps_from);
            }
            self.outcome.misrouted += participant.misrouted;
            self.outcome.not_joined += u64::from(!participant.complete);
            for peer in [&participant.main, &participant.second].into_iter().flatten() {
                self.by_address.remove(&peer.address.ip());
            }
            self.by_who.remove(&participant.who);
            self.ask(Ask::Leave(participant.who))?;
        }
        self.ask(Ask::Close(id))
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.measuring = true;
        self.began = Some(now);
        self.outcome = Outcome::default();
        let ready: Vec<u32> = self
            .rooms
            .iter()
            .filter(|(_, room)| room.ready && room.closing.is_none())
            .map(|(id, _)| *id)
            .collect();
        for id in ready {
            self.count(now, id, true);
        }
    }

    pub(super) fn end(&mut self, now: Instant) {
        self.measuring = false;
        let open: Vec<u32> =
            self.rooms.iter().filter(|(_, room)| room.closing.is_none()).map(|(id, _)| *id).collect();
        for id in open {
            self.count(now, id, false);
        }
    }

    pub(super) fn report(&mut self) -> Result<()> {
        let rooms: Vec<u32> = self.rooms.keys().copied().collect();
        rooms.into_iter().try_for_each(|id| self.close(id))?;
        self.outcome.send_failures = self.port.send_failures;
        let outcome = Box::new(std::mem::take(&mut self.outcome));
        self.note(Note::Outcome(self.driver.number, outcome))
    }
}
