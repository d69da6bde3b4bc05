//! The relay's thread: sessions that are being set up, and packets that pass.
#![expect(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use media_server::Source;
use str0m::change::SdpOffer;
use str0m::media::Mid;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::sync::oneshot;

use super::keys::KeyTap;
use super::port::Port;
use super::srtp::{Index, Srtp, TAG};
use crate::host::Line;

/// Handshakes are looked after this often.
const TICK: Duration = Duration::from_millis(5);
/// As the media server: batches received before what they caused is sent.
const BATCHES_PER_WAKE: usize = 4;
/// What the kernel takes in one send.
const DATAGRAMS_PER_RUN: usize = 64;
const MAX_RUN_BYTES: usize = 65_000;

pub type Who = (u32, u16);

pub struct Join {
    pub who: Who,
    pub offer: String,
    pub publish: Vec<Line>,
    pub subscribe: Vec<Line>,
    pub reply: oneshot::Sender<Result<String>>,
}

pub enum Command {
    Join(Join),
    Leave(Who),
}

/// What arrives with one SSRC.
struct Incoming {
    source: Source,
    index: Index,
}

struct Session {
    who: Who,
    rtc: Rtc,
    address: Option<SocketAddr>,
    srtp: Option<Srtp>,
    incoming: HashMap<u32, Incoming>,
    /// By seat and source of the others: the SSRC that this participant receives it with.
    outgoing: HashMap<(u16, Source), u32>,
    /// Datagrams to send, and where in them runs of equal length begin: (offset, length of one datagram).
    queued: Vec<u8>,
    runs: Vec<(usize, usize)>,
}

pub struct Relay {
    port: Port,
    address: SocketAddr,
    keys: KeyTap,
    sessions: HashMap<Who, Session>,
    rooms: HashMap<u32, Vec<u16>>,
    by_address: HashMap<SocketAddr, Who>,
    commands: Receiver<Command>,
    /// Sessions with something queued.
    touched: Vec<Who>,
}

impl Relay {
    pub fn bind(address: IpAddr, commands: Receiver<Command>) -> Result<Self> {
        let port = Port::bind(address)?;
        let (sessions, rooms, by_address) = Default::default();
        let (keys, touched) = (KeyTap::new(), Vec::new());
        Ok(Self { address: port.address()?, port, keys, sessions, rooms, by_address, commands, touched })
    }

