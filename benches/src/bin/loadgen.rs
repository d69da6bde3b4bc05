//! Loads a system under test with WebRTC clients and reports what it forwarded, lost and cost. One row of JSON per
//! scenario; see `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a command-line tool")]
#![expect(clippy::disallowed_methods, reason = "measures real time")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use benches::loadgen::driver::Order;
use benches::loadgen::fleet::{Fleet, Plan};
use benches::loadgen::junk::Flood;
use benches::loadgen::link::{Profile, STEP};
use benches::loadgen::outcome::Outcome;
use benches::loadgen::process::Usage;
use benches::loadgen::scenario::{Arrivals, Scenario};
use benches::loadgen::system::host::Host;
use benches::loadgen::system::janus::Janus;
use benches::loadgen::system::{Place, System};
use benches::report::{self, Joins, Row, round};
use clap::{Parser, ValueEnum};

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
    /// Rooms, a row for each number; for join-storm and churn rooms per second. Default: the scenario's.
    #[arg(long, value_delimiter = ',')]
    rooms: Vec<usize>,
    /// Simulcast layers of every camera: 1 or 3.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    layers: u8,
    /// What the clients' networks are like: clean, lossy, lossy-everyone, reordering, step. Default: the machine's own.
    #[arg(long, value_delimiter = ',', value_parser = Profile::named)]
    profile: Vec<Profile>,
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
        for rooms in or_default(&arguments.rooms) {
            let scenario = Scenario::named(name, rooms, arguments.layers)?;
            for profile in or_default(&arguments.profile) {
                rows.extend(repeated(&arguments, scenario, profile).await?);
            }
        }
    }
    if let Some(path) = &arguments.output {
        std::fs::write(path, serde_json::to_string_pretty(&rows)?)
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Each of `values`; without any, once without.
fn or_default<T: Copy>(values: &[T]) -> Vec<Option<T>> {
    if values.is_empty() { vec![None] } else { values.iter().copied().map(Some).collect() }
}

/// The median row of every system. The systems take turns, so that whatever else the machine does hits all of them.
async fn repeated(arguments: &Arguments, scenario: Scenario, profile: Option<Profile>) -> Result<Vec<Row>> {
    let mut runs = vec![Vec::new(); arguments.system.len()];
    for _ in 0..arguments.repeat {
        for (kind, runs) in arguments.system.iter().zip(&mut runs) {
            let row = measure(arguments, *kind, scenario, profile).await?;
            println!("{}", serde_json::to_string(&row)?);
            runs.push(row);
        }
    }
    Ok(runs.into_iter().filter_map(report::median).collect())
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

async fn measure(
    arguments: &Arguments,
    kind: Kind,
    scenario: Scenario,
    profile: Option<Profile>,
) -> Result<Row> {
    let stepped = profile.is_some_and(|profile| profile.rates.is_some());
    ensure!(!stepped || arguments.seconds >= 3.0 * STEP.as_secs_f64(), "three steps take {:?}", 3 * STEP);
    let system = Arc::new(start(kind, scenario, arguments).await?);
    let (server, seed, threads) = (arguments.server, arguments.seed, arguments.threads);
    let empty = Usage::of(system.pid())?;
    let plan = Plan { scenario, profile, server, threads, seed };
    let mut fleet = Fleet::launch(plan, Arc::clone(&system))?;
    match scenario.arrivals {
        Arrivals::Standing { .. } => fleet.until_ready().await?,
        Arrivals::Turnover { life, .. } => fleet.signal_for(life + Duration::from_secs(1)).await?,
    }
    fleet.signal_for(Duration::from_secs_f64(arguments.warmup)).await?;

    let delays = system.delays().await?;
    fleet.order(|| Order::Begin)?;
    let targets = fleet.ports.iter().copied().collect();
    let flood = (arguments.junk > 0).then(|| Flood::start(targets, arguments.junk)).transpose()?;
    let (started, before) = (Instant::now(), Usages::now(&system)?);
    fleet.signal_for(Duration::from_secs_f64(arguments.seconds)).await?;
    let (seconds, after) = (started.elapsed().as_secs_f64(), Usages::now(&system)?);
    let mut junk = flood.map(Flood::end).transpose()?;
    if let Some(junk) = &mut junk {
        junk.rss_growth_mb = round(after.system.rss_mb - before.system.rss_mb);
    }
    let inside_us = system.delays().await?.since(&delays);
    fleet.order(|| Order::End)?;
    let outcome = fleet.outcome().await?;
    ensure!(outcome.misrouted == 0, "{} packets reached somebody they were not for", outcome.misrouted);
    let row = Row {
        scenario: scenario.name.to_owned(),
        system: kind.name().to_owned(),
        rooms: scenario.rooms(),
        participants: scenario.participants(),
        inside_us,
        rss_mb_per_participant: round(
            (after.system.rss_mb - empty.rss_mb) / scenario.participants().max(1) as f64,
        ),
        junk,
        quality: profile.map(|profile| outcome.quality.rating(profile.name)),
        ..row(&before, &after, seconds, &outcome)
    };
    let joins = matches!(scenario.arrivals, Arrivals::Turnover { .. });
    Ok(Row { joins: joins.then(|| Joins::of(&outcome, seconds, row.cpu_percent)), ..row })
}

/// What the system under test and the generator have used.
struct Usages {
    system: Usage,
    generator: Usage,
}

impl Usages {
    fn now(system: &System) -> Result<Self> {
        Ok(Self { system: Usage::of(system.pid())?, generator: Usage::of(std::process::id())? })
    }
}

/// What was counted within `seconds`.
fn row(before: &Usages, after: &Usages, seconds: f64, outcome: &Outcome) -> Row {
    let tally = outcome.tally;
    let cpu = after.system.cpu_since(&before.system);
    Row {
        forwarded_pps: (tally.delivered as f64 / seconds).round(),
        lost: tally.lost,
        duplicated: tally.duplicated,
        broken_switches: tally.broken_switches,
        cpu_us_per_packet: round(cpu * 1e6 / tally.delivered.max(1) as f64),
        cpu_percent: round(cpu / seconds * 100.0),
        generator_cpu_percent: round(after.generator.cpu_since(&before.generator) / seconds * 100.0),
        generator_dropped: after.generator.dropped - before.generator.dropped + outcome.send_failures,
        system_dropped: after.system.dropped - before.system.dropped,
        latency_us: outcome.latencies.percentiles(),
        rss_mb: round(after.system.rss_mb),
        ..Row::default()
    }
}
