//! Datagrams: out, in, and on their way where a network is imitated.
#![expect(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use anyhow::Result;

use super::{BATCHES_PER_TURN, Run};
use crate::loadgen::link::{Link, Way};
use crate::loadgen::participant::Participant;
use crate::loadgen::port::Datagram;
use crate::loadgen::quantiles::Latencies;

/// A datagram on its way.
struct Flight {
    from: SocketAddr,
    to: SocketAddr,
    /// It goes to a client, and the kernel had it at this time (nanoseconds since the Unix epoch); otherwise it goes to the
    /// system under test.
    arrived: Option<u64>,
    bytes: Vec<u8>,
}

/// In the order of their arrivals.
#[derive(Default)]
pub(super) struct Flights {
    pending: BTreeMap<(Instant, u64), Flight>,
    count: u64,
}

impl Flights {
    pub(super) fn next(&self) -> Option<Instant> {
        self.pending.keys().next().map(|(at, _)| *at)
    }

    /// `began`: the measurement.
    fn start(&mut self, way: &mut Way, began: Option<Instant>, flight: Flight) {
        if let Some(at) = way.pass(Instant::now(), flight.bytes.len(), began) {
            self.count += 1;
            self.pending.insert((at, self.count), flight);
        }
    }

    fn land(&mut self, now: Instant) -> Option<(Instant, Flight)> {
        let next = self.pending.first_entry().filter(|next| next.key().0 <= now)?;
        let ((at, _), flight) = next.remove_entry();
        Some((at, flight))
    }
}

impl Run {
    /// Sends what the participant's connections have to send.
    pub(super) fn flush(&mut self, index: usize) {
        let Some(participant) = self.participants[index].as_mut() else { return };
        for peer in [&mut participant.main, &mut participant.second].into_iter().flatten() {
            while let Some(transmit) = peer.outbox.pop_front() {
                let (from, to) = (transmit.source, transmit.destination);
                match &mut participant.link {
                    None => self.port.send(from.ip(), to, &transmit.contents),
                    Some(Link { up, .. }) => {
                        let flight = Flight { from, to, arrived: None, bytes: transmit.contents.to_vec() };
                        self.flights.start(up, self.began, flight);
                    }
                }
            }
        }
    }

    pub(super) fn receive(&mut self) -> Result<()> {
        let now = Instant::now();
        let mut failed = Ok(());
        for _ in 0..BATCHES_PER_TURN {
            let mut touched = Vec::new();
            let (flights, began) = (&mut self.flights, self.began);
            let mut inbox = Inbox {
                participants: &mut self.participants,
                by_address: &self.by_address,
                latencies: self.measuring.then_some(&mut self.outcome.latencies),
            };
            let count = self.port.receive(|datagram| {
                let Some(participant) = inbox.participant(datagram.to) else { return };
                if let Some(Link { down, .. }) = &mut participant.link {
                    let to = SocketAddr::new(datagram.to, 0);
                    let (arrived, bytes) = (Some(datagram.arrived), datagram.bytes.to_vec());
                    return flights.start(down, began, Flight { from: datagram.from, to, arrived, bytes });
                }
                match inbox.deliver(now, now, datagram) {
                    Ok(index) => touched.extend(index),
                    Err(error) => failed = Err(error),
                }
            })?;
            for index in touched {
                self.flush(index);
            }
            if count == 0 {
                break;
            }
        }
        failed
    }

    /// Hands over what has come to the end of its way.
    pub(super) fn land(&mut self, now: Instant) -> Result<()> {
        while let Some((at, flight)) = self.flights.land(now) {
            let Some(arrived) = flight.arrived else {
                self.port.send(flight.from.ip(), flight.to, &flight.bytes);
                continue;
            };
            let datagram = Datagram { from: flight.from, to: flight.to.ip(), arrived, bytes: &flight.bytes };
            let mut inbox = Inbox {
                participants: &mut self.participants,
                by_address: &self.by_address,
                latencies: self.measuring.then_some(&mut self.outcome.latencies),
            };
            if let Some(index) = inbox.deliver(now, at, &datagram)? {
                self.flush(index);
            }
        }
        Ok(())
    }
}

/// Where datagrams to clients go.
struct Inbox<'a> {
    participants: &'a mut [Option<Participant>],
    by_address: &'a HashMap<IpAddr, (usize, bool)>,
    /// While something is measured.
    latencies: Option<&'a mut Latencies>,
}

impl Inbox<'_> {
    fn participant(&mut self, address: IpAddr) -> Option<&mut Participant> {
        let (index, _) = *self.by_address.get(&address)?;
        self.participants[index].as_mut()
    }

    /// To the client's connection; `at`: when it came to the end of its way. Whose it was.
    fn deliver(&mut self, now: Instant, at: Instant, datagram: &Datagram<'_>) -> Result<Option<usize>> {
        let Some((index, second)) = self.by_address.get(&datagram.to).copied() else { return Ok(None) };
        let Some(participant) = self.participants[index].as_mut() else { return Ok(None) };
        let peer = if second { &mut participant.second } else { &mut participant.main };
        let Some(peer) = peer.as_mut().filter(|peer| peer.address.ip() == datagram.to) else {
            return Ok(None);
        };
        peer.receive(now, datagram.from, datagram.bytes)?;
        let packets = std::mem::take(&mut peer.arrived);
        for packet in &packets {
            participant.account(at, datagram.arrived, packet, self.latencies.as_deref_mut());
        }
        Ok(Some(index))
    }
}