    /// Until nobody can send commands any more.
    pub fn run(mut self) -> Result<()> {
        let mut next_tick = Instant::now();
        loop {
            loop {
                match self.commands.try_recv() {
                    Ok(command) => self.handle(command),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            let now = Instant::now();
            if now >= next_tick {
                next_tick = now + TICK;
                self.drive_handshakes(now);
            }
            self.port.wait(TICK);
            self.receive()?;
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Join(mut join) => {
                let reply = std::mem::replace(&mut join.reply, oneshot::channel().0);
                // The generator may have given up.
                drop(reply.send(self.join(&join)));
            }
            Command::Leave(who) => {
                self.sessions.remove(&who);
                self.by_address.retain(|_, owner| *owner != who);
                if let Some(seats) = self.rooms.get_mut(&who.0) {
                    seats.retain(|seat| *seat != who.1);
                }
            }
        }
    }

    fn join(&mut self, join: &Join) -> Result<String> {
        let config = Rtc::builder().set_rtp_mode(true).set_ice_lite(true).clear_codecs();
        let config = config.enable_opus(true, false).enable_vp8(true);
        let mut rtc = config.set_crypto_provider(self.keys.provider.clone()).build(Instant::now());
        rtc.add_local_candidate(Candidate::host(self.address, "udp")?);
        let answer = rtc.sdp_api().accept_offer(SdpOffer::from_sdp_string(&join.offer)?)?;
        let offered = offered_ssrcs(&join.offer);
        let (mut incoming, mut outgoing) = (HashMap::new(), HashMap::new());
        for line in &join.publish {
            let ssrc = offered.get(&line.mid).context("the floor takes one layer, announced by its SSRC")?;
            incoming.insert(*ssrc, Incoming { source: line.source, index: Index::default() });
        }
        for line in &join.subscribe {
            let mid = Mid::from(line.mid.as_str());
            let mut api = rtc.direct_api();
            let stream = api.stream_tx_by_mid(mid, None).context("an m-line to send on")?;
            outgoing.insert((line.seat, line.source), *stream.ssrc());
        }
        let mut session = Session {
            who: join.who,
            rtc,
            address: None,
            srtp: None,
            incoming,
            outgoing,
            queued: Vec::new(),
            runs: Vec::new(),
        };
        session.drain(&self.port);
        ensure!(self.sessions.insert(join.who, session).is_none(), "a participant joins once");
        self.rooms.entry(join.who.0).or_default().push(join.who.1);
        Ok(answer.to_sdp_string())
    }

    fn drive_handshakes(&mut self, now: Instant) {
        for session in self.sessions.values_mut().filter(|session| session.srtp.is_none()) {
            // A failed handshake shows as a room that never comes up.
            drop(session.rtc.handle_input(Input::Timeout(now)));
            session.drain(&self.port);
        }
    }

    fn receive(&mut self) -> Result<()> {
        for _ in 0..BATCHES_PER_WAKE {
            let mut others = Vec::new();
            let (sessions, rooms, by_address) = (&mut self.sessions, &self.rooms, &self.by_address);
            let touched = &mut self.touched;
            let received = self.port.receive(|from, datagram| match (by_address.get(&from), datagram) {
                // RFC 7983 §7 and RFC 5761 §4: RTP, not RTCP.
                (Some(who), datagram @ [128..=191, 0..=191 | 224.., ..]) => {
                    pass(sessions, rooms, touched, *who, datagram);
                }
                (Some(_), [128..=191, ..]) => {}
                (_, datagram) => others.push((from, datagram.to_vec())),
            })?;
            for (from, datagram) in others {
                self.set_up(from, &datagram);
            }
            if received == 0 {
                break;
            }
        }
        for who in self.touched.drain(..) {
            if let Some(session) = self.sessions.get_mut(&who) {
                session.flush(&self.port);
            }
        }
        Ok(())
    }

    /// STUN and DTLS.
    fn set_up(&mut self, from: SocketAddr, datagram: &[u8]) {
        let Ok(contents) = datagram.try_into() else { return };
        let receive = Receive { proto: Protocol::Udp, source: from, destination: self.address, contents };
        let input = Input::Receive(Instant::now(), receive);
        let known = self.by_address.get(&from).copied();
        let claims = || self.sessions.values().find(|one| one.rtc.accepts(&input)).map(|one| one.who);
        let Some(who) = known.or_else(claims) else { return };
        self.by_address.insert(from, who);
        let Some(session) = self.sessions.get_mut(&who) else { return };
        session.address = Some(from);
        drop(session.rtc.handle_input(input));
        session.drain(&self.port);
        if let Some(handshake) = self.keys.take() {
            session.srtp = Srtp::new(&self.keys.provider, &handshake).ok();
        }
    }
}

impl Session {
    fn drain(&mut self, port: &Port) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => {
                    port.send(transmit.destination, &transmit.contents, transmit.contents.len());
                }
                Ok(Output::Event(Event::Connected | _)) => {}
                Ok(Output::Timeout(_)) | Err(_) => return,
            }
        }
    }

    fn flush(&mut self, port: &Port) {
        let Some(destination) = self.address else { return };
        let ends = self.runs.iter().skip(1).map(|(start, _)| *start).chain([self.queued.len()]);
        for ((start, segment), end) in self.runs.iter().zip(ends) {
            for run in
                self.queued[*start..end].chunks(segment * DATAGRAMS_PER_RUN.min(MAX_RUN_BYTES / segment))
            {
                port.send(destination, run, *segment);
            }
        }
        self.queued.clear();
        self.runs.clear();
    }
}

/// What the offer announces: the main SSRC of every m-line that sends.
fn offered_ssrcs(offer: &str) -> HashMap<String, u32> {
    let mut ssrcs = HashMap::new();
    for section in offer.split("\r\nm=").skip(1) {
        let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:"));
        let ssrc =
            section.lines().find_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok());
        ssrcs.extend(mid.map(str::to_owned).zip(ssrc));
    }
    ssrcs
}

/// From one participant to everyone else of the room who receives that track.
fn pass(
    sessions: &mut HashMap<Who, Session>,
    rooms: &HashMap<u32, Vec<u16>>,
    touched: &mut Vec<Who>,
    from: Who,
    datagram: &mut [u8],
) -> Option<()> {
    let session = sessions.get_mut(&from)?;
    let ssrc = u32::from_be_bytes(datagram.get(8..12)?.try_into().ok()?);
    let sequence = u16::from_be_bytes(datagram.get(2..4)?.try_into().ok()?);
    let incoming = session.incoming.get_mut(&ssrc)?;
    let (source, index) = (incoming.source, incoming.index.of(sequence));
    let (header, payload) = session.srtp.as_ref()?.open(datagram, index)?;
    for seat in rooms.get(&from.0)? {
        let Some(to) = sessions.get_mut(&(from.0, *seat)) else { continue };
        let (Some(srtp), Some(ssrc)) = (&to.srtp, to.outgoing.get(&(from.1, source))) else { continue };
        let length = header.len() + payload.len() + TAG;
        if to.runs.is_empty() {
            touched.push(to.who);
        }
        let start = to.queued.len();
        if to.runs.last().is_none_or(|(_, segment)| *segment != length) {
            to.runs.push((start, length));
        }
        to.queued.extend_from_slice(header);
        to.queued[start + 8..start + 12].copy_from_slice(&ssrc.to_be_bytes());
        to.queued.extend_from_slice(payload);
        srtp.seal(&mut to.queued, start, header.len(), index)?;
    }
    Some(())
}
