//! Driver threads that make one scenario together, and their signalling.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::driver::{Driver, Note, Order};
use super::link::Profile;
use super::outcome::Outcome;
use super::scenario::Scenario;
use super::speech::Dialogue;
use super::system::{System, Tell};

/// Notes of the drivers waiting for the control side; full: the drivers wait.
const NOTES: usize = 1024;
/// Orders waiting for a driver; full: the control side waits.
const ORDERS: usize = 1024;
/// Rooms that are not up by then never will be.
const OPENING: Duration = Duration::from_secs(60);

/// What a fleet does.
#[derive(Clone, Copy)]
pub struct Plan {
    pub scenario: Scenario,
    pub profile: Option<Profile>,
    /// Address of the system under test.
    pub server: IpAddr,
    pub threads: u8,
    /// Beside another fleet: the number of its first thread and of its first room.
    pub first: (u8, u32),
    pub seed: u64,
}

/// The driver threads and their signalling.
pub struct Fleet {
    system: Arc<System>,
    orders: Vec<std::sync::mpsc::SyncSender<Order>>,
    notes: mpsc::Receiver<Note>,
    signalling: JoinSet<Result<Vec<SocketAddr>>>,
    threads: Vec<std::thread::JoinHandle<Result<()>>>,
    ready: usize,
    /// Media ports of the system under test, as its answers name them.
    pub ports: BTreeSet<SocketAddr>,
    outcomes: Vec<Outcome>,
}

impl Fleet {
    pub fn launch(plan: Plan, system: Arc<System>) -> Result<Self> {
        let (sender, notes) = mpsc::channel(NOTES);
        let (mut orders, mut threads) = (Vec::new(), Vec::new());
        let crypto = str0m::crypto::from_feature_flags();
        let certificate =
            crypto.dtls_provider.generate_certificate().context("no certificate for the clients")?;
        let speech: Arc<[Vec<u8>]> = if plan.scenario.speech { spoken().into() } else { Arc::default() };
        for number in plan.first.0..plan.first.0 + plan.threads {
            let (order, received) = std::sync::mpsc::sync_channel(ORDERS);
            let driver = Driver {
                number,
                threads: plan.threads,
                server: plan.server,
                scenario: plan.scenario,
                profile: plan.profile,
                speech: Arc::clone(&speech),
                first_room: plan.first.1,
                certificate: certificate.clone(),
                second_connection: system.second_connection(),
                orders: received,
                notes: sender.clone(),
                seed: plan.seed,
            };
            orders.push(order);
            let name = format!("driver-{number}");
            threads.push(std::thread::Builder::new().name(name).spawn(move || {
                go_first();
                driver.run()
            })?);
        }
        let (signalling, outcomes) = (JoinSet::new(), Vec::new());
        let ports = BTreeSet::new();
        Ok(Self { system, orders, notes, signalling, threads, ready: 0, ports, outcomes })
    }

    pub fn order(&self, order: impl Fn() -> Order) -> Result<()> {
        self.orders.iter().try_for_each(|driver| driver.send(order())).context("a driver has ended")
    }

    pub async fn until_ready(&mut self) -> Result<()> {
        let opening = async {
            while self.ready < self.orders.len() {
                self.step().await?;
            }
            Ok(())
        };
        tokio::time::timeout(OPENING, opening).await.context("the rooms did not come up in time")?
    }

    /// Goes on signalling for this long.
    pub async fn signal_for(&mut self, time: Duration) -> Result<()> {
        let signalling = async {
            loop {
                self.step().await?;
            }
        };
        tokio::time::timeout(time, signalling).await.unwrap_or(Ok(()))
    }

    /// Everyone's, summed. Ends the drivers.
    pub async fn outcome(mut self) -> Result<Outcome> {
        while self.outcomes.len() < self.threads.len() {
            self.step().await?;
        }
        // Requests that are still under way hold the other ends of the orders.
        self.signalling.shutdown().await;
        drop(self.orders);
        for thread in self.threads {
            thread.join().ok().context("a driver panicked")??;
        }
        let mut sum = Outcome::default();
        for outcome in self.outcomes {
            sum.add(&outcome);
        }
        Ok(sum)
    }

    /// Handles one note, or one finished request.
    async fn step(&mut self) -> Result<()> {
        tokio::select! {
            Some(done) = self.signalling.join_next(), if !self.signalling.is_empty() => {
                self.ports.extend(done??);
                Ok(())
            }
            note = self.notes.recv() => {
                match note.context("the drivers have ended")? {
                    Note::Ask(driver, ask) => {
                        let order = self.orders[usize::from(driver) % self.orders.len()].clone();
                        let (system, driver) = (Arc::clone(&self.system), order);
                        self.signalling.spawn(async move {
                            let mut ports = Vec::new();
                            for tell in system.handle(ask).await? {
                                let (Tell::Answer { sdp, .. } | Tell::Offer { sdp, .. }) = &tell;
                                ports.extend(sdp.lines().filter_map(udp_candidate));
                                if driver.send(Order::Tell(tell)).is_err() {
                                    bail!("a driver has ended");
                                }
                            }
                            Ok(ports)
                        });
                    }
                    Note::Ready(_) => self.ready += 1,
                    Note::Outcome(_, outcome) => self.outcomes.push(*outcome),
                }
                Ok(())
            }
        }
    }
}

/// What the doctors of the spoken dialogues say.
fn spoken() -> Vec<Vec<u8>> {
    ["d00", "d01", "d02", "d03"].into_iter().flat_map(|name| Dialogue::load(name).doctor).collect()
}

/// `a=candidate:<foundation> <component> udp <priority> <address> <port> …` (RFC 8839 §5.1).
fn udp_candidate(line: &str) -> Option<SocketAddr> {
    let fields: Vec<&str> = line.strip_prefix("a=candidate:")?.split(' ').collect();
    let [_, _, transport, _, address, port, ..] = *fields else { return None };
    let address = SocketAddr::new(address.parse().ok()?, port.parse().ok()?);
    transport.eq_ignore_ascii_case("udp").then_some(address)
}

/// The clients stand for computers of their own: none of them waits for a processor that the system under test uses, which
/// itself may be first as well. The calling thread alone; what it starts is not.
#[expect(clippy::print_stderr, reason = "for who runs the command-line tool")]
fn go_first() {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy) {
        eprintln!("the generator waits for processors that the system under test uses: {error:?}");
    }
}
