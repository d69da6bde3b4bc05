//! One participant's peer connection. The `Rtc` is private and every method that changes it ends in the same drain:
//! str0m requires all output to be taken before the next change.

mod allocation;
mod arrival;
mod codec;
mod departure;
mod doubles;
mod downlink;
mod dtls;
mod forward;
mod negotiation;
mod numbers;
mod packet;
mod policer;
mod quality;
mod queue;
mod repairs;
mod selector;
mod uplink;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::bwe::{Bitrate, BweKind};
use str0m::media::{KeyframeRequestKind, Mid};
use str0m::net::Transmit;
use str0m::rtp::{RtpPacket, Ssrc};
use str0m::{Candidate, Event, IceConnectionState, IceCreds, Input, Output, PacerReason, Reason, Rtc};

pub(crate) use allocation::Demand;
pub(crate) use arrival::Refused;
pub(crate) use codec::{Frame, is_red};
pub(crate) use dtls::Identity;
pub(crate) use forward::{Forward, Forwarded};
pub(crate) use packet::{Incoming, Packet};

use crate::demux::Slot;
use crate::grant::Grant;
use crate::room::layers::Layer;
use crate::{QualityLevel, Source};
use departure::{Departure, RtxTypes};
use doubles::Doubles;
use downlink::{Downlink, INITIAL_ESTIMATE};
use negotiation::offered::{Offered, known_extensions};
use numbers::TransportNumbers;
use policer::Policer;
use quality::QualityMeter;
use repairs::Repairs;
use uplink::Uplink;

/// How often the congestion controller's latest figure is looked at.
const STATS_INTERVAL: Duration = Duration::from_millis(100);

