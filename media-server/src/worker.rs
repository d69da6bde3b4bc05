//! The loop of one media thread: its port, its timers and its commands in; packets and events out. The only file that
//! reads the clock for media.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prometheus::local::LocalHistogram;
use str0m::net::Protocol;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::MediaEvent;
use crate::command::MediaCommand;
use crate::engine::Engine;
use crate::metrics::{Counters, MediaMetrics};
use crate::net::{TcpFrame, TcpPort, UdpPort};
use crate::precedence::Precedence;

/// Receive batches handled before the answers are sent: bounds the delay that a burst can add.
const BATCHES_PER_WAKE: usize = 4;
/// TCP frames handled after a command before the next one.
const FRAMES_BETWEEN_COMMANDS: usize = 128;
const METRICS_INTERVAL: Duration = Duration::from_secs(1);

/// Both sockets of a worker, bound to one port number.
pub(crate) struct Ports {
    pub(crate) udp: UdpPort,
    pub(crate) tcp: TcpPort,
    pub(crate) port: u16,
}

impl Ports {
    /// `port` 0 lets the system choose one that is free for both.
    pub(crate) async fn bind(listen: IpAddr, port: u16) -> io::Result<Self> {
        let mut attempts = if port == 0 { 10 } else { 1 };
        loop {
            attempts -= 1;
            let udp = UdpPort::bind(SocketAddr::new(listen, port))?;
            let chosen = udp.local_addr()?;
            match TcpPort::bind(chosen).await {
                Ok(tcp) => return Ok(Self { udp, tcp, port: chosen.port() }),
                Err(error) if attempts == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }
}

pub(crate) struct Worker {
    pub(crate) ports: Ports,
    pub(crate) engine: Engine,
    pub(crate) commands: mpsc::Receiver<MediaCommand>,
    pub(crate) events: mpsc::Sender<MediaEvent>,
    pub(crate) metrics: MediaMetrics,
    pub(crate) stop: CancellationToken,
    /// Events that nobody took in time.
    pub(crate) events_dropped: u64,
    /// There are no more workers than processors: each may go before the rest of the machine.
    pub(crate) goes_first: bool,
}

#[expect(clippy::disallowed_methods, reason = "the media clock is read here and nowhere else")]
pub(crate) fn clock() -> Instant {
    Instant::now()
}

/// What the kernel stamps datagrams with: time since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "compared with the kernel's timestamps and nothing else")]
fn kernel_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Worker {
    /// Runs until stopped; open sessions end with it.
    pub(crate) async fn run(mut self) {
        let mut copied = Counters::default();
        let delays = self.metrics.forward_delay_seconds.local();
        let mut precedence = Precedence::claim(clock(), self.goes_first);
        let mut next_copy = clock() + METRICS_INTERVAL;
        loop {
            let wake = self.engine.deadline().min(next_copy);
            let stopped = self.wait(wake).await;
            let now = clock();
            self.engine.handle_timeout(now);
            self.send_all(&delays);
            while self.engine.flush() {
                self.send_all(&delays);
            }
            self.ports.udp.oldest_arrival = None;
            self.report();
            if now >= next_copy || stopped {
                next_copy = now + METRICS_INTERVAL;
                if !stopped {
                    precedence.review(now);
                }
                let counters = Counters {
                    workers_first: u64::from(precedence.is_first() && !stopped),
                    send_failures: self.ports.udp.send_failures,
                    events_dropped: self.events_dropped,
                    ..self.engine.counters()
                };
                self.metrics.add(&copied, &counters);
                delays.flush();
                copied = counters;
            }
            if stopped {
                return;
            }
        }
    }

    /// Waits for the first of: datagrams, a TCP frame, a command, the deadline, the end (then true).
    async fn wait(&mut self, deadline: Instant) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return true,
            command = self.commands.recv() => match command {
                Some(command) => {
                    self.engine.handle_command(clock(), command);
                    self.receive_between_commands().await;
                }
                None => return true,
            },
            readable = self.ports.udp.readable() => match readable {
                Ok(()) => self.receive(),
                Err(error) => {
                    tracing::error!(%error, "media port failed");
                    return true;
                }
            },
            frame = self.ports.tcp.receive() => self.handle_frame(&frame),
            () = tokio::time::sleep_until(deadline.into()) => {}
        }
        false
    }

    /// Without this a queue of commands that never empties, expensive offers for one, would keep every packet waiting.
    async fn receive_between_commands(&mut self) {
        // The runtime looks at the sockets only when the task lets it.
        tokio::task::yield_now().await;
        self.receive();
        for _ in 0..FRAMES_BETWEEN_COMMANDS {
            tokio::select! {
                biased;
                frame = self.ports.tcp.receive() => self.handle_frame(&frame),
                () = std::future::ready(()) => return,
            }
        }
    }

    fn receive(&mut self) {
        let port = self.ports.port;
        for _ in 0..BATCHES_PER_WAKE {
            let now = clock();
            let engine = &mut self.engine;
            let received = self.ports.udp.receive(|source, local, datagram| {
                if let Some(local) = local {
                    engine.handle_datagram(
                        now,
                        Protocol::Udp,
                        source,
                        SocketAddr::new(local, port),
                        datagram,
                    );
                }
            });
            match received {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::debug!(%error, "receive failed");
                    return;
                }
            }
        }
    }

    fn handle_frame(&mut self, frame: &TcpFrame) {
        self.engine.handle_datagram(clock(), Protocol::Tcp, frame.remote, frame.local, &frame.packet);
    }

    fn send_all(&mut self, delays: &LocalHistogram) {
        while let Some(transmit) = self.engine.poll_transmit() {
            match transmit.proto {
                Protocol::Udp => {
                    self.ports.udp.send(transmit.source.ip(), transmit.destination, &transmit.contents);
                }
                _ => self.ports.tcp.send(transmit.destination, transmit.contents.into()),
            }
        }
        self.ports.udp.flush();
        self.measure(delays);
    }

    /// Packets have been forwarded: how long after the first datagram that may have caused them?
    fn measure(&mut self, delays: &LocalHistogram) {
        let departed = self.engine.take_departed();
        if let Some(arrived) = self.ports.udp.oldest_arrival.filter(|_| departed > 0) {
            let delay = kernel_clock().saturating_sub(arrived).as_secs_f64();
            for _ in 0..departed {
                delays.observe(delay);
            }
        }
    }

    fn report(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            if self.events.try_send(event).is_err() {
                self.events_dropped += 1;
            }
        }
    }
}
