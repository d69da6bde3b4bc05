//! Every caption metric, declared once.

use prometheus::{IntCounter, Registry};

use crate::MediaError;

pub(super) struct CaptionMetrics {
    /// Packets dropped because the caption pipeline was behind.
    pub(super) tap_dropped_packets_total: IntCounter,
}

impl CaptionMetrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, MediaError> {
        let tap_dropped_packets_total = IntCounter::new(
            "auscult_captions_tap_dropped_packets_total",
            "Packets dropped because the caption pipeline was behind.",
        )
        .and_then(|counter| {
            registry
                .register(Box::new(counter.clone()))
                .map(|()| counter)
        })
        .map_err(|error| MediaError::Config(format!("caption metrics: {error}")))?;
        Ok(Self {
            tap_dropped_packets_total,
        })
    }
}
