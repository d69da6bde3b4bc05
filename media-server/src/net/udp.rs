//! A worker's UDP port: batched receive, and sends grouped by destination (UDP GSO).

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

use crate::egress::{Departure, Route};

/// Kernel queues: a second of a few hundred video streams, so that a busy moment loses nothing.
const RECEIVE_BUFFER: usize = 4 << 20;
const SEND_BUFFER: usize = 2 << 20;
/// Largest datagram; also what the kernel may coalesce into one buffer (GRO).
const SLOT_BYTES: usize = 64 << 10;
/// More bytes at once are refused with EMSGSIZE.
const MOST_TOGETHER: usize = 65_000;

pub(crate) struct UdpPort {
    socket: Socket,
    /// Datagrams may be waiting: the system says so once, and then not before everything has been taken.
    pub(super) readable: bool,
    state: UdpSocketState,
    arena: Vec<u8>,
    /// What the system says of each datagram, or of several that came together.
    metas: [RecvMeta; BATCH_SIZE],
    /// Datagrams the kernel did not take; UDP may lose, the congestion control of the sender sees it.
    pub(crate) send_failures: u64,
}

impl UdpPort {
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        // Best effort: the system may grant less.
        drop(socket.set_recv_buffer_size(RECEIVE_BUFFER));
        drop(socket.set_send_buffer_size(SEND_BUFFER));
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self {
            socket,
            readable: false,
            state,
            arena: vec![0; SLOT_BYTES * BATCH_SIZE],
            metas: [RecvMeta::default(); BATCH_SIZE],
            send_failures: 0,
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// One batch: calls `each` with every datagram and what the system says of it. True: more may be waiting.
    pub(crate) fn receive(&mut self, mut each: impl FnMut(&RecvMeta, &[u8])) -> io::Result<bool> {
        if !self.readable {
            return Ok(false);
        }
        let received = {
            let mut slots = self.arena.chunks_mut(SLOT_BYTES);
            let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(slots.next().unwrap_or_default()));
            // A batch that is not full has emptied the socket; the system tells of what comes after an error.
            self.readable = false;
            match self.state.recv((&self.socket).into(), &mut buffers, &mut self.metas) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                other => other?,
            }
        };
        self.readable = received == BATCH_SIZE;
        for (meta, slot) in self.metas.iter().zip(self.arena.chunks(SLOT_BYTES)).take(received) {
            for datagram in slot.get(..meta.len).unwrap_or_default().chunks(meta.stride.max(1)) {
                each(meta, datagram);
            }
        }
        Ok(self.readable)
    }

    /// Sends datagrams together, as many at a time as the system takes.
    pub(crate) fn send(&mut self, departure: &Departure<'_>) {
        let Departure { route, segment, contents } = *departure;
        let most = self.state.max_gso_segments().min(MOST_TOGETHER / segment).max(1);
        for together in contents.chunks(segment * most) {
            self.send_together(route, segment, together);
        }
    }

    fn send_together(&mut self, route: Route, segment: usize, contents: &[u8]) {
        let whole = Transmit {
            destination: route.destination,
            ecn: None,
            contents,
            segment_size: (contents.len() > segment).then_some(segment),
            src_ip: Some(route.source.ip()),
        };
        let Err(error) = self.transmit(&whole) else { return };
        let datagrams = contents.chunks(segment);
        // Some kernels and network cards refuse segmentation: quinn-udp has then switched it off, and these go out one by
        // one. A full send buffer loses them.
        if whole.segment_size.is_none() || error.kind() == io::ErrorKind::WouldBlock {
            self.send_failures += datagrams.len() as u64;
            return;
        }
        for datagram in datagrams {
            let single = Transmit { contents: datagram, segment_size: None, ..whole.clone() };
            if self.transmit(&single).is_err() {
                self.send_failures += 1;
            }
        }
    }

    /// A full send buffer is a loss, nothing to wait for.
    fn transmit(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.state.try_send((&self.socket).into(), transmit)
    }
}

impl AsRawFd for UdpPort {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::net::Ports;

    #[test]
    fn datagrams_that_leave_together_arrive_one_by_one_whole_and_in_order() {
        let source = IpAddr::from([127, 0, 0, 1]);
        let mut sender = UdpPort::bind(SocketAddr::new(source, 0)).expect("bind");
        let mut receiver = Ports::bind(source, 0).expect("bind");
        let destination = SocketAddr::new(source, receiver.port);
        let proto = str0m::net::Protocol::Udp;
        let route = Route { proto, source: sender.local_addr().expect("bound"), destination };
        // More than the system takes at once, by number and by bytes.
        let mut sent = Vec::new();
        for (length, count, last) in [(100, 3, 60), (100, 1, 100), (101, 150, 1), (1_200, 80, 7)] {
            let run: Vec<_> = (0..count).map(|fill| vec![fill; length]).chain([vec![255; last]]).collect();
            sender.send(&Departure { route, segment: length, contents: &run.concat() });
            sent.extend(run);
        }
        let mut got = Vec::new();
        while got.len() < sent.len() {
            let start = Instant::now();
            let rung = receiver.wait(start, Some(start + Duration::from_secs(5))).expect("a wait");
            assert!(!rung, "nobody rang");
            assert!(receiver.udp.readable, "in time");
            let received = receiver.udp.receive(|meta, datagram| {
                assert_eq!(meta.dst_ip, Some(source));
                assert!(meta.timestamp.is_some(), "the kernel says when");
                got.push(datagram.to_vec());
            });
            assert!(received.is_ok());
        }
        assert_eq!(got, sent);
        assert_eq!(sender.send_failures, 0);
    }
}
