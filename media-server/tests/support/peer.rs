//! A str0m client: publishes Opus and VP8-like packets whose payloads say which packet they are, records what arrives.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media_server::{Negotiation, ParticipantId, Publication, Source, Subscription, TrackId};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid, Pt, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive, TcpType, Transmit};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc};
use uuid::Uuid;

use super::srtp::{self, Srtp};

/// One packet as it arrived at a peer.
pub(crate) struct Arrived {
    pub(crate) mid: Mid,
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) at: Instant,
    pub(crate) payload: Vec<u8>,
}

/// One simulcast layer as the peer sends it.
pub(crate) struct SentLayer {
    rid: &'static str,
    packets: u64,
    bytes: usize,
    sequence: u64,
    picture: u16,
    /// Keyframes asked for and not yet sent.
    pub(crate) keyframe_requests: usize,
    pub(crate) keyframes: usize,
    /// The encoder has stopped this layer.
    pub(crate) paused: bool,
}

impl SentLayer {
    /// 33 frames a second of this make about 150, 500 and 1700 kbit/s.
    fn all() -> [Self; 3] {
        [("q", 1, 560), ("h", 2, 950), ("f", 6, 1060)].map(|(rid, packets, bytes)| Self {
            rid,
            packets,
            bytes,
            sequence: 30_000,
            picture: 5_000 * packets as u16,
            keyframe_requests: 0,
            keyframes: 0,
            paused: false,
        })
    }
}

#[expect(clippy::struct_excessive_bools, reason = "independent switches of a test")]
pub(crate) struct Peer {
    pub(crate) id: ParticipantId,
    pub(crate) address: SocketAddr,
    pub(crate) proto: Protocol,
    pub(crate) connected: bool,
    pub(crate) arrived: Vec<Arrived>,
    /// Keyframe requests that reached us and have not been answered.
    pub(crate) keyframe_requests: usize,
    /// As the server's answers to its reference times tell.
    pub(crate) round_trip: Option<Duration>,
    pub(crate) publish: Vec<(Mid, Source)>,
    pub(crate) subscribe: Vec<(Mid, TrackId)>,
    /// The camera sends H.264 instead of VP8.
    pub(crate) h264: bool,
    /// The microphone sends RED (RFC 2198) with the packet before, as Chromium does.
    pub(crate) red: bool,
    /// The camera sends three layers; set before the first offer.
    pub(crate) simulcast: bool,
    /// Lowest first.
    pub(crate) layers: [SentLayer; 3],
    pub(crate) outbox: VecDeque<Transmit>,
    srtp: Option<Srtp>,
    rtc: Rtc,
    pending: Option<SdpPendingOffer>,
    request: u32,
    deadline: Instant,
    /// Last numbers of audio and video; video wraps around 65 536 within a few seconds.
    sequence: [u64; 2],
}

impl Peer {
    pub(crate) fn new(now: Instant, number: u8, proto: Protocol) -> Self {
        Self::build(now, number, proto, true)
    }

    /// Negotiates plain Opus alone.
    pub(crate) fn without_red(now: Instant, number: u8, proto: Protocol) -> Self {
        Self::build(now, number, proto, false)
    }

    fn build(now: Instant, number: u8, proto: Protocol, red: bool) -> Self {
        let address = SocketAddr::from(([10, 0, 0, number], 5000));
        let codecs =
            Rtc::builder().set_crypto_provider(srtp::PROVIDER.clone()).set_rtp_mode(true).clear_codecs();
        let codecs = codecs.set_stats_interval(Some(Duration::from_secs(1)));
        let mut rtc = codecs.enable_opus(true, red).enable_vp8(true).enable_h264(true).build(now);
        let candidate = match proto {
            Protocol::Tcp => Candidate::builder().tcp().host(address).tcptype(TcpType::Active).build(),
            _ => Candidate::host(address, "udp"),
        };
        rtc.add_local_candidate(candidate.expect("an address"));
        let mut peer = Self {
            id: ParticipantId::from_uuid(Uuid::from_u128(u128::from(number))),
            address,
            proto,
            connected: false,
            arrived: Vec::new(),
            keyframe_requests: 0,
            round_trip: None,
            publish: Vec::new(),
            subscribe: Vec::new(),
            h264: false,
            red: false,
            simulcast: false,
            layers: SentLayer::all(),
            outbox: VecDeque::new(),
            srtp: None,
            rtc,
            pending: None,
            request: 0,
            deadline: now,
            sequence: [100, 65_000],
        };
        peer.drain(now);
        peer
    }

