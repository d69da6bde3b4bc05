//! Transcripts through TLS and HTTP at a fixed rate, whether or not the answers keep up (an open loop): every read finds
//! out who asks, unwraps the patient's key, opens every sentence and waits for its durable audit entry.

use std::time::Duration;

use anyhow::{Context, Result};
use control_plane::clock::Clock;
use control_plane::domain::transcript::{EntryState, NewCaption};
use control_plane::domain::user::Role;
use media_server::transcription::CaptionText;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::installation::{Installation, System};
use super::program::{Browser, Server};
use super::{Arguments, Measured};

const PATIENTS: usize = 8;
const SENTENCES: u64 = 20;
const WARM_UP: Duration = Duration::from_secs(3);

/// A patient and where their transcript is.
type Reader = (Browser, String);

pub(super) async fn run(system: System, arguments: &Arguments) -> Result<Measured> {
    let installation = Installation::new(system).await?;
    let patients = installation.people(Role::Patient, PATIENTS).await?;
    let doctors = installation.people(Role::Doctor, 1).await?;
    let server = Server::start(&installation)?;
    let doctor = Browser::sign_in(&server, &doctors[0]).await?;
    let mut readers = Vec::new();
    for email in patients {
        let patient = Browser::sign_in(&server, &email).await?;
        let id = consultation(&installation, &patient, &doctor).await?;
        readers.push((patient, format!("consultations/{id}/transcript")));
    }
    read(&readers, arguments.rate, WARM_UP).await?;
    let began = Instant::now();
    let milliseconds = read(&readers, arguments.rate, arguments.duration()).await?;
    Ok(Measured::of(milliseconds, began.elapsed()))
}

/// One that is over; returns its id.
async fn consultation(installation: &Installation, patient: &Browser, doctor: &Browser) -> Result<String> {
    let id = patient.request_consultation().await?;
    for step in ["accept", "start"] {
        doctor.post(&format!("consultations/{id}/{step}"), json!({})).await?;
    }
    let view = patient.get(&format!("consultations/{id}")).await?;
    let participant = view["participant_id"].as_str().context("no participant")?.parse()?;
    let store = &installation.store;
    for utterance in 0..SENTENCES {
        let start_ms = utterance as i64 * 3000;
        let caption = NewCaption {
            participant,
            utterance,
            state: EntryState::Final,
            start_ms,
            end_ms: start_ms + 2500,
            text: CaptionText::new(format!("sentence {utterance}, of about as many words as people say")),
            model: "none".into(),
            demonstration: false,
        };
        store.append_caption(store.tenant(), id.parse()?, &caption, Clock::System.now()).await?;
    }
    doctor.post(&format!("consultations/{id}/end"), json!({})).await?;
    Ok(id)
}

/// Milliseconds from when each read was due to when the whole transcript was there.
async fn read(readers: &[Reader], rate: u32, duration: Duration) -> Result<Vec<f64>> {
    let (start, mut tasks) = (Instant::now(), JoinSet::new());
    let count = (duration.as_secs_f64() * f64::from(rate)) as u32;
    for (number, (browser, path)) in (0..count).zip(readers.iter().cycle()) {
        let due = start + Duration::from_secs(1) / rate * number;
        tokio::time::sleep_until(due).await;
        let (browser, path) = (browser.clone(), path.clone());
        tasks.spawn(async move {
            let view = browser.get(&path).await?;
            let took = due.elapsed();
            let entries = view["entries"].as_array().map_or(0, Vec::len) as u64;
            anyhow::ensure!(entries == SENTENCES, "{entries} sentences");
            Ok(took.as_secs_f64() * 1000.0)
        });
    }
    tasks.join_all().await.into_iter().collect()
}
