//! Both sockets of a worker, and what it sleeps on until one of them or somebody wants it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use super::tcp::TcpPort;
use super::udp::UdpPort;

/// TCP connections have the tokens from 0 on.
const UDP: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);
const BELL: Token = Token(usize::MAX - 2);
/// Sockets that the system names at once; the others are named the next time.
const EVENTS: usize = 256;

/// One port number on UDP and TCP.
pub(crate) struct Ports {
    poll: Poll,
    events: Events,
    /// As long as `poll` itself: what a bell rang is forgotten with the last of its owners.
    bell: Arc<Waker>,
    pub(crate) udp: UdpPort,
    pub(crate) tcp: TcpPort,
    pub(crate) port: u16,
}

impl Ports {
    /// `port` 0 lets the system choose one that is free for both.
    pub(crate) fn bind(listen: IpAddr, port: u16) -> io::Result<Self> {
        let mut attempts = if port == 0 { 10 } else { 1 };
        loop {
            attempts -= 1;
            let udp = UdpPort::bind(SocketAddr::new(listen, port))?;
            let chosen = udp.local_addr()?;
            match mio::net::TcpListener::bind(chosen) {
                Ok(listener) => return Self::watch(udp, listener, chosen.port()),
                Err(error) if attempts == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }

    fn watch(udp: UdpPort, mut listener: mio::net::TcpListener, port: u16) -> io::Result<Self> {
        let poll = Poll::new()?;
        // Not for room to send: the kernel would tell of it after every datagram that has left.
        poll.registry().register(&mut SourceFd(&udp.as_raw_fd()), UDP, Interest::READABLE)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let bell = Arc::new(Waker::new(poll.registry(), BELL)?);
        let tcp = TcpPort::new(listener, poll.registry().try_clone()?);
        Ok(Self { poll, events: Events::with_capacity(EVENTS), bell, udp, tcp, port })
    }

    /// Whoever rings it ends the present or the next [`Ports::wait`].
    pub(crate) fn bell(&self) -> Arc<Waker> {
        Arc::clone(&self.bell)
    }

    /// Waits until something can be received or the bell rings (then true), `patience` at most.
    pub(crate) fn wait(&mut self, patience: Duration) -> io::Result<bool> {
        let nothing_is_left = !self.udp.readable && !self.tcp.is_waiting();
        let patience = if nothing_is_left { patience } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(patience)) {
            // A signal; the caller comes back anyway.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            outcome => outcome?,
        }
        let mut rung = false;
        for event in &self.events {
            match event.token() {
                UDP => self.udp.readable = true,
                LISTENER => self.tcp.accepting = true,
                BELL => rung = true,
                connection => self.tcp.ready(connection, event),
            }
        }
        Ok(rung)
    }
}
