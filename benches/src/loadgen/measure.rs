//! One run: a system under test is started, calls come up, and what happens within some seconds is counted.
#![expect(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::arguments::{Arguments, Kind, start};
use super::delays::{Delays, value};
use super::driver::Order;
use super::fleet::{Fleet, Plan};
use super::junk::Flood;
use super::link::{Profile, STEP};
use super::outcome::Outcome;
use super::participant::Who;
use super::process::Usage;
use super::scenario::{Arrivals, Scenario};
use super::system::{Ask, System};
use crate::report::{Captions, Joins, Row, round};

/// Rooms of speakers have numbers from here on.
const SPEAKERS: u32 = 1_000_000;
/// By then the caption pipeline must be behind.
const SATURATION: Duration = Duration::from_secs(90);
/// Step of its ladder from which on there are no partial captions any more, because finals are 4 s late.
const SATURATED: f64 = 3.0;

/// What to run.
#[derive(Clone, Copy)]
pub struct Run {
    pub kind: Kind,
    pub scenario: Scenario,
    pub profile: Option<Profile>,
    /// With speakers beside the calls: whether they are captioned.
    pub captioned: Option<bool>,
    /// Of the measurement.
    pub seconds: f64,
}

pub async fn measure(arguments: &Arguments, run: Run) -> Result<Row> {
    let stepped = run.profile.is_some_and(|profile| profile.rates.is_some());
    ensure!(!stepped || run.seconds >= 3.0 * STEP.as_secs_f64(), "three steps take {:?}", 3 * STEP);
    let Run { scenario, profile, .. } = run;
    let system = Arc::new(start(run.kind, scenario, arguments, run.captioned.is_some()).await?);
    let empty = Usage::of(system.pid())?;
    let plan = Plan {
        scenario,
        profile,
        server: arguments.server,
        threads: arguments.threads,
        first: (0, 0),
        seed: arguments.seed,
    };
    let mut fleet = Fleet::launch(plan, Arc::clone(&system))?;
    match scenario.arrivals {
        Arrivals::Standing { .. } => fleet.until_ready().await?,
        Arrivals::Turnover { life, .. } => fleet.signal_for(life + Duration::from_secs(1)).await?,
    }
    let speakers = match run.captioned {
        Some(captioned) => Some(speak(arguments, plan, &system, captioned).await?),
        None => None,
    };
    fleet.signal_for(Duration::from_secs_f64(arguments.warmup)).await?;
    let row = count(arguments, &run, &system, fleet).await?;
    if let Some(speakers) = speakers {
        speakers.order(|| Order::End)?;
        speakers.outcome().await?;
    }
    Ok(Row {
        rss_mb_per_participant: round((row.rss_mb - empty.rss_mb) / scenario.participants().max(1) as f64),
        ..row
    })
}

/// What happens within the seconds of the measurement. Ends the fleet.
async fn count(arguments: &Arguments, run: &Run, system: &Arc<System>, mut fleet: Fleet) -> Result<Row> {
    let metrics = system.metrics().await?;
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
    let since = Since { before: metrics, now: system.metrics().await? };
    fleet.order(|| Order::End)?;
    let outcome = fleet.outcome().await?;
    ensure!(outcome.misrouted == 0, "{} packets reached somebody they were not for", outcome.misrouted);
    ensure!(outcome.tally.delivered + outcome.joined > 0, "nothing arrived");
    let row = row(&before, &after, seconds, &outcome);
    ensure!(
        run.captioned.is_none() || row.generator_dropped == 0,
        "the generator itself lost {} datagrams: nothing can be said about captions",
        row.generator_dropped
    );
    let joins = matches!(run.scenario.arrivals, Arrivals::Turnover { .. });
    Ok(Row {
        scenario: run.scenario.name.to_owned(),
        system: run.kind.name().to_owned(),
        rooms: run.scenario.rooms(),
        participants: run.scenario.participants(),
        inside_us: since.delays().1.since(&since.delays().0),
        junk,
        quality: run.profile.map(|profile| outcome.quality.rating(profile.name)),
        joins: joins.then(|| Joins::of(&outcome, seconds, row.cpu_percent)),
        captions: run.captioned.map(|captioned| since.captions(captioned, arguments.speakers)).transpose()?,
        ..row
    })
}

/// People who speak beside the calls, until their words are more than can be captioned.
async fn speak(arguments: &Arguments, calls: Plan, system: &Arc<System>, captioned: bool) -> Result<Fleet> {
    let scenario = Scenario::named("speakers", Some(arguments.speakers), 1)?;
    let plan = Plan { scenario, profile: None, threads: 1, first: (calls.threads, SPEAKERS), ..calls };
    let mut fleet = Fleet::launch(plan, Arc::clone(system))?;
    fleet.until_ready().await?;
    fleet.signal_for(Duration::from_secs(1)).await?;
    if captioned {
        for room in SPEAKERS..SPEAKERS + arguments.speakers as u32 {
            system.handle(Ask::Captioned(Who { room, seat: 0 })).await?;
        }
        let began = Instant::now();
        while value(&system.metrics().await?, "auscult_captions_degradation_level") < SATURATED {
            ensure!(began.elapsed() < SATURATION, "the captions keep up: more --speakers are needed");
            fleet.signal_for(Duration::from_millis(500)).await?;
        }
    }
    Ok(fleet)
}

/// The system's metrics at the beginning and at the end.
struct Since {
    before: String,
    now: String,
}

impl Since {
    fn delays(&self) -> (Delays, Delays) {
        (Delays::read(&self.before), Delays::read(&self.now))
    }

    fn grown(&self, name: &str) -> f64 {
        value(&self.now, name) - value(&self.before, name)
    }

    fn captions(&self, captioned: bool, speakers: usize) -> Result<Captions> {
        let (before, now) = self.delays();
        let level = value(&self.now, "auscult_captions_degradation_level");
        ensure!(level >= SATURATED || !captioned, "the captions caught up while it was measured");
        Ok(Captions {
            captioned,
            speakers,
            level: level as u8,
            gap_seconds: round(self.grown("auscult_captions_audio_seconds_total{outcome=\"gap\"}")),
            not_sent: self.grown("auscult_media_send_failures_total") as u64,
            inside_p99_us: round(now.quantile_since(&before, 0.99)),
        })
    }
}

/// What the system under test and the generator have used.
struct Usages {
    system: Usage,
    generator: Usage,
}

impl Usages {
    fn now(system: &System) -> Result<Self> {
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
