//! `auscult keys rotate` beside a server whose patients go on reading and writing what is sealed: every one of their
//! requests must succeed, and nothing may be left under the old key.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use control_plane::crypto::keyring::Keyring;
use control_plane::domain::user::Role;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::installation::{Installation, System};
use super::program::{Browser, Server, auscult};
use super::{Arguments, Measured, many_keys, quantile};

const PATIENTS: usize = 4;
/// Between a patient's requests.
const PAUSE: Duration = Duration::from_millis(20);

/// `per_second`: keys; `p99_ms`: of the patients' requests meanwhile.
pub(super) async fn run(system: System, arguments: &Arguments) -> Result<Measured> {
    let installation = Installation::new(system).await?;
    let emails = installation.people(Role::Patient, PATIENTS).await?;
    let keyring = Keyring::open(&installation.config.data.keys_folder())?;
    let (store, database) = (&installation.store, installation.superuser().await?);
    let began = Instant::now();
    many_keys::insert(&database, &keyring, store.tenant(), arguments.records).await;
    println!("made {} people in {:.0} s", arguments.records, began.elapsed().as_secs_f64());
    database.close().await;
    let server = Server::start(&installation)?;
    let (done, mut patients) = (CancellationToken::new(), JoinSet::new());
    for email in emails {
        let patient = Browser::sign_in(&server, &email).await?;
        patients.spawn(work(patient, done.clone()));
    }
    let mut rotation = tokio::process::Command::from(auscult(&installation, &["keys", "rotate"])?);
    let began = Instant::now();
    let output = rotation.output().await?;
    let took = began.elapsed();
    done.cancel();
    ensure!(output.status.success(), "the rotation failed");
    let mut milliseconds = Vec::new();
    while let Some(requests) = patients.join_next().await {
        milliseconds.extend(requests??);
    }
    milliseconds.sort_unstable_by(f64::total_cmp);
    println!("{}; {} requests, none failed", String::from_utf8_lossy(&output.stdout), milliseconds.len());
    let versions = store.key_status().await?;
    let [old, new] = versions.as_slice() else { anyhow::bail!("{} versions", versions.len()) };
    ensure!(old.keys == 0 && new.keys > arguments.records as u64, "{} and {} keys", old.keys, new.keys);
    let seconds = took.as_secs_f64();
    let per_second = new.keys as f64 / seconds;
    Ok(Measured { per_second, p99_ms: quantile(&milliseconds, 0.99), seconds })
}

/// Reads, writes and seals until `done`; milliseconds of every request.
async fn work(patient: Browser, done: CancellationToken) -> Result<Vec<f64>> {
    let mut milliseconds = Vec::new();
    let mut open = patient.request_consultation().await?;
    while !done.is_cancelled() {
        let began = Instant::now();
        let view = patient.get(&format!("consultations/{open}")).await?;
        milliseconds.push(began.elapsed().as_secs_f64() * 1000.0);
        view["reason"].as_str().context("no reason")?;
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        patient.post(&format!("consultations/{open}/cancel"), json!({})).await?;
        milliseconds.push(began.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        open = patient.request_consultation().await?;
        milliseconds.push(began.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(milliseconds)
}
