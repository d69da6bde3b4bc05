//! How well packets get through, in three words.

use std::time::Duration;

use super::SessionEvent;
use crate::QualityLevel;

/// Above these, speech starts to suffer (fair) or breaks up (poor): ITU-T G.1028 and G.114 orders of magnitude.
const FAIR: Limits = Limits { loss: 0.02, rtt: Duration::from_millis(300) };
const POOR: Limits = Limits { loss: 0.08, rtt: Duration::from_millis(600) };

struct Limits {
    loss: f32,
    rtt: Duration,
}

/// Collects the loss figures of one statistics interval.
#[derive(Default)]
pub(super) struct QualityMeter {
    worst_loss: f32,
    last: Option<QualityLevel>,
}

impl QualityMeter {
    pub(super) fn ingress(&mut self, loss: Option<f32>) {
        self.worst_loss = self.worst_loss.max(loss.unwrap_or(0.0));
    }

    pub(super) fn egress(&mut self, loss: Option<f32>) {
        self.worst_loss = self.worst_loss.max(loss.unwrap_or(0.0));
    }

    /// Ends the interval; an event when the level changed.
    pub(super) fn update(&mut self, rtt: Option<Duration>) -> Option<SessionEvent> {
        let loss = std::mem::take(&mut self.worst_loss).clamp(0.0, 1.0);
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
    fn only_changes_of_the_level_are_reported() {
        let mut meter = QualityMeter::default();
        let mut next = |loss: f32, rtt_ms: u64| {
            meter.egress(Some(loss));
            meter.update(Some(Duration::from_millis(rtt_ms))).map(|event| match event {
                SessionEvent::Quality { level, loss_percent, .. } => (level, loss_percent),
                _ => panic!("another event"),
            })
        };
        assert_eq!(next(0.0, 20), Some((QualityLevel::Good, 0)));
        assert_eq!(next(0.01, 20), None);
        assert_eq!(next(0.05, 20), Some((QualityLevel::Fair, 5)));
        assert_eq!(next(0.0, 900), Some((QualityLevel::Poor, 0)));
        assert_eq!(next(0.0, 20), Some((QualityLevel::Good, 0)));
    }
}
