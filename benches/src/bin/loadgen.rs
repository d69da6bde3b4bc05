//! Loads a system under test with WebRTC clients and reports what it forwarded, lost and cost. One row of JSON per
//! scenario; see `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a command-line tool")]
#![expect(clippy::disallowed_methods, reason = "measures real time")]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use benches::loadgen::driver::{Driver, Note, Order};
use benches::loadgen::junk::Flood;
use benches::loadgen::outcome::Outcome;
use benches::loadgen::process;
use benches::loadgen::scenario::{Arrivals, Scenario};
use benches::loadgen::system::host::Host;
use benches::loadgen::system::janus::Janus;
use benches::loadgen::system::{Place, System, Tell};
use benches::report::{self, Row};
use clap::{Parser, ValueEnum};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Notes of the drivers waiting for the control side; full: the drivers wait.
const NOTES: usize = 1024;
/// Orders waiting for a driver; full: the control side waits.
const ORDERS: usize = 1024;
/// Rooms that are not up by then never will be.
const OPENING: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Auscult,
    Janus,
    Floor,
}

impl Kind {
    /// In rows.
    fn name(self) -> &'static str {
        match self {
            Self::Auscult => "auscult",
            Self::Janus => "janus",
            Self::Floor => "floor",
        }
    }
}

#[derive(Parser)]
struct Arguments {
    #[arg(long, value_enum, value_delimiter = ',', default_value = "auscult")]
    system: Vec<Kind>,
    /// One or more of one-to-one, three-party, five-party, audio-only, one-to-many, join-storm, churn.
    #[arg(long, value_delimiter = ',', default_value = "one-to-one")]
    scenario: Vec<String>,
    /// Rooms; for join-storm and churn rooms per second. Default: the scenario's.
    #[arg(long)]
    rooms: Option<usize>,
    /// Simulcast layers of every camera: 1 or 3.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    layers: u8,
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Runs of each; the median one is reported.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Before the measurement, with everything flowing.
    #[arg(long, default_value_t = 3.0)]
    warmup: f64,
    /// Generator threads.
    #[arg(long, default_value_t = 2)]
    threads: u8,
    /// Threads of the system under test, where it can be told; 0: its own choice.
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// Address of the system under test.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    server: IpAddr,
    /// Words before the command line of the system under test, `nsenter` into its network for one.
    #[arg(long, default_value = "")]
    launcher: String,
    /// Junk datagrams per second from strangers while the measurement lasts.
    #[arg(long, default_value_t = 0)]
    junk: u32,
    /// Of the phases between participants.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the rows here too.
    #[arg(long)]
    output: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut rows = Vec::new();
    for name in &arguments.scenario {
        let scenario = Scenario::named(name, arguments.rooms, arguments.layers)?;
        // In turn, so that whatever else the machine does hits all of them.
        let mut runs = vec![Vec::new(); arguments.system.len()];
        for _ in 0..arguments.repeat {
            for (kind, runs) in arguments.system.iter().zip(&mut runs) {
                let row = measure(&arguments, *kind, scenario).await?;
                println!("{}", serde_json::to_string(&row)?);
                runs.push(row);
            }
        }
        rows.extend(runs.into_iter().filter_map(report::median));
    }
    if let Some(path) = &arguments.output {
        std::fs::write(path, serde_json::to_string_pretty(&rows)?)
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

async fn start(kind: Kind, scenario: Scenario, arguments: &Arguments) -> Result<System> {
    let launcher = arguments.launcher.split_whitespace().map(str::to_owned).collect();
    let place = Place { server: arguments.server, launcher };
    Ok(match kind {
        Kind::Auscult => System::Host(Host::start(&place, "mediahost", arguments.workers).await?),
        Kind::Floor => System::Host(Host::start(&place, "floorhost", arguments.workers).await?),
        Kind::Janus => System::Janus(Janus::start(&place, scenario).await?),
    })
}

async fn measure(arguments: &Arguments, kind: Kind, scenario: Scenario) -> Result<Row> {
    let system = Arc::new(start(kind, scenario, arguments).await?);
    let pid = system.pid();
    let mut fleet = Fleet::launch(arguments, scenario, Arc::clone(&system))?;
    match scenario.arrivals {
        Arrivals::Standing { .. } => fleet.until_ready().await?,
        Arrivals::Turnover { life, .. } => fleet.signal_for(life + Duration::from_secs(1)).await?,
    }
    fleet.signal_for(Duration::from_secs_f64(arguments.warmup)).await?;

    let delays = system.delays().await?;
    fleet.order(|| Order::Begin)?;
    let rss_before = process::rss_mb(pid)?;
    let targets = fleet.ports.iter().copied().collect();
    let flood = (arguments.junk > 0).then(|| Flood::start(targets, arguments.junk)).transpose()?;
    let (started, cpu_before) = (Instant::now(), process::cpu(pid)?);
    fleet.signal_for(Duration::from_secs_f64(arguments.seconds)).await?;
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), process::cpu(pid)?.saturating_sub(cpu_before));
    let rss_mb = process::rss_mb(pid)?;
    let mut junk = flood.map(Flood::end).transpose()?;
    if let Some(junk) = &mut junk {
        junk.rss_growth_mb = round(rss_mb - rss_before);
    }
    let inside_us = system.delays().await?.since(&delays);
    fleet.order(|| Order::End)?;
    let outcome = fleet.outcome().await?;

