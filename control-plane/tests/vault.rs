//! The master key in a key service that is not ours: what works through it, what an outage stops and what it does not,
//! and what start-up says when something is wrong. The service is a loopback one that speaks Vault's Transit API.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "moves rows by SQL, runs a server beside the test")]

mod support;

use std::path::Path;

use control_plane::app::open_store;
use control_plane::clock::Clock;
use control_plane::config::{Config, KeyProvider};
use control_plane::domain::user::Role;
use control_plane::store::SETTLING;
use serde_json::json;
use support::vault::{NAMESPACE, TOKEN, Vault};
use support::{Consultation, REASON, TestApp};

fn through(vault: &Vault, token_file: &Path, config: &mut Config) {
    std::fs::write(token_file, format!("{TOKEN}\n")).unwrap();
    config.keys.provider = KeyProvider::Vault;
    config.keys.vault_url.clone_from(&vault.url);
    config.keys.vault_namespace = NAMESPACE.into();
    config.keys.vault_token_file = token_file.into();
}

#[tokio::test]
async fn records_are_sealed_under_a_key_that_never_leaves_the_service() {
    let (vault, secrets) = (Vault::start().await, tempfile::tempdir().unwrap());
    let token_file = secrets.path().join("token");
    let app = TestApp::start_with(|config| through(&vault, &token_file, config)).await;
    let consultation = Consultation::requested(&app).await;
    assert!(!app.app.config.data.keys_folder().join("master.key").exists());
    let wrapped: Vec<Vec<u8>> = sqlx::query_scalar("SELECT wrapped FROM patient_keys")
        .fetch_all(&app.intruder().await)
        .await
        .unwrap();
    assert!(wrapped.len() == 2 && wrapped.iter().all(|key| key.starts_with(b"vault:v1:")));

    // After a restart every key is asked for again, once.
    let app = app.restart().await;
    let patient = app.sign_in("pat@example.org").await;
    assert_eq!(patient.get(&consultation.path("")).await.expect(200)["reason"], REASON);
    let before = vault.requests();
    for _ in 0..5 {
        patient.get(&consultation.path("")).await.expect(200);
    }
    assert_eq!(vault.requests(), before, "opened keys are kept for a while");

    // One person's wrapped key opens for nobody else: it is bound to its row.
    let swap = "UPDATE patient_keys SET wrapped = $1";
    sqlx::query(swap).bind(&wrapped[0]).execute(&app.intruder().await).await.unwrap();
    let app = app.restart().await;
    let mut opened = 0;
    for email in ["pat@example.org", "doc@example.org"] {
        let body = json!({"email": email, "password": support::PASSWORD});
        opened += u32::from(app.anonymous().post("/api/v1/session", body).await.status.is_success());
    }
    assert_eq!(opened, 1, "its owner's alone");
}

#[tokio::test]
async fn an_outage_stops_what_needs_a_key_that_is_not_open_and_nothing_else() {
    let (vault, secrets) = (Vault::start().await, tempfile::tempdir().unwrap());
    let token_file = secrets.path().join("token");
    let app = TestApp::start_with(|config| through(&vault, &token_file, config)).await;
    let consultation = Consultation::requested(&app).await;
    app.add_user("late@example.org", "Late", Role::Patient).await;
    let app = app.restart().await;
    let (patient, doctor) = (app.sign_in("pat@example.org").await, app.sign_in("doc@example.org").await);

    vault.seal(true);
    assert_eq!(patient.get(&consultation.path("")).await.expect(200)["reason"], REASON);
    doctor.post(&consultation.path("accept"), json!({})).await.expect(200);
    let body = json!({"email": "late@example.org", "password": support::PASSWORD});
    app.anonymous().post("/api/v1/session", body.clone()).await.refused(503, "unavailable");

    // How long opened keys last is tested in key_cache.rs. The same with a token that is not accepted.
    vault.seal(false);
    std::fs::write(&token_file, "another").unwrap();
    app.anonymous().post("/api/v1/session", body.clone()).await.refused(503, "unavailable");
    std::fs::write(&token_file, TOKEN).unwrap();
    app.anonymous().post("/api/v1/session", body).await.expect(200);
}

#[tokio::test]
async fn the_key_in_the_service_rotates() {
    let (vault, secrets) = (Vault::start().await, tempfile::tempdir().unwrap());
    let token_file = secrets.path().join("token");
    let app = TestApp::start_with(|config| through(&vault, &token_file, config)).await;
    let consultation = Consultation::requested(&app).await;
    let (store, now) = (app.app.store.clone(), app.app.clock.now());
    let rotation = store.rotate_master_key(now, |_| {}).await.unwrap();
    assert_eq!((rotation.version, rotation.rewrapped), (2, 3), "a clinic and two people");
    app.wait(SETTLING);
    store.retire_master_key(1, app.app.clock.now()).await.unwrap();
    let app = app.restart().await;
    let patient = app.sign_in("pat@example.org").await;
    assert_eq!(patient.get(&consultation.path("")).await.expect(200)["reason"], REASON);
}

#[tokio::test]
async fn start_up_says_what_is_wrong_with_the_service() {
    let (vault, secrets) = (Vault::start().await, tempfile::tempdir().unwrap());
    let (token_file, folder) = (secrets.path().join("token"), tempfile::tempdir().unwrap());
    let failure = async |change: &dyn Fn(&mut Config)| {
        let mut config = Config::default();
        folder.path().join("data").clone_into(&mut config.data.folder);
        through(&vault, &token_file, &mut config);
        change(&mut config);
        format!("{:#}", open_store(&config, &Clock::System).await.err().unwrap())
    };
    let missing = failure(&|config| config.keys.vault_key = "other".into()).await;
    assert!(
        missing.contains("there is no such key") && missing.contains("transit/keys/other derived=true"),
        "{missing}"
    );
    let plain = failure(&|config| config.keys.vault_key = "plain".into()).await;
    assert!(plain.contains("the key is not derived"), "{plain}");
    let mount = failure(&|config| config.keys.vault_mount = "elsewhere".into()).await;
    assert!(mount.contains("there is no such key"), "{mount}");
    let namespace = failure(&|config| config.keys.vault_namespace.clear()).await;
    assert!(namespace.contains("refuses the token"), "{namespace}");
    let no_token = failure(&|config| config.keys.vault_token_file = "/nowhere/token".into()).await;
    assert!(no_token.contains("keys.vault_token_file /nowhere/token"), "{no_token}");
    let url = failure(&|config| config.keys.vault_url = "127.0.0.1".into()).await;
    assert!(url.contains("keys.vault_url"), "{url}");
    let silent = failure(&|config| config.keys.vault_url = "http://127.0.0.1:9".into()).await;
    assert!(
        silent.contains("key service http://127.0.0.1:9") && silent.contains("does not answer"),
        "{silent}"
    );
    vault.seal(true);
    let sealed = failure(&|_| {}).await;
    assert!(sealed.contains("it is sealed: unseal it"), "{sealed}");
}
