//! ICE-TCP for browsers behind firewalls that block UDP: the worker's port number on TCP, passive, with the framing of
//! RFC 4571 (16-bit length before each packet).

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

const MAX_CONNECTIONS: usize = 1024;
/// DTLS and RTP packets are at most one MTU; a longer frame is no media, and neither is an empty one.
const MAX_FRAME: usize = 2048;
/// Bytes of the length before a frame.
const LENGTH: usize = 2;
/// A browser sends its first check at once; whoever stays silent is not one.
const FIRST_FRAME: Duration = Duration::from_secs(2);
/// ICE consent checks come every few seconds (RFC 7675).
const IDLE: Duration = Duration::from_secs(30);
/// The silent are looked for this often, and the next connection is tried after this when the system had no room.
const SWEEP: Duration = Duration::from_millis(500);
/// What is read from one connection before the next one's turn.
const READ: usize = 4 << 10;
/// So often in a row, and so many are accepted, before datagrams have their turn: whoever connects has proven nothing.
const READS: usize = 8;
const ACCEPTS: usize = 16;
/// Bytes waiting for one connection, about a second of video; full: newest dropped, as a full network would.
const MOST_UNSENT: usize = 256 << 10;

pub(crate) struct TcpPort {
    listener: TcpListener,
    /// Somebody may be waiting to be accepted.
    pub(super) accepting: bool,
    registry: Registry,
    /// By number of their token.
    connections: Vec<Option<Connection>>,
    numbers: HashMap<SocketAddr, usize>,
    open: usize,
    /// Those that may have something to read, the next one first.
    readable: VecDeque<usize>,
    /// What was read last.
    scratch: Vec<u8>,
    swept: Option<Instant>,
}

struct Connection {
    stream: TcpStream,
    remote: SocketAddr,
    local: SocketAddr,
    /// There may be something to read: the system says so once, and then not before everything has been taken.
    readable: bool,
    /// Its end is known, or it has not kept to the framing.
    ended: bool,
    /// The beginning of a frame.
    received: Vec<u8>,
    /// What the system did not take yet; begins inside a frame.
    unsent: Vec<u8>,
    heard: Instant,
    patience: Duration,
}

impl TcpPort {
    pub(super) fn new(listener: TcpListener, registry: Registry) -> Self {
        Self {
            listener,
            accepting: false,
            registry,
            connections: Vec::new(),
            numbers: HashMap::new(),
            open: 0,
            readable: VecDeque::new(),
            scratch: vec![0; READ],
            swept: None,
        }
    }

    /// Something may be received or accepted at once.
    pub(super) fn is_waiting(&self) -> bool {
        self.accepting || !self.readable.is_empty()
    }

    /// What the system says of a connection.
    pub(super) fn ready(&mut self, token: Token, event: &Event) {
        let Some(Some(connection)) = self.connections.get_mut(token.0) else { return };
        let news = event.is_readable() || event.is_read_closed() || event.is_error();
        if news && !std::mem::replace(&mut connection.readable, true) {
            self.readable.push_back(token.0);
        }
        if event.is_writable() {
            connection.send_rest();
        }
    }

