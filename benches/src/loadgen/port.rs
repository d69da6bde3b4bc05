//! The UDP socket of one generator thread, shared by all its clients. A client is an address on it, of 127.0.0.0/8 or,
//! where the benchmark script made two networks, of 10.80.0.0/12: the system under test sees as many sources as there
//! are clients, and the generator still receives in batches.
//!
//! Datagrams leave one by one and arrive one by one (no GSO, no GRO), as those of browsers do: the kernel's work for a
//! coalesced send of the system under test is done where a network card would do it, on its own account.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};

const RECEIVE_BUFFER: usize = 16 << 20;
const SEND_BUFFER: usize = 4 << 20;
/// Larger than any RTP packet.
const SLOT_BYTES: usize = 2048;

pub struct Port {
    socket: UdpSocket,
    state: UdpSocketState,
    arena: Vec<u8>,
    port: u16,
    /// First half of every client's address on this thread.
    network: [u8; 2],
    /// Datagrams that the kernel did not take: the generator's own loss.
    pub send_failures: u64,
}

/// One datagram as it came in.
pub struct Datagram<'a> {
    pub from: SocketAddr,
    pub to: IpAddr,
    /// When the kernel took it, nanoseconds since the Unix epoch.
    pub arrived: u64,
    pub bytes: &'a [u8],
}

impl Port {
    /// For generator thread `thread`; `server`: where the system under test is.
    pub fn bind(thread: u8, server: IpAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        // Root may exceed the system's limit; anyone else gets what the limit allows.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        }
        if setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
            socket.set_send_buffer_size(SEND_BUFFER)?;
        }
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
        let state = UdpSocketState::new((&socket).into())?;
        setsockopt(&socket, sockopt::UdpGroSegment, &false)?;
        let socket: UdpSocket = socket.into();
        let port = socket.local_addr()?.port();
        let network = if server.is_loopback() { [127, 16 + thread] } else { [10, 80 + thread] };
        let arena = vec![0; SLOT_BYTES * BATCH_SIZE];
        Ok(Self { socket, state, arena, port, network, send_failures: 0 })
    }

    /// The address of client `index`.
    pub fn address(&self, index: usize) -> SocketAddr {
        let [first, second] = self.network;
        let [high, low] = (index as u16 + 1).to_be_bytes();
        SocketAddr::from(([first, second, high, low], self.port))
    }

    /// Until something can be received, `patience` at most.
    pub fn wait(&self, patience: Duration) {
        let timeout = Timespec {
            tv_sec: patience.as_secs().cast_signed(),
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        // Interrupted: the caller looks at its clock anyway.
        let _ = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout));
    }

    /// One batch; returns how many came.
    pub fn receive(&mut self, mut each: impl FnMut(&Datagram<'_>)) -> io::Result<usize> {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let received = {
            let mut slots = self.arena.chunks_mut(SLOT_BYTES);
            let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(slots.next().unwrap_or_default()));
            match self.state.recv((&self.socket).into(), &mut buffers, &mut metas) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                other => other?,
            }
        };
        for (meta, slot) in metas.iter().zip(self.arena.chunks(SLOT_BYTES)).take(received) {
            if let (Some(to), Some(arrived)) = (meta.dst_ip, meta.timestamp) {
                let arrived = arrived.as_nanos() as u64;
                each(&Datagram { from: meta.addr, to, arrived, bytes: &slot[..meta.len] });
            }
        }
        Ok(received)
    }

    pub fn send(&mut self, source: IpAddr, destination: SocketAddr, contents: &[u8]) {
        let transmit =
            Transmit { destination, ecn: None, contents, segment_size: None, src_ip: Some(source) };
        if self.state.try_send((&self.socket).into(), &transmit).is_err() {
            self.send_failures += 1;
        }
    }
}
