//! Virtual time and a network between one engine and its peers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media_server::engine::{Engine, EngineConfig};
use media_server::{
    Answer, Grant, MediaCommand, MediaError, MediaEvent, Negotiation, RoomId, Route, Source, TrackId,
};
use str0m::net::{Protocol, Transmit};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::peer::Peer;

pub(crate) const SERVER: ([u8; 4], u16) = ([10, 0, 1, 1], 3480);

/// What the network does to every datagram, both ways.
#[derive(Clone, Copy)]
pub(crate) struct Network {
    pub(crate) delay: Duration,
    /// Uniformly distributed on top; reorders.
    pub(crate) jitter: Duration,
    pub(crate) loss_percent: u64,
}

impl Default for Network {
    fn default() -> Self {
        Self { delay: Duration::from_millis(10), jitter: Duration::ZERO, loss_percent: 0 }
    }
}

/// A link with a rate and a queue in front of it: what the way to one peer can be.
pub(crate) struct Bottleneck {
    pub(crate) bits_per_second: u64,
    /// Datagrams that would wait longer are dropped.
    pub(crate) queue: Duration,
    free_at: Option<Instant>,
}

impl Bottleneck {
    pub(crate) fn new(bits_per_second: u64) -> Self {
        Self { bits_per_second, queue: Duration::from_millis(300), free_at: None }
    }

    /// When a datagram of `bytes` has passed; `None`: dropped.
    fn pass(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        let start = self.free_at.map_or(now, |at| at.max(now));
        if start - now > self.queue {
            return None;
        }
        // 28: IP and UDP headers.
        let done = start + Duration::from_nanos((bytes as u64 + 28) * 8_000_000_000 / self.bits_per_second);
        self.free_at = Some(done);
        Some(done)
    }
}

struct Flight {
    at: Instant,
    /// Index of the receiving peer; `None`: the server.
    to: Option<usize>,
    from: SocketAddr,
    proto: Protocol,
    datagram: Vec<u8>,
}

pub(crate) struct Sim {
    pub(crate) now: Instant,
    pub(crate) engine: Engine,
    pub(crate) peers: Vec<Peer>,
    pub(crate) events: Vec<MediaEvent>,
    pub(crate) network: Network,
    /// Only this peer's network loses and jitters; `None`: everyone's.
    pub(crate) bad_network: Option<usize>,
    /// Ways to peers (by index) that have a limit.
    pub(crate) bottlenecks: HashMap<usize, Bottleneck>,
    /// Datagrams that the server sent to nobody we know.
    pub(crate) strays: usize,
    /// Everything that the server sends, by index of the peer, while somebody wants to know.
    pub(crate) departures: Option<Vec<(usize, Instant, Vec<u8>)>>,
    flights: Vec<Flight>,
    seed: u64,
}

pub(crate) fn room() -> RoomId {
    RoomId::from_uuid(Uuid::from_u128(0xa))
}

pub(crate) fn config() -> EngineConfig {
    EngineConfig {
        worker: 0,
        ice_lite: true,
        local: vec![SERVER.into()],
        public: Vec::new(),
        max_participants_per_room: 8,
        max_participants: 100,
        disconnect_timeout: Duration::from_secs(20),
        hearing_within: Duration::from_secs(15),
        silent_after: Duration::from_secs(5),
    }
}

