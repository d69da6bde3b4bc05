//! The loop of one generator thread: its clients' timers, media and datagrams.
#![expect(clippy::disallowed_methods, reason = "a program that measures reads the clock")]
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::net::IpAddr;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use str0m::config::DtlsCert;
use str0m::media::MediaKind;
use tokio::sync::mpsc::Sender;

use super::media::{AUDIO_INTERVAL, VIDEO_INTERVAL};
use super::outcome::Outcome;
use super::participant::{Lines, Participant, Who};
use super::peer::Peer;
use super::port::Port;
use super::scenario::{Arrivals, Scenario};
use super::stamp::Stream;
use super::system::{Ask, Join, Line, Tell};

/// Protocol timers of the clients are looked at this often; media leaves when it is due.
const TICK: Duration = Duration::from_millis(5);
/// Longest sleep: the inbox is looked at this often.
const NAP: Duration = Duration::from_millis(2);
/// How long packets may be under way before they are lost; repairs included.
const GRACE: Duration = Duration::from_millis(500);
/// Standing rooms open this far apart, so that the handshakes do not stand in line.
const OPENING: Duration = Duration::from_millis(10);
const BATCHES_PER_TURN: usize = 8;
/// To a driver.
pub enum Order {
    Tell(Tell),
    /// The measurement begins.
    Begin,
    /// It ends; the driver answers with [`Note::Outcome`] when late packets had their time.
    End,
}

/// From a driver; the number is the driver's.
pub enum Note {
    Ask(u8, Ask),
    /// Every standing room receives everything.
    Ready(u8),
    Outcome(u8, Box<Outcome>),
}

struct Room {
    members: Vec<usize>,
    opened: Instant,
    /// Everyone receives everything.
    ready: bool,
    counting: bool,
    /// Nothing is sent any more; the room goes at this time.
    closing: Option<Instant>,
}

pub struct Driver {
    pub number: u8,
    pub threads: u8,
    /// Where the system under test is.
    pub server: IpAddr,
    pub scenario: Scenario,
    pub certificate: DtlsCert,
    /// Of the system under test.
    pub second_connection: bool,
    pub orders: Receiver<Order>,
    pub notes: Sender<Note>,
    pub seed: u64,
}

/// What a running driver holds.
struct Run {
    driver: Driver,
    port: Port,
    participants: Vec<Option<Participant>>,
    by_address: HashMap<IpAddr, (usize, bool)>,
    by_who: HashMap<Who, usize>,
    rooms: BTreeMap<u32, Room>,
    media: BinaryHeap<Reverse<(Instant, usize, bool, Who)>>,
    next_room: u32,
    next_opening: Instant,
    next_address: usize,
    measuring: bool,
    ready: bool,
    ending: Option<Instant>,
    outcome: Outcome,
    random: u64,
}

impl Driver {
    /// Until the orders end.
    pub fn run(self) -> Result<()> {
        let now = Instant::now();
        let mut run = Run {
            port: Port::bind(self.number, self.server).context("the generator's socket")?,
            participants: Vec::new(),
            by_address: HashMap::new(),
            by_who: HashMap::new(),
            rooms: BTreeMap::new(),
            media: BinaryHeap::new(),
            next_room: u32::from(self.number),
            next_opening: now,
            next_address: 0,
            measuring: false,
            ready: false,
            ending: None,
            outcome: Outcome::default(),
            random: self.seed ^ u64::from(self.number).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            driver: self,
        };
        let mut next_tick = now;
        loop {
            if !run.take_orders()? {
                return Ok(());
            }
            let now = Instant::now();
            run.open_due_rooms(now)?;
            run.send_due_media(now)?;
            if now >= next_tick {
                next_tick = now + TICK;
                run.tick(now)?;
            }
            let due = run.media.peek().map_or(now + NAP, |Reverse((at, ..))| *at);
            run.port.wait(due.saturating_duration_since(Instant::now()).min(NAP));
            run.receive()?;
        }
    }
}