    pub(crate) fn track(&self, source: Source) -> TrackId {
        TrackId { participant: self.id, source }
    }

    /// The m-line that receives `track`.
    pub(crate) fn line(&self, track: TrackId) -> Option<Mid> {
        self.subscribe.iter().find(|(_, subscribed)| *subscribed == track).map(|(mid, _)| *mid)
    }

    pub(crate) fn publishes(&self, source: Source) -> bool {
        self.publish.iter().any(|(_, published)| *published == source)
    }

    /// An offer that adds these; earlier m-lines stay.
    pub(crate) fn offer(&mut self, publish: &[Source], subscribe: &[TrackId]) -> Negotiation {
        let kind = |source: Source| if source.is_audio() { MediaKind::Audio } else { MediaKind::Video };
        let mut api = self.rtc.sdp_api();
        for source in publish {
            let layers = (self.simulcast && *source == Source::Camera).then(|| {
                let send = self.layers.iter().rev().map(|layer| SimulcastLayer::new(layer.rid)).collect();
                Simulcast { send, recv: Vec::new() }
            });
            let mid = api.add_media(kind(*source), Direction::SendOnly, None, None, layers);
            self.publish.push((mid, *source));
        }
        for track in subscribe {
            let mid = api.add_media(kind(track.source), Direction::RecvOnly, None, None, None);
            self.subscribe.push((mid, *track));
        }
        let (offer, pending) = api.apply().expect("something to negotiate");
        self.open(offer.to_sdp_string(), pending)
    }

    /// New ICE credentials, same m-lines.
    pub(crate) fn ice_restart_offer(&mut self) -> Negotiation {
        let mut api = self.rtc.sdp_api();
        api.ice_restart(true);
        let (offer, pending) = api.apply().expect("something to negotiate");
        self.open(offer.to_sdp_string(), pending)
    }

    fn open(&mut self, offer: String, pending: SdpPendingOffer) -> Negotiation {
        self.pending = Some(pending);
        self.request += 1;
        let publication =
            |(mid, source): &(Mid, Source)| Publication { mid: mid.to_string(), source: *source };
        let subscription =
            |(mid, track): &(Mid, TrackId)| Subscription { mid: mid.to_string(), track: *track };
        Negotiation {
            request: self.request,
            offer,
            publish: self.publish.iter().map(publication).collect(),
            subscribe: self.subscribe.iter().map(subscription).collect(),
        }
    }

    /// Applies the answer; returns the request number to confirm.
    pub(crate) fn answer(&mut self, now: Instant, answer: &str) -> u32 {
        let answer = SdpAnswer::from_sdp_string(answer).expect("an SDP answer");
        let pending = self.pending.take().expect("an offer is open");
        self.rtc.sdp_api().accept_answer(pending, answer).expect("acceptable");
        self.drain(now);
        // ICE begins at the next one.
        self.timeout(now);
        self.request
    }

