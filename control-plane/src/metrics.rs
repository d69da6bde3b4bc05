//! Every metric of the control plane, declared once; `GET /metrics` shows them beside the media server's. Labels come
//! from closed sets, never ids.

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
    core::Collector,
};

use crate::domain::security::EventKind;

/// Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    /// Requests answered, by `class` of status: 2xx, 3xx, 4xx, 5xx.
    pub http_requests_total: IntCounterVec,
    /// Seconds from request to response headers.
    pub http_request_seconds: Histogram,
    /// TLS connections that are open.
    pub gateway_connections: IntGauge,
    /// TLS handshakes that failed or took too long.
    pub gateway_handshake_failures_total: IntCounter,
    /// Signalling sockets that are open and authenticated.
    pub signalling_sockets: IntGauge,
    /// Signalling sockets refused or closed by us, by `reason`.
    pub signalling_closed_total: IntCounterVec,
    /// Messages from browsers.
    pub signalling_messages_total: IntCounter,
    /// Consultations with at least one person in the call.
    pub calls: IntGauge,
    /// Pairs of people in a call, by `outcome`: proven (each was sent the other's sound), failed (not in time).
    pub hearing_total: IntCounterVec,
    /// Seconds with both microphones on until the proof.
    pub hearing_seconds: Histogram,
    /// Microphones that were on and sent nothing.
    pub silent_microphones_total: IntCounter,
    /// Final captions and gaps committed to the transcript.
    pub captions_kept_total: IntCounter,
    /// Final captions that could not be committed; none of them was shown as final.
    pub captions_lost_total: IntCounter,
    /// Mails, by `outcome`: sent, refused, given_up, dropped.
    pub letters_total: IntCounterVec,
    pub audit: AuditMetrics,
}

/// What the audit log tells about itself. Cheap to clone.
#[derive(Clone)]
pub struct AuditMetrics {
    /// Entries that became durable.
    pub entries_total: IntCounter,
    /// Entries written in one transaction of the group commit.
    pub batch_entries: Histogram,
    /// Entries that wait for the next one.
    pub queue_entries: IntGauge,
    /// Checkpoints signed and written outside the database.
    pub checkpoints_total: IntCounter,
    /// Checkpoints that were not: the log is not what was signed, or the file or the database took none.
    pub checkpoint_failures_total: IntCounter,
    /// What was noticed in the log and was new, by `kind`.
    pub security_events_total: IntCounterVec,
    /// Seconds since the oldest emergency access that nobody has reviewed; 0 when there is none.
    pub break_glass_unreviewed_seconds: IntGauge,
}

impl AuditMetrics {
    fn new(registry: &Registry) -> Self {
        let sizes = vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
        let batch = HistogramOpts::new(
            "auscult_audit_batch_entries",
            "Audit entries written in one transaction of the group commit.",
        );
        Self {
            entries_total: counter(
                registry,
                "auscult_audit_entries_total",
                "Audit entries that became durable.",
            ),
            batch_entries: add(registry, Histogram::with_opts(batch.buckets(sizes))),
            queue_entries: gauge(
                registry,
                "auscult_audit_queue_entries",
                "Audit entries that wait for the next transaction of the group commit.",
            ),
            checkpoints_total: counter(
                registry,
                "auscult_audit_checkpoints_total",
                "Checkpoints of the audit log, signed and written outside the database.",
            ),
            checkpoint_failures_total: counter(
                registry,
                "auscult_audit_checkpoint_failures_total",
                "Checkpoints that were due and not signed or not written.",
            ),
            security_events_total: from_zero(
                labelled(
                    registry,
                    "auscult_security_events_total",
                    "What looks wrong in the audit log, by kind.",
                    "kind",
                ),
                &EventKind::ALL.map(EventKind::name),
            ),
            break_glass_unreviewed_seconds: gauge(
                registry,
                "auscult_break_glass_unreviewed_seconds",
                "Seconds since the oldest emergency access that nobody has reviewed; 0 without one.",
            ),
        }
    }
}

