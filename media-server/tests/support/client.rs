//! A client on webrtc-rs, a WebRTC stack that shares no code with ours. It publishes Opus and VP8-like packets whose
//! payloads say which packet they are, and records what arrives.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use media_server::{Answer, Negotiation, ParticipantId, Publication, RoomId, Source, Subscription, TrackId};
use rtc::interceptor::{Interceptor, Packet as Intercepted, Registry, Slot, StreamInfo, TaggedPacket};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp::extension::HeaderExtension;
use rtc::rtp::extension::audio_level_extension::AudioLevelExtension;
use rtc::rtp::{Packet, header::Header};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability,
    RtpCodecKind,
};
use rtc::sansio::Protocol;
use rtc::sdp::extmap::{AUDIO_LEVEL_URI, SDES_MID_URI};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceCandidateInit,
    RTCPeerConnectionState, RTCSessionDescription, register_default_interceptors,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit, RtpTransceiver};

use crate::support::node::{Node, PATIENCE, claims};

/// How a client may reach the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Udp,
    /// A firewall blocks UDP.
    TcpOnly,
}

/// One packet as it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) sequence: u16,
    /// Which packet it is, from the payload.
    pub(crate) number: u64,
    pub(crate) starts_keyframe: bool,
}

/// What has happened to a client so far.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) connected: bool,
    pub(crate) audio: Vec<Arrived>,
    pub(crate) video: Vec<Arrived>,
    /// Picture loss indications about our camera.
    pub(crate) keyframe_requests: usize,
    video_track: Option<Arc<dyn TrackRemote>>,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = |packets: &[Arrived]| packets.iter().map(|packet| packet.number).collect::<Vec<_>>();
        f.debug_struct("Seen")
            .field("connected", &self.connected)
            .field("audio", &numbers(&self.audio))
            .field("video", &numbers(&self.video))
            .field("keyframe_requests", &self.keyframe_requests)
            .finish_non_exhaustive()
    }
}

pub(crate) struct Client {
    pub(crate) id: ParticipantId,
    pub(crate) room: RoomId,
    /// Candidates in the answers, each once.
    pub(crate) candidates: Vec<String>,
    connection: Arc<dyn PeerConnection>,
    seen: watch::Receiver<Seen>,
    microphone: Output,
    camera: Output,
    publish: Vec<(Arc<dyn RtpTransceiver>, Source)>,
    subscribe: Vec<(Arc<dyn RtpTransceiver>, TrackId)>,
    request: u32,
}

/// A published track.
struct Output {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    /// Number of the last packet.
    number: u64,
}

struct Handler {
    seen: Arc<watch::Sender<Seen>>,
    tasks: TaskTracker,
}

/// Sees the RTCP that webrtc-rs keeps to itself.
struct FeedbackCounter {
    seen: Arc<watch::Sender<Seen>>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for FeedbackCounter {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = rtc::shared::error::Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Self::Error> {
        if let Intercepted::Rtcp(feedback) = &packet.message.packet {
            let requests = feedback.iter().filter(|one| one.as_any().is::<PictureLossIndication>()).count();
            self.seen.send_modify(|seen| seen.keyframe_requests += requests);
        }
        self.reads.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Self::Error> {
        self.writes.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for FeedbackCounter {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.seen.send_modify(|seen| seen.connected = state == RTCPeerConnectionState::Connected);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let audio = track.kind().await == RtpCodecKind::Audio;
        if !audio {
            self.seen.send_modify(|seen| seen.video_track = Some(Arc::clone(&track)));
        }
        let seen = Arc::clone(&self.seen);
        self.tasks.spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    seen.send_modify(|seen| record(seen, audio, &packet));
                }
            }
        });
    }
}

fn record(seen: &mut Seen, audio: bool, packet: &Packet) {
    let payload = &packet.payload;
    let descriptor = if audio { 4 } else { 5 };
    let Some(number) = payload.get(descriptor..descriptor + 8) else { return };
    let arrived = Arrived {
        sequence: packet.header.sequence_number,
        number: u64::from_be_bytes(number.try_into().expect("eight bytes")),
        starts_keyframe: !audio && payload[0] & 0x10 != 0 && payload[4] & 1 == 0,
    };
    let packets = if audio { &mut seen.audio } else { &mut seen.video };
    // Bandwidth probes repeat recent packets as retransmissions (RFC 4588); webrtc-rs hands them out again.
    if !packets.iter().any(|known| known.sequence == arrived.sequence && known.number == arrived.number) {
        packets.push(arrived);
    }
}

