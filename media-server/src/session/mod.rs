//! One participant's peer connection. The `Rtc` is private and every method that changes it ends in the same drain:
//! str0m requires all output to be taken before the next change.

mod allocation;
mod arrival;
mod codec;
mod doubles;
mod downlink;
mod dtls;
mod forward;
mod negotiation;
mod numbers;
mod packet;
mod policer;
mod quality;
mod repairs;
mod reports;
mod selector;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::media::{KeyframeRequestKind, Mid};
use str0m::rtp::{RtpPacket, Ssrc};
use str0m::{Candidate, Event, IceConnectionState, IceCreds, Input, Output, Reason, Rtc};

use allocation::Scarcity;
pub(crate) use allocation::{Demand, Picture};
pub(crate) use arrival::Refused;
use codec::our_codecs;
pub(crate) use codec::{Frame, Vp8Numbers, is_red};
pub(crate) use dtls::Identity;
pub(crate) use forward::{Forward, Forwarded};
pub(crate) use packet::{Incoming, Packet};

use crate::demux::Slot;
use crate::egress::{Egress, Outbox, Route};
use crate::grant::Grant;
use crate::room::layers::Layer;
use crate::{QualityLevel, Source};
use doubles::Doubles;
use forward::Written;
use negotiation::offered::{Offered, known_extensions};
use numbers::TransportNumbers;
use policer::Policer;
use quality::QualityMeter;
use repairs::Repairs;
use reports::Held;

/// How often losses are looked at, and which way ICE has chosen: who only receives makes str0m send little that would tell.
const STATS_INTERVAL: Duration = Duration::from_millis(500);

/// What is due so soon is done at once: nothing needs to be more exact, and packets that leave together cost less.
const EARLY: Duration = Duration::from_micros(200);
/// A session that always has something due must not hold up the others.
const TIMEOUTS_PER_CALL: usize = 128;
/// Reports and retransmission requests of all sessions of a worker are looked after together this often, instead of waking
/// the thread for each.
pub(crate) const HOUSEKEEPING: Duration = Duration::from_millis(20);
/// With no packet of a track in either direction for [`SILENCE`], all of it is looked after this often: with every third tick of
/// the engine.
const SILENT_ROUND: Duration = HOUSEKEEPING.saturating_mul(6);
/// If str0m looks for missing packets next, which it does every 33 ms until it takes a track for paused, missing or not. Where it
/// does not know the round trip it asks again after 105 ms at the earliest. What else is due meanwhile waits with them.
const SILENT_NACKS: Duration = HOUSEKEEPING.saturating_mul(10);
const SILENCE: Duration = Duration::from_millis(250);

/// What a session needs to know about the node it runs on.
pub(crate) struct SessionConfig {
    /// When the engine started; housekeeping falls on multiples of its interval since then.
    pub(crate) started: Instant,
    pub(crate) identity: Identity,
    pub(crate) ice_lite: bool,
    /// Our own addresses, the private ones; UDP and passive TCP on the same port.
    pub(crate) local: Vec<SocketAddr>,
    /// Addresses that lead here through NAT; advertised besides, never instead.
    pub(crate) public: Vec<SocketAddr>,
}

impl SessionConfig {
    /// Multiples of an interval count from when the engine started, so that sessions come due together.
    pub(crate) fn next_multiple(&self, at: Instant, interval: Duration) -> Instant {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let turn = nanos(at.saturating_duration_since(self.started)).div_ceil(nanos(interval));
        self.started + Duration::from_nanos(turn.saturating_mul(nanos(interval)))
    }
}

/// What came out of a drain, besides datagrams.
pub(crate) enum SessionEvent {
    Packet(Box<Incoming>),
    Connected,
    Disconnected,
    KeyframeRequested(Mid),
    /// The way to this participant carries more or less than before.
    EstimateChanged,
    Quality {
        level: QualityLevel,
        rtt: Option<Duration>,
        loss_percent: u8,
    },
}

/// Of each track's layers one stream is the latest; older ones are forgotten when there are so many.
const MOST_INGRESS: usize = 64;

/// An SSRC that the browser sends, resolved once: mid and rid extensions vanish after the first receiver report.
struct Ingress {
    ssrc: Ssrc,
    mid: Mid,
    layer: Layer,
}

/// Whether media can flow.
pub(crate) enum Connection {
    /// Never connected yet.
    New {
        since: Instant,
    },
    Up,
    Lost {
        since: Instant,
    },
}

