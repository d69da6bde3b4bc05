//! Every media metric, declared once. Workers count in plain integers and copy them out once a second: the packet
//! path never touches a shared registry.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Upper edges of the buckets for delays inside the media server, seconds.
const DELAYS: [f64; 14] =
    [2.5e-5, 5e-5, 7.5e-5, 1e-4, 1.25e-4, 1.5e-4, 2.5e-4, 5e-4, 1e-3, 3e-3, 5e-3, 1e-2, 2e-2, 5e-2];

/// Running totals of one worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub datagrams_received: u64,
    pub datagrams_sent: u64,
    pub dropped_unknown_source: u64,
    pub dropped_malformed: u64,
    pub dropped_unproven: u64,
    pub dropped_over_rate: u64,
    pub packets_received: u64,
    pub packets_forwarded: u64,
    pub packets_not_forwarded: u64,
    pub packets_recovered: u64,
    pub keyframe_requests: u64,
    pub session_panics: u64,
    pub events_dropped: u64,
    pub send_failures: u64,
    /// Open now.
    pub sessions: u64,
    /// Open now.
    pub rooms: u64,
    /// 1 while the worker's thread goes before the rest of the machine.
    pub workers_first: u64,
}

/// The media node's metrics in Prometheus' terms.
#[derive(Clone)]
pub(crate) struct MediaMetrics {
    /// Datagrams and ICE-TCP frames received by the media ports.
    datagrams_received_total: IntCounter,
    /// Datagrams and ICE-TCP frames sent by the media ports.
    datagrams_sent_total: IntCounter,
    /// Datagrams dropped before any cryptography, by reason.
    datagrams_dropped_total: IntCounterVec,
    /// RTP packets received from publishers.
    packets_received_total: IntCounter,
    /// RTP packets written to subscribers.
    packets_forwarded_total: IntCounter,
    /// RTP packets that a subscriber could not use (not negotiated yet, older than a source change).
    packets_not_forwarded_total: IntCounter,
    /// Packets of sound that had not come before the next one, and were passed on out of that one's redundancy.
    packets_recovered_total: IntCounter,
    /// Keyframes asked of publishers.
    keyframe_requests_total: IntCounter,
    /// Sessions closed because their engine panicked.
    session_panics_total: IntCounter,
    /// Media events lost because nobody took them in time.
    events_dropped_total: IntCounter,
    /// Datagrams that the kernel did not take.
    send_failures_total: IntCounter,
    /// Seconds from the arrival of a datagram in the kernel until a packet that it caused was handed back to the kernel, for
    /// every packet that was forwarded. Of datagrams that came together the oldest counts; what came over TCP alone does not.
    /// What the congestion control holds back leaves later.
    pub(crate) forward_delay_seconds: Histogram,
    /// Open sessions.
    sessions: IntGauge,
    /// Open rooms.
    rooms: IntGauge,
    /// Media threads that go before everything else on their processor.
    workers_first: IntGauge,
}

impl MediaMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let counter = IntCounter::new(format!("auscult_media_{name}"), help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(format!("auscult_media_{name}"), help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let dropped = Opts::new(
            "auscult_media_datagrams_dropped_total",
            "Datagrams dropped before any cryptography, by reason.",
        );
        let dropped = IntCounterVec::new(dropped, &["reason"])?;
        registry.register(Box::new(dropped.clone()))?;
        Ok(Self {
            datagrams_received_total: counter(
                "datagrams_received_total",
                "Datagrams and ICE-TCP frames received by the media ports.",
            )?,
            datagrams_sent_total: counter(
                "datagrams_sent_total",
                "Datagrams and ICE-TCP frames sent by the media ports.",
            )?,
            datagrams_dropped_total: dropped,
            packets_received_total: counter(
                "packets_received_total",
                "RTP packets received from publishers.",
            )?,
            packets_forwarded_total: counter(
                "packets_forwarded_total",
                "RTP packets written to subscribers.",
            )?,
            packets_not_forwarded_total: counter(
                "packets_not_forwarded_total",
                "RTP packets that a subscriber could not use.",
            )?,
            packets_recovered_total: counter(
                "packets_recovered_total",
                "Packets of sound that had not come before the next one, and were passed on out of that one's redundancy.",
            )?,
            keyframe_requests_total: counter("keyframe_requests_total", "Keyframes asked of publishers.")?,
            session_panics_total: counter(
                "session_panics_total",
                "Sessions closed because their engine panicked.",
            )?,
            events_dropped_total: counter(
                "events_dropped_total",
                "Media events lost because nobody took them in time.",
            )?,
            send_failures_total: counter("send_failures_total", "Datagrams that the kernel did not take.")?,
            forward_delay_seconds: forward_delay(registry)?,
            sessions: gauge("sessions", "Open sessions.")?,
            rooms: gauge("rooms", "Open rooms.")?,
            workers_first: gauge(
                "workers_first",
                "Media threads that go before everything else on their processor.",
            )?,
        })
    }

    /// Adds what a worker counted between two looks.
    pub(crate) fn add(&self, before: &Counters, now: &Counters) {
        for (metric, from, to) in [
            (&self.datagrams_received_total, before.datagrams_received, now.datagrams_received),
            (&self.datagrams_sent_total, before.datagrams_sent, now.datagrams_sent),
            (&self.packets_received_total, before.packets_received, now.packets_received),
            (&self.packets_forwarded_total, before.packets_forwarded, now.packets_forwarded),
            (&self.packets_not_forwarded_total, before.packets_not_forwarded, now.packets_not_forwarded),
            (&self.packets_recovered_total, before.packets_recovered, now.packets_recovered),
            (&self.keyframe_requests_total, before.keyframe_requests, now.keyframe_requests),
            (&self.session_panics_total, before.session_panics, now.session_panics),
            (&self.events_dropped_total, before.events_dropped, now.events_dropped),
            (&self.send_failures_total, before.send_failures, now.send_failures),
        ] {
            metric.inc_by(to - from);
        }
        for (gauge, from, to) in [
            (&self.sessions, before.sessions, now.sessions),
            (&self.rooms, before.rooms, now.rooms),
            (&self.workers_first, before.workers_first, now.workers_first),
        ] {
            gauge.add(to.cast_signed() - from.cast_signed());
        }
        for (reason, from, to) in [
            ("unknown_source", before.dropped_unknown_source, now.dropped_unknown_source),
            ("malformed", before.dropped_malformed, now.dropped_malformed),
            ("unproven", before.dropped_unproven, now.dropped_unproven),
            ("over_rate", before.dropped_over_rate, now.dropped_over_rate),
        ] {
            self.datagrams_dropped_total.with_label_values(&[reason]).inc_by(to - from);
        }
    }
}

fn forward_delay(registry: &Registry) -> Result<Histogram, prometheus::Error> {
    let options = HistogramOpts::new(
        "auscult_media_forward_delay_seconds",
        "Seconds from a packet's arrival in the kernel until it was handed back, for each that was forwarded.",
    );
    let histogram = Histogram::with_opts(options.buckets(DELAYS.to_vec()))?;
    registry.register(Box::new(histogram.clone()))?;
    Ok(histogram)
}
