//! Both sockets of a worker, and what it sleeps on until one of them or somebody wants it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use super::alarm::Alarm;
use super::tcp::TcpPort;
use super::udp::UdpPort;

/// TCP connections have the tokens from 0 on.
const UDP: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);
const BELL: Token = Token(usize::MAX - 2);
const ALARM: Token = Token(usize::MAX - 3);
/// Sockets that the system names at once; the others are named the next time.
const EVENTS: usize = 256;

/// One port number on UDP and TCP.
pub(crate) struct Ports {
    poll: Poll,
    events: Events,
    /// As long as `poll` itself: what a bell rang is forgotten with the last of its owners.
    bell: Arc<Waker>,
    alarm: Alarm,
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
        let alarm = Alarm::new()?;
        poll.registry().register(&mut SourceFd(&alarm.as_raw_fd()), ALARM, Interest::READABLE)?;
        let bell = Arc::new(Waker::new(poll.registry(), BELL)?);
        let tcp = TcpPort::new(listener, poll.registry().try_clone()?);
        Ok(Self { poll, events: Events::with_capacity(EVENTS), bell, alarm, udp, tcp, port })
    }

    /// Whoever rings it ends the present or the next [`Ports::wait`].
    pub(crate) fn bell(&self) -> Arc<Waker> {
        Arc::clone(&self.bell)
    }

    /// Waits until something can be received, the bell rings (then true) or `due` has come. `None`: waits for nothing.
    pub(crate) fn wait(&mut self, now: Instant, due: Option<Instant>) -> io::Result<bool> {
        let nothing_is_left = !self.udp.readable && !self.tcp.is_waiting();
        let due = due.filter(|due| nothing_is_left && *due > now);
        if let Some(due) = due {
            self.alarm.set(now, due)?;
        }
        let patience = if due.is_some() { None } else { Some(Duration::ZERO) };
        match self.poll.poll(&mut self.events, patience) {
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
                ALARM => self.alarm.went_off(),
                connection => self.tcp.ready(connection, event),
            }
        }
        Ok(rung)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_what_is_due_has_come_whatever_was_due_before_and_again_the_next_time() {
        let mut ports = Ports::bind(IpAddr::from([127, 0, 0, 1]), 0).expect("bind");
        let ms = Duration::from_millis;
        let start = Instant::now();
        let mut waited = |due: Option<Duration>| {
            let begin = Instant::now();
            assert!(!ports.wait(begin, due.map(|due| begin + due)).expect("a wait"), "nobody rang");
            begin.elapsed()
        };
        assert!(waited(None) < ms(100));
        assert!(waited(Some(Duration::ZERO)) < ms(100));
        for _ in 0..3 {
            let took = waited(Some(ms(30)));
            assert!(took >= ms(30) && took < ms(1_000), "{took:?}");
        }
        let far = start + ms(60_000);
        ports.alarm.set(start, far).expect("set");
        let sooner = Instant::now();
        ports.wait(sooner, Some(sooner + ms(20))).expect("a wait");
        assert!(sooner.elapsed() >= ms(20) && sooner.elapsed() < ms(1_000));
        // A wait that something else ends leaves what is due as it was.
        let bell = ports.bell();
        let begin = Instant::now();
        let due = begin + ms(50);
        bell.wake().expect("rung");
        assert!(ports.wait(begin, Some(due)).expect("a wait"), "rung");
        assert!(!ports.wait(Instant::now(), Some(due)).expect("a wait"), "nobody rang");
        assert!(begin.elapsed() >= ms(50) && begin.elapsed() < ms(1_000));
        // What went off while nobody waited does not end the next wait.
        let begin = Instant::now();
        ports.alarm.set(begin, begin + ms(1)).expect("set");
        std::thread::sleep(ms(5));
        let later = Instant::now();
        ports.wait(later, Some(later + ms(30))).expect("a wait");
        assert!(later.elapsed() >= ms(30));
    }
}
