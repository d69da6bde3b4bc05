//! A worker's UDP port: batched receive, and sends grouped by destination (UDP GSO).

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Kernel queues: a second of a few hundred video streams, so that a busy moment loses nothing.
const RECEIVE_BUFFER: usize = 4 << 20;
const SEND_BUFFER: usize = 2 << 20;
/// Largest datagram; also what the kernel may coalesce into one buffer (GRO).
const SLOT_BYTES: usize = 64 << 10;
/// A longer GSO send is refused with EMSGSIZE.
const MAX_RUN_BYTES: usize = 65_000;

/// Datagrams of equal length to one destination, the last one may be shorter.
#[derive(Default)]
struct Run {
    destination: Option<SocketAddr>,
    source: Option<IpAddr>,
    segment: usize,
    count: usize,
    /// A shorter datagram has been appended: nothing may follow it.
    closed: bool,
    bytes: Vec<u8>,
}

pub(crate) struct UdpPort {
    socket: AsyncFd<Socket>,
    state: UdpSocketState,
    arena: Vec<u8>,
    run: Run,
    /// When the kernel took the first datagram that was received since the worker last answered, since the Unix epoch.
    pub(crate) oldest_arrival: Option<Duration>,
    /// Datagrams the kernel did not take; UDP may lose, the congestion control of the sender sees it.
    pub(crate) send_failures: u64,
}

impl UdpPort {
    /// Must be called inside a tokio runtime.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        // Best effort: the system may grant less.
        drop(socket.set_recv_buffer_size(RECEIVE_BUFFER));
        drop(socket.set_send_buffer_size(SEND_BUFFER));
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self {
            socket: watch(socket)?,
            state,
            arena: vec![0; SLOT_BYTES * BATCH_SIZE],
            run: Run::default(),
            oldest_arrival: None,
            send_failures: 0,
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get_ref().local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await.map(drop)
    }

    /// One batch: calls `each` with source, local address and content of every datagram. True: more may be waiting.
    pub(crate) fn receive(
        &mut self,
        mut each: impl FnMut(SocketAddr, Option<IpAddr>, &[u8]),
    ) -> io::Result<bool> {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut received = 0;
        let outcome = {
            let mut slots = self.arena.chunks_mut(SLOT_BYTES);
            let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(slots.next().unwrap_or_default()));
            self.socket.try_io(Interest::READABLE, |socket| {
                received = self.state.recv(socket.into(), &mut buffers, &mut metas)?;
                // A batch that is not full has emptied the socket; saying so here spares the call that finds out.
                if received < BATCH_SIZE { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            })
        };
        for (meta, slot) in metas.iter().zip(self.arena.chunks(SLOT_BYTES)).take(received) {
            self.oldest_arrival = self.oldest_arrival.or(meta.timestamp);
            for datagram in slot.get(..meta.len).unwrap_or_default().chunks(meta.stride.max(1)) {
                each(meta.addr, meta.dst_ip, datagram);
            }
        }
        match outcome {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            outcome => Ok(outcome.is_ok()),
        }
    }

    /// Queues a datagram; it leaves with the next ones of equal length to the same destination.
    pub(crate) fn send(&mut self, source: IpAddr, destination: SocketAddr, datagram: &[u8]) {
        let fits = self.run.destination == Some(destination)
            && self.run.source == Some(source)
            && !self.run.closed
            && datagram.len() <= self.run.segment
            && self.run.count < self.state.max_gso_segments()
            && self.run.bytes.len() + datagram.len() <= MAX_RUN_BYTES;
        if !fits {
            self.flush();
            self.run.destination = Some(destination);
            self.run.source = Some(source);
            self.run.segment = datagram.len();
        }
        self.run.closed = datagram.len() < self.run.segment;
        self.run.count += 1;
        self.run.bytes.extend_from_slice(datagram);
    }

    /// Sends what is queued.
    pub(crate) fn flush(&mut self) {
        let Some(destination) = self.run.destination.take() else { return };
        let segment = self.run.segment.max(1);
        let whole = Transmit {
            destination,
            ecn: None,
            contents: &self.run.bytes,
            segment_size: (self.run.count > 1).then_some(segment),
            src_ip: self.run.source,
        };
        if let Err(error) = self.transmit(&whole) {
            // Some kernels and network cards refuse segmentation: quinn-udp has then switched it off, and this run
            // goes out one by one. A full send buffer loses it.
            if self.run.count > 1 && error.kind() != io::ErrorKind::WouldBlock {
                for datagram in self.run.bytes.chunks(segment) {
                    let single = Transmit { contents: datagram, segment_size: None, ..whole.clone() };
                    if self.transmit(&single).is_err() {
                        self.send_failures += 1;
                    }
                }
            } else {
                self.send_failures += self.run.count as u64;
            }
        }
        self.run.count = 0;
        self.run.closed = false;
        self.run.bytes.clear();
    }

    /// Straight to the socket: a full send buffer is a loss here, so tokio's readiness need not be asked first.
    fn transmit(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.state.try_send(self.socket.get_ref().into(), transmit)
    }
}

/// Watched for datagrams only. tokio's own socket asks for room to send as well, of which the kernel tells after every
/// datagram that has left: the thread would wake for each.
#[expect(deprecated, reason = "wants an owner that never changes its descriptor; a `Socket` has no way to")]
fn watch(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    AsyncFd::with_interest(socket, Interest::READABLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn runs_of_equal_and_unequal_datagrams_arrive_whole_and_in_order() {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let (mut sender, mut receiver) =
            (UdpPort::bind(loopback).expect("bind"), UdpPort::bind(loopback).expect("bind"));
        let destination = receiver.local_addr().expect("bound");
        let source = loopback.ip();
        let sent: Vec<Vec<u8>> = [100, 100, 100, 60, 100, 101, 101, 1]
            .iter()
            .zip(0..)
            .map(|(length, fill)| vec![fill; *length])
            .collect();
        for datagram in &sent {
            sender.send(source, destination, datagram);
        }
        sender.flush();
        let mut got = Vec::new();
        while got.len() < sent.len() {
            tokio::time::timeout(Duration::from_secs(5), receiver.readable())
                .await
                .expect("in time")
                .expect("readable");
            let received = receiver.receive(|_, local, datagram| {
                assert_eq!(local, Some(source));
                got.push(datagram.to_vec());
            });
            assert!(received.is_ok());
        }
        assert_eq!(got, sent);
        assert_eq!(sender.send_failures, 0);
    }
}
