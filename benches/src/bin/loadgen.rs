//! Loads a system under test with WebRTC clients and reports what it forwarded, lost and cost. One row of JSON per
//! scenario; see `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use anyhow::{Context, Result};
use benches::loadgen::arguments::{Arguments, Kind};
use benches::loadgen::captioned;
use benches::loadgen::limit;
use benches::loadgen::link::Profile;
use benches::loadgen::measure::{Run, measure};
use benches::loadgen::scenario::Scenario;
use benches::report::{self, Row};
use clap::Parser;

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

/// The median row of every system. They take turns, so that whatever else the machine does hits all of them.
async fn repeated(arguments: &Arguments, scenario: Scenario, profile: Option<Profile>) -> Result<Vec<Row>> {
    let run = |kind| Run { kind, scenario, profile, seconds: arguments.seconds };
    if arguments.speakers > 0 {
        let rows = captioned::compare(arguments, run(Kind::Auscult)).await?;
        println!("{}", serde_json::to_string(&rows)?);
        return Ok(rows.into());
    }
    let mut rows: Vec<Vec<Row>> = vec![Vec::new(); arguments.system.len()];
    for _ in 0..arguments.repeat {
        for (kind, rows) in arguments.system.iter().zip(&mut rows) {
            let run = run(*kind);
            if arguments.find_limit {
                rows.push(limit::find(arguments, run).await?);
                continue;
            }
            let row = measure(arguments, run).await?;
            println!("{}", serde_json::to_string(&row)?);
            rows.push(row);
        }
    }
    Ok(rows.into_iter().filter_map(report::median).collect())
}