pub(crate) struct Session {
    rtc: Rtc,
    pub(crate) slot: Slot,
    pub(crate) grant: Grant,
    pub(crate) credentials: IceCreds,
    pub(crate) connection: Connection,
    pub(crate) forwards: Vec<Forward>,
    /// Makes `Incoming::stream` unique across the sessions of an engine.
    epoch: u32,
    config: Arc<SessionConfig>,
    publications: Vec<(Mid, Source)>,
    ingress: Vec<Ingress>,
    policer: Policer,
    quality: QualityMeter,
    scarcity: Scarcity,
    egress: Egress,
    /// The latest that was reported.
    round_trip: Option<Duration>,
    /// The latest time that was given.
    now: Instant,
    /// The kernel's, of the datagram that is handled.
    stamp: Option<Duration>,
    offered: Offered,
    numbers: TransportNumbers,
    /// When str0m wants to be asked next.
    due: Instant,
    pub(crate) outbox: Outbox,
    held: Option<Held>,
    events: VecDeque<SessionEvent>,
    written: Vec<Written>,
    /// Stamps of the packets that went into the outbox since somebody asked.
    departed: Vec<Duration>,
    /// When a packet of a track came or left last.
    active: Instant,
    repairs: Repairs,
    doubles: Doubles,
}

impl Session {
    pub(crate) fn new(
        now: Instant,
        slot: Slot,
        epoch: u32,
        grant: Grant,
        credentials: IceCreds,
        config: Arc<SessionConfig>,
    ) -> Self {
        let mut rtc = our_codecs(Rtc::builder())
            .set_rtp_mode(true)
            .set_ice_lite(config.ice_lite)
            .set_local_ice_credentials(credentials.clone())
            .set_crypto_provider(Arc::clone(&config.identity.crypto))
            .set_dtls_cert(config.identity.certificate.clone())
            .set_stats_interval(Some(STATS_INTERVAL))
            .set_extension_map(known_extensions())
            .build(now);
        // Whatever the offers say: numbers of packets that are never reported would be kept for good.
        rtc.direct_api().enable_twcc_feedback();
        for address in config.local.iter().chain(&config.public) {
            let udp = Candidate::host(*address, "udp");
            let tcp = Candidate::builder().tcp().host(*address).tcptype(str0m::net::TcpType::Passive).build();
            for candidate in [udp, tcp] {
                match candidate {
                    Ok(candidate) => drop(rtc.add_local_candidate(candidate)),
                    Err(error) => tracing::warn!(%error, "address cannot be advertised"),
                }
            }
        }
        let mut session = Self {
            rtc,
            slot,
            grant,
            credentials,
            connection: Connection::New { since: now },
            forwards: Vec::new(),
            epoch,
            config,
            publications: Vec::new(),
            ingress: Vec::new(),
            policer: Policer::new(now),
            quality: QualityMeter::default(),
            scarcity: Scarcity::default(),
            egress: Egress::new(now),
            round_trip: None,
            now,
            stamp: None,
            offered: Offered::default(),
            numbers: TransportNumbers::default(),
            due: now,
            outbox: Outbox::default(),
            held: None,
            events: VecDeque::new(),
            written: Vec::new(),
            departed: Vec::new(),
            active: now,
            repairs: Repairs::default(),
            doubles: Doubles::default(),
        };
        session.drain();
        session
    }

    /// Is this datagram really from this session's browser? For STUN: message integrity.
    pub(crate) fn accepts(&self, datagram: &Input<'_>) -> bool {
        self.rtc.accepts(datagram)
    }

    /// Until nothing more is due.
    pub(crate) fn timeout(&mut self, now: Instant) {
        self.now = now;
        while let Some((route, double)) = self.doubles.pop_due(now + EARLY) {
            self.outbox.copy(route, &double);
        }
        self.release_due(now + EARLY);
        let mut at = now;
        for _ in 0..TIMEOUTS_PER_CALL {
            self.input(Input::Timeout(at));
            if self.due > now + EARLY {
                break;
            }
            at = at.max(self.due);
        }
        self.look_after_streams(now);
    }

    /// Packets of this layer of its track have arrived since it was published.
    pub(crate) fn is_sending(&self, source: Source, layer: Layer) -> bool {
        self.ingress_of(source, layer).is_some()
    }

    /// Asks the browser for a keyframe of its track.
    pub(crate) fn request_keyframe(&mut self, source: Source, layer: Layer) {
        let Some(ssrc) = self.ingress_of(source, layer) else { return };
        if let Some(stream) = self.rtc.direct_api().stream_rx(&ssrc) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
        // A picture that does not change sends nothing, and whoever needs it shall not wait for a round of the silent.
        self.active = self.now;
        self.drain();
        self.input(Input::Timeout(self.now));
    }

    fn ingress_of(&self, source: Source, layer: Layer) -> Option<Ssrc> {
        let mid = self.publication(source)?;
        let of_layer = |ingress: &&Ingress| ingress.mid == mid && ingress.layer == layer;
        self.ingress.iter().rfind(of_layer).map(|ingress| ingress.ssrc)
    }

    /// The m-line that carries the browser's own track.
    fn publication(&self, source: Source) -> Option<Mid> {
        self.publications.iter().find(|(_, published)| *published == source).map(|(mid, _)| *mid)
    }

