//! Every caption metric, declared once.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    CounterVec, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry,
};

use super::decoder::FrameCounts;
use super::ledger::Ledger;
use super::pcm::RATE;
use super::pipeline::JobKind;
use super::transcriber::Rejection;
use crate::MediaError;

/// Seconds; captions are of use up to a few seconds.
const DELAYS: [f64; 10] = [0.3, 0.5, 0.7, 0.9, 1.2, 1.5, 2.0, 3.5, 5.0, 10.0];
const INFERENCES: [f64; 10] = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 5.0];

pub(super) struct CaptionMetrics {
    /// Packets dropped because the caption pipeline was behind.
    pub(super) tap_dropped_packets_total: IntCounter,
    /// Opus frames by what became of them: decoded, concealed, late, corrupt, excess.
    opus_frames_total: IntCounterVec,
    /// Seconds of audio by outcome: received = transcribed + silence + gap + withdrawn.
    audio_seconds_total: CounterVec,
    /// What `audio_seconds_total` already holds.
    counted: Ledger,
    /// Inferences by kind (partial, final) and result (ok, failed).
    inferences_total: IntCounterVec,
    /// Seconds of one inference, by kind.
    inference_seconds: HistogramVec,
    /// Hypotheses for finals that were not shown, by reason.
    rejected_total: IntCounterVec,
    /// Seconds from the first speech of an utterance to its first partial caption.
    pub(super) first_partial_seconds: Histogram,
    /// Seconds from the end of speech to its final caption.
    pub(super) final_seconds: Histogram,
    /// Finals waiting for a worker.
    pub(super) waiting_finals: IntGauge,
    /// Age of the oldest of them, seconds.
    pub(super) lag_seconds: Gauge,
    /// Step of the degradation ladder, 0 to 4.
    pub(super) degradation_level: IntGauge,
    /// Microphones being captioned.
    pub(super) speakers: IntGauge,
    /// Consultations that calibration promised full captions.
    pub(super) promised_consultations: IntGauge,
}

impl CaptionMetrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, MediaError> {
        Self::try_register(registry).map_err(|error| MediaError::Config(format!("caption metrics: {error}")))
    }

    fn try_register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let make = Maker { registry };
        Ok(Self {
            tap_dropped_packets_total: make.counter(
                "tap_dropped_packets_total",
                "Packets dropped because the caption pipeline was behind.",
            )?,
            opus_frames_total: make.counters(
                "opus_frames_total",
                "Opus frames by what became of them.",
                &["outcome"],
            )?,
            audio_seconds_total: make.add(
                "audio_seconds_total",
                "Seconds of audio by outcome: received = transcribed + silence + gap + withdrawn.",
                |opts| CounterVec::new(opts, &["outcome"]),
            )?,
            counted: Ledger::default(),
            inferences_total: make.counters(
                "inferences_total",
                "Inferences by kind and result.",
                &["kind", "result"],
            )?,
            inference_seconds: make.add("inference_seconds", "Seconds of one inference.", |opts| {
                HistogramVec::new(HistogramOpts::from(opts).buckets(INFERENCES.to_vec()), &["kind"])
            })?,
            rejected_total: make.counters(
                "rejected_total",
                "Hypotheses for finals that were not shown.",
                &["reason"],
            )?,
            first_partial_seconds: make.delay(
                "first_partial_seconds",
                "From the first speech of an utterance to its first caption.",
            )?,
            final_seconds: make.delay("final_seconds", "From the end of speech to its final caption.")?,
            waiting_finals: make.gauge("waiting_finals", "Finals waiting for a worker.")?,
            lag_seconds: make.add("lag_seconds", "Age of the oldest waiting final.", Gauge::with_opts)?,
            degradation_level: make.gauge("degradation_level", "Step of the degradation ladder, 0 to 4.")?,
            speakers: make.gauge("speakers", "Microphones being captioned.")?,
            promised_consultations: make
                .gauge("promised_consultations", "Consultations that calibration promised full captions.")?,
        })
    }

    pub(super) fn inference(&self, kind: JobKind, took: Duration, ok: bool) {
        let kind = match kind {
            JobKind::Partial => "partial",
            JobKind::Final => "final",
        };
        self.inferences_total.with_label_values(&[kind, if ok { "ok" } else { "failed" }]).inc();
        self.inference_seconds.with_label_values(&[kind]).observe(took.as_secs_f64());
    }

    pub(super) fn rejected(&self, rejection: Rejection) {
        self.rejected_total.with_label_values(&[rejection.label()]).inc();
    }

    pub(super) fn frames(&self, counts: FrameCounts) {
        let FrameCounts { decoded, concealed, corrupt, late, excess } = counts;
        for (outcome, count) in [
            ("decoded", decoded),
            ("concealed", concealed),
            ("corrupt", corrupt),
            ("late", late),
            ("excess", excess),
        ] {
            self.opus_frames_total.with_label_values(&[outcome]).inc_by(count);
        }
    }

    /// `total`: everything so far.
    pub(super) fn ledger(&mut self, total: Ledger) {
        let before = std::mem::replace(&mut self.counted, total);
        for (outcome, count) in [
            ("received", total.received - before.received),
            ("transcribed", total.transcribed - before.transcribed),
            ("silence", total.silence - before.silence),
            ("gap", total.gap - before.gap),
            ("withdrawn", total.withdrawn - before.withdrawn),
        ] {
            self.audio_seconds_total.with_label_values(&[outcome]).inc_by(count as f64 / RATE as f64);
        }
    }
}

/// Makes metrics named `auscult_captions_<name>` and registers them.
struct Maker<'a> {
    registry: &'a Registry,
}

impl Maker<'_> {
    fn add<M: Collector + Clone + 'static>(
        &self,
        name: &str,
        help: &str,
        make: impl FnOnce(Opts) -> prometheus::Result<M>,
    ) -> prometheus::Result<M> {
        let metric = make(Opts::new(format!("auscult_captions_{name}"), help))?;
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.add(name, help, IntCounter::with_opts)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.add(name, help, |opts| IntCounterVec::new(opts, labels))
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.add(name, help, IntGauge::with_opts)
    }

    fn delay(&self, name: &str, help: &str) -> prometheus::Result<Histogram> {
        self.add(name, help, |opts| Histogram::with_opts(HistogramOpts::from(opts).buckets(DELAYS.to_vec())))
    }
}