impl Metrics {
    /// Registers everything with a new registry.
    ///
    /// # Panics
    /// When two metrics have the same name.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        Self {
            http_requests_total: requests(&registry),
            http_request_seconds: request_seconds(&registry),
            gateway_connections: gauge(
                &registry,
                "auscult_gateway_connections",
                "TLS connections that are open.",
            ),
            gateway_handshake_failures_total: counter(
                &registry,
                "auscult_gateway_handshake_failures_total",
                "TLS handshakes that failed or took too long.",
            ),
            signalling_sockets: gauge(
                &registry,
                "auscult_signalling_sockets",
                "Signalling sockets that are open and authenticated.",
            ),
            signalling_closed_total: labelled(
                &registry,
                "auscult_signalling_closed_total",
                "Signalling sockets refused or closed by the server.",
                "reason",
            ),
            signalling_messages_total: counter(
                &registry,
                "auscult_signalling_messages_total",
                "Messages from browsers.",
            ),
            calls: gauge(&registry, "auscult_calls", "Consultations with at least one person in the call."),
            hearing_total: hearing(&registry),
            hearing_seconds: hearing_seconds(&registry),
            silent_microphones_total: counter(
                &registry,
                "auscult_silent_microphones_total",
                "Microphones that were on and sent nothing.",
            ),
            captions_kept_total: counter(
                &registry,
                "auscult_captions_kept_total",
                "Final captions and gaps committed to the transcript.",
            ),
            captions_lost_total: counter(
                &registry,
                "auscult_captions_lost_total",
                "Final captions that could not be committed; none of them was shown as final.",
            ),
            letters_total: from_zero(
                labelled(&registry, "auscult_letters_total", "Mails, by outcome.", "outcome"),
                &["sent", "refused", "given_up", "dropped"],
            ),
            audit: AuditMetrics::new(&registry),
            registry,
        }
    }

    /// Where the media server registers its own.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Prometheus text format.
    pub fn render(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    add(registry, IntCounter::new(name, help))
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    add(registry, IntGauge::new(name, help))
}

fn labelled(registry: &Registry, name: &str, help: &str, label: &str) -> IntCounterVec {
    add(registry, IntCounterVec::new(Opts::new(name, help), &[label]))
}

fn requests(registry: &Registry) -> IntCounterVec {
    let help = "Requests answered, by class of status.";
    let requests = labelled(registry, "auscult_http_requests_total", help, "class");
    from_zero(requests, &["1xx", "2xx", "3xx", "4xx", "5xx"])
}

fn request_seconds(registry: &Registry) -> Histogram {
    let help = "Seconds from request to response headers.";
    add(registry, Histogram::with_opts(HistogramOpts::new("auscult_http_request_seconds", help)))
}

fn hearing(registry: &Registry) -> IntCounterVec {
    let help =
        "Pairs of people in a call: each was sent the other's sound (proven), or not in time (failed).";
    from_zero(labelled(registry, "auscult_hearing_total", help, "outcome"), &["proven", "failed"])
}

fn hearing_seconds(registry: &Registry) -> Histogram {
    let help = "Seconds with both microphones on until each had been sent the other's sound.";
    let options = HistogramOpts::new("auscult_hearing_seconds", help);
    add(registry, Histogram::with_opts(options.buckets(vec![1.0, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0, 60.0])))
}

/// Shows these from the start: an alert sees a counter grow only if it was there before.
fn from_zero(counters: IntCounterVec, values: &[&str]) -> IntCounterVec {
    for value in values {
        counters.with_label_values(&[value]);
    }
    counters
}

fn add<C: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<C>) -> C {
    let metric = metric.expect("metric names are valid");
    registry.register(Box::new(metric.clone())).expect("metric names are unique");
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_shown_with_our_prefix() {
        let metrics = Metrics::new();
        metrics.signalling_closed_total.with_label_values(&["replaced"]).inc();
        let text = metrics.render().unwrap();
        assert!(text.lines().all(|line| line.starts_with("# ") || line.starts_with("auscult_")), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("# HELP")).count(), 21);
    }
}
