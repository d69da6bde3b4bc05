//! Rows of a media benchmark, and what is made from them: the tables (`tables.rs`) and plots (`plot.rs`) of
//! `benches/README.md`.

pub mod plot;
pub mod tables;

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
    /// Processor time of the system under test per packet that reached a client; 0 when none had to.
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
    /// From the kernel's receive timestamp to the send call, of every forwarded packet; upper edges of buckets. Of systems
    /// that measure it.
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
    /// Without and with captions they took turns; of these there were so many.
    #[serde(default)]
    pub turns: usize,
    /// Least step of the caption pipeline's ladder at the end of a turn; from 3 on it is saturated.
    pub level: u8,
    /// Seconds of speech that were given up.
    pub gap_seconds: f64,
    /// Datagrams that the media server could not hand to the kernel.
    pub not_sent: u64,
    /// As in `inside_us`, interpolated within its bucket.
    pub inside_p99_us: f64,
    /// By how much it was higher than in the turn beside it without captions: least, median, most.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub moved_percent: Option<[f64; 3]>,
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

/// Of several runs of the same, the one with the median cost; what was lost in any of them counts.
pub fn median(mut runs: Vec<Row>) -> Option<Row> {
    runs.sort_by(|one, other| one.cpu_us_per_packet.total_cmp(&other.cpu_us_per_packet));
    let mut median = runs.get(runs.len() / 2)?.clone();
    median.lost = runs.iter().map(|run| run.lost).sum();
    median.duplicated = runs.iter().map(|run| run.duplicated).sum();
    Some(median)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cost: f64, lost: u64) -> Row {
        Row { lost, cpu_us_per_packet: cost, ..Row::default() }
    }

    #[test]
    fn the_median_run_stands_for_all_but_their_losses_add_up() {
        let median = median(vec![row(9.0, 1), row(5.0, 2), row(6.0, 0)]).expect("three runs");
        assert_eq!((median.cpu_us_per_packet, median.lost), (6.0, 3));
    }
}
