//! How packets leave for a participant: encrypted, numbered, kept for a moment in case they are asked for again, and no more
//! of them than the way carries. str0m negotiates and receives; what is forwarded does not pass through it.

mod estimator;
mod outbox;
mod probe;
mod register;
mod rtcp;
mod srtp;
mod stream;

use std::time::{Duration, Instant};

use str0m::net::Transmit;

pub(crate) use outbox::Outbox;
pub use outbox::{Departure, Route};
pub(crate) use probe::Wish;
pub(crate) use rtcp::{Report, each as each_report};
pub(crate) use srtp::Agreed;
pub(crate) use stream::{ExtensionIds, Outgoing, Packet};

use estimator::Estimator;
use register::Register;
use rtcp::Reference;
use srtp::{Opener, Sealer};
use stream::Leaving;

/// Receivers learn this often which times of a picture and its sound belong together.
const REPORT: Duration = Duration::from_secs(1);

/// Browsers report ten times a second about packets with transport-wide numbers, if they do at all.
const REPORTED_WITHIN: Duration = Duration::from_secs(2);
/// Receivers whose reference times wait to be told again; a browser is one or two.
const MOST_REFERENCES: usize = 8;
/// Reports together are not longer than this, bytes: a datagram has to fit everywhere.
const MOST_REPORTED: usize = 1_000;

pub(crate) struct Egress {
    /// Reports count their time from here: RFC 3550 §4 leaves it open from when.
    started: Instant,
    keys: Option<(Sealer, Opener)>,
    route: Option<Route>,
    register: Register,
    estimator: Estimator,
    /// Packets with transport-wide numbers have been sent since then.
    numbered_since: Option<Instant>,
    reports_due: Option<Instant>,
    references: Vec<Reference>,
}

