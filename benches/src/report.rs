//! Rows of a media benchmark, and what is made from them: the table and the plots of `benches/README.md`.

use serde::{Deserialize, Serialize};

use crate::loadgen::junk::Flooded;
use crate::loadgen::outcome::Outcome;
use crate::loadgen::quality::Rating;
use crate::loadgen::quantiles::Percentiles;

/// One scenario on one system.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Row {
    pub scenario: String,
    pub system: String,
    pub rooms: usize,
    pub participants: usize,
    pub forwarded_pps: f64,
    pub lost: u64,
    pub duplicated: u64,
    /// Packets of another simulcast layer that did not begin with a keyframe.
    #[serde(default)]
    pub broken_switches: u64,
    /// Processor time of the system under test per packet that reached a client.
    pub cpu_us_per_packet: f64,
    /// Of one core.
    pub cpu_percent: f64,
    /// Of one core.
    #[serde(default)]
    pub generator_cpu_percent: f64,
    /// Datagrams that the generator's sockets did not take, in or out: its own loss.
    #[serde(default)]
    pub generator_dropped: u64,
    /// Datagrams that found the sockets of the system under test full.
    #[serde(default)]
    pub system_dropped: u64,
    /// From a client's stamp to the kernel of another.
    pub latency_us: Percentiles,
    /// From the kernel's receive timestamp to the send call, of every datagram; upper edges of buckets. Of systems that
    /// measure it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub inside_us: Option<Percentiles>,
    pub rss_mb: f64,
    /// Above what the system under test had before anybody joined.
    #[serde(default)]
    pub rss_mb_per_participant: f64,
    /// Of runs with strangers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub junk: Option<Flooded>,
    /// Of runs over an imitated network.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quality: Option<Rating>,
    /// Of runs in which people come and go.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub joins: Option<Joins>,
    /// Of runs with speakers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub captions: Option<Captions>,
    /// Of the highest rate that held: what stopped a higher one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<String>,
}

/// Speakers beside the calls.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Captions {
    /// Their words become captions, as far as that is possible.
    pub captioned: bool,
    pub speakers: usize,
    /// Step of the caption pipeline's ladder at the end; from 3 on it is saturated.
    pub level: u8,
    /// Seconds of speech that were given up.
    pub gap_seconds: f64,
    /// Datagrams that the media server could not hand to the kernel.
    pub not_sent: u64,
    /// As in `inside_us`, interpolated within its bucket.
    pub inside_p99_us: f64,
}

/// How people came in.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Joins {
    pub per_second: f64,
    /// Did not receive everything before their room closed.
    pub failed: u64,
    /// From the request to join until something of every track had arrived.
    pub media_ms: [f64; 2],
    /// Everything that the system under test did, for each of them.
    pub cpu_us: f64,
}

impl Joins {
    /// `cpu_percent`: of the system under test, of one core.
    pub fn of(outcome: &Outcome, seconds: f64, cpu_percent: f64) -> Self {
        let joined = outcome.joined as f64;
        let ms = |quantile| round(outcome.joins.quantile(quantile) / 1000.0);
        Self {
            per_second: round(joined / seconds),
            failed: outcome.not_joined,
            media_ms: [ms(0.5), ms(0.95)],
            cpu_us: round(cpu_percent / 100.0 * seconds * 1e6 / joined.max(1.0)),
        }
    }
}

/// To two decimals.
pub fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// In the order in which they are drawn.
const SYSTEMS: [(&str, &str); 3] = [("auscult", "#1f77b4"), ("janus", "#d9832e"), ("floor", "#9aa0a6")];
/// In front of and behind what is replaced in the README.
const BEGIN: &str = "<!-- media: written by `make bench-media` -->";
const END: &str = "<!-- /media -->";

/// Of several runs of the same, the one with the median cost; what was lost in any of them counts.
pub fn median(mut runs: Vec<Row>) -> Option<Row> {
    runs.sort_by(|one, other| one.cpu_us_per_packet.total_cmp(&other.cpu_us_per_packet));
    let mut median = runs.get(runs.len() / 2)?.clone();
    median.lost = runs.iter().map(|run| run.lost).sum();
    median.duplicated = runs.iter().map(|run| run.duplicated).sum();
    Some(median)
}