    pub(crate) fn disconnect(&mut self) {
        self.rtc.disconnect();
        self.drain();
    }

    /// The way to this participant loses packets, and not to a queue.
    pub(crate) fn is_lossy(&self) -> bool {
        self.repairs.is_lossy()
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.rtc.is_alive()
    }

    pub(crate) fn deadline(&self) -> Instant {
        let reports = self.egress.reports_due().map(|due| self.config.next_multiple(due, SILENT_ROUND));
        let others = [reports, self.egress.padding_due(), self.doubles.due(), self.held_until()];
        others.into_iter().flatten().fold(self.due, Instant::min)
    }

    pub(crate) fn next_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// When the packets came, as far as the kernel said, that went into the outbox since this was asked last.
    pub(crate) fn take_departed(&mut self, stamps: &mut Vec<Duration>) {
        stamps.append(&mut self.departed);
    }

    fn drain(&mut self) {
        if self.egress.has_agreed() {
            return self.drain_outputs();
        }
        // Of another session, if a panic ended it between its handshake and here.
        drop(dtls::take_agreed());
        self.drain_outputs();
        if let Some(agreed) = dtls::take_agreed() {
            self.egress.agree(&agreed);
        }
    }

    fn drain_outputs(&mut self) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => {
                    self.egress.learn_route(&transmit);
                    self.take_over(&transmit);
                }
                Ok(Output::Event(event)) => self.on_event(event),
                Ok(Output::Timeout(at)) => {
                    self.due = self.due_at(at);
                    return;
                }
                Err(error) => {
                    tracing::debug!(%error, "session output ended");
                    self.rtc.disconnect();
                    return;
                }
            }
        }
    }

    /// When what str0m wants at `at` is done: to the point if a handshake waits for it, with the next housekeeping otherwise.
    fn due_at(&self, at: Instant) -> Instant {
        match self.rtc.last_timeout_reason() {
            Reason::DTLS => at,
            Reason::Nack if self.is_silent() => self.config.next_multiple(at, SILENT_NACKS),
            _ if self.is_silent() => self.config.next_multiple(at, SILENT_ROUND),
            _ => self.config.next_multiple(at, HOUSEKEEPING),
        }
    }

    fn is_silent(&self) -> bool {
        matches!(self.connection, Connection::Up)
            && self.now.saturating_duration_since(self.active) >= SILENCE
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::RtpPacket(packet) => {
                self.active = self.now;
                if let Some(number) = packet.header.ext_vals.transport_cc {
                    self.numbers.prove(number);
                }
                if let Some(incoming) = self.identify(packet) {
                    self.events.push_back(SessionEvent::Packet(Box::new(incoming)));
                }
            }
            Event::Connected => self.connected(),
            Event::IceConnectionStateChange(
                IceConnectionState::Connected | IceConnectionState::Completed,
            ) => {
                if matches!(self.connection, Connection::Lost { .. }) {
                    self.connected();
                }
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.events.push_back(SessionEvent::Disconnected);
            }
            Event::MediaIngressStats(stats) => self.quality.ingress(stats.loss),
            Event::PeerStats(stats) => {
                if let Some(pair) = stats.selected_candidate_pair {
                    let (source, destination) = (pair.local.addr, pair.remote.addr);
                    self.egress.follow(Route { proto: pair.protocol, source, destination });
                }
                self.events.extend(self.quality.update(self.now, self.round_trip));
            }
            _ => {}
        }
    }

    fn connected(&mut self) {
        self.connection = Connection::Up;
        self.events.push_back(SessionEvent::Connected);
    }

    /// Which track does this packet belong to? `None`: not published, of no layer of ours, or padding.
    fn identify(&mut self, packet: RtpPacket) -> Option<Incoming> {
        let ssrc = packet.header.ssrc;
        let (mid, layer) = if let Some(ingress) = self.ingress.iter().find(|ingress| ingress.ssrc == ssrc) {
            (ingress.mid, ingress.layer)
        } else {
            let mut api = self.rtc.direct_api();
            let stream = api.stream_rx(&ssrc)?;
            let layer = Layer::from_rid(stream.rid().as_deref())?;
            let mid = stream.mid();
            if self.ingress.len() >= MOST_INGRESS {
                self.ingress.remove(0);
            }
            self.ingress.push(Ingress { ssrc, mid, layer });
            (mid, layer)
        };
        let source = self.publications.iter().find(|(published, _)| *published == mid)?.1;
        let pt = packet.header.payload_type;
        let params =
            *self.rtc.codec_config().iter().find(|params| params.pt() == pt || params.red() == Some(pt))?;
        if packet.payload.is_empty() {
            return None;
        }
        let stream = u64::from(self.epoch) << 32 | u64::from(*ssrc);
        Some(Incoming { source, stream, layer, params, packet: Packet::new(packet, self.stamp) })
    }
}
