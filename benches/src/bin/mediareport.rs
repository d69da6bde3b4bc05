//! `bench-results/NAME.json`, as far as they are there -> the tables in `benches/README.md` and the plots beside it.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use anyhow::{Context, Result};
use benches::report::Row;
use benches::report::plot::bars;
use benches::report::tables::TABLES;

const README: &str = "benches/README.md";

fn main() -> Result<()> {
    let mut readme = std::fs::read_to_string(README).context(README)?;
    for table in TABLES {
        let path = format!("bench-results/{}.json", table.name);
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let rows: Vec<Row> = serde_json::from_str(&text).context(path)?;
        let markdown = table.of(&rows);
        readme = table.replace(&readme, &markdown).context("no place for the table")?;
        println!("{markdown}");
        match table.name {
            "media" => plot_media(&rows)?,
            "rooms" => plot_rooms(&rows)?,
            _ => {}
        }
    }
    std::fs::write(README, readme)?;
    Ok(())
}

fn plot_media(rows: &[Row]) -> Result<()> {
    let cost = bars("CPU per forwarded packet, µs", rows, |row| row.cpu_us_per_packet, false);
    std::fs::write("benches/plots/media-cpu.svg", cost)?;
    let latency = bars("one-way latency, p99, µs (logarithmic)", rows, |row| row.latency_us.p99, true);
    Ok(std::fs::write("benches/plots/media-latency.svg", latency)?)
}

fn plot_rooms(rows: &[Row]) -> Result<()> {
    let named = |row: &Row| Row { scenario: format!("{} {}", row.rooms, row.scenario), ..row.clone() };
    let named: Vec<Row> = rows.iter().map(named).collect();
    let cost =
        bars("CPU per forwarded packet by number of rooms, µs", &named, |row| row.cpu_us_per_packet, false);
    Ok(std::fs::write("benches/plots/rooms-cpu.svg", cost)?)
}