impl Run {
    /// False when the run is over.
    fn take_orders(&mut self) -> Result<bool> {
        loop {
            match self.driver.orders.try_recv() {
                Ok(Order::Tell(tell)) => self.told(tell)?,
                Ok(Order::Begin) => self.begin(),
                Ok(Order::End) => {
                    self.end();
                    self.ending = Some(Instant::now() + GRACE);
                }
                Err(std::sync::mpsc::TryRecvError::Empty) => return Ok(true),
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return Ok(false),
            }
        }
    }

    fn told(&mut self, tell: Tell) -> Result<()> {
        let now = Instant::now();
        let (Tell::Answer { who, .. } | Tell::Offer { who, .. }) = &tell;
        let Some(index) = self.by_who.get(who).copied() else { return Ok(()) };
        match tell {
            Tell::Answer { who, sdp } => {
                let participant = self.participants[index].as_mut().context("a participant")?;
                let peer = participant.main.as_mut().context("an answer to no offer")?;
                peer.accept_answer(now, &sdp)?;
                self.ask(Ask::Applied(who))?;
                self.flush(index);
            }
            Tell::Offer { who, sdp } => {
                let mut peer = self.peer(now, index, true)?;
                let answer = peer.answer(now, &sdp)?;
                self.participants[index].as_mut().context("a participant")?.second = Some(peer);
                self.ask(Ask::Answer { who, sdp: answer })?;
                self.flush(index);
            }
        }
        Ok(())
    }

    fn ask(&self, ask: Ask) -> Result<()> {
        let note = Note::Ask(self.driver.number, ask);
        self.driver.notes.blocking_send(note).ok().context("the control side has ended")
    }

    /// A new connection at an address of its own.
    fn peer(&mut self, now: Instant, index: usize, second: bool) -> Result<Peer> {
        let address = self.port.address(self.next_address);
        self.next_address = (self.next_address + 1) % 60_000;
        self.by_address.insert(address.ip(), (index, second));
        Peer::new(now, address, self.driver.certificate.clone())
    }