/// What is due so soon is done at once: no timer of ours is finer, and packets that leave together cost less.
const EARLY: Duration = Duration::from_micros(200);
/// A session that always has something due must not hold up the others.
const TIMEOUTS_PER_CALL: usize = 128;
/// Reports, retransmission requests and the pacer's books of all sessions of a worker are looked after together this
/// often, instead of waking the thread for each.
const HOUSEKEEPING: Duration = Duration::from_millis(5);
/// The pacer's books alone, with nothing to send, are closed this often; the next packet closes them anyway. What str0m
/// has due later hides behind them, so that requests for lost packets may be this much later.
const BOOKS: Duration = Duration::from_millis(20);
/// With no packet of a track in either direction for [`SILENCE`], all of it is looked after this often.
const SILENT_ROUND: Duration = Duration::from_millis(100);
const SILENCE: Duration = Duration::from_millis(250);
/// While the estimator probes, the pacer's clock is kept to the point for this long after each packet of its own.
const PROBING: Duration = Duration::from_millis(50);

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
    uplink: Uplink,
    downlink: Downlink,
    /// The latest time that was given.
    now: Instant,
    offered: Offered,
    numbers: TransportNumbers,
    deadline: Instant,
    transmits: VecDeque<Transmit>,
    events: VecDeque<SessionEvent>,
    /// Packets were written since the last timeout input; str0m sends them at the next one.
    pub(crate) written: bool,
    /// Packets that were written and have not left yet.
    queued: u32,
    /// Packets that were written and have left since somebody asked.
    departed: u32,
    /// When a packet of a track came or left last.
    active: Instant,
    /// When a packet left last that nobody had written: padding of a probe, a retransmission.
    padded: Option<Instant>,
    rtx_types: RtxTypes,
    repairs: Repairs,
    doubles: Doubles,
    /// How much of what is sent may be repairs, as str0m was told.
    repair_share: f32,
    /// Too many repairs: pictures leave at the pacer's rate.
    paced: bool,
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
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .set_ice_lite(config.ice_lite)
            .set_local_ice_credentials(credentials.clone())
            .set_crypto_provider(Arc::clone(&config.identity.crypto))
            .set_dtls_cert(config.identity.certificate.clone())
            .clear_codecs()
            .enable_opus(true, true)
            .enable_vp8(true)
            .enable_h264(true)
            .enable_bwe(Some(Bitrate::bps(INITIAL_ESTIMATE)))
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
            uplink: Uplink::default(),
            downlink: Downlink::default(),
            now,
            offered: Offered::default(),
            numbers: TransportNumbers::default(),
            deadline: now,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            written: false,
            queued: 0,
            departed: 0,
            active: now,
            padded: None,
            rtx_types: RtxTypes::default(),
            repair_share: Repairs::default().share(),
            repairs: Repairs::default(),
            doubles: Doubles::default(),
            paced: false,
        };
        session.drain();
        session
    }

    /// Is this datagram really from this session's browser? For STUN: message integrity.
    pub(crate) fn accepts(&self, datagram: &Input<'_>) -> bool {
        self.rtc.accepts(datagram)
    }

    /// Until nothing more is due: str0m's pacer lets one packet go, then wants a microsecond to pass.
    pub(crate) fn timeout(&mut self, now: Instant) {
        self.written = false;
        self.now = now;
        while let Some(double) = self.doubles.pop_due(now + EARLY) {
            self.downlink.queue.sent(double.contents.len());
            self.transmits.push_back(double);
        }
        let mut at = now;
        for _ in 0..TIMEOUTS_PER_CALL {
            self.input(Input::Timeout(at));
            self.follow_repairs();
            if self.deadline > now + EARLY {
                return;
            }
            at = at.max(self.deadline);
        }
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
        self.deadline
    }

    pub(crate) fn next_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    pub(crate) fn next_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// Packets that were written and have left since this was asked last.
    pub(crate) fn take_departed(&mut self) -> u32 {
        std::mem::take(&mut self.departed)
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => {
                    self.account(&transmit);
                    self.transmits.push_back(transmit);
                }
                Ok(Output::Event(event)) => self.on_event(event),
                Ok(Output::Timeout(at)) => {
                    let due = self.due(at);
                    self.deadline = self.doubles.due().map_or(due, |double| due.min(double));
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

    fn account(&mut self, transmit: &Transmit) {
        let bytes = transmit.contents.len();
        self.downlink.queue.sent(bytes);
        let departure = self.rtx_types.departure(&transmit.contents);
        match departure {
            Departure::Written => {
                self.active = self.now;
                self.departed += 1;
                self.queued = self.queued.saturating_sub(1);
                self.repairs.earn(bytes);
                self.doubles.earn(bytes);
            }
            Departure::Repair | Departure::Padding => {
                self.padded = Some(self.now);
                self.repairs.spend(bytes);
            }
            Departure::Report | Departure::Filler | Departure::Other => {}
        }
        let helps = self.repairs.is_lossy() && !self.downlink.is_congested();
        if helps && matches!(departure, Departure::Repair | Departure::Report) {
            self.doubles.repeat(self.now, transmit);
        }
    }

    /// When what str0m wants at `at` is done: to the point if a packet or a handshake waits for it, with the next
    /// housekeeping otherwise.
    fn due(&mut self, at: Instant) -> Instant {
        let reason = self.rtc.last_timeout_reason();
        let prompt = match reason {
            // After every packet the pacer wants its books closed; with nothing left to send there is no hurry.
            Reason::Pacer(PacerReason::Immediate) => self.queued > 0 || self.is_probing(),
            Reason::Pacer(PacerReason::Handle) => {
                self.queued = 0;
                self.is_probing()
            }
            Reason::Pacer(PacerReason::Padding) => self.is_probing(),
            Reason::Pacer(_) | Reason::DTLS | Reason::SendStream => true,
            _ => false,
        };
        match reason {
            _ if prompt => at,
            _ if self.is_silent() => self.next_multiple(at, SILENT_ROUND),
            Reason::Pacer(PacerReason::Immediate | PacerReason::Padding) | Reason::Stats => {
                self.next_multiple(at, BOOKS)
            }
            _ => self.next_multiple(at, HOUSEKEEPING),
        }
    }

    /// Multiples count from when the engine started, so that sessions come due together.
    fn next_multiple(&self, at: Instant, interval: Duration) -> Instant {
        let since_start = at.saturating_duration_since(self.config.started).as_micros();
        let turn = since_start.div_ceil(interval.as_micros());
        self.config.started + interval * u32::try_from(turn).unwrap_or(u32::MAX)
    }

    /// Padding finds out whether the way carries more: a probe's of its own, or what fills up to the minimum that a
    /// better picture would need.
    fn is_probing(&self) -> bool {
        self.downlink.wants_more()
            || self.padded.is_some_and(|at| self.now.saturating_duration_since(at) < PROBING)
    }

    fn is_silent(&self) -> bool {
        matches!(self.connection, Connection::Up)
            && !self.is_probing()
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
            Event::KeyframeRequest(request) => {
                self.events.push_back(SessionEvent::KeyframeRequested(request.mid));
            }
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => {
                self.downlink.smoothed = Some(estimate.as_u64());
                self.events.push_back(SessionEvent::EstimateChanged);
            }
            Event::MediaIngressStats(stats) => self.quality.ingress(stats.loss),
            Event::MediaEgressStats(stats) => self.quality.egress(stats.loss),
            Event::PeerStats(stats) => {
                self.events.extend(self.quality.update(self.now, stats.rtt));
                if let Some((rate, rtt)) = stats.bwe_tx.zip(stats.rtt)
                    && self.downlink.observe(self.now, rate.as_u64(), rtt, self.uplink.waited())
                {
                    self.events.push_back(SessionEvent::EstimateChanged);
                }
                let lost = stats.egress_loss_fraction.unwrap_or(0.0);
                self.repairs.observe(self.now, lost, self.downlink.is_congested());
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
        if source == Source::Microphone {
            self.uplink.arrived(stream, packet.time.numer(), packet.timestamp);
        }
        Some(Incoming { source, stream, layer, params, packet: packet.into() })
    }
}
