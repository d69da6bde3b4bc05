//! One peer connection of a client: str0m in RTP mode, driven by hand.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::config::DtlsCert;
use str0m::format::{Codec, PayloadParams};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::rtp::{ExtensionValues, RtpWrite, Ssrc};
use str0m::{Candidate, Event, Input, Output, Rtc};

use super::media::LAYERS;

/// What a client keeps to send again, per video stream, and the share of it in what it sends. Browsers send again up to
/// their estimate of the way (libwebrtc, `RtpTransportControllerSend`), so up to as much as they send anyway; str0m would
/// stop at 15 %, which is less than packets that overtake each other make receivers ask for.
const RTX_PACKETS: usize = 1000;
const RTX_AGE: Duration = Duration::from_secs(3);
const RTX_SHARE: f32 = 0.5;

/// A packet to send.
pub struct Outgoing {
    pub mid: Mid,
    pub rid: Option<Rid>,
    pub sequence: u64,
    pub time: u32,
    pub marker: bool,
    /// RFC 2198; of audio.
    pub red: bool,
    pub payload: Vec<u8>,
}

/// A packet that arrived.
pub struct Arrived {
    pub ssrc: Ssrc,
    /// Extended.
    pub sequence: u64,
    pub marker: bool,
    /// RFC 2198.
    pub red: bool,
    pub payload: Arc<[u8]>,
}

pub struct Peer {
    rtc: Rtc,
    pub address: SocketAddr,
    pub deadline: Instant,
    pub connected: bool,
    /// Somebody cannot show our video without a keyframe.
    pub keyframe_wanted: bool,
    /// In order of arrival.
    pub arrived: VecDeque<Arrived>,
    pub outbox: VecDeque<Transmit>,
    pending: Option<SdpPendingOffer>,
    opus: Option<Pt>,
    red: Option<Pt>,
    vp8: Option<Pt>,
    /// Offered video streams, until the answer is there.
    cameras: Vec<(Mid, Option<Rid>)>,
}

impl Peer {
    /// `certificate`: clients may share one; making it is not what is measured. `red`: it understands redundant audio.
    pub fn new(now: Instant, address: SocketAddr, certificate: DtlsCert, red: bool) -> Result<Self> {
        let config = Rtc::builder().set_rtp_mode(true).set_dtls_cert(certificate).clear_codecs();
        let mut rtc = config.enable_opus(true, red).enable_vp8(true).build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp")?);
        let params = |codec| rtc.codec_config().iter().find(|params| params.spec().codec == codec);
        let (opus, vp8) = (params(Codec::Opus), params(Codec::Vp8));
        let (opus, red, vp8) =
            (opus.map(PayloadParams::pt), opus.and_then(PayloadParams::red), vp8.map(PayloadParams::pt));
        let mut peer = Self {
            rtc,
            address,
            deadline: now,
            connected: false,
            keyframe_wanted: false,
            arrived: VecDeque::new(),
            outbox: VecDeque::new(),
            pending: None,
            opus,
            red,
            vp8,
            cameras: Vec::new(),
        };
        peer.drain(now)?;
        Ok(peer)
    }

    /// An offer that sends `send` (video in `layers` layers) and receives `receive`; the m-lines in the same order.
    pub fn offer(
        &mut self,
        send: &[MediaKind],
        layers: usize,
        receive: &[MediaKind],
    ) -> Result<(String, Vec<Mid>, Vec<Mid>)> {
        let mut api = self.rtc.sdp_api();
        let mut simulcast = Simulcast::new();
        for layer in LAYERS.iter().take(layers) {
            simulcast.add_send_layer(SimulcastLayer::new(layer.rid));
        }
        let mut sending = Vec::new();
        for kind in send {
            let layered = kind.is_video() && layers > 1;
            let mid =
                api.add_media(*kind, Direction::SendOnly, None, None, layered.then(|| simulcast.clone()));
            sending.push(mid);
            if layered {
                self.cameras.extend(LAYERS.iter().take(layers).map(|layer| (mid, Some(layer.rid.into()))));
            } else if kind.is_video() {
                self.cameras.push((mid, None));
            }
        }
        let receiving =
            receive.iter().map(|kind| api.add_media(*kind, Direction::RecvOnly, None, None, None)).collect();
        let (offer, pending) = api.apply().context("nothing to negotiate")?;
        self.pending = Some(pending);
        Ok((offer.to_sdp_string(), sending, receiving))
    }