impl Egress {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            started: now,
            keys: None,
            route: None,
            register: Register::default(),
            estimator: Estimator::new(now),
            numbered_since: None,
            reports_due: None,
            references: Vec::new(),
        }
    }

    pub(crate) fn has_agreed(&self) -> bool {
        self.keys.is_some()
    }

    /// The first keys stay: with others, numbers would begin anew.
    pub(crate) fn agree(&mut self, agreed: &Agreed) {
        if self.keys.is_none() {
            self.keys = Sealer::new(agreed).zip(Opener::new(agreed));
        }
    }

    /// str0m sends DTLS and RTCP over the way that ICE has chosen.
    pub(crate) fn learn_route(&mut self, transmit: &Transmit) {
        if matches!(transmit.contents.first(), Some(20..=63 | 128..=191)) {
            self.follow(Route::from(transmit));
        }
    }

    /// ICE has chosen this way.
    pub(crate) fn follow(&mut self, route: Route) {
        if self.route.replace(route).is_some_and(|before| before != route) {
            self.estimator.begin_anew();
        }
    }

    /// Bit/s that the way carries, as far as is known. `None`: packets have been numbered for long, and nobody reports.
    pub(crate) fn estimate(&self, now: Instant) -> Option<u64> {
        let since = self.numbered_since.unwrap_or(now);
        let waits = self.estimator.heard() || now.saturating_duration_since(since) < REPORTED_WITHIN;
        waits.then(|| self.estimator.estimate())
    }

    pub(crate) fn is_congested(&self) -> bool {
        self.estimator.is_congested()
    }

    /// Of the last two seconds' packets, 0 to 1.
    pub(crate) fn lost(&self) -> f64 {
        self.estimator.lost()
    }

    pub(crate) fn wish(&mut self, wish: Wish) {
        self.estimator.probe.wish = wish;
    }

    /// More is wanted, or might be.
    pub(crate) fn wishes(&self) -> bool {
        self.estimator.probe.wish != Wish::default()
    }

    /// Packets can be sent: there are keys, and a way.
    pub(crate) fn is_ready(&self) -> bool {
        self.keys.is_some() && self.route.is_some()
    }

    /// Puts a packet of the stream, which came then, into the outbox; its length there. `None`: nothing can be sent yet.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        stream: &mut Outgoing,
        packet: Packet,
        came: Instant,
        outbox: &mut Outbox,
    ) -> Option<usize> {
        let (sealer, _) = self.keys.as_ref()?;
        let (route, transport) = (self.route?, self.register.next());
        let put = outbox.put(route, |datagrams| {
            stream.write(Leaving { now, sealer, transport, datagrams }, packet, came)
        })?;
        let bytes = put.segment;
        self.reports_due.get_or_insert(now);
        self.count(now, stream, bytes);
        Some(bytes)
    }

    /// The packet with this number again.
    pub(crate) fn repair<'a>(
        &mut self,
        now: Instant,
        stream: &mut Outgoing,
        number: u16,
        outbox: &'a mut Outbox,
    ) -> Option<Departure<'a>> {
        let (sealer, _) = self.keys.as_ref()?;
        let (route, transport) = (self.route?, self.register.next());
        let put = outbox
            .put(route, |datagrams| stream.repair(Leaving { now, sealer, transport, datagrams }, number))?;
        self.count(now, stream, put.segment);
        Some(put)
    }

    /// Padding that is due, over the stream that takes it.
    pub(crate) fn pad<'a>(
        &mut self,
        now: Instant,
        mut streams: impl Iterator<Item = &'a mut Outgoing>,
        outbox: &mut Outbox,
    ) {
        let mut due = self.estimator.padding(now);
        if due == 0 {
            return;
        }
        let Some((stream, route)) = streams.find(|stream| stream.takes_padding()).zip(self.route) else {
            self.estimator.probe.give_up(now);
            return;
        };
        while due > 0 {
            let Some((sealer, _)) = &self.keys else { return };
            let transport = self.register.next();
            let put =
                outbox.put(route, |datagrams| stream.pad(Leaving { now, sealer, transport, datagrams }));
            let Some(bytes) = put.map(|put| put.segment) else { return };
            self.count(now, stream, bytes);
            due = due.saturating_sub(bytes);
        }
    }

    /// A packet leaves under the next transport-wide number, if its stream has those.
    fn count(&mut self, now: Instant, stream: &Outgoing, bytes: usize) {
        if stream.is_numbered() {
            self.numbered_since.get_or_insert(now);
            self.register.push(now, bytes, self.estimator.probe.is_sending());
            self.estimator.probe.sent(bytes);
        }
    }

    /// Sender reports that are due.
    pub(crate) fn report<'a>(
        &mut self,
        now: Instant,
        streams: impl Iterator<Item = &'a mut Outgoing>,
        mut take: impl FnMut(Route, Vec<u8>),
    ) {
        if self.reports_due.take_if(|due| *due <= now).is_none() {
            return;
        }
        self.reports_due = Some(now + REPORT);
        let ntp = rtcp::ntp(now.saturating_duration_since(self.started));
        let (Some(route), Some((sealer, _))) = (self.route, &mut self.keys) else { return };
        let (mut packets, mut first) = (Vec::new(), None);
        let mut leave = |packets: &mut Vec<u8>, first: Option<u32>| {
            if let Some(ssrc) = first
                && sealer.seal_report(packets, ssrc).is_some()
            {
                take(route, std::mem::take(packets));
            }
        };
        for stream in streams {
            if packets.len() > MOST_REPORTED {
                leave(&mut packets, first.take());
            }
            if stream.report(now, ntp, &mut packets) {
                first.get_or_insert(stream.ssrc);
            }
        }
        if let Some(ssrc) = first {
            rtcp::write_references(now, ssrc, &self.references, &mut packets);
            self.references.clear();
        }
        leave(&mut packets, first);
    }

    /// A receiver's reference time came; the next sender report tells it again. Of one receiver the latest counts.
    pub(crate) fn refer(&mut self, now: Instant, ssrc: u32, time: u32) {
        self.references.retain(|reference| reference.ssrc != ssrc);
        if self.references.len() >= MOST_REFERENCES {
            self.references.remove(0);
        }
        self.references.push(Reference { ssrc, time, came: now });
    }

    /// The plain reports of a datagram; `None`: forged, or seen before.
    pub(crate) fn open(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        self.keys.as_mut()?.1.open_report(datagram)
    }

    /// Takes in which packets came and when. True: the estimate has changed.
    pub(crate) fn arrived(&mut self, now: Instant, report: &rtcp::Transport) -> bool {
        let outcomes = self.register.take(report);
        self.estimator.report(now, &outcomes)
    }

    /// The round trip that a report tells.
    pub(crate) fn round_trip(&self, now: Instant, reception: &rtcp::Reception) -> Option<Duration> {
        reception.round_trip(rtcp::ntp(now.saturating_duration_since(self.started)))
    }

    /// When padding is due.
    pub(crate) fn padding_due(&self) -> Option<Instant> {
        self.estimator.probe.deadline()
    }

    /// When reports are due; not before anything has been sent.
    pub(crate) fn reports_due(&self) -> Option<Instant> {
        self.reports_due
    }
}