impl Client {
    /// Publishes microphone and camera, receives `subscribe`; connected when this returns.
    pub(crate) async fn join(
        node: &Node,
        room: RoomId,
        id: ParticipantId,
        network: Network,
        subscribe: &[TrackId],
    ) -> Self {
        let (seen_sender, seen) = watch::channel(Seen::default());
        let handler = Handler { seen: Arc::new(seen_sender), tasks: TaskTracker::new() };
        let connection = connection(network, handler).await;
        // Video is near the end of its 16-bit sequence numbers.
        let microphone = output(RtpCodecKind::Audio, 111, "audio/opus", 48_000, 2, 100);
        let camera = output(RtpCodecKind::Video, 222, "video/VP8", 90_000, 0, 65_500);
        let mut client = Self {
            id,
            room,
            candidates: Vec::new(),
            connection,
            seen,
            microphone,
            camera,
            publish: Vec::new(),
            subscribe: Vec::new(),
            request: 0,
        };
        client.add_outputs().await;
        client.add_inputs(subscribe).await;
        let negotiation = client.offer().await;
        let token = node.token(&claims(room, id));
        let answer = node.server.connect(&token, negotiation).await.expect("accepted");
        client.apply(node, answer).await;
        client.until("connected", |seen| seen.connected).await;
        client
    }

    pub(crate) fn tracks(&self) -> [TrackId; 2] {
        [Source::Microphone, Source::Camera].map(|source| TrackId { participant: self.id, source })
    }

    /// Adds m-lines that receive `tracks`.
    pub(crate) async fn subscribe(&mut self, node: &Node, tracks: &[TrackId]) {
        self.add_inputs(tracks).await;
        let negotiation = self.offer().await;
        let answer = node.server.renegotiate(self.room, self.id, negotiation).await.expect("accepted");
        self.apply(node, answer).await;
    }

    /// Leaves its sockets for new ones, as a phone between two networks, and restarts ICE through signalling.
    pub(crate) async fn change_network(&mut self, node: &Node) {
        self.connection.restart_ice().await.expect("restarted");
        let negotiation = self.offer().await;
        let answer = node.server.renegotiate(self.room, self.id, negotiation).await.expect("accepted");
        self.apply(node, answer).await;
    }

    /// Ports of the sockets that it has offered last.
    pub(crate) async fn ports(&self) -> Vec<String> {
        let description = self.connection.local_description().await.expect("offered").sdp;
        let candidates = description.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
        candidates.filter_map(|candidate| candidate.split(' ').nth(5).map(ToOwned::to_owned)).collect()
    }

    /// 20 ms of Opus-like audio.
    pub(crate) async fn send_audio(&mut self) {
        let number = self.microphone.next();
        let payload = [b"opus".as_slice(), &number.to_be_bytes()].concat();
        let level = HeaderExtension::AudioLevel(AudioLevelExtension { level: 30, voice: true });
        self.microphone.send(111, (number * 960) as u32, true, payload, &[level]).await;
    }

    /// One VP8 frame of three packets; a keyframe or a delta frame.
    pub(crate) async fn send_video(&mut self, keyframe: bool) {
        let frame = self.camera.number / 3;
        for index in 0..3 {
            let number = self.camera.next();
            let [high, low] = ((frame & 0x7fff) as u16 | 0x8000).to_be_bytes();
            let start = if index == 0 { 0x10 } else { 0 };
            let descriptor = [0x80 | start, 0x80, high, low, u8::from(!keyframe)];
            let payload = [&descriptor, &number.to_be_bytes()[..], &[7; 800]].concat();
            self.camera.send(96, (frame * 3000) as u32, index == 2, payload, &[]).await;
        }
    }

    /// Numbers of the last packets sent: audio, video.
    pub(crate) fn sent(&self) -> (u64, u64) {
        (self.microphone.number, self.camera.number)
    }

