//! Latencies in buckets that grow by an eighth of a power of two: at most 9 % wrong at any size, and no allocation per
//! packet.

use serde::{Deserialize, Deserializer, Serialize};

const STEPS: u64 = 8;
const BUCKETS: usize = 64 * STEPS as usize;

/// Nanoseconds.
#[derive(Clone)]
pub struct Latencies {
    buckets: Vec<u64>,
    count: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0 }
    }
}

/// Microseconds; infinite: beyond what was counted, `null` in JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    #[serde(deserialize_with = "number_or_infinite")]
    pub p50: f64,
    #[serde(deserialize_with = "number_or_infinite")]
    pub p99: f64,
    #[serde(deserialize_with = "number_or_infinite")]
    pub p999: f64,
}

fn number_or_infinite<'de, D: Deserializer<'de>>(value: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or(f64::INFINITY))
}

impl Latencies {
    pub fn add(&mut self, nanoseconds: u64) {
        self.buckets[bucket(nanoseconds)] += 1;
        self.count += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
    }

    /// The upper edge of the bucket that holds the quantile, in microseconds; 0 without values.
    pub fn quantile(&self, quantile: f64) -> f64 {
        let rank = ((self.count as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper_edge(index) as f64 / 1000.0;
            }
        }
        0.0
    }

    pub fn percentiles(&self) -> Percentiles {
        let at = |quantile| (self.quantile(quantile) * 10.0).round() / 10.0;
        Percentiles { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
    }
}

fn bucket(value: u64) -> usize {
    let value = value.max(STEPS);
    let power = u64::from(value.ilog2());
    let step = (value >> (power - 3)) & (STEPS - 1);
    (power * STEPS + step) as usize
}

fn upper_edge(index: usize) -> u64 {
    let (power, step) = (index as u64 / STEPS, index as u64 % STEPS);
    ((STEPS + step + 1) << power) / STEPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_the_width_of_a_bucket() {
        let mut latencies = Latencies::default();
        assert!(latencies.quantile(0.5).abs() < f64::EPSILON);
        for microseconds in 1..=1000 {
            latencies.add(microseconds * 1000);
        }
        for (quantile, exact) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0)] {
            let measured = latencies.quantile(quantile);
            assert!((exact..exact * 1.13).contains(&measured), "{quantile}: {measured}");
        }
    }
    #[test]
    fn what_is_beyond_the_buckets_survives_json() {
        let percentiles = Percentiles { p50: 250.0, p99: 50_000.0, p999: f64::INFINITY };
        let json = serde_json::to_string(&percentiles).expect("JSON");
        assert_eq!(serde_json::from_str::<Percentiles>(&json).expect("read again"), percentiles);
    }
}
