//! The loop of one generator thread: its clients' timers, media and datagrams.
#![expect(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

mod rooms;
mod traffic;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use str0m::config::DtlsCert;
use tokio::sync::mpsc::Sender;

use rooms::Room;
use traffic::Flights;

use super::link::Profile;
use super::media::{AUDIO_INTERVAL, VIDEO_INTERVAL};
use super::outcome::Outcome;
use super::participant::{Participant, Who};
use super::port::Port;
use super::scenario::{Arrivals, Scenario};
use super::system::{Ask, Tell};

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

pub struct Driver {
    pub number: u8,
    pub threads: u8,
    /// Where the system under test is.
    pub server: IpAddr,
    pub scenario: Scenario,
    /// Of the clients' networks, where they are worse than the machine's own.
    pub profile: Option<Profile>,
    /// Of what speakers say, 20 ms of Opus each; one after the other, round and round.
    pub speech: Arc<[Vec<u8>]>,
    /// Rooms of this fleet have numbers from here on.
    pub first_room: u32,
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
    flights: Flights,
    /// The measurement began; it may be over.
    began: Option<Instant>,
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
            next_room: self.first_room + u32::from(self.number % self.threads),
            next_opening: now,
            next_address: 0,
            flights: Flights::default(),
            began: None,
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
            let media = run.media.peek().map_or(now + NAP, |Reverse((at, ..))| *at);
            let due = run.flights.next().map_or(media, |at| at.min(media));
            run.port.wait(due.saturating_duration_since(Instant::now()).min(NAP));
            run.receive()?;
            run.land(Instant::now())?;
        }
    }
}

impl Run {
    /// False when the run is over.
    fn take_orders(&mut self) -> Result<bool> {
        loop {
            match self.driver.orders.try_recv() {
                Ok(Order::Tell(tell)) => self.told(tell)?,
                Ok(Order::Begin) => self.begin(Instant::now()),
                Ok(Order::End) => {
                    self.end(Instant::now());
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
            let quiet = self.driver.scenario.quiet;
            let silent = |room: &Room| room.closing.is_some() || (quiet && room.ready);
            let Some(participant) = self.participants[index].as_mut().filter(|one| one.who == who) else {
                continue;
            };
            if self.rooms.get(&who.room).is_none_or(silent)
                || !participant.publishes()
                || (!audio && !self.driver.scenario.video)
            {
                continue;
            }
            let interval = if audio { AUDIO_INTERVAL } else { VIDEO_INTERVAL };
            self.media.push(Reverse((at + interval, index, audio, who)));
            if participant.is_up() {
                if audio {
                    participant.send_audio(now, &self.driver.speech)?;
                } else {
                    participant.send_video(now)?;
                }
                self.flush(index);
            }
        }
        Ok(())
    }

    fn tick(&mut self, now: Instant) -> Result<()> {
        for index in 0..self.participants.len() {
            let Some(participant) = self.participants[index].as_mut() else { continue };
            for peer in [&mut participant.main, &mut participant.second].into_iter().flatten() {
                if peer.deadline <= now {
                    peer.timeout(now)?;
                }
            }
            participant.ask_for_keyframes(now)?;
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
}
