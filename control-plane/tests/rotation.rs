//! A new master key while people work: no request fails, a rotation that dies is finished by the next one, nothing that
//! is still needed can be given up, and what was sealed before stays readable.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "counts rows, starts and kills another process")]

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use control_plane::crypto::keyring::Keyring;
use control_plane::store::{RotationError, SETTLING};
use serde_json::json;
use sqlx::AnyPool;
use support::{Client, Consultation, REASON, TestApp, many_keys};

/// More than two of the batches that are re-wrapped at once.
const PEOPLE: usize = 9_000;

/// An installation with many people, one of whom asked for a consultation.
async fn crowded() -> (TestApp, Consultation) {
    let app = TestApp::start().await;
    let consultation = Consultation::requested(&app).await;
    let keyring = Keyring::open(&app.app.config.data.keys_folder()).unwrap();
    many_keys::insert(&app.intruder().await, &keyring, app.app.store.tenant(), PEOPLE).await;
    (app, consultation)
}

async fn count(database: &AnyPool, version: i64) -> i64 {
    let sql = "SELECT COUNT(*) FROM patient_keys WHERE master_version = $1";
    sqlx::query_scalar(sql).bind(version).fetch_one(database).await.unwrap()
}

/// Reads and writes sealed text until `done`; every answer must be a success.
async fn work(patient: &Client, first: String, done: &AtomicBool, requests: &AtomicU32) {
    let mut open = first;
    while !done.load(Ordering::Relaxed) {
        let path = |rest: &str| format!("/api/v1/consultations/{open}{rest}");
        assert_eq!(patient.get(&path("")).await.expect(200)["reason"], REASON);
        patient.post(&path("/cancel"), json!({})).await.expect(200);
        let body = json!({"reason": REASON, "specialty": ""});
        let next = patient.post("/api/v1/consultations", body).await.expect(201);
        next["id"].as_str().unwrap().clone_into(&mut open);
        requests.fetch_add(3, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_fails_while_the_master_key_changes() {
    let (app, consultation) = crowded().await;
    let (done, requests) = (AtomicBool::new(false), AtomicU32::new(0));
    let store = app.app.store.clone();
    let rotate = async {
        let rotation = store.rotate_master_key(app.app.clock.now(), |_| {}).await.unwrap();
        assert_eq!((rotation.version, rotation.resumed), (2, false));
        assert!(rotation.rewrapped > PEOPLE as u64, "{rotation:?}");
        // New people come under the new key at once.
        app.add_user("new@example.org", "New", control_plane::domain::user::Role::Patient).await;
        done.store(true, Ordering::Relaxed);
    };
    let work = work(&consultation.patient, consultation.id.clone(), &done, &requests);
    tokio::join!(rotate, work);
    assert!(requests.load(Ordering::Relaxed) >= 6, "the load was no load");
    let database = app.intruder().await;
    assert_eq!(count(&database, 1).await, 0);
    assert_eq!(count(&database, 2).await, PEOPLE as i64 + 3);

    // What was sealed under the old one opens without it, also in a process that starts now.
    app.wait(SETTLING);
    store.retire_master_key(1, app.app.clock.now()).await.unwrap();
    assert!(!app.app.config.data.keys_folder().join("master.key").exists());
    let app = app.restart().await;
    let patient = app.sign_in("pat@example.org").await;
    let old = patient.get(&consultation.path("")).await.expect(200);
    assert_eq!((&old["reason"], &old["patient"]["name"]), (&json!(REASON), &json!("Pat Patient")));
}

#[tokio::test]
async fn a_version_that_is_needed_cannot_be_given_up() {
    let (app, consultation) = crowded().await;
    let (store, now) = (app.app.store.clone(), app.app.clock.now());
    let refused = |result: Result<(), RotationError>| result.unwrap_err().to_string();
    assert!(refused(store.retire_master_key(1, now).await).contains("wraps new keys"));
    assert!(refused(store.retire_master_key(7, now).await).contains("no version 7"));

    // Cut off after the first batch.
    let (first, mut begun) = tokio::sync::mpsc::channel(1);
    let rotation = store.rotate_master_key(now, |_| {
        let _ = first.try_send(());
    });
    tokio::select! {
        _ = rotation => panic!("not cut off"),
        _ = begun.recv() => {}
    }
    assert!(refused(store.retire_master_key(1, now).await).contains("try again in a minute"));
    app.wait(SETTLING);
    let now = app.app.clock.now();
    let left = count(&app.intruder().await, 1).await;
    assert!((1..PEOPLE as i64).contains(&left), "{left}");
    assert!(refused(store.retire_master_key(1, now).await).contains(&format!("still wraps {left} keys")));
    assert_eq!(consultation.patient.get(&consultation.path("")).await.expect(200)["reason"], REASON);

    let rotation = store.rotate_master_key(now, |_| {}).await.unwrap();
    assert_eq!((rotation.version, rotation.resumed), (2, true));
    assert_eq!(rotation.rewrapped, left.unsigned_abs());
    store.retire_master_key(1, now).await.unwrap();
    let states: Vec<_> =
        store.key_status().await.unwrap().iter().map(|line| line.master.state.name()).collect();
    assert_eq!(states, ["retired", "active"]);
}

fn auscult(app: &TestApp, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auscult"));
    let database = &app.app.config.database;
    command
        .args(arguments)
        .env("AUSCULT_DATA__FOLDER", folder)
        .env("AUSCULT_DATABASE__URL", &database.url)
        .env("AUSCULT_DATABASE__OWNER_URL", &database.owner_url)
        .env("AUSCULT_TELEMETRY__LOG", "error")
        .stdin(Stdio::null());
    command
}

fn said(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_rotation_that_was_killed_is_finished_by_the_next_one() {
    let (app, consultation) = crowded().await;
    let (database, folder) = (app.intruder().await, app.folder.path().to_owned());
    let mut rotating = auscult(&app, &folder, &["keys", "rotate"]).spawn().unwrap();
    // The server goes on beside it and knows of the new version when it meets it.
    while count(&database, 2).await == 0 {
        assert!(rotating.try_wait().unwrap().is_none(), "it ended before it began");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    rotating.kill().unwrap();
    rotating.wait().unwrap();
    let left = count(&database, 1).await;
    assert!(left > 0, "killed too late to show anything");
    assert_eq!(consultation.patient.get(&consultation.path("")).await.expect(200)["reason"], REASON);

    let status = said(auscult(&app, &folder, &["keys", "status"]).output().unwrap());
    assert!(status.contains("opens") && status.contains("active"), "{status}");
    let finished = said(auscult(&app, &folder, &["keys", "rotate"]).output().unwrap());
    assert!(finished.contains("An earlier rotation is finished: version 2"), "{finished}");
    assert_eq!((count(&database, 1).await, count(&database, 2).await), (0, PEOPLE as i64 + 2));
    assert_eq!(consultation.doctor.get(&consultation.path("")).await.expect(200)["reason"], REASON);
}