/// A Markdown table.
pub fn table(rows: &[Row]) -> String {
    let mut table = "| scenario | system | rooms | forwarded/s | lost | twice | CPU µs/packet | CPU | latency p50 / p99 / \
                     p99.9 µs | inside p50 / p99 / p99.9 µs | RSS MB |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in rows {
        let Percentiles { p50, p99, p999 } = row.latency_us;
        let inside = row.inside_us.map_or("–".to_owned(), |inside| {
            format!("≤ {:.0} / {:.0} / {:.0}", inside.p50, inside.p99, inside.p999)
        });
        table += &format!(
            "| {} | {} | {} × {} | {:.0} | {} | {} | {:.1} | {:.0} % | {p50:.0} / {p99:.0} / {p999:.0} | {inside} | {:.0} |\n",
            row.scenario,
            row.system,
            row.rooms,
            row.participants / row.rooms.max(1),
            row.forwarded_pps,
            row.lost,
            row.duplicated,
            row.cpu_us_per_packet,
            row.cpu_percent,
            row.rss_mb,
        );
    }
    table
}

/// Puts `table` between the marks of `readme`; `None` without marks.
pub fn replace(readme: &str, table: &str) -> Option<String> {
    let (before, rest) = readme.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

/// Bars grouped by scenario, one per system. `logarithmic`: for values that span powers of ten, all above 1.
pub fn plot(title: &str, rows: &[Row], value: impl Fn(&Row) -> f64, logarithmic: bool) -> String {
    const WIDTH: f64 = 720.0;
    const LEFT: f64 = 120.0;
    const BAR: f64 = 16.0;
    let scale = |value: f64| if logarithmic { value.max(1.0).log10() } else { value };
    let longest = rows.iter().map(|row| scale(value(row))).fold(f64::EPSILON, f64::max);
    let mut scenarios: Vec<&str> = rows.iter().map(|row| row.scenario.as_str()).collect();
    scenarios.dedup();
    let (mut bars, mut y) = (String::new(), 58.0);
    for scenario in scenarios {
        bars += &format!("<text x=\"8\" y=\"{}\">{scenario}</text>\n", y + BAR);
        for (system, color) in SYSTEMS {
            let Some(row) = rows.iter().find(|row| row.scenario == scenario && row.system == system) else {
                continue;
            };
            let length = scale(value(row)) / longest * (WIDTH - LEFT - 70.0);
            bars += &format!(
                "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"{color}\"/>\n<text x=\"{:.1}\" \
                 y=\"{}\">{:.1}</text>\n",
                BAR - 2.0,
                LEFT + length + 4.0,
                y + BAR - 4.0,
                value(row),
            );
            y += BAR;
        }
        y += BAR;
    }
    let legend: String = SYSTEMS
        .iter()
        .zip(0..)
        .map(|((system, color), at)| {
            let x = LEFT + f64::from(at) * 90.0;
            format!("<text x=\"{x}\" y=\"44\" fill=\"{color}\" font-weight=\"bold\">{system}</text>\n")
        })
        .collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"8\" y=\"22\" \
         font-size=\"15\">{title}</text>\n{legend}{bars}</svg>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(system: &str, cost: f64, lost: u64) -> Row {
        Row {
            scenario: "one-to-one".into(),
            system: system.into(),
            rooms: 20,
            participants: 40,
            forwarded_pps: 8000.4,
            lost,
            duplicated: 0,
            cpu_us_per_packet: cost,
            cpu_percent: 10.0,
            latency_us: Percentiles { p50: 90.0, p99: 800.0, p999: 2000.0 },
            rss_mb: 30.0,
            ..Row::default()
        }
    }

    #[test]
    fn the_median_run_stands_for_all_but_their_losses_add_up() {
        let runs = vec![row("auscult", 9.0, 1), row("auscult", 5.0, 2), row("auscult", 6.0, 0)];
        let median = median(runs).expect("three runs");
        assert_eq!((median.cpu_us_per_packet, median.lost), (6.0, 3));
    }

    #[test]
    fn the_table_replaces_the_one_before() {
        let readme = format!("# A\n{BEGIN}\nold\n{END}\nrest\n");
        let replaced = replace(&readme, &table(&[row("janus", 12.34, 0)])).expect("marks");
        let line = "| one-to-one | janus | 20 × 2 | 8000 | 0 | 0 | 12.3 | 10 % | 90 / 800 / 2000 | – | 30 |";
        assert!(replaced.contains(line), "{replaced}");
        assert!(replaced.ends_with("\nrest\n") && !replaced.contains("old"));
        assert_eq!(replace("no marks", ""), None);
    }

    #[test]
    fn the_longest_bar_is_the_largest_value() {
        let rows = [row("auscult", 5.0, 0), row("janus", 10.0, 0)];
        let plot = plot("cost", &rows, |row| row.cpu_us_per_packet, false);
        assert!(plot.contains("width=\"530.0\"") && plot.contains("width=\"265.0\""), "{plot}");
    }
}
