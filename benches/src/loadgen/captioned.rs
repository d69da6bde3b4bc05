//! Calls beside people who speak more than can be captioned: what captions of it change for the calls.
//!
//! Within one run the speakers are captioned in turn, since two runs of the same differ by more than what is looked for.
#![expect(clippy::disallowed_methods, reason = "a program that measures reads the clock")]
#![expect(clippy::print_stdout, reason = "for who runs the command-line tool")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::arguments::{Arguments, start};
use super::delays::{Delays, value};
use super::driver::Order;
use super::fleet::{Fleet, Plan};
use super::measure::{Run, Usages};
use super::outcome::Outcome;
use super::participant::Who;
use super::scenario::Scenario;
use super::system::{Ask, System};
use crate::report::{Captions, Row, round};

/// Rooms of speakers have numbers from here on.
const SPEAKERS: u32 = 1_000_000;
/// By then the caption pipeline must be behind, or have nothing left to do.
const PATIENCE: Duration = Duration::from_secs(120);
/// Finals are so late: the pipeline's ladder allows no partial captions any more.
const BEHIND_SECONDS: f64 = 4.0;
/// And at the end of a turn still so late.
const STILL_BEHIND_SECONDS: f64 = 2.0;
/// That step of the ladder.
const SATURATED: f64 = 3.0;

/// What was counted in one turn.
struct Turn {
    inside: Delays,
    forwarded: f64,
    not_sent: f64,
    gap_seconds: f64,
    level: f64,
    /// Processor seconds of the media server, and of the generator.
    cpu: [f64; 2],
    /// Datagrams that found the media server's sockets full.
    dropped: u64,
    rss_mb: f64,
    seconds: f64,
}

/// Two rows, without and with captions; `arguments.repeat` turns of each. What was lost was lost in the whole run, turns of
/// both kinds and what lies between them.
pub async fn compare(arguments: &Arguments, run: Run) -> Result<[Row; 2]> {
    let system = Arc::new(start(run.kind, run.scenario, arguments, true).await?);
    let plan = run.plan(arguments);
    let mut calls = Fleet::launch(plan, Arc::clone(&system))?;
    calls.until_ready().await?;
    let mut speakers = speak(arguments, plan, &system).await?;
    calls.signal_for(Duration::from_secs_f64(arguments.warmup)).await?;
    calls.order(|| Order::Begin)?;
    let before = Usages::now(&system)?;
    let mut turns: [Vec<Turn>; 2] = [Vec::new(), Vec::new()];
    for pair in 0..arguments.repeat {
        // The other way round each time: what drifts hits both alike.
        for captioned in [pair % 2 == 1, pair % 2 == 0] {
            caption(arguments, &system, &mut speakers, captioned).await?;
            turns[usize::from(captioned)].push(turn(&run, &system, &mut calls, captioned).await?);
        }
    }
    let after = Usages::now(&system)?;
    calls.order(|| Order::End)?;
    let outcome = calls.outcome().await?;
    speakers.order(|| Order::End)?;
    speakers.outcome().await?;
    let dropped = after.generator.dropped - before.generator.dropped + outcome.send_failures;
    ensure!(
        dropped == 0,
        "the generator itself lost {dropped} datagrams: nothing can be said about captions"
    );
    ensure!(outcome.misrouted == 0, "{} packets reached somebody they were not for", outcome.misrouted);
    let moved = moved(&turns);
    let [without, with] = turns;
    let row = |turns, captions| row(arguments, &run, &outcome, turns, captions);
    Ok([row(without, None), row(with, Some(moved))])
}

/// People who speak beside the calls.
async fn speak(arguments: &Arguments, calls: Plan, system: &Arc<System>) -> Result<Fleet> {
    let scenario = Scenario::named("speakers", Some(arguments.speakers), 1)?;
    let plan = Plan { scenario, profile: None, threads: 1, first: (calls.threads, SPEAKERS), ..calls };
    let mut fleet = Fleet::launch(plan, Arc::clone(system))?;
    fleet.until_ready().await?;
    fleet.signal_for(Duration::from_secs(1)).await?;
    Ok(fleet)
}

/// Until there is more to caption than can be, or nothing.
async fn caption(
    arguments: &Arguments,
    system: &System,
    speakers: &mut Fleet,
    captioned: bool,
) -> Result<()> {
    for room in SPEAKERS..SPEAKERS + arguments.speakers as u32 {
        system.handle(Ask::Captioned(Who { room, seat: 0 }, captioned)).await?;
    }
    let began = Instant::now();
    loop {
        speakers.signal_for(Duration::from_secs(1)).await?;
        let metrics = system.metrics().await?;
        let late = value(&metrics, "auscult_captions_lag_seconds");
        let waiting = value(&metrics, "auscult_captions_waiting_finals");
        let ready = if captioned { late >= BEHIND_SECONDS } else { waiting < 1.0 };
        if ready {
            return Ok(());
        }
        ensure!(
            began.elapsed() < PATIENCE,
            "finals are {late} s late, {waiting} wait: --speakers does not fit"
        );
    }
}

