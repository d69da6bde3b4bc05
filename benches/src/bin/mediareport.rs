//! `bench-results/media.json` -> the table in `benches/README.md` and the plots beside it.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use anyhow::{Context, Result};
use benches::report::{self, Row};

const RESULTS: &str = "bench-results/media.json";
const README: &str = "benches/README.md";

fn main() -> Result<()> {
    let rows: Vec<Row> = serde_json::from_str(&std::fs::read_to_string(RESULTS).context(RESULTS)?)?;
    let readme = std::fs::read_to_string(README).context(README)?;
    let table = report::table(&rows);
    std::fs::write(README, report::replace(&readme, &table).context("no place for the table")?)?;
    let cost = report::plot("CPU per forwarded packet, µs", &rows, |row| row.cpu_us_per_packet, false);
    std::fs::write("benches/plots/media-cpu.svg", cost)?;
    let latency =
        report::plot("one-way latency, p99, µs (logarithmic)", &rows, |row| row.latency_us.p99, true);
    std::fs::write("benches/plots/media-latency.svg", latency)?;
    println!("{table}");
    Ok(())
}