    ensure!(outcome.misrouted == 0, "{} packets reached somebody they were not for", outcome.misrouted);
    let tally = outcome.tally;
    if outcome.send_failures + tally.broken_switches + outcome.not_joined > 0 {
        println!(
            "generator could not send {}; switches without keyframe {}; not joined {}",
            outcome.send_failures, tally.broken_switches, outcome.not_joined
        );
    }
    println!(
        "joined {} ({:.1}/s), to first media p50 {:.0} ms, p95 {:.0} ms; server {:.0} us CPU per join",
        outcome.joined,
        outcome.joined as f64 / seconds,
        outcome.joins.quantile(0.5) / 1000.0,
        outcome.joins.quantile(0.95) / 1000.0,
        cpu.as_secs_f64() * 1e6 / outcome.joined.max(1) as f64,
    );
    Ok(Row {
        scenario: scenario.name.to_owned(),
        system: kind.name().to_owned(),
        rooms: scenario.rooms(),
        participants: scenario.participants(),
        forwarded_pps: (tally.delivered as f64 / seconds).round(),
        lost: tally.lost,
        duplicated: tally.duplicated,
        cpu_us_per_packet: round(cpu.as_secs_f64() * 1e6 / tally.delivered.max(1) as f64),
        cpu_percent: round(cpu.as_secs_f64() / seconds * 100.0),
        latency_us: outcome.latencies.percentiles(),
        inside_us,
        rss_mb: round(rss_mb),
        junk,
    })
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The driver threads and their signalling.
struct Fleet {
    system: Arc<System>,
    orders: Vec<std::sync::mpsc::SyncSender<Order>>,
    notes: mpsc::Receiver<Note>,
    signalling: JoinSet<Result<Vec<SocketAddr>>>,
    threads: Vec<std::thread::JoinHandle<Result<()>>>,
    ready: usize,
    /// Media ports of the system under test, as its answers name them.
    ports: BTreeSet<SocketAddr>,
    outcomes: Vec<Outcome>,
}

impl Fleet {
    fn launch(arguments: &Arguments, scenario: Scenario, system: Arc<System>) -> Result<Self> {
        let (sender, notes) = mpsc::channel(NOTES);
        let (mut orders, mut threads) = (Vec::new(), Vec::new());
        let crypto = str0m::crypto::from_feature_flags();
        let certificate =
            crypto.dtls_provider.generate_certificate().context("no certificate for the clients")?;
        for number in 0..arguments.threads {
            let (order, received) = std::sync::mpsc::sync_channel(ORDERS);
            let driver = Driver {
                number,
                threads: arguments.threads,
                server: arguments.server,
                scenario,
                certificate: certificate.clone(),
                second_connection: system.second_connection(),
                orders: received,
                notes: sender.clone(),
                seed: arguments.seed,
            };
            orders.push(order);
            let name = format!("driver-{number}");
            threads.push(std::thread::Builder::new().name(name).spawn(move || driver.run())?);
        }
        let (signalling, outcomes) = (JoinSet::new(), Vec::new());
        let ports = BTreeSet::new();
        Ok(Self { system, orders, notes, signalling, threads, ready: 0, ports, outcomes })
    }

    fn order(&self, order: impl Fn() -> Order) -> Result<()> {
        self.orders.iter().try_for_each(|driver| driver.send(order())).context("a driver has ended")
    }

    async fn until_ready(&mut self) -> Result<()> {
        let opening = async {
            while self.ready < self.orders.len() {
                self.step().await?;
            }
            Ok(())
        };
        tokio::time::timeout(OPENING, opening).await.context("the rooms did not come up in time")?
    }

    /// Goes on signalling for this long.
    async fn signal_for(&mut self, time: Duration) -> Result<()> {
        let signalling = async {
            loop {
                self.step().await?;
            }
        };
        tokio::time::timeout(time, signalling).await.unwrap_or(Ok(()))
    }

    /// Everyone's, summed. Ends the drivers.
    async fn outcome(mut self) -> Result<Outcome> {
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
                        let (system, driver) = (Arc::clone(&self.system), self.orders[usize::from(driver)].clone());
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

/// `a=candidate:<foundation> <component> udp <priority> <address> <port> …` (RFC 8839 §5.1).
fn udp_candidate(line: &str) -> Option<SocketAddr> {
    let fields: Vec<&str> = line.strip_prefix("a=candidate:")?.split(' ').collect();
    let [_, _, transport, _, address, port, ..] = *fields else { return None };
    let address = SocketAddr::new(address.parse().ok()?, port.parse().ok()?);
    transport.eq_ignore_ascii_case("udp").then_some(address)
}
