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

    /// What came after `before`.
    pub fn since(&self, before: &Self) -> Self {
        let earlier = |edge: f64| before.0.iter().find(|(other, _)| edge.total_cmp(other).is_eq());
        let came = |(edge, count): &(f64, u64)| (*edge, count - earlier(*edge).map_or(0, |(_, n)| *n));
        Self(self.0.iter().map(came).collect())
    }

    pub fn add(&mut self, other: &Self) {
        if self.0.is_empty() {
            self.0.clone_from(&other.0);
            return;
        }
        for ((_, mine), (_, theirs)) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    fn total(&self) -> u64 {
        self.0.last().map_or(0, |(_, total)| *total)
    }

    /// In microseconds, as Prometheus reckons it: evenly spread in its bucket.
    pub fn quantile(&self, quantile: f64) -> f64 {
        let rank = self.total() as f64 * quantile;
        let (mut edge, mut below) = (0.0, 0.0);
        for (upper, count) in self.0.iter().filter(|(upper, _)| upper.is_finite()) {
            if *count as f64 >= rank {
                let share = (rank - below) / (*count as f64 - below).max(1.0);
                return (edge + (upper - edge) * share) * 1e6;
            }
            (edge, below) = (*upper, *count as f64);
        }
        edge * 1e6
    }

    /// Upper edges of the buckets that hold the quantiles, in microseconds; `None`: nothing came.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let total = Some(self.total()).filter(|total| *total > 0)?;
        let at = |quantile: f64| {
            let rank = (total as f64 * quantile).ceil() as u64;
            let bucket = self.0.iter().find(|(_, count)| *count >= rank);
            bucket.map_or(f64::INFINITY, |(edge, _)| (edge * 1e6).round())
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
        let mut came = after.since(&before);
        let delays = came.percentiles().expect("something came");
        assert_eq!((delays.p50, delays.p99), (50.0, 1000.0));
        // 600 of 1000 in the first 50 µs, 399 between there and 1 ms.
        assert!((came.quantile(0.3) - 25.0).abs() < 0.1);
        assert!((came.quantile(0.8) - 526.2).abs() < 1.0);
        assert!((came.quantile(1.0) - 1000.0).abs() < 0.1, "beyond the last edge");
        came.add(&Delays::read(&text([1000, 1000, 1000])));
        assert!((came.quantile(0.4) - 25.0).abs() < 0.1, "800 of 1600 of 2000");
        let mut sum = Delays::default();
        sum.add(&came);
        assert_eq!(sum, came);
        assert!((value("a{x=\"y\"} 3\na 4\n", "a") - 4.0).abs() < 1e-9);
        assert!(after.since(&after).percentiles().is_none() && Delays::read("").percentiles().is_none());
    }
}