    /// 20 ms of Opus-like audio.
    pub(crate) fn send_audio(&mut self, now: Instant) {
        self.sequence[0] += 1;
        let number = self.sequence[0];
        let opus = |number: u64| [b"opus".as_slice(), &number.to_be_bytes()].concat();
        let (red, mut payload) = (self.red, opus(number));
        if red {
            // A block of payload type 111, 960 ticks earlier, 12 bytes; then the last one, of the same type.
            let header = [0xef, 0x0f, 0x00, 12, 111];
            payload = [&header[..], &opus(number - 1), &payload].concat();
        }
        let ext =
            ExtensionValues { audio_level: Some(-30), voice_activity: Some(true), ..Default::default() };
        self.write(now, Source::Microphone, |opus| {
            let pt = if red { 63.into() } else { opus };
            RtpWrite::new(pt, number.into(), (number * 960) as u32, now, payload).ext_vals(ext)
        });
    }

    /// One VP8 frame (or H.264 access unit of single NAL units) of `packets` packets; a keyframe or a delta frame. Of the
    /// camera, or of the screen where that is all there is.
    pub(crate) fn send_video(&mut self, now: Instant, packets: u64, keyframe: bool) {
        let source = if self.publishes(Source::Camera) { Source::Camera } else { Source::Screen };
        let frame = self.sequence[1] / packets;
        for index in 0..packets {
            self.sequence[1] += 1;
            let number = self.sequence[1];
            let [high, low] = ((frame & 0x7fff) as u16 | 0x8000).to_be_bytes();
            let start = if index == 0 { 0x10 } else { 0 };
            let header = match (self.h264, keyframe && index == 0) {
                (false, _) => [0x80 | start, 0x80, high, low, u8::from(!keyframe)],
                (true, true) => [0x65, 0, 0, 0, 0],
                (true, false) => [0x41, 0, 0, 0, 0],
            };
            let payload = [&header, &number.to_be_bytes()[..], &[7; 800]];
            self.write(now, source, |pt| {
                RtpWrite::new(pt, number.into(), (frame * 3000) as u32, now, payload.concat())
                    .marker(index + 1 == packets)
                    .nackable(true)
            });
        }
    }

    /// One frame of every layer that is not paused: VP8 with a 15-bit picture id and a TL0PICIDX, then the packet's
    /// number and its layer.
    pub(crate) fn send_layers(&mut self, now: Instant) {
        let (mid, _) =
            *self.publish.iter().find(|(_, published)| *published == Source::Camera).expect("camera");
        for (index, layer) in self.layers.iter_mut().enumerate().filter(|(_, layer)| !layer.paused) {
            let keyframe = std::mem::take(&mut layer.keyframe_requests) > 0;
            layer.keyframes += usize::from(keyframe);
            layer.picture = (layer.picture + 1) & 0x7fff;
            let timestamp = 3000 * u32::from(layer.picture) + 7_000_000 * index as u32;
            for packet in 0..layer.packets {
                layer.sequence += 1;
                let [high, low] = (layer.picture | 0x8000).to_be_bytes();
                let start = if packet == 0 { 0x10 } else { 0 };
                let header = [0x80 | start, 0xe0, high, low, layer.picture as u8, 0, u8::from(!keyframe)];
                let payload =
                    [&header, &layer.sequence.to_be_bytes()[..], &[index as u8], &vec![7; layer.bytes]]
                        .concat();
                let write = RtpWrite::new(96.into(), layer.sequence.into(), timestamp, now, payload)
                    .marker(packet + 1 == layer.packets)
                    .nackable(true);
                let rid = Some(layer.rid.into());
                self.rtc.direct_api().stream_tx_by_mid(mid, rid).expect("negotiated").write_rtp(write);
                while !matches!(self.rtc.poll_output().expect("alive"), Output::Timeout(_)) {}
            }
        }
        self.timeout(now);
    }

    fn write(&mut self, now: Instant, source: Source, packet: impl FnOnce(Pt) -> RtpWrite) {
        let (mid, _) = *self.publish.iter().find(|(_, published)| *published == source).expect("published");
        let pt: Pt = match (source.is_audio(), self.h264) {
            (true, _) => 111.into(),
            (false, false) => 96.into(),
            (false, true) => 127.into(),
        };
        let mut api = self.rtc.direct_api();
        api.stream_tx_by_mid(mid, None).expect("negotiated").write_rtp(packet(pt));
        self.drain(now);
        self.timeout(now);
    }