    fn open_due_rooms(&mut self, now: Instant) -> Result<()> {
        let threads = u32::from(self.driver.threads);
        while now >= self.next_opening && self.ending.is_none() {
            match self.driver.scenario.arrivals {
                Arrivals::Standing { rooms } => {
                    if self.next_room as usize >= rooms {
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
        let mut participant = Participant::new(now, who, self.driver.scenario);
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

    /// Media of different participants is not in step.
    fn schedule(&mut self, now: Instant, index: usize, who: Who) {
        for (audio, interval) in [(true, AUDIO_INTERVAL), (false, VIDEO_INTERVAL)] {
            let phase = interval.mul_f64(self.uniform());
            self.media.push(Reverse((now + phase, index, audio, who)));
        }
    }

    /// 0 to 1, xorshift64.
    fn uniform(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }

    fn send_due_media(&mut self, now: Instant) -> Result<()> {
        while let Some(Reverse((at, index, audio, who))) =
            self.media.peek().copied().filter(|Reverse((at, ..))| *at <= now)
        {
            self.media.pop();
            let closing = self.rooms.get(&who.room).is_none_or(|room| room.closing.is_some());
            let Some(participant) = self.participants[index].as_mut().filter(|one| one.who == who) else {
                continue;
            };
            if closing || !participant.publishes() || (!audio && !self.driver.scenario.video) {
                continue;
            }
            let interval = if audio { AUDIO_INTERVAL } else { VIDEO_INTERVAL };
            self.media.push(Reverse((at + interval, index, audio, who)));
            if participant.is_up() {
                if audio {
                    participant.send_audio(now)?;
                } else {
                    participant.send_video(now)?;
                }
                self.flush(index);
            }
        }
        Ok(())
    }

    /// Sends what the participant's connections have to send.
    fn flush(&mut self, index: usize) {
        let Some(participant) = self.participants[index].as_mut() else { return };
        for peer in [&mut participant.main, &mut participant.second].into_iter().flatten() {
            while let Some(transmit) = peer.outbox.pop_front() {
                self.port.send(transmit.source.ip(), transmit.destination, &transmit.contents);
            }
        }
    }

    fn receive(&mut self) -> Result<()> {
        let now = Instant::now();
        let mut failed = Ok(());
        for _ in 0..BATCHES_PER_TURN {
            let (by_address, participants) = (&self.by_address, &mut self.participants);
            let latencies = &mut self.outcome.latencies;
            let (measuring, mut touched) = (self.measuring, Vec::new());
            let count = self.port.receive(|datagram| {
                let Some((index, second)) = by_address.get(&datagram.to).copied() else { return };
                let Some(participant) = participants[index].as_mut() else { return };
                let peer = if second { &mut participant.second } else { &mut participant.main };
                let Some(peer) = peer.as_mut().filter(|peer| peer.address.ip() == datagram.to) else {
                    return;
                };
                if let Err(error) = peer.receive(now, datagram.from, datagram.bytes) {
                    failed = Err(error);
                }
                let payloads = std::mem::take(&mut peer.arrived);
                for payload in &payloads {
                    participant.account(datagram.arrived, payload, measuring.then_some(&mut *latencies));
                }
                touched.push(index);
            })?;
            for index in touched {
                self.flush(index);
            }
            if count == 0 {
                break;
            }
        }
        failed
    }

    fn tick(&mut self, now: Instant) -> Result<()> {
        for index in 0..self.participants.len() {
            let Some(participant) = self.participants[index].as_mut() else { continue };
            for peer in [&mut participant.main, &mut participant.second].into_iter().flatten() {
                if peer.deadline <= now {
                    peer.timeout(now)?;
                }
            }
            if !participant.complete && participant.receives_all() {
                participant.complete = true;
                self.outcome.joined += 1;
                self.outcome.joins.add(participant.asked.elapsed().as_nanos() as u64);
            }
            self.flush(index);
        }
        self.look_after_rooms(now)?;
        if !self.ready && matches!(self.driver.scenario.arrivals, Arrivals::Standing { .. }) {
            let mine = self.standing_rooms();
            if self.rooms.values().filter(|room| room.ready).count() == mine {
                self.ready = true;
                self.note(Note::Ready(self.driver.number))?;
            }
        }
        if self.ending.is_some_and(|at| now >= at) {
            self.ending = None;
            self.report()?;
        }
        Ok(())
    }

    fn note(&self, note: Note) -> Result<()> {
        self.driver.notes.blocking_send(note).ok().context("the control side has ended")
    }

    /// How many standing rooms are this driver's.
    fn standing_rooms(&self) -> usize {
        let (rooms, threads) = (self.driver.scenario.rooms(), usize::from(self.driver.threads));
        (rooms + threads - 1 - usize::from(self.driver.number)) / threads
    }

    fn look_after_rooms(&mut self, now: Instant) -> Result<()> {
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
                self.count(id, true);
            }
        }
        for id in closing {
            self.count(id, false);
        }
        gone.into_iter().try_for_each(|id| self.close(id))
    }

    /// Begins or ends the accounts of a room.
    fn count(&mut self, id: u32, begin: bool) {
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
                if begin { participant.begin(&sent) } else { participant.end(&sent) }
            }
        }
    }

    fn close(&mut self, id: u32) -> Result<()> {
        let Some(room) = self.rooms.remove(&id) else { return Ok(()) };
        for index in room.members {
            let Some(participant) = self.participants[index].take() else { continue };
            if room.counting {
                self.outcome.tally += participant.tally();
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

    fn begin(&mut self) {
        self.measuring = true;
        self.outcome = Outcome::default();
        let ready: Vec<u32> = self
            .rooms
            .iter()
            .filter(|(_, room)| room.ready && room.closing.is_none())
            .map(|(id, _)| *id)
            .collect();
        for id in ready {
            self.count(id, true);
        }
    }

    fn end(&mut self) {
        self.measuring = false;
        let open: Vec<u32> =
            self.rooms.iter().filter(|(_, room)| room.closing.is_none()).map(|(id, _)| *id).collect();
        for id in open {
            self.count(id, false);
        }
    }

    fn report(&mut self) -> Result<()> {
        let rooms: Vec<u32> = self.rooms.keys().copied().collect();
        rooms.into_iter().try_for_each(|id| self.close(id))?;
        self.outcome.send_failures = self.port.send_failures;
        let outcome = Box::new(std::mem::take(&mut self.outcome));
        self.note(Note::Outcome(self.driver.number, outcome))
    }
}