async fn turn(run: &Run, system: &System, calls: &mut Fleet, captioned: bool) -> Result<Turn> {
    let (metrics, usage, began) = (system.metrics().await?, Usages::now(system)?, Instant::now());
    calls.signal_for(Duration::from_secs_f64(run.seconds)).await?;
    let (now, used) = (system.metrics().await?, Usages::now(system)?);
    let grown = |name: &str| value(&now, name) - value(&metrics, name);
    let level = value(&now, "auscult_captions_degradation_level");
    let late = value(&now, "auscult_captions_lag_seconds");
    let behind = level >= SATURATED && late >= STILL_BEHIND_SECONDS;
    ensure!(behind || !captioned, "the captions caught up while it was measured: finals are {late} s late");
    let forwarded = grown("auscult_media_packets_forwarded_total");
    ensure!(forwarded > 0.0, "nothing was forwarded");
    let inside = Delays::read(&now).since(&Delays::read(&metrics));
    println!("captioned {captioned}: p99 {:.0} us inside, finals {late:.1} s late", inside.quantile(0.99));
    Ok(Turn {
        inside,
        forwarded,
        not_sent: grown("auscult_media_send_failures_total"),
        gap_seconds: grown("auscult_captions_audio_seconds_total{outcome=\"gap\"}"),
        level,
        cpu: [used.system.cpu_since(&usage.system), used.generator.cpu_since(&usage.generator)],
        dropped: used.system.dropped - usage.system.dropped,
        rss_mb: used.system.rss_mb,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// By how many percent the 99th percentile is higher with captions than without in the turn beside it: least, median, most.
fn moved([without, with]: &[Vec<Turn>; 2]) -> [f64; 3] {
    let p99 = |turn: &Turn| turn.inside.quantile(0.99);
    let mut moved: Vec<f64> =
        without.iter().zip(with).map(|(without, with)| (p99(with) / p99(without) - 1.0) * 100.0).collect();
    moved.sort_by(f64::total_cmp);
    let at = |index: usize| moved.get(index).copied().unwrap_or_default();
    let last = moved.len().saturating_sub(1);
    [at(0), f64::midpoint(at(last / 2), at(last.div_ceil(2))), at(last)].map(round)
}

fn row(
    arguments: &Arguments,
    run: &Run,
    outcome: &Outcome,
    turns: Vec<Turn>,
    moved: Option<[f64; 3]>,
) -> Row {
    let sum = |of: fn(&Turn) -> f64| turns.iter().map(of).sum::<f64>();
    let mut inside = Delays::default();
    for turn in &turns {
        inside.add(&turn.inside);
    }
    let (seconds, forwarded) = (sum(|turn| turn.seconds), sum(|turn| turn.forwarded));
    let cpu = sum(|turn| turn.cpu[0]);
    Row {
        scenario: run.scenario.name.to_owned(),
        system: run.kind.name().to_owned(),
        rooms: run.scenario.rooms(),
        participants: run.scenario.participants(),
        forwarded_pps: (forwarded / seconds).round(),
        lost: outcome.tally.lost,
        duplicated: outcome.tally.duplicated,
        broken_switches: outcome.tally.broken_switches,
        cpu_us_per_packet: round(cpu * 1e6 / forwarded),
        cpu_percent: round(cpu / seconds * 100.0),
        generator_cpu_percent: round(sum(|turn| turn.cpu[1]) / seconds * 100.0),
        system_dropped: turns.iter().map(|turn| turn.dropped).sum(),
        latency_us: outcome.latencies.percentiles(),
        rss_mb: turns.last().map_or(0.0, |turn| round(turn.rss_mb)),
        inside_us: inside.percentiles(),
        captions: Some(Captions {
            captioned: moved.is_some(),
            speakers: arguments.speakers,
            turns: turns.len(),
            level: turns.iter().map(|turn| turn.level as u8).min().unwrap_or_default(),
            gap_seconds: round(sum(|turn| turn.gap_seconds)),
            not_sent: sum(|turn| turn.not_sent) as u64,
            inside_p99_us: round(inside.quantile(0.99)),
            moved_percent: moved,
        }),
        ..Row::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(fast: u64, all: u64) -> Turn {
        let bucket = "auscult_media_forward_delay_seconds_bucket{le=\"";
        let text = format!("{bucket}0.0001\"}} {fast}\n{bucket}0.001\"}} {all}\n{bucket}+Inf\"}} {all}\n");
        let inside = Delays::read(&text);
        Turn {
            inside,
            forwarded: 0.0,
            not_sent: 0.0,
            gap_seconds: 0.0,
            level: 0.0,
            cpu: [0.0; 2],
            dropped: 0,
            rss_mb: 0.0,
            seconds: 1.0,
        }
    }

    #[test]
    fn each_turn_is_compared_with_the_one_beside_it() {
        // Of 1000, 990 within 100 µs: p99 is 100 µs. 980 within, 20 up to 1 ms: 550 µs.
        let turns = [
            vec![turn(990, 1000), turn(980, 1000), turn(990, 1000)],
            vec![turn(980, 1000), turn(980, 1000), turn(990, 1000)],
        ];
        assert_eq!(moved(&turns).map(|percent| percent as i64), [0, 0, 450]);
    }
}
