//! How well packets get through, in three words.

use std::time::{Duration, Instant};

use super::SessionEvent;
use crate::QualityLevel;

/// Above these, speech starts to suffer (fair) or breaks up (poor): ITU-T G.1028 and G.114 orders of magnitude.
const FAIR: Limits = Limits { loss: 0.02, rtt: Duration::from_millis(300) };
const POOR: Limits = Limits { loss: 0.08, rtt: Duration::from_millis(600) };

struct Limits {
    loss: f32,
    rtt: Duration,
}

/// Loss is averaged over this.
const INTERVAL: Duration = Duration::from_secs(2);

/// Collects the loss figures of one interval out of several statistics.
#[derive(Default)]
pub(super) struct QualityMeter {
    ends: Option<Instant>,
    /// What the statistics since the last update say, of the worst stream: its last report, repeated until the next one.
    ingress: f32,
    /// Said once per report.
    egress: Option<f32>,
    /// The egress figures of this interval.
    reports: Vec<f32>,
    last: Option<QualityLevel>,
}

impl QualityMeter {
    pub(super) fn ingress(&mut self, loss: Option<f32>) {
        self.ingress = self.ingress.max(loss.unwrap_or(0.0));
    }

    pub(super) fn egress(&mut self, loss: Option<f32>) {
        self.egress = loss.map(|loss| loss.max(self.egress.unwrap_or(0.0))).or(self.egress);
    }

    /// Takes in the figures since the last update; an event when an interval ends and the level changed.
    pub(super) fn update(&mut self, now: Instant, rtt: Option<Duration>) -> Option<SessionEvent> {
        let ingress = std::mem::take(&mut self.ingress);
        self.reports.extend(self.egress.take());
        let ends = *self.ends.get_or_insert(now + INTERVAL);
        if now < ends {
            return None;
        }
        self.ends = Some(now + INTERVAL);
        let reports = std::mem::take(&mut self.reports);
        let egress = reports.iter().sum::<f32>() / reports.len().max(1) as f32;
        let loss = ingress.max(egress).clamp(0.0, 1.0);
        let beyond = |limits: &Limits| loss > limits.loss || rtt.is_some_and(|rtt| rtt > limits.rtt);
        let level = match () {
            () if beyond(&POOR) => QualityLevel::Poor,
            () if beyond(&FAIR) => QualityLevel::Fair,
            () => QualityLevel::Good,
        };
        if self.last.replace(level) == Some(level) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0.0 to 1.0 becomes 0 to 100"
        )]
        let loss_percent = (loss * 100.0).round() as u8;
        Some(SessionEvent::Quality { level, rtt, loss_percent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_averaged_and_only_changes_of_the_level_are_reported() {
        let (mut meter, mut now) = (QualityMeter::default(), Instant::now());
        meter.update(now, None);
        let mut next = |reports: [f32; 2], rtt_ms: u64| {
            let mut reported = None;
            for tick in 0..20 {
                now += INTERVAL / 20;
                if tick % 10 == 9 {
                    meter.egress(Some(reports[tick / 10]));
                }
                reported = reported.or(meter.update(now, Some(Duration::from_millis(rtt_ms))));
            }
            reported.map(|event| match event {
                SessionEvent::Quality { level, loss_percent, .. } => (level, loss_percent),
                _ => panic!("another event"),
            })
        };
        assert_eq!(next([0.0, 0.0], 20), Some((QualityLevel::Good, 0)));
        assert_eq!(next([0.0, 0.03], 20), None);
        assert_eq!(next([0.02, 0.08], 20), Some((QualityLevel::Fair, 5)));
        assert_eq!(next([0.0, 0.0], 900), Some((QualityLevel::Poor, 0)));
        assert_eq!(next([0.0, 0.0], 20), Some((QualityLevel::Good, 0)));
    }
}