    /// Calls `each` with source, local address and packet of every frame that has come; accepts whoever waits, and closes
    /// what has ended. To be called several times a second at least.
    pub(crate) fn receive(&mut self, now: Instant, mut each: impl FnMut(SocketAddr, SocketAddr, &[u8])) {
        if self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= SWEEP) {
            self.swept = Some(now);
            self.sweep(now);
        }
        if self.accepting {
            self.accept(now);
        }
        for _ in 0..READS {
            let Some(number) = self.readable.pop_front() else { return };
            let Some(Some(connection)) = self.connections.get_mut(number) else { continue };
            connection.receive(now, &mut self.scratch, &mut each);
            if connection.ended {
                self.close(number);
            } else if connection.readable {
                self.readable.push_back(number);
            }
        }
    }

    /// Closes whoever is silent or could not be sent to, and tries again to accept: there may be room by now.
    fn sweep(&mut self, now: Instant) {
        let lost = |connection: &Connection| connection.ended || connection.is_silent(now);
        for number in 0..self.connections.len() {
            if self.connections.get(number).and_then(Option::as_ref).is_some_and(lost) {
                self.close(number);
            }
        }
        self.accepting = true;
    }

    fn close(&mut self, number: usize) {
        let Some(connection) = self.connections.get_mut(number).and_then(Option::take) else { return };
        if self.numbers.get(&connection.remote) == Some(&number) {
            self.numbers.remove(&connection.remote);
        }
        self.open -= 1;
    }

    pub(crate) fn send(&mut self, remote: SocketAddr, packet: &[u8]) {
        let Some(number) = self.numbers.get(&remote) else { return };
        if let Some(Some(connection)) = self.connections.get_mut(*number) {
            connection.send(packet);
        }
    }

    fn accept(&mut self, now: Instant) {
        for _ in 0..ACCEPTS {
            if self.open >= MAX_CONNECTIONS {
                // The sweep tries again.
                self.accepting = false;
                return;
            }
            match self.listener.accept() {
                // One that has gone already is not opened.
                Ok((stream, remote)) => drop(self.open(now, stream, remote)),
                Err(error) if is_of_one(error.kind()) => {}
                Err(error) => {
                    self.accepting = false;
                    if error.kind() != io::ErrorKind::WouldBlock {
                        tracing::warn!(%error, "media connection not accepted");
                    }
                    return;
                }
            }
        }
    }

    fn open(&mut self, now: Instant, mut stream: TcpStream, remote: SocketAddr) -> io::Result<()> {
        let number = self.connections.iter().position(Option::is_none).unwrap_or(self.connections.len());
        let both = Interest::READABLE | Interest::WRITABLE;
        self.registry.register(&mut stream, Token(number), both)?;
        stream.set_nodelay(true)?;
        let connection = Connection {
            local: stream.local_addr()?,
            stream,
            remote,
            readable: false,
            ended: false,
            received: Vec::new(),
            unsent: Vec::new(),
            heard: now,
            patience: FIRST_FRAME,
        };
        match self.connections.get_mut(number) {
            Some(place) => *place = Some(connection),
            None => self.connections.push(Some(connection)),
        }
        self.open += 1;
        // The same address may connect to each of ours; the latest one counts.
        if let Some(before) = self.numbers.insert(remote, number) {
            self.close(before);
        }
        Ok(())
    }
}

