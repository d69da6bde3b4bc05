//! A database that version 0001 left behind, made by running that version (`fixtures/first_floor`), is brought up to date.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "looks at the tables as they are stored")]

mod support;

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use control_plane::config::DATABASE_FILE;
use control_plane::domain::audit_log::Follower;
use serde_json::json;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};
use support::TestApp;
use support::database::{self, Urls};

const SQLITE: &str = include_str!("fixtures/first_floor/sqlite.sql");
const POSTGRES: &str = include_str!("fixtures/first_floor/postgres.sql");
const MASTER_KEY: &[u8] = include_bytes!("fixtures/first_floor/master.key");

/// The accounts that the old version printed.
struct Passwords {
    doctor: &'static str,
    patient: &'static str,
}

/// The old installation's database and key in `folder`.
async fn lay_down(folder: &Path) -> (Urls, Passwords) {
    let keys = folder.join("keys");
    DirBuilder::new().mode(0o700).create(&keys).unwrap();
    fs::write(keys.join("master.key"), MASTER_KEY).unwrap();
    fs::set_permissions(keys.join("master.key"), Permissions::from_mode(0o600)).unwrap();
    let urls = database::fresh().await;
    sqlx::any::install_default_drivers();
    let (url, dump, passwords) = if urls.owner.is_empty() {
        let url = format!("sqlite://{}?mode=rwc", folder.join(DATABASE_FILE).display());
        let passwords = Passwords { doctor: "ahgd-iqpg-jykb-y3rz-cgnh", patient: "bvb4-u4g5-sm7v-kbwu-emzu" };
        (url, SQLITE, passwords)
    } else {
        let passwords = Passwords { doctor: "d5gu-yuqv-x7zh-eqw6-nqsp", patient: "47c3-a968-f7ze-wmi4-48ga" };
        (urls.owner.clone(), POSTGRES, passwords)
    };
    let pool = AnyPool::connect(&url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(dump)).execute(&pool).await.unwrap();
    pool.close().await;
    (urls, passwords)
}

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_to_date_with_nothing_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (urls, passwords) = lay_down(folder.path()).await;
    let app = TestApp::start_in(folder, urls).await;
    let patient = app.sign_in_with("patient@demo.example", passwords.patient).await;
    let own = patient.get("/api/v1/consultations").await.expect(200);
    let reasons: Vec<_> = own.as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["The cough is still there", "A cough that began on Monday"]);
    assert_eq!(
        (&own[1]["state"], &own[1]["doctor"]["name"]),
        (&json!("completed"), &json!("Dr. Maya Lindgren"))
    );
    let doctor = app.sign_in_with("doctor@demo.example", passwords.doctor).await;
    assert_eq!(doctor.get("/api/v1/consultations").await.expect(200)[0]["patient"]["name"], "Jonas Weber");
    assert_eq!(patient.get("/api/v1/doctors").await.expect(200)[0]["name"], "Dr. Maya Lindgren");

    let intruder = app.intruder().await;
    let rows = sqlx::query("SELECT name, email, identity FROM users").fetch_all(&intruder).await.unwrap();
    for row in &rows {
        assert_eq!(
            (row.get::<String, _>("name"), row.get::<Option<String>, _>("email")),
            (String::new(), None)
        );
        assert!(row.get::<Option<Vec<u8>>, _>("identity").is_some());
    }
    assert!(rows.len() >= 2);
    let old: i64 = sqlx::query("SELECT COUNT(*) AS n FROM audit WHERE at < 1795480000000 AND seq <= 10")
        .fetch_one(&intruder)
        .await
        .unwrap()
        .get("n");
    assert_eq!(old, 10, "the old trail is still there");
    let store = &app.app.store;
    let mut tx = store.read(store.tenant()).await.unwrap();
    let mut follower = Follower::default();
    for row in tx.log_page(0, 1000).await.unwrap() {
        follower.follow(&row).unwrap();
    }
    let head = tx.log_head().await.unwrap();
    follower.end(head.size, &head.frontier).unwrap();
    assert!(head.size > 10, "and every entry of it has its hashes");
    drop(tx);
    intruder.close().await;
    let app = app.restart().await;
    app.sign_in_with("doctor@demo.example", passwords.doctor).await;
    app.stop().await;
}

#[tokio::test]
async fn the_names_of_the_first_version_leave_no_trace_in_the_file() {
    if std::env::var_os("AUSCULT_TEST_POSTGRES").is_some() {
        // The other engine's run looks at the file.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (urls, _) = lay_down(folder.path()).await;
    let file = folder.path().join(DATABASE_FILE);
    let holds = |needle: &str| {
        let bytes = fs::read(&file).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    };
    assert!(holds("Jonas Weber") && holds("patient@demo.example"), "the search finds what is plain");
    let app = TestApp::start_in(folder, urls).await;
    app.stop().await;
    assert!(!holds("Jonas Weber") && !holds("patient@demo.example"));
}
