//! What a run amounts to.

use super::ledger::Tally;
use super::quality::Quality;
use super::quantiles::Latencies;

/// What one driver measured.
#[derive(Default)]
pub struct Outcome {
    pub tally: Tally,
    pub latencies: Latencies,
    pub quality: Quality,
    /// From the request to join until something of every track had arrived.
    pub joins: Latencies,
    pub joined: u64,
    pub not_joined: u64,
    pub misrouted: u64,
    pub send_failures: u64,
}

impl Outcome {
    pub fn add(&mut self, other: &Self) {
        self.tally += other.tally;
        self.latencies.merge(&other.latencies);
        self.quality.add(&other.quality);
        self.joins.merge(&other.joins);
        self.joined += other.joined;
        self.not_joined += other.not_joined;
        self.misrouted += other.misrouted;
        self.send_failures += other.send_failures;
    }
}