/// Of one call or one connection, not of the listener.
fn is_of_one(error: io::ErrorKind) -> bool {
    matches!(error, io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}

impl Connection {
    fn is_silent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) > self.patience
    }

    /// As much as is there, `scratch` at most.
    fn receive(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        each: &mut impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) {
        match self.stream.read(scratch) {
            Ok(0) => self.ended = true,
            Ok(length) => {
                self.received.extend_from_slice(scratch.get(..length).unwrap_or_default());
                self.take_frames(now, each);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.ended = true,
        }
    }

    fn take_frames(&mut self, now: Instant, each: &mut impl FnMut(SocketAddr, SocketAddr, &[u8])) {
        let mut rest = self.received.as_slice();
        while let Some((length, frames)) = rest.split_first_chunk::<LENGTH>() {
            let length = usize::from(u16::from_be_bytes(*length));
            if !(1..=MAX_FRAME).contains(&length) {
                self.ended = true;
                break;
            }
            let Some((packet, following)) = frames.split_at_checked(length) else { break };
            (self.heard, self.patience) = (now, IDLE);
            each(self.remote, self.local, packet);
            rest = following;
        }
        let taken = self.received.len() - rest.len();
        self.received.drain(..taken);
    }

    fn send(&mut self, packet: &[u8]) {
        let Ok(length) = u16::try_from(packet.len()) else { return };
        if self.unsent.len() + packet.len() > MOST_UNSENT {
            return;
        }
        let begun = !self.unsent.is_empty();
        self.unsent.extend_from_slice(&length.to_be_bytes());
        self.unsent.extend_from_slice(packet);
        // The system says when it takes more of what it has refused.
        if !begun {
            self.send_rest();
        }
    }

    fn send_rest(&mut self) {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(sent @ 1..) => drop(self.unsent.drain(..sent)),
                Ok(0) => return self.ended = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended |= error.kind() != io::ErrorKind::WouldBlock;
                    return;
                }
            }
        }
        self.unsent.shrink_to(MAX_FRAME);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, TcpStream as Browser};

    use super::*;
    use crate::net::Ports;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const PATIENCE: Duration = Duration::from_secs(5);

    fn browser(ports: &Ports) -> Browser {
        let browser = Browser::connect((LOCAL, ports.port)).expect("connected");
        browser.set_read_timeout(Some(PATIENCE)).expect("set");
        browser
    }

    fn framed(packet: &[u8]) -> Vec<u8> {
        [&(packet.len() as u16).to_be_bytes(), packet].concat()
    }

    /// Waits until `enough` says so of the packets that have come.
    fn receive(ports: &mut Ports, now: Instant, enough: impl Fn(&[Vec<u8>]) -> bool) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for _ in 0..200 {
            let start = Instant::now();
            ports.wait(start, Some(start + PATIENCE / 200)).expect("a wait");
            ports.tcp.receive(now, |_, local, packet| {
                assert_eq!(local.ip(), LOCAL);
                packets.push(packet.to_vec());
            });
            if enough(&packets) {
                return packets;
            }
        }
        panic!("{} packets came", packets.len());
    }

    fn is_closed(browser: &mut Browser) -> bool {
        match browser.read(&mut [0; 16]) {
            Ok(length) => length == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    #[test]
    fn packets_come_whole_however_their_bytes_are_cut() {
        let mut ports = Ports::bind(LOCAL, 0).expect("bound");
        let now = Instant::now();
        let mut browser = browser(&ports);
        let sent = [vec![1; 300], vec![2; MAX_FRAME], vec![3; 1]];
        let bytes: Vec<u8> = sent.iter().flat_map(|packet| framed(packet)).collect();
        for piece in bytes.chunks(7) {
            browser.write_all(piece).expect("written");
        }
        assert_eq!(receive(&mut ports, now, |packets| packets.len() == sent.len()), sent);
        // More than is taken at once, and the end right behind it.
        let many: Vec<u8> = (0..200).flat_map(|fill| framed(&[fill; 1_000])).collect();
        browser.write_all(&many).expect("written");
        drop(browser);
        let packets = receive(&mut ports, now, |packets| packets.len() == 200);
        assert!(packets.iter().zip(0..).all(|(packet, fill)| *packet == [fill; 1_000]));
        while ports.tcp.open == 1 {
            receive(&mut ports, now, |_| true);
        }
        assert!(!ports.tcp.is_waiting() && ports.tcp.numbers.is_empty(), "nothing of it is left");
    }

    #[test]
    fn who_is_silent_or_keeps_to_no_framing_is_closed_and_others_go_on() {
        let mut ports = Ports::bind(LOCAL, 0).expect("bound");
        let now = Instant::now();
        let [mut speaking, mut silent, mut wild, mut empty, mut slow] =
            std::array::from_fn(|_| browser(&ports));
        speaking.write_all(&framed(&[1])).expect("written");
        wild.write_all(&[0xff; 4]).expect("written");
        empty.write_all(&framed(&[])).expect("written");
        slow.write_all(&framed(&[2; 100])[..50]).expect("written");
        receive(&mut ports, now, |packets| packets.len() == 1);
        while ports.tcp.open > 3 {
            receive(&mut ports, now, |_| true);
        }
        assert!(is_closed(&mut wild), "no frame is as long");
        assert!(is_closed(&mut empty), "nor as short");
        receive(&mut ports, now + FIRST_FRAME + SWEEP, |_| true);
        assert!(is_closed(&mut silent));
        assert!(is_closed(&mut slow), "half a frame is none");
        speaking.write_all(&framed(&[3])).expect("written");
        let later = now + IDLE;
        assert_eq!(receive(&mut ports, later, |packets| packets.len() == 1), [[3]]);
        receive(&mut ports, later + IDLE + SWEEP, |_| true);
        assert!(is_closed(&mut speaking));
        assert_eq!(ports.tcp.open, 0);
        let mut next = browser(&ports);
        next.write_all(&framed(&[4])).expect("written");
        assert_eq!(
            receive(&mut ports, later, |packets| packets.len() == 1),
            [[4]],
            "in a place that was used before"
        );
    }

    #[test]
    fn who_takes_too_little_loses_the_newest_packets_whole() {
        const SENT: u32 = 20_000;
        let mut ports = Ports::bind(LOCAL, 0).expect("bound");
        let now = Instant::now();
        let mut browser = browser(&ports);
        browser.write_all(&framed(&[1])).expect("written");
        receive(&mut ports, now, |packets| packets.len() == 1);
        let remote = browser.local_addr().expect("connected");
        let packet = |number: u32| [&number.to_be_bytes()[..], &[7; 1_196]].concat();
        for number in 0..SENT {
            ports.tcp.send(remote, &packet(number));
        }
        let unsent = |ports: &Ports| ports.tcp.connections[0].as_ref().map_or(0, |one| one.unsent.len());
        assert!((1..=MOST_UNSENT + LENGTH).contains(&unsent(&ports)), "{}", unsent(&ports));
        let mut read = || {
            let mut frame = [0; LENGTH + 1_200];
            browser.read_exact(&mut frame).expect("read");
            let (length, packet) = frame.split_at(LENGTH);
            assert_eq!(length, 1_200_u16.to_be_bytes());
            u32::from_be_bytes(packet[..4].try_into().expect("four"))
        };
        let mut numbers = 0;
        while unsent(&ports) > 0 {
            assert_eq!(read(), numbers);
            numbers += 1;
            ports.wait(now, None).expect("a wait");
            ports.tcp.receive(now, |_, _, _| {});
        }
        assert!(numbers < SENT, "some were lost");
        ports.tcp.send(remote, &packet(SENT));
        while read() != SENT {
            numbers += 1;
            assert!(numbers < SENT, "in order");
        }
    }
}
