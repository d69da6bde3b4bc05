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

    /// Upper edges of the buckets that hold the quantiles of what came since `before`, in microseconds.
    pub fn since(&self, before: &Self) -> Option<Percentiles> {
        let earlier = |edge: f64| before.0.iter().find(|(other, _)| edge.total_cmp(other).is_eq());
        let counts: Vec<(f64, u64)> = self
            .0
            .iter()
            .map(|(edge, count)| (*edge, count - earlier(*edge).map_or(0, |(_, n)| *n)))
            .collect();
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
        assert!(after.since(&after).is_none() && Delays::read("").since(&Delays::default()).is_none());
    }
}