fn dice(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

impl Sim {
    pub(crate) fn new(config: EngineConfig) -> Self {
        let now = Instant::now();
        let mut seed = 7;
        let random = Box::new(move |bytes: &mut [u8; 28]| bytes.fill_with(|| dice(&mut seed) as u8));
        Self {
            now,
            engine: Engine::new(config, None, random, now),
            peers: Vec::new(),
            events: Vec::new(),
            network: Network::default(),
            bad_network: None,
            bottlenecks: HashMap::new(),
            strays: 0,
            departures: None,
            flights: Vec::new(),
            seed: 42,
        }
    }

    /// A call that has begun: peer 0 publishes; peers 1 and 2 receive it.
    pub(crate) fn call() -> Self {
        let mut sim = Self::new(config());
        let published = [Source::Microphone, Source::Camera];
        sim.join(Protocol::Udp, &published, &[]);
        let tracks = published.map(|source| sim.peers[0].track(source));
        sim.join(Protocol::Udp, &[], &tracks);
        sim.join(Protocol::Udp, &[], &tracks);
        sim.talk(Duration::from_secs(2));
        sim
    }

    /// Peer 0 publishes; peer 1 only receives that.
    pub(crate) fn one_way(source: Source) -> (Self, TrackId) {
        let mut sim = Self::new(config());
        sim.join(Protocol::Udp, &[source], &[]);
        let track = sim.peers[0].track(source);
        sim.join(Protocol::Udp, &[], &[track]);
        (sim, track)
    }

    /// Adds a peer that publishes `publish` and receives `subscribe`, and waits until it is connected.
    pub(crate) fn join(&mut self, proto: Protocol, publish: &[Source], subscribe: &[TrackId]) -> usize {
        let index = self.peers.len();
        self.peers.push(Peer::new(self.now, index as u8 + 1, proto));
        self.reconnect(index, publish, subscribe);
        index
    }

    /// Connects a peer that has no session yet, or a new `Peer` in the place of one that has.
    pub(crate) fn reconnect(&mut self, index: usize, publish: &[Source], subscribe: &[TrackId]) {
        let negotiation = self.peers[index].offer(publish, subscribe);
        let answer = self.connect(index, negotiation).expect("accepted");
        self.apply(index, &answer);
        self.run_until(Duration::from_secs(5), |sim| sim.peers[index].connected);
    }

    pub(crate) fn connect(&mut self, index: usize, negotiation: Negotiation) -> Result<Answer, MediaError> {
        let published = self.peers[index].publish.iter().map(|(_, source)| *source);
        let publish = [Source::Microphone, Source::Camera].into_iter().chain(published).collect();
        let grant = Grant { room: room(), participant: self.peers[index].id, publish, subscribe: true };
        let (reply, answer) = oneshot::channel();
        self.command(MediaCommand::Connect { grant, negotiation, reply });
        answer.blocking_recv().expect("answered")
    }

    pub(crate) fn renegotiate(
        &mut self,
        index: usize,
        negotiation: Negotiation,
    ) -> Result<Answer, MediaError> {
        let (reply, answer) = oneshot::channel();
        let participant = self.peers[index].id;
        self.command(MediaCommand::Renegotiate { room: room(), participant, negotiation, reply });
        answer.blocking_recv().expect("answered")
    }

    /// Adds subscriptions to an open session.
    pub(crate) fn subscribe(&mut self, index: usize, tracks: &[TrackId]) {
        let negotiation = self.peers[index].offer(&[], tracks);
        let answer = self.renegotiate(index, negotiation).expect("accepted");
        self.apply(index, &answer);
    }

    /// Offers the m-lines that there are, with the peer's present lists of what they mean.
    pub(crate) fn resubscribe(&mut self, index: usize) {
        let negotiation = self.peers[index].ice_restart_offer();
        let answer = self.renegotiate(index, negotiation).expect("accepted");
        self.apply(index, &answer);
    }

    pub(crate) fn apply(&mut self, index: usize, answer: &Answer) {
        let request = self.peers[index].answer(self.now, &answer.0);
        let participant = self.peers[index].id;
        self.command(MediaCommand::Negotiated { room: room(), participant, request });
    }

    pub(crate) fn command(&mut self, command: MediaCommand) {
        self.engine.handle_command(self.now, command);
        self.collect();
    }

    /// A datagram that reaches the server right now, from anywhere.
    pub(crate) fn inject(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.engine.handle_datagram(self.now, None, Protocol::Udp, from, SERVER.into(), datagram);
        self.collect();
    }

    /// Everybody publishes for `duration`: 50 audio packets and 33 video frames of 4 packets a second.
    pub(crate) fn talk(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut tick = 0_u64;
        while self.now < end {
            for peer in self.peers.iter_mut().filter(|peer| peer.connected) {
                if peer.publishes(Source::Microphone) && tick.is_multiple_of(2) {
                    peer.send_audio(self.now);
                }
                if peer.publishes(Source::Camera) && tick.is_multiple_of(3) {
                    if peer.simulcast {
                        peer.send_layers(self.now);
                    } else {
                        let keyframe = std::mem::take(&mut peer.keyframe_requests) > 0;
                        peer.send_video(self.now, 4, keyframe);
                    }
                }
            }
            tick += 1;
            self.run_for(Duration::from_millis(10));
        }
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.run(end, |_| false);
        self.now = end;
    }

    pub(crate) fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        self.run(end, &done);
        assert!(done(self), "not within {limit:?}");
    }

    /// Always the earliest of: a datagram arrives, a peer's or the engine's time has come.
    fn run(&mut self, end: Instant, done: impl Fn(&Self) -> bool) {
        loop {
            self.collect();
            if done(self) {
                return;
            }
            let arrivals = self.flights.iter().map(|flight| flight.at);
            let peers = self.peers.iter().map(Peer::deadline);
            let next =
                arrivals.chain(peers).chain([self.engine.deadline()]).min().unwrap_or(end).max(self.now);
            if next > end {
                return;
            }
            self.now = next;
            self.deliver();
            for peer in self.peers.iter_mut().filter(|peer| peer.deadline() <= next) {
                peer.timeout(next);
            }
            while self.engine.flush() {}
            self.engine.handle_timeout(next);
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.flights).into_iter().partition(|flight| flight.at <= now);
        self.flights = later;
        let due: Vec<Flight> = due;
        for flight in due {
            match flight.to {
                None => self.engine.handle_datagram(
                    now,
                    None,
                    flight.proto,
                    flight.from,
                    SERVER.into(),
                    &flight.datagram,
                ),
                Some(index) => match self.peers.get_mut(index) {
                    Some(peer) => peer.receive(now, flight.from, &flight.datagram),
                    None => self.strays += 1,
                },
            }
        }
    }

    /// Puts everything that anybody wants to send on its way.
    fn collect(&mut self) {
        while self.engine.flush() {}
        while let Some(event) = self.engine.poll_event() {
            self.events.push(event);
        }
        let mut sent = Vec::new();
        while let Some(departure) = self.engine.poll_departure() {
            let Route { proto, source, destination } = departure.route;
            let Some(to) = self.peers.iter().position(|peer| peer.address == destination) else {
                self.strays += departure.datagrams().len();
                continue;
            };
            for datagram in departure.datagrams() {
                if let Some(departures) = &mut self.departures {
                    departures.push((to, self.now, datagram.to_vec()));
                }
                let contents = datagram.to_vec().into();
                sent.push((Some(to), SERVER.into(), Transmit { proto, source, destination, contents }));
            }
        }
        for peer in &mut self.peers {
            let address = peer.address;
            sent.extend(peer.outbox.drain(..).map(|transmit| (None, address, transmit)));
        }
        for (to, from, transmit) in sent {
            let peer = to.or_else(|| self.peers.iter().position(|peer| peer.address == from));
            let bad = self.bad_network.is_none() || self.bad_network == peer;
            if bad && dice(&mut self.seed) % 100 < self.network.loss_percent {
                continue;
            }
            let jitter = if bad { self.network.jitter.as_micros() as u64 } else { 0 };
            let jitter = Duration::from_micros(dice(&mut self.seed) % (jitter + 1));
            let limit = to.and_then(|index| self.bottlenecks.get_mut(&index));
            let passed = match limit {
                Some(limit) => limit.pass(self.now, transmit.contents.len()),
                None => Some(self.now),
            };
            let Some(passed) = passed else { continue };
            let at = passed + self.network.delay + jitter;
            self.flights.push(Flight {
                at,
                to,
                from,
                proto: transmit.proto,
                datagram: transmit.contents.into(),
            });
        }
    }
}
