//! The audit log in the database: what nobody can do to it with SQL, and what becomes of an older one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "somebody who tampers uses SQL")]

mod support;

use std::sync::Arc;

use control_plane::app::open_store;
use control_plane::domain::audit::{Action, Agent, AuditEntry};
use control_plane::domain::audit_log::Follower;
use control_plane::store::Store;
use futures::future::join_all;
use sqlx::AnyPool;
use support::{Consultation, TestApp};

const COMMON: [&str; 9] = [
    "UPDATE audit SET outcome = 'denied' WHERE seq = 2",
    "UPDATE audit SET leaf = NULL WHERE seq = 2",
    "UPDATE audit SET seq = 3 WHERE seq = 2",
    "DELETE FROM audit WHERE seq = 2",
    "DELETE FROM audit",
    "INSERT INTO audit SELECT * FROM audit WHERE seq = 2
         ON CONFLICT (tenant_id, seq) DO UPDATE SET outcome = 'denied'",
    "UPDATE audit_heads SET seq = seq - 1",
    "DELETE FROM audit_heads",
    "UPDATE audit_heads SET seq = 0, frontier = NULL",
];
const SQLITE: [&str; 4] = [
    "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 2",
    "REPLACE INTO audit SELECT * FROM audit WHERE seq = 2",
    "INSERT INTO audit SELECT * FROM audit WHERE seq = 2",
    "UPDATE OR REPLACE audit SET seq = 3 WHERE seq = 2",
];
const POSTGRES: [&str; 2] = ["TRUNCATE audit CASCADE", "TRUNCATE audit_heads CASCADE"];

#[tokio::test]
async fn the_database_refuses_to_change_or_remove_an_entry_whoever_asks() {
    let app = TestApp::start().await;
    Consultation::requested(&app).await;
    let database = app.intruder().await;
    let before = rows(&database).await;
    assert!(before > 3);
    let own = if app.app.config.database.url.is_empty() { &SQLITE[..] } else { &POSTGRES };
    for statement in COMMON.iter().chain(own) {
        let refused = sqlx::query(*statement).execute(&database).await.unwrap_err().to_string();
        assert!(refused.contains("the audit log only grows"), "{statement}: {refused}");
    }
    assert_eq!(rows(&database).await, before);
    assert_eq!(follow(&app).await, before);
}

async fn rows(database: &AnyPool) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM audit").fetch_one(database).await.unwrap()
}

/// Follows the first clinic's log to its end.
async fn follow(app: &TestApp) -> i64 {
    let store = &app.app.store;
    let mut tx = store.read(store.tenant()).await.unwrap();
    let mut follower = Follower::default();
    for row in tx.log_page(0, 10_000).await.unwrap() {
        follower.follow(&row).unwrap();
    }
    let head = tx.log_head().await.unwrap();
    follower.end(head.size, &head.frontier).unwrap();
    head.size
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn entries_of_many_at_once_are_each_written_once_and_in_few_transactions() {
    let app = TestApp::start().await;
    let (store, now) = (Arc::new(app.app.store.clone()), app.app.clock.now());
    let other = store.create_clinic("Other", "other.example", now).await.unwrap();
    let before = follow(&app).await;
    let record = |number: i32| {
        let tenant = if number % 10 == 0 { other } else { store.tenant() };
        let entry = AuditEntry::by(Agent::Server, Action::PatientRead, number, now);
        let store = Arc::clone(&store);
        async move { store.record(tenant, entry).await }
    };
    assert!(join_all((0..1000).map(record)).await.iter().all(Result::is_ok));
    assert_eq!(follow(&app).await, before + 900);
    let mut tx = store.read(other).await.unwrap();
    assert_eq!(tx.log_head().await.unwrap().size, 100);
    drop(tx);
    let text = app.app.metrics.render().unwrap();
    let value = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.split(' ').nth(1).unwrap().parse().unwrap()
    };
    assert!(value("auscult_audit_entries_total") >= 1000.0);
    assert!(value("auscult_audit_batch_entries_count") < 100.0, "{text}");
}

/// Each takes the log to end where it left it itself, and is wrong about it every time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_on_one_database_write_one_log() {
    let app = TestApp::start().await;
    let (other, _) = open_store(&app.app.config, &app.app.clock).await.unwrap();
    let (own, now) = (&app.app.store, app.app.clock.now());
    let before = follow(&app).await;
    let record = |store: Store, number: i32| async move {
        let entry = AuditEntry::by(Agent::Server, Action::PatientRead, number, now);
        store.record(store.tenant(), entry).await
    };
    for number in 0..20 {
        record([own, &other][number as usize % 2].clone(), number).await.unwrap();
    }
    assert_eq!(follow(&app).await, before + 20, "one after the other");
    let both = (0..200).map(|number| record([own, &other][number as usize % 2].clone(), number));
    assert!(join_all(both).await.iter().all(Result::is_ok));
    assert_eq!(follow(&app).await, before + 220, "at once");
}

#[tokio::test]
async fn an_entry_is_still_written_after_the_writer_has_stopped() {
    let app = TestApp::start().await;
    let before = follow(&app).await;
    app.app.tasks.stopping().cancel();
    app.app.media.shutdown().await;
    app.app.tasks.wait_for_services().await;
    let entry = AuditEntry::by(Agent::Server, Action::PatientRead, "", app.app.clock.now());
    app.app.store.record(app.app.store.tenant(), entry).await.unwrap();
    assert_eq!(follow(&app).await, before + 1);
}
