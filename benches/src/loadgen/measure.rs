//! One run: a system under test is started, calls come up, and what happens within some seconds is counted.
#![expect(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::arguments::{Arguments, Kind, start};
use super::delays::Delays;
use super::driver::Order;
use super::fleet::{Fleet, Plan};
use super::junk::Flood;
use super::link::{Profile, STEP};
use super::outcome::Outcome;
use super::process::Usage;
use super::scenario::{Arrivals, Scenario};
use super::system::System;
use crate::report::{Joins, Row, round};

/// What to run.
#[derive(Clone, Copy)]
pub struct Run {
    pub kind: Kind,
    pub scenario: Scenario,
    pub profile: Option<Profile>,
    /// Of the measurement.
    pub seconds: f64,
}

impl Run {
    pub(super) fn plan(&self, arguments: &Arguments) -> Plan {
        Plan {
            scenario: self.scenario,
            profile: self.profile,
            server: arguments.server,
            threads: arguments.threads,
            first: (0, 0),
            seed: arguments.seed,
        }
    }
}

pub async fn measure(arguments: &Arguments, run: Run) -> Result<Row> {
    let stepped = run.profile.is_some_and(|profile| profile.rates.is_some());
    ensure!(!stepped || run.seconds >= 3.0 * STEP.as_secs_f64(), "three steps take {:?}", 3 * STEP);
    let scenario = run.scenario;
    let system = Arc::new(start(run.kind, scenario, arguments, false).await?);
    let empty = Usage::of(system.pid())?;
    let mut fleet = Fleet::launch(run.plan(arguments), Arc::clone(&system))?;
    match scenario.arrivals {
        Arrivals::Standing { .. } => fleet.until_ready().await?,
        Arrivals::Turnover { life, .. } => fleet.signal_for(life + Duration::from_secs(1)).await?,
    }
    fleet.signal_for(Duration::from_secs_f64(arguments.warmup)).await?;
    let row = count(arguments, &run, &system, fleet).await?;
    Ok(Row {
        rss_mb_per_participant: round((row.rss_mb - empty.rss_mb) / scenario.participants().max(1) as f64),
        ..row
    })
}

/// What happens within the seconds of the measurement. Ends the fleet.
async fn count(arguments: &Arguments, run: &Run, system: &Arc<System>, mut fleet: Fleet) -> Result<Row> {
    let before_inside = Delays::read(&system.metrics().await?);
    fleet.order(|| Order::Begin)?;
    let targets = fleet.ports.iter().copied().collect();
    let flood = (arguments.junk > 0).then(|| Flood::start(targets, arguments.junk)).transpose()?;
    let (started, before) = (Instant::now(), Usages::now(system)?);
    fleet.signal_for(Duration::from_secs_f64(run.seconds)).await?;
    let (seconds, after) = (started.elapsed().as_secs_f64(), Usages::now(system)?);
    let mut junk = flood.map(Flood::end).transpose()?;
    if let Some(junk) = &mut junk {
        junk.rss_growth_mb = round(after.system.rss_mb - before.system.rss_mb);
    }
    let inside = Delays::read(&system.metrics().await?).since(&before_inside);
    fleet.order(|| Order::End)?;
    let outcome = fleet.outcome().await?;
    ensure!(outcome.misrouted == 0, "{} packets reached somebody they were not for", outcome.misrouted);
    ensure!(outcome.tally.delivered + outcome.joined > 0, "nothing arrived");
    let row = row(&before, &after, seconds, &outcome);
    let joins = matches!(run.scenario.arrivals, Arrivals::Turnover { .. });
    Ok(Row {
        scenario: run.scenario.name.to_owned(),
        system: run.kind.name().to_owned(),
        rooms: run.scenario.rooms(),
        participants: run.scenario.participants(),
        inside_us: inside.percentiles(),
        junk,
        quality: run.profile.map(|profile| outcome.quality.rating(profile.name)),
        joins: joins.then(|| Joins::of(&outcome, seconds, row.cpu_percent)),
        ..row
    })
}

/// What the system under test and the generator have used.
pub(super) struct Usages {
    pub(super) system: Usage,
    pub(super) generator: Usage,
}

impl Usages {
    pub(super) fn now(system: &System) -> Result<Self> {
        let generator = Usage::of(std::process::id()).context("the generator itself")?;
        Ok(Self { system: Usage::of(system.pid())?, generator })
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
        cpu_us_per_packet: if tally.delivered > 0 { round(cpu * 1e6 / tally.delivered as f64) } else { 0.0 },
        cpu_percent: round(cpu / seconds * 100.0),
        generator_cpu_percent: round(after.generator.cpu_since(&before.generator) / seconds * 100.0),
        generator_dropped: after.generator.dropped - before.generator.dropped + outcome.send_failures,
        system_dropped: after.system.dropped - before.system.dropped,
        latency_us: outcome.latencies.percentiles(),
        rss_mb: round(after.system.rss_mb),
        ..Row::default()
    }
}