    pub(crate) fn seen(&self) -> watch::Ref<'_, Seen> {
        self.seen.borrow()
    }

    /// Waits until `reached` holds of what has happened.
    pub(crate) async fn until(&mut self, what: &str, reached: impl FnMut(&Seen) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, self.seen.wait_for(reached)).await;
        let reached = waited.is_ok_and(|outcome| outcome.is_ok());
        assert!(reached, "never {what}: {:?}", self.seen());
    }

    /// Asks for a keyframe of the video that arrives here.
    pub(crate) async fn request_keyframe(&self) {
        let track = self.seen().video_track.clone().expect("video has arrived");
        let media_ssrc = track.ssrcs().await[0];
        track
            .write_rtcp(vec![Box::new(PictureLossIndication { sender_ssrc: 0, media_ssrc })])
            .await
            .expect("sent");
    }

    async fn add_outputs(&mut self) {
        let tracks = [(&self.microphone.track, Source::Microphone), (&self.camera.track, Source::Camera)];
        for (track, source) in tracks {
            let init = direction(RTCRtpTransceiverDirection::Sendonly);
            let line = self.connection.add_transceiver_from_track(Arc::clone(track) as _, Some(init)).await;
            self.publish.push((line.expect("an m-line"), source));
        }
    }

    async fn add_inputs(&mut self, tracks: &[TrackId]) {
        for track in tracks {
            let kind = if track.source.is_audio() { RtpCodecKind::Audio } else { RtpCodecKind::Video };
            let init = direction(RTCRtpTransceiverDirection::Recvonly);
            let line = self.connection.add_transceiver_from_kind(kind, Some(init)).await;
            self.subscribe.push((line.expect("an m-line"), *track));
        }
    }

    async fn offer(&mut self) -> Negotiation {
        let offer = self.connection.create_offer(None).await.expect("an offer");
        self.connection.set_local_description(offer.clone()).await.expect("applicable");
        self.request += 1;
        let mut publish = Vec::new();
        for (line, source) in &self.publish {
            publish.push(Publication { mid: mid(line).await, source: *source });
        }
        let mut subscribe = Vec::new();
        for (line, track) in &self.subscribe {
            subscribe.push(Subscription { mid: mid(line).await, track: *track });
        }
        Negotiation { request: self.request, offer: offer.sdp, publish, subscribe }
    }

    async fn apply(&mut self, node: &Node, answer: Answer) {
        let sdp = answer.0.clone();
        let description = RTCSessionDescription::answer(answer.0).expect("an SDP answer");
        self.connection.set_remote_description(description).await.expect("applicable");
        for line in sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:")) {
            self.add_candidate(format!("candidate:{line}")).await;
        }
        node.server.negotiated(self.room, self.id, self.request).await;
    }

    /// webrtc-rs connects to passive TCP candidates only when they are added one by one, and each time again; every
    /// m-line repeats them.
    async fn add_candidate(&mut self, candidate: String) {
        if self.candidates.contains(&candidate) {
            return;
        }
        self.candidates.push(candidate.clone());
        if candidate.contains("tcptype passive") {
            let candidate = RTCIceCandidateInit { candidate, ..RTCIceCandidateInit::default() };
            self.connection.add_ice_candidate(candidate).await.expect("understood");
        }
    }
}

impl Output {
    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    async fn send(
        &self,
        payload_type: u8,
        timestamp: u32,
        marker: bool,
        payload: Vec<u8>,
        extensions: &[HeaderExtension],
    ) {
        let header = Header {
            version: 2,
            marker,
            payload_type,
            sequence_number: self.number as u16,
            timestamp,
            ssrc: self.ssrc,
            ..Header::default()
        };
        let packet = Packet { header, payload: Bytes::from(payload) };
        self.track.write_rtp_with_extensions(packet, extensions).await.expect("sent");
    }
}

async fn connection(network: Network, handler: Handler) -> Arc<dyn PeerConnection> {
    let mut media = MediaEngine::default();
    media.register_default_codecs().expect("known codecs");
    for uri in [SDES_MID_URI, AUDIO_LEVEL_URI] {
        let extension = RTCRtpHeaderExtensionCapability { uri: uri.to_owned() };
        media.register_header_extension(extension, RtpCodecKind::Audio, None).expect("a known extension");
    }
    let counter =
        FeedbackCounter { seen: Arc::clone(&handler.seen), reads: VecDeque::new(), writes: VecDeque::new() };
    let interceptors = register_default_interceptors(Registry::new(), &mut media)
        .expect("known interceptors")
        .with(Slot::from(14_000), counter);
    let settings = SettingEngineBuilder::new()
        .with_include_loopback_candidate(true)
        .with_discard_local_candidates_during_ice_restart(true);
    let builder = PeerConnectionBuilder::new()
        .with_media_engine(media)
        .with_interceptor_registry(interceptors)
        .with_handler(Arc::new(handler));
    let any_port = vec!["127.0.0.1:0".to_owned()];
    let builder = match network {
        Network::Udp => builder.with_setting_engine(settings.build()).with_udp_addrs(any_port),
        Network::TcpOnly => {
            let settings = settings.with_network_types(vec![rtc::ice::network_type::NetworkType::Tcp4]);
            builder.with_setting_engine(settings.build()).with_tcp_addrs(any_port)
        }
    };
    Arc::new(Box::pin(builder.build()).await.expect("a peer connection"))
}

fn output(
    kind: RtpCodecKind,
    ssrc: u32,
    mime_type: &str,
    clock_rate: u32,
    channels: u16,
    number: u64,
) -> Output {
    let codec =
        RTCRtpCodec { mime_type: mime_type.to_owned(), clock_rate, channels, ..RTCRtpCodec::default() };
    let rtp_coding_parameters =
        RTCRtpCodingParameters { ssrc: Some(ssrc), ..RTCRtpCodingParameters::default() };
    let encoding =
        RTCRtpEncodingParameters { rtp_coding_parameters, codec, ..RTCRtpEncodingParameters::default() };
    let name = kind.to_string();
    let track = MediaStreamTrack::new("stream".to_owned(), name.clone(), name, kind, vec![encoding]);
    Output { track: Arc::new(TrackLocalStaticRTP::new(track)), ssrc, number }
}

fn direction(direction: RTCRtpTransceiverDirection) -> RTCRtpTransceiverInit {
    RTCRtpTransceiverInit { direction, streams: Vec::new(), send_encodings: Vec::new() }
}

async fn mid(line: &Arc<dyn RtpTransceiver>) -> String {
    line.mid().await.expect("open").expect("negotiated")
}
