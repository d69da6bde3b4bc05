//! Strangers: one thread that sends junk to the system under test as fast as it is told or can, and counts what comes back.
#![expect(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use serde::{Deserialize, Serialize};

/// Strangers' addresses.
const SOCKETS: usize = 16;
/// Datagrams of one send call (GSO): what one core can send this way is what one core can send.
const PER_CALL: usize = 32;
const BYTES: [usize; 4] = [60, 118, 200, 1200];
/// Sends happen this often.
const STEP: Duration = Duration::from_micros(500);

/// What was sent and what came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Flooded {
    pub per_second: f64,
    pub sent: u64,
    pub answered: u64,
    /// Growth of the system under test from before the flood to its end.
    pub rss_growth_mb: f64,
}

pub struct Flood {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Flooded>>,
}

struct Stranger {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl Flood {
    /// To every address in `targets` in turn, `per_second` datagrams in all.
    pub fn start(targets: Vec<SocketAddr>, per_second: u32) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let strangers: Vec<Stranger> =
            (0..SOCKETS).map(|_| Stranger::bind(&targets)).collect::<Result<_>>()?;
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("junk".into())
            .spawn(move || flood(&strangers, &targets, per_second, &stopped))?;
        Ok(Self { stop, thread })
    }

    pub fn end(self) -> Result<Flooded> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().ok().context("the junk thread panicked")?
    }
}

impl Stranger {
    fn bind(targets: &[SocketAddr]) -> Result<Self> {
        let loopback = targets.iter().all(|target| target.ip().is_loopback());
        let address = if loopback { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let socket = UdpSocket::bind((IpAddr::V4(address), 0))?;
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self { socket, state })
    }

    /// What has come back since the last look.
    fn answers(&self) -> u64 {
        let mut buffer = [0; 2048];
        let mut metas = [RecvMeta::default(); 1];
        let mut count = 0;
        while let Ok(received) =
            self.state.recv((&self.socket).into(), &mut [IoSliceMut::new(&mut buffer)], &mut metas)
        {
            count += received as u64;
        }
        count
    }
}

fn flood(
    strangers: &[Stranger],
    targets: &[SocketAddr],
    per_second: u32,
    stop: &AtomicBool,
) -> Result<Flooded> {
    let (began, mut flooded, mut turn) = (Instant::now(), Flooded::default(), 0_usize);
    while !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * f64::from(per_second)) as u64;
        while flooded.sent < due && !stop.load(Ordering::Relaxed) {
            let stranger = &strangers[turn % strangers.len()];
            let contents = junk(turn);
            let transmit = Transmit {
                destination: targets[(turn / strangers.len()) % targets.len()],
                ecn: None,
                contents: &contents,
                segment_size: Some(contents.len() / PER_CALL),
                src_ip: None,
            };
            stranger.state.try_send((&stranger.socket).into(), &transmit).context("the junk was refused")?;
            flooded.sent += PER_CALL as u64;
            turn += 1;
        }
        flooded.answered += strangers.iter().map(Stranger::answers).sum::<u64>();
        std::thread::sleep(STEP);
    }
    std::thread::sleep(Duration::from_millis(100));
    flooded.answered += strangers.iter().map(Stranger::answers).sum::<u64>();
    flooded.per_second = (flooded.sent as f64 / began.elapsed().as_secs_f64()).round();
    Ok(flooded)
}

/// Datagrams of one length that begin like RTP, like DTLS (a `ClientHello`), like a STUN Binding request with a USERNAME, and
/// like nothing at all.
fn junk(turn: usize) -> Vec<u8> {
    let length = BYTES[turn % BYTES.len()];
    let mut random = (turn as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut contents = Vec::with_capacity(length * PER_CALL);
    for index in 0..PER_CALL {
        let start = contents.len();
        while contents.len() < start + length {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            contents.extend(random.to_be_bytes());
        }
        contents.truncate(start + length);
        let head: &[u8] = match index % 4 {
            0 => &[0x90, 111],
            1 => &[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 47, 1, 0, 0, 35],
            2 => b"\x00\x01\x00\x28\x21\x12\xa4\x42twelve bytes\x00\x06\x00\x1fm000000aaaaaaaaaaaaaaaaaaaaaaaa:b",
            _ => &[],
        };
        for (byte, fixed) in contents[start..].iter_mut().zip(head) {
            *byte = *fixed;
        }
    }
    contents
}
