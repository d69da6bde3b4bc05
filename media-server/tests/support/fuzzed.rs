//! What the fuzz targets in `fuzz/` do with their input. `tests/fuzz_corpora.rs` does the same with every input that is
//! checked in, so that what was found once is looked at in each test run.

use std::net::SocketAddr;
use std::time::Duration;

use media_server::{MediaError, Negotiation, ParticipantId, Publication, Source, Subscription, TrackId};
use str0m::net::Protocol;
use uuid::Uuid;

use super::peer::Peer;
use super::sim::{Sim, config};

const AV: [Source; 2] = [Source::Microphone, Source::Camera];
/// Of a datagram: it comes from the participant's own address.
const FROM_PEER: u8 = 1;
/// Of a datagram or a packet: 20 ms pass after it.
const WAIT: u8 = 2;
/// Of a packet: it is RTCP, from the subscriber about the publisher's tracks; otherwise RTP from the publisher.
const RTCP: u8 = 1;
/// Of a packet: of the camera, not the microphone.
const CAMERA: u8 = 4;
/// Of a packet: SSRCs stay as they are.
const OWN_SSRC: u8 = 8;
/// A NACK for everything answers with no more than this for each packet of input. Some of it may wait for a later one, and
/// repairs are limited by bytes: fuzzing found a thousand tiny ones that had gathered over sixty packets.
const MOST_DATAGRAMS_FOR_ONE: u64 = 200;

/// The input in parts: flags, a length of two bytes, so many bytes (or what is left of them).
fn parts(mut data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&[flags, high, low], rest) = data.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (part, rest) = rest.split_at(length);
        data = rest;
        Some((flags, part))
    })
}

/// Datagrams from a stranger and from a participant's address, who joins meanwhile: the first byte of `data` says how
/// many milliseconds earlier it began.
pub(crate) fn datagrams(data: &[u8]) {
    let Some((head_start, data)) = data.split_first() else { return };
    let mut sim = Sim::new(config());
    sim.peers.push(Peer::new(sim.now, 1, Protocol::Udp));
    let negotiation = sim.peers[0].offer(&AV, &[]);
    let answer = sim.connect(0, negotiation).expect("accepted");
    sim.apply(0, &answer);
    sim.run_for(Duration::from_millis(u64::from(*head_start)));
    let stranger = SocketAddr::from(([203, 0, 113, 9], 9));
    for (flags, datagram) in parts(data) {
        let from = if flags & FROM_PEER == 0 { stranger } else { sim.peers[0].address };
        sim.inject(from, datagram);
        if flags & WAIT != 0 {
            sim.run_for(Duration::from_millis(20));
        }
    }
    sim.run_for(Duration::from_millis(100));
    assert_eq!(sim.strays, 0, "the stranger got an answer");
    assert_eq!(sim.engine.counters().session_panics, 0);
}

/// An offer, as the first one of a session and as a later one.
pub(crate) fn sdp_offer(data: &[u8]) {
    let offer = String::from_utf8_lossy(data);
    let mut sim = Sim::new(config());
    sim.peers.push(Peer::new(sim.now, 1, Protocol::Udp));
    let before = sim.connect(0, negotiation(&offer));
    let good = sim.peers[0].offer(&AV, &[]);
    sim.connect(0, good).expect("accepted whatever came before");
    let later = sim.renegotiate(0, negotiation(&offer));
    assert_eq!(sim.engine.counters().session_panics, 0);
    for answer in [before, later] {
        match answer {
            Ok(answer) => assert!(answer.0.len() < 4 * offer.len() + 8192, "an answer of {}", answer.0.len()),
            Err(error) => assert!(matches!(error, MediaError::Sdp(_)), "{error}"),
        }
    }
}

/// The first audio and video line publish, every other one subscribes.
fn negotiation(offer: &str) -> Negotiation {
    let (mut publish, mut subscribe) = (Vec::new(), Vec::new());
    let mut source = None;
    for line in offer.lines() {
        match line.strip_prefix("m=") {
            Some(media) if media.starts_with("audio") => source = Some(Source::Microphone),
            Some(media) if media.starts_with("video") => source = Some(Source::Camera),
            Some(_) => source = None,
            None => {}
        }
        let (Some(mid), Some(source)) = (line.strip_prefix("a=mid:"), source) else { continue };
        let mid = mid.trim().to_owned();
        if publish.iter().any(|line: &Publication| line.source == source) {
            let participant = ParticipantId::from_uuid(Uuid::from_u128(77));
            subscribe.push(Subscription { mid, track: TrackId { participant, source } });
        } else {
            publish.push(Publication { mid, source });
        }
    }
    Negotiation { request: 1, offer: offer.to_owned(), publish, subscribe }
}

/// A publisher, and a subscriber without RED.
pub(crate) struct Call {
    sim: Sim,
    /// Of input.
    packets: u64,
    /// By the server, before the first one.
    sent_before: u64,
}

impl Call {
    pub(crate) fn open() -> Self {
        let mut sim = Sim::new(config());
        sim.join(Protocol::Udp, &AV, &[]);
        let tracks = AV.map(|source| sim.peers[0].track(source));
        sim.peers.push(Peer::without_red(sim.now, 2, Protocol::Udp));
        sim.reconnect(1, &[], &tracks);
        sim.talk(Duration::from_millis(200));
        let sent_before = sim.engine.counters().datagrams_sent;
        Self { sim, packets: 0, sent_before }
    }

    /// Packets that are properly encrypted and otherwise anything: RTP with payloads of every codec, RED, RTCP.
    pub(crate) fn media(&mut self, data: &[u8]) {
        let sim = &mut self.sim;
        for (flags, packet) in parts(data) {
            self.packets += 1;
            let track = sim.peers[0].track(AV[usize::from(flags & CAMERA != 0)]);
            let mut packet = packet.to_vec();
            let (from, datagram) = if flags & RTCP == 0 {
                let ssrc = sim.peers[0].ssrc_sent(track.source);
                overwrite(&mut packet, flags, &[(8, ssrc)]);
                (sim.peers[0].address, sim.peers[0].srtp().rtp(&packet))
            } else {
                let (own, about) = (sim.peers[0].ssrc_sent(track.source), sim.peers[1].ssrc_received(track));
                overwrite(&mut packet, flags, &[(4, own), (8, about)]);
                (sim.peers[1].address, sim.peers[1].srtp().rtcp(&packet))
            };
            if let Some(datagram) = datagram {
                sim.inject(from, &datagram);
            }
            if flags & WAIT != 0 {
                sim.run_for(Duration::from_millis(20));
            }
        }
        sim.run_for(Duration::from_millis(20));
        let counters = sim.engine.counters();
        assert_eq!((counters.session_panics, counters.sessions), (0, 2));
        let (sent, most) =
            (counters.datagrams_sent - self.sent_before, (self.packets + 1) * MOST_DATAGRAMS_FOR_ONE);
        assert!(sent <= most, "{sent} sent for {} packets", self.packets);
    }
}

fn overwrite(packet: &mut [u8], flags: u8, ssrcs: &[(usize, u32)]) {
    if flags & OWN_SSRC != 0 {
        return;
    }
    for (at, ssrc) in ssrcs {
        if let Some(place) = packet.get_mut(*at..at + 4) {
            place.copy_from_slice(&ssrc.to_be_bytes());
        }
    }
}
