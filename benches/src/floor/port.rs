//! The relay's UDP socket: batches in, runs of equal length to one destination out (GSO), as the media server's.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};

const RECEIVE_BUFFER: usize = 4 << 20;
const SEND_BUFFER: usize = 2 << 20;
/// Room for what the kernel may coalesce (GRO).
const SLOT_BYTES: usize = 64 << 10;

pub(super) struct Port {
    socket: UdpSocket,
    state: UdpSocketState,
    arena: Vec<u8>,
}

impl Port {
    pub(super) fn bind(address: IpAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address((address, 0).into()), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind(&SocketAddr::from((address, 0)).into())?;
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self { socket: socket.into(), state, arena: vec![0; SLOT_BYTES * BATCH_SIZE] })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Until something can be received, `patience` at most.
    pub(super) fn wait(&self, patience: Duration) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(patience.subsec_nanos()) };
        // Interrupted: the caller comes back anyway.
        let _ = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout));
    }

    /// One batch; how many system buffers it filled.
    pub(super) fn receive(&mut self, mut each: impl FnMut(SocketAddr, &mut [u8])) -> io::Result<usize> {
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
        for (meta, slot) in metas.iter().zip(self.arena.chunks_mut(SLOT_BYTES)).take(received) {
            for datagram in slot[..meta.len].chunks_mut(meta.stride.max(1)) {
                each(meta.addr, datagram);
            }
        }
        Ok(received)
    }

    /// `segment`: length of every datagram in `contents` but the last, which may be shorter. What the kernel does not
    /// take is lost, and the generator's ledger sees it.
    pub(super) fn send(&self, destination: SocketAddr, contents: &[u8], segment: usize) {
        let segment_size = (contents.len() > segment).then_some(segment);
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
        drop(self.state.try_send((&self.socket).into(), &transmit));
    }
}
