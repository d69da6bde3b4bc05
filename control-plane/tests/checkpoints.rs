//! Checkpoints of the audit log: signed with the installation's key, outside the database as well, and never for a log
//! that is not what was signed before.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "somebody who tampers uses SQL")]

mod support;

use control_plane::checkpoints::CheckpointError;
use control_plane::crypto::note::Verifier;
use control_plane::domain::audit::{Action, Agent, AuditEntry};
use control_plane::domain::audit_log::Fault;
use control_plane::domain::checkpoint::{Checkpoint, notes};
use control_plane::domain::security::EventKind;
use control_plane::store::SignedHead;
use support::{Consultation, TestApp};

async fn sign(app: &TestApp) -> Result<Option<SignedHead>, CheckpointError> {
    let store = &app.app.store;
    app.app.checkpoints.sign(store.tenant(), app.app.clock.now()).await
}

async fn one_more(app: &TestApp) {
    let entry = AuditEntry::by(Agent::Server, Action::PatientRead, "", app.app.clock.now());
    app.app.store.record(app.app.store.tenant(), entry).await.unwrap();
}

/// The sizes that stand in the file, each checked with the public key that stands beside it.
fn sizes(app: &TestApp) -> Vec<u64> {
    let path = app.app.checkpoints.file(app.app.store.tenant());
    let key = std::fs::read_to_string(path.with_file_name("audit.pub")).unwrap();
    let verifier: Verifier = key.lines().next().unwrap().parse().unwrap();
    let file = std::fs::read_to_string(path).unwrap();
    let size = |(_, note)| Checkpoint::parse(verifier.open(note).unwrap()).unwrap().head.size;
    notes(&file).map(size).collect()
}

#[tokio::test]
async fn what_was_added_is_signed_once_and_stands_outside_the_database_too() {
    let app = TestApp::start().await;
    Consultation::requested(&app).await;
    let first = sign(&app).await.unwrap().unwrap();
    let again = sign(&app).await.unwrap().unwrap();
    assert_eq!(first.note, again.note, "nothing was added");
    one_more(&app).await;
    let second = sign(&app).await.unwrap().unwrap();
    assert_eq!(second.size, first.size + 1);
    assert_eq!(sizes(&app), [first.size as u64, second.size as u64]);
    one_more(&app).await;
    let app = app.restart().await;
    assert_eq!(sizes(&app).last(), Some(&(second.size as u64 + 1)), "the last one at the end");
}

#[tokio::test]
async fn a_changed_entry_is_named_and_never_signed() {
    let app = TestApp::start().await;
    Consultation::requested(&app).await;
    let first = sign(&app).await.unwrap().unwrap();
    one_more(&app).await;
    one_more(&app).await;
    let seq = first.size + 2;
    let database = app.tamperer().await;
    sqlx::query("UPDATE audit SET outcome = 'denied' WHERE seq = $1")
        .bind(seq)
        .execute(&database)
        .await
        .unwrap();
    let Err(CheckpointError::Fault(fault)) = sign(&app).await else { panic!("signed") };
    assert_eq!(fault, Fault::Changed { seq });
    assert_eq!(sizes(&app), [first.size as u64]);
    app.app.checkpoints.sign_all(app.app.clock.now()).await;
    let text = app.app.metrics.render().unwrap();
    assert!(text.contains("auscult_audit_checkpoint_failures_total 1"), "{text}");
    let events =
        app.app.store.read(app.app.store.tenant()).await.unwrap().security_events(true).await.unwrap();
    assert!(events.iter().any(|event| event.kind == EventKind::CheckpointMismatch.name()), "nobody is told");
}

#[tokio::test]
async fn a_log_that_was_cut_short_after_it_was_signed_is_noticed() {
    let app = TestApp::start().await;
    Consultation::requested(&app).await;
    let first = sign(&app).await.unwrap().unwrap();
    let database = app.tamperer().await;
    sqlx::query("DELETE FROM audit WHERE seq = $1").bind(first.size).execute(&database).await.unwrap();
    sqlx::query("UPDATE audit_heads SET seq = seq - 1").execute(&database).await.unwrap();
    assert!(matches!(sign(&app).await, Err(CheckpointError::Fault(_))));
}
