//! Delay and accuracy of live captions: spoken dialogues as Opus packets, in real time, through the real pipeline.
//!
//! Every consultation has two speakers with a microphone of their own. Delays count from the true beginning and end
//! of what was said to the moment the caption is in the event queue. Writes `bench-results/captions.json`.
#![expect(clippy::print_stdout, reason = "a command-line tool")]
#![expect(clippy::disallowed_methods, reason = "measures real time")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use benches::machine;
use clap::Parser;
use media_server::transcription::{AudioPacket, Caption, CaptionKind, CaptionsStatus, Epoch, Transcription};
use media_server::{MediaEvent, ParticipantId, RoomId, WhisperConfig};
use prometheus::Registry;
use serde::Serialize;
use tokio::sync::mpsc;
use uuid::Uuid;

#[path = "../../../media-server/tests/support/speech.rs"]
mod speech;
use speech::{Dialogue, word_errors, words};

#[derive(Parser)]
struct Arguments {
    /// Consultations at the same time, one scenario each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8])]
    concurrent: Vec<usize>,
    /// Only the beginning of the dialogues.
    #[arg(long)]
    seconds: Option<f64>,
    /// A ggml Whisper model instead of the bundled demonstration model.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Inference threads; 0 means one less than cores.
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

#[derive(Serialize)]
struct Row {
    scenario: String,
    system: String,
    partial_ms: Quantiles,
    final_ms: Quantiles,
    /// Wrong words per word said.
    wer: f64,
    /// Of one core.
    cpu_percent: f64,
    concurrent: usize,
}

#[derive(Serialize)]
struct Quantiles {
    p50: i64,
    p95: i64,
}

impl Quantiles {
    fn of(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        let at = |quantile: f64| {
            let index = (values.len() as f64 * quantile) as usize;
            values.get(index.min(values.len().saturating_sub(1))).copied().unwrap_or(-1)
        };
        Self { p50: at(0.5), p95: at(0.95) }
    }
}

/// One microphone of one consultation.
struct Speaker {
    participant: ParticipantId,
    /// Of the dialogue's beginning, behind the scenario's.
    offset: Duration,
    /// Seconds from the dialogue's beginning, seconds to its end, words.
    lines: Vec<(f64, f64, String)>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    println!("command: {}", std::env::args().collect::<Vec<_>>().join(" "));
    println!("machine: {}; load {}", machine::name(), machine::load());
    let mut rows = Vec::new();
    for concurrent in &arguments.concurrent {
        let row = measure(&arguments, *concurrent).await?;
        println!("{}", serde_json::to_string(&row)?);
        rows.push(row);
    }
    std::fs::create_dir_all("bench-results")?;
    std::fs::write("bench-results/captions.json", serde_json::to_string_pretty(&rows)?)?;
    println!("wrote bench-results/captions.json");
    Ok(())
}

async fn measure(arguments: &Arguments, concurrent: usize) -> Result<Row> {
    let config = WhisperConfig {
        model: arguments.model.clone().unwrap_or_default(),
        threads: arguments.threads,
        demonstration_fallback: arguments.model.is_none(),
        ..WhisperConfig::default()
    };
    let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    let epoch = Epoch { instant: Instant::now(), unix_ms };
    let (sender, mut events) = mpsc::channel(1024);
    let registry = Registry::new();
    let transcription = Transcription::start(&config, epoch, sender, &registry)?;
    let CaptionsStatus::Ready { model, .. } = transcription.status() else {
        anyhow::bail!("no usable model: {:?}", transcription.status());
    };
    let promised = gauge(&registry, "auscult_captions_promised_consultations");
    println!("{concurrent} consultations; calibration promises {promised}");

    let start = Instant::now();
    let start_ms = unix_ms + start.duration_since(epoch.instant).as_millis() as i64;
    let (speakers, packets) = consultations(&transcription, concurrent, arguments.seconds, start);
    let cpu = cpu_seconds()?;
    let mut tap = transcription.tap();
    let rooms: Vec<RoomId> = (0..concurrent).map(room).collect();
    let play = async {
        for mut packet in packets {
            tokio::time::sleep_until(packet.arrived.into()).await;
            packet.arrived = Instant::now();
            tap.offer(packet);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        for room in rooms {
            transcription.finish_room(room).await;
        }
        transcription.shutdown().await;
    };
    let listen = async {
        let mut heard = Vec::new();
        while let Some(event) = events.recv().await {
            if let MediaEvent::Caption(caption) = event {
                heard.push((start.elapsed().as_millis() as i64, caption));
            }
        }
        heard
    };
    let ((), heard) = tokio::join!(play, listen);
    let cpu_percent = (cpu_seconds()? - cpu) / start.elapsed().as_secs_f64() * 100.0;
    ensure!(!heard.is_empty(), "not a single caption");
    Ok(evaluate(&speakers, &heard, start_ms, cpu_percent, concurrent, &model))
}

/// Starts the speakers; their packets in the order they arrive. Consultations begin 0.7 s apart.
fn consultations(
    transcription: &Transcription,
    concurrent: usize,
    seconds: Option<f64>,
    start: Instant,
) -> (Vec<Speaker>, Vec<AudioPacket>) {
    let (mut speakers, mut packets) = (Vec::new(), Vec::new());
    for number in 0..concurrent {
        let dialogue = Dialogue::load(["d00", "d01", "d02", "d03"][number % 4]);
        let offset = Duration::from_millis(700) * number as u32;
        for (who, opus) in [(0, &dialogue.doctor), (1, &dialogue.patient)] {
            let participant = ParticipantId::from_uuid(Uuid::from_u128((2 * number + who) as u128));
            transcription.start_speaker(room(number), participant);
            let lines = dialogue.lines.iter().filter(|line| line.doctor == (who == 0));
            let within = |end: f64| seconds.is_none_or(|seconds| end < seconds);
            speakers.push(Speaker {
                participant,
                offset,
                lines: lines
                    .filter(|line| within(line.end))
                    .map(|line| (line.start, line.end, line.text.clone()))
                    .collect(),
            });
            let spoken = (0_u64..).zip(opus).take_while(|(index, _)| within(*index as f64 * 0.02));
            packets.extend(spoken.map(|(sequence, payload)| AudioPacket {
                room: room(number),
                participant,
                stream: 0,
                sequence,
                rtp_time: sequence * 960,
                red: false,
                payload: Arc::from(payload.as_slice()),
                arrived: start + offset + Duration::from_millis(20 * (sequence + 1)),
            }));
        }
    }
    packets.sort_by_key(|packet| packet.arrived);
    (speakers, packets)
}

/// `heard`: milliseconds since the start, caption.
fn evaluate(
    speakers: &[Speaker],
    heard: &[(i64, Caption)],
    start_ms: i64,
    cpu_percent: f64,
    concurrent: usize,
    model: &str,
) -> Row {
    let (mut partials, mut finals) = (Vec::new(), Vec::new());
    let (mut errors, mut total) = (0, 0);
    for speaker in speakers {
        let own: Vec<&(i64, Caption)> =
            heard.iter().filter(|(_, caption)| caption.participant == speaker.participant).collect();
        let mut text: HashMap<u64, &str> = HashMap::new();
        for (start, end, _) in &speaker.lines {
            let offset = speaker.offset.as_millis() as i64;
            let (start, end) = (offset + (start * 1000.0) as i64, offset + (end * 1000.0) as i64);
            let during =
                |caption: &Caption| caption.start_ms - start_ms < end && caption.end_ms - start_ms > start;
            let of_line = || own.iter().filter(|(_, caption)| during(caption));
            partials.extend(of_line().map(|(at, _)| at - start).min());
            let settled = of_line().filter(|(_, caption)| caption.kind == CaptionKind::Final);
            finals.extend(settled.clone().map(|(at, _)| at - end).max());
            text.extend(settled.map(|(_, caption)| (caption.utterance, caption.text.reveal())));
        }
        let mut text: Vec<(u64, &str)> = text.into_iter().collect();
        text.sort_unstable();
        let text: Vec<&str> = text.into_iter().map(|(_, text)| text).collect();
        let said: Vec<&str> = speaker.lines.iter().map(|(_, _, text)| text.as_str()).collect();
        errors += word_errors(&said.join(" "), &text.join(" "));
        total += words(&said.join(" ")).len();
    }
    Row {
        scenario: format!("spoken dialogues, {concurrent} consultations of two speakers"),
        system: format!("Auscult, {model}"),
        partial_ms: Quantiles::of(partials),
        final_ms: Quantiles::of(finals),
        wer: errors as f64 / total.max(1) as f64,
        cpu_percent,
        concurrent,
    }
}

fn room(number: usize) -> RoomId {
    RoomId::from_uuid(Uuid::from_u128(number as u128))
}

fn gauge(registry: &Registry, name: &str) -> f64 {
    let families = registry.gather();
    let metric = families
        .iter()
        .filter(|family| family.name() == name)
        .flat_map(prometheus::proto::MetricFamily::get_metric)
        .next();
    metric.map_or(0.0, |metric| metric.get_gauge().get_value())
}

/// CPU time of this process so far (proc(5): fields 14 and 15, in ticks of 10 ms).
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, behind_name) = stat.rsplit_once(')').context("/proc/self/stat")?;
    let ticks: f64 =
        behind_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}