    pub(crate) fn request_keyframe(&mut self, now: Instant, mid: Mid) {
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx_by_mid(mid, None).expect("packets have arrived");
        stream.request_keyframe(str0m::media::KeyframeRequestKind::Pli);
        self.drain(now);
    }

    /// Seals packets of our own making.
    pub(crate) fn srtp(&mut self) -> &mut Srtp {
        self.srtp.as_mut().expect("connected")
    }

    /// SSRC of what we send, of the only layer.
    pub(crate) fn ssrc_sent(&mut self, source: Source) -> u32 {
        let (mid, _) = *self.publish.iter().find(|(_, published)| *published == source).expect("published");
        *self.rtc.direct_api().stream_tx_by_mid(mid, None).expect("negotiated").ssrc()
    }

    /// SSRC under which `track` arrives.
    pub(crate) fn ssrc_received(&mut self, track: TrackId) -> u32 {
        let mid = self.line(track).expect("subscribed");
        *self.rtc.direct_api().stream_rx_by_mid(mid, None).expect("packets have arrived").ssrc()
    }

    pub(crate) fn receive(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let Ok(contents) = datagram.try_into() else { return };
        let receive = Receive { proto: self.proto, source: from, destination: self.address, contents };
        self.rtc
            .handle_input(Input::Receive(now, receive))
            .expect("the server sends only what we understand");
        self.drain(now);
    }

    pub(crate) fn timeout(&mut self, now: Instant) {
        self.rtc.handle_input(Input::Timeout(now)).expect("alive");
        self.drain(now);
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What arrived on an m-line, in sequence order.
    pub(crate) fn packets(&self, mid: Mid) -> Vec<&Arrived> {
        let mut packets: Vec<_> = self.arrived.iter().filter(|packet| packet.mid == mid).collect();
        packets.sort_by_key(|packet| packet.sequence);
        packets
    }

    /// The numbers in the payloads of `track`, in sequence order.
    pub(crate) fn numbers(&self, track: TrackId) -> Vec<u64> {
        let skip = if track.source.is_audio() { 4 } else { 5 };
        let number =
            |packet: &&Arrived| u64::from_be_bytes(packet.payload[skip..skip + 8].try_into().expect("eight"));
        self.line(track).map(|mid| self.packets(mid).iter().map(number).collect()).unwrap_or_default()
    }

    fn drain(&mut self, now: Instant) {
        loop {
            match self.rtc.poll_output().expect("alive") {
                Output::Timeout(at) => {
                    // An Rtc with nothing to do reports a time far away.
                    self.deadline = at.min(now + Duration::from_millis(500));
                    return;
                }
                Output::Transmit(transmit) => self.outbox.push_back(transmit),
                Output::Event(Event::Connected) => {
                    self.connected = true;
                    self.srtp = Srtp::latest();
                }
                Output::Event(Event::KeyframeRequest(request)) => {
                    self.keyframe_requests += 1;
                    for layer in &mut self.layers {
                        layer.keyframe_requests += usize::from(request.rid == Some(layer.rid.into()));
                    }
                }
                Output::Event(Event::RtpPacket(packet)) => self.record(now, packet),
                Output::Event(Event::MediaIngressStats(stats)) => {
                    self.round_trip = stats.rtt.or(self.round_trip);
                }
                Output::Event(_) => {}
            }
        }
    }

    fn record(&mut self, now: Instant, packet: RtpPacket) {
        if packet.payload.is_empty() {
            return;
        }
        let mid = self.rtc.direct_api().stream_rx(&packet.header.ssrc).expect("known").mid();
        self.arrived.push(Arrived {
            mid,
            sequence: *packet.seq_no,
            timestamp: packet.header.timestamp,
            at: now,
            payload: packet.payload.to_vec(),
        });
    }
}
