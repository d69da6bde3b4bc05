//! What durable audit entries, sealed reads, a new master key and signing in cost. Writes `bench-results/trust.json`;
//! see `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use anyhow::{Context, Result};
use benches::machine;
use benches::trust::{Arguments, Measured, Scenario, System, measure};
use clap::Parser;
use serde::Serialize;

#[derive(Serialize)]
struct Row {
    scenario: Scenario,
    system: System,
    #[serde(flatten)]
    measured: Measured,
    machine: String,
    /// Averages of 1, 5 and 15 minutes before the scenario.
    load: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    println!("command: {}", std::env::args().collect::<Vec<_>>().join(" "));
    println!("machine: {}", machine::name());
    let mut rows = Vec::new();
    for scenario in &arguments.scenario {
        for system in &arguments.system {
            let (machine, load) = (machine::name(), machine::load());
            let measured = measure(*scenario, *system, &arguments).await;
            let measured = measured.with_context(|| format!("{scenario:?} on {system:?}"))?;
            let row = Row { scenario: *scenario, system: *system, measured, machine, load };
            println!("{}", serde_json::to_string(&row)?);
            rows.push(row);
            // What was measured so far is not lost when a later scenario fails.
            std::fs::create_dir_all("bench-results")?;
            std::fs::write("bench-results/trust.json", serde_json::to_string_pretty(&rows)?)?;
        }
    }
    println!("wrote bench-results/trust.json");
    Ok(())
}
