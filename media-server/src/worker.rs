//! The loop of one media thread: its port, its timers and its commands in; packets and events out. The only file that
//! reads the clock for media.

use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prometheus::local::LocalHistogram;
use str0m::net::Protocol;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::MediaEvent;
use crate::command::MediaCommand;
use crate::engine::Engine;
use crate::metrics::{Counters, MediaMetrics};
use crate::net::Ports;
use crate::precedence::Precedence;

/// Receive batches handled before the answers are sent: bounds the delay that a burst can add.
const BATCHES_PER_WAKE: usize = 4;
const METRICS_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct Worker {
    pub(crate) ports: Ports,
    pub(crate) engine: Engine,
    /// Whoever sends one rings the bell of `ports` after it; so does who ends `stop`.
    pub(crate) commands: mpsc::Receiver<MediaCommand>,
    pub(crate) events: mpsc::Sender<MediaEvent>,
    pub(crate) metrics: MediaMetrics,
    pub(crate) stop: CancellationToken,
    /// The bell has rung: commands may be waiting.
    pub(crate) rung: bool,
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
    pub(crate) fn run(mut self) {
        let apart = allocator::set_apart();
        if let Err(error) = &apart {
            tracing::warn!(%error, "a media thread shares its memory's locks with other threads");
        }
        let mut copied = Counters::default();
        let delays = self.metrics.forward_delay_seconds.local();
        let mut precedence = Precedence::claim(clock(), self.goes_first);
        let mut next_copy = clock() + METRICS_INTERVAL;
        while self.serve(next_copy) {
            let now = clock();
            self.answer(now, &delays);
            if now >= next_copy {
                next_copy = now + METRICS_INTERVAL;
                precedence.review(now);
                self.copy_metrics(&mut copied, precedence.is_first());
                delays.flush();
            }
        }
        self.answer(clock(), &delays);
        self.copy_metrics(&mut copied, false);
        delays.flush();
    }

    /// Waits for the first of: datagrams, TCP frames, a command, something that is due; handles all but the last. False: the
    /// end has come.
    fn serve(&mut self, next_copy: Instant) -> bool {
        let due = self.engine.deadline().min(next_copy);
        match self.ports.wait(clock(), (!self.rung).then_some(due)) {
            Ok(rung) => self.rung |= rung,
            Err(error) => {
                tracing::error!(%error, "media port failed");
                return false;
            }
        }
        let goes_on = !self.rung || self.handle_command();
        self.receive();
        self.receive_frames();
        goes_on
    }

    /// One at a time: a queue of commands that never empties, expensive offers for one, must not keep packets waiting.
    fn handle_command(&mut self) -> bool {
        if self.stop.is_cancelled() {
            return false;
        }
        // `try_recv` would wait for a sender that has been interrupted on its way; whoever sends rings afterwards.
        match self.commands.poll_recv(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(command)) => {
                self.engine.handle_command(clock(), command);
                self.rung = !self.commands.is_empty();
            }
            Poll::Ready(None) => return false,
            Poll::Pending => self.rung = false,
        }
        true
    }

    fn receive(&mut self) {
        let port = self.ports.port;
        for _ in 0..BATCHES_PER_WAKE {
            let now = clock();
            let engine = &mut self.engine;
            let received = self.ports.udp.receive(|meta, datagram| {
                if let Some(local) = meta.dst_ip {
                    let local = SocketAddr::new(local, port);
                    engine.handle_datagram(now, meta.timestamp, Protocol::Udp, meta.addr, local, datagram);
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

    fn receive_frames(&mut self) {
        let now = clock();
        let engine = &mut self.engine;
        self.ports.tcp.receive(now, |remote, local, packet| {
            engine.handle_datagram(now, None, Protocol::Tcp, remote, local, packet);
        });
    }

    fn answer(&mut self, now: Instant, delays: &LocalHistogram) {
        // What was forwarded goes before what is due.
        self.flush(delays);
        self.engine.handle_timeout(now);
        self.flush(delays);
        self.report();
    }

    fn flush(&mut self, delays: &LocalHistogram) {
        self.send_all(delays);
        while self.engine.flush() {
            self.send_all(delays);
        }
    }

    fn send_all(&mut self, delays: &LocalHistogram) {
        while let Some(departure) = self.engine.poll_departure() {
            match departure.route.proto {
                Protocol::Udp => self.ports.udp.send(&departure),
                _ => departure
                    .datagrams()
                    .for_each(|packet| self.ports.tcp.send(departure.route.destination, packet)),
            }
        }
        self.measure(delays);
    }

    /// Packets have been forwarded: how long after the kernel took them?
    fn measure(&mut self, delays: &LocalHistogram) {
        let mut stamps = self.engine.take_departed().peekable();
        if stamps.peek().is_some() {
            let now = kernel_clock();
            stamps.for_each(|stamp| delays.observe(now.saturating_sub(stamp).as_secs_f64()));
        }
    }

    fn copy_metrics(&self, copied: &mut Counters, first: bool) {
        let counters = Counters {
            workers_first: u64::from(first),
            send_failures: self.ports.udp.send_failures,
            events_dropped: self.events_dropped,
            ..self.engine.counters()
        };
        self.metrics.add(copied, &counters);
        *copied = counters;
    }

    fn report(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            if self.events.try_send(event).is_err() {
                self.events_dropped += 1;
            }
        }
    }
}