    pub fn accept_answer(&mut self, now: Instant, answer: &str) -> Result<()> {
        let pending = self.pending.take().context("an answer without an offer")?;
        self.rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(answer)?)?;
        self.drain(now)?;
        for (mid, rid) in std::mem::take(&mut self.cameras) {
            if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(mid, rid) {
                stream.set_rtx_cache(RTX_PACKETS, RTX_AGE, Some(RTX_SHARE));
            }
            self.drain(now)?;
        }
        // ICE begins at the next one.
        self.timeout(now)
    }

    /// The answer to an offer of the system under test.
    pub fn answer(&mut self, now: Instant, offer: &str) -> Result<String> {
        let answer = self.rtc.sdp_api().accept_offer(SdpOffer::from_sdp_string(offer)?)?;
        self.drain(now)?;
        Ok(answer.to_sdp_string())
    }

    pub fn receive(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Result<()> {
        let Ok(contents) = datagram.try_into() else { return Ok(()) };
        let receive = Receive { proto: Protocol::Udp, source: from, destination: self.address, contents };
        self.rtc.handle_input(Input::Receive(now, receive))?;
        self.drain(now)
    }

    pub fn timeout(&mut self, now: Instant) -> Result<()> {
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain(now)
    }

    /// Queues a packet; the next `timeout` sends it.
    pub fn write(&mut self, now: Instant, packet: Outgoing) -> Result<()> {
        let audio = packet.rid.is_none() && self.media_kind(packet.mid)?.is_audio();
        let pt = match (audio, packet.red) {
            (true, true) => self.red,
            (true, false) => self.opus,
            (false, _) => self.vp8,
        };
        let pt = pt.context("codec not negotiated")?;
        let level = audio.then_some(-30);
        let ext =
            ExtensionValues { audio_level: level, voice_activity: level.map(|_| true), ..Default::default() };
        let write = RtpWrite::new(pt, packet.sequence.into(), packet.time, now, packet.payload)
            .marker(packet.marker)
            .ext_vals(ext)
            .nackable(!audio);
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(packet.mid, packet.rid).context("m-line not negotiated")?;
        stream.write_rtp(write);
        self.drain(now)
    }

    pub fn opus(&self) -> Result<Pt> {
        self.opus.context("codec not negotiated")
    }

    /// Asks the sender of a stream for a keyframe.
    pub fn request_keyframe(&mut self, now: Instant, ssrc: Ssrc) -> Result<()> {
        if let Some(stream) = self.rtc.direct_api().stream_rx(&ssrc) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
        self.timeout(now)
    }

    fn media_kind(&self, mid: Mid) -> Result<MediaKind> {
        Ok(self.rtc.media(mid).context("no such m-line")?.kind())
    }

    fn drain(&mut self, now: Instant) -> Result<()> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    // An Rtc with nothing to do reports a time far away.
                    self.deadline = at.min(now + Duration::from_secs(1));
                    return Ok(());
                }
                Output::Transmit(transmit) => self.outbox.push_back(transmit),
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::KeyframeRequest(_)) => self.keyframe_wanted = true,
                Output::Event(Event::RtpPacket(packet)) => self.arrived.push_back(Arrived {
                    ssrc: packet.header.ssrc,
                    sequence: *packet.seq_no,
                    marker: packet.header.marker,
                    red: self.red == Some(packet.header.payload_type),
                    payload: packet.payload,
                }),
                Output::Event(_) => {}
            }
        }
    }
}
