//! The delay histogram that the media server keeps itself: from the kernel's receive timestamp to the send call.

use super::quantiles::Percentiles;

const BUCKET: &str = "auscult_media_forward_delay_seconds_bucket{le=\"";

/// Upper edges in seconds, and how many were not above: a Prometheus histogram.
#[derive(Debug, Default, PartialEq)]
pub struct Delays(Vec<(f64, u64)>);

impl Delays {
    /// From the text that Prometheus reads.
    pub fn read(metrics: &str) -> Self {
        let bucket = |line: &str| {
            let (edge, count) = line.strip_prefix(BUCKET)?.split_once("\"} ")?;
            Some((edge.parse().ok()?, count.parse().ok()?))
        };
        Self(metrics.lines().filter_map(bucket).collect())
    }

    /// The quantile of what came since `before`, in microseconds, as Prometheus reckons it: evenly spread in its bucket.
    pub fn quantile_since(&self, before: &Self, quantile: f64) -> f64 {
        let counts = self.counts_since(before);
        let rank = counts.last().map_or(0.0, |(_, total)| *total as f64 * quantile);
        let (mut edge, mut below) = (0.0, 0.0);
        for (upper, count) in counts.into_iter().filter(|(upper, _)| upper.is_finite()) {
            if count as f64 >= rank {
                let share = (rank - below) / (count as f64 - below).max(1.0);
                return (edge + (upper - edge) * share) * 1e6;
            }
            (edge, below) = (upper, count as f64);
        }
        edge * 1e6
    }

    fn counts_since(&self, before: &Self) -> Vec<(f64, u64)> {
        let earlier = |edge: f64| before.0.iter().find(|(other, _)| edge.total_cmp(other).is_eq());
        self.0.iter().map(|(edge, count)| (*edge, count - earlier(*edge).map_or(0, |(_, n)| *n))).collect()
    }

    /// Upper edges of the buckets that hold the quantiles of what came since `before`, in microseconds.
    pub fn since(&self, before: &Self) -> Option<Percentiles> {
        let counts = self.counts_since(before);
        let (_, total) = *counts.last().filter(|(_, total)| *total > 0)?;
        let at = |quantile: f64| {
            let rank = (total as f64 * quantile).ceil() as u64;
            counts
                .iter()
                .find(|(_, count)| *count >= rank)
                .map_or(f64::INFINITY, |(edge, _)| (edge * 1e6).round())
        };
        Some(Percentiles { p50: at(0.5), p99: at(0.99), p999: at(0.999) })
    }
}

/// The value of a counter or a gauge with this name and these labels; 0 when it is not there.
pub fn value(metrics: &str, name: &str) -> f64 {
    let of = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
    metrics.lines().find_map(of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_came_in_between() {
        let text = |counts: [u64; 3]| {
            let [low, high, all] = counts;
            format!("# HELP x\n{BUCKET}0.00005\"}} {low}\n{BUCKET}0.001\"}} {high}\n{BUCKET}+Inf\"}} {all}\n")
        };
        let (before, after) = (Delays::read(&text([900, 900, 900])), Delays::read(&text([1500, 1899, 1900])));
        let delays = after.since(&before).expect("something came");
        assert_eq!((delays.p50, delays.p99), (50.0, 1000.0));
        // 600 of 1000 in the first 50 µs, 399 between there and 1 ms.
        assert!((after.quantile_since(&before, 0.3) - 25.0).abs() < 0.1);
        assert!((after.quantile_since(&before, 0.8) - 526.2).abs() < 1.0);
        assert!((after.quantile_since(&before, 1.0) - 1000.0).abs() < 0.1, "beyond the last edge");
        assert!((value("a{x=\"y\"} 3\na 4\n", "a") - 4.0).abs() < 1e-9);
        assert!(after.since(&after).is_none() && Delays::read("").since(&Delays::default()).is_none());
    }
}
