//! Databases that versions 0001 and 0002 left behind, made by running those versions (`fixtures/first_floor`,
//! `fixtures/second_floor`), are brought up to date.
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
use support::database::{self, Urls};
use support::{Client, TestApp};
use tempfile::TempDir;

/// What an earlier version left behind on one engine, and the secrets that it gave out.
struct Left<S> {
    dump: &'static str,
    secrets: S,
}

/// Of both engines.
struct Floor<S> {
    master_key: &'static [u8],
    sqlite: Left<S>,
    postgres: Left<S>,
}

/// The accounts that the old version printed.
struct Passwords {
    doctor: &'static str,
    patient: &'static str,
}

const FIRST: Floor<Passwords> = Floor {
    master_key: include_bytes!("fixtures/first_floor/master.key"),
    sqlite: Left {
        dump: include_str!("fixtures/first_floor/sqlite.sql"),
        secrets: Passwords { doctor: "ahgd-iqpg-jykb-y3rz-cgnh", patient: "bvb4-u4g5-sm7v-kbwu-emzu" },
    },
    postgres: Left {
        dump: include_str!("fixtures/first_floor/postgres.sql"),
        secrets: Passwords { doctor: "d5gu-yuqv-x7zh-eqw6-nqsp", patient: "47c3-a968-f7ze-wmi4-48ga" },
    },
};

/// Of an active consultation: the session of the guest "Sister Agnes, aunt", and an invitation as "Uncle Barnabas".
struct Guests {
    consultation: &'static str,
    cookie: &'static str,
    csrf: &'static str,
    invitation: &'static str,
}

const SECOND: Floor<Guests> = Floor {
    master_key: include_bytes!("fixtures/second_floor/master.key"),
    sqlite: Left {
        dump: include_str!("fixtures/second_floor/sqlite.sql"),
        secrets: Guests {
            consultation: "con_01a2217f520c7494bee1a773308d59c1",
            cookie: "__Host-auscult_session=0ptSRnCo1Z3wLJoyVHe9z9-oO3HMPy42pHKlwEwIoYg",
            csrf: "81ac9dceb139757adf7f1a16e768dd369d4e2ae5adc0b7b042ba323d0076e9a9",
            invitation: "l988fo2oTUfuZI_qtgHgpYRPtY7vvEzktP5Ez-U33g8",
        },
    },
    postgres: Left {
        dump: include_str!("fixtures/second_floor/postgres.sql"),
        secrets: Guests {
            consultation: "con_01a2217f62ec73749eddd3e92872636c",
            cookie: "__Host-auscult_session=nnRiMh9vkQo839cVOA5t1eruOFQ6vn-wdBaFcDw8AUY",
            csrf: "71a43ffd2cab9d9a427ab37c72d616bef79a3e2974f99e7f9faae4902b9adc93",
            invitation: "_qcofWtU9qd96U-W1KoN-I_AwbQbI4ALPmDtULubWks",
        },
    },
};

/// The old installation's database and key in `folder`.
async fn lay_down<S>(folder: &Path, floor: Floor<S>) -> (Urls, S) {
    let keys = folder.join("keys");
    DirBuilder::new().mode(0o700).create(&keys).unwrap();
    fs::write(keys.join("master.key"), floor.master_key).unwrap();
    fs::set_permissions(keys.join("master.key"), Permissions::from_mode(0o600)).unwrap();
    let urls = database::fresh().await;
    sqlx::any::install_default_drivers();
    let (url, left) = if urls.owner.is_empty() {
        (format!("sqlite://{}?mode=rwc", folder.join(DATABASE_FILE).display()), floor.sqlite)
    } else {
        (urls.owner.clone(), floor.postgres)
    };
    let pool = AnyPool::connect(&url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(left.dump)).execute(&pool).await.unwrap();
    pool.close().await;
    (urls, left.secrets)
}

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_to_date_with_nothing_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (urls, passwords) = lay_down(folder.path(), FIRST).await;
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
    let (urls, _) = lay_down(folder.path(), FIRST).await;
    leave_no_trace(folder, urls, ["Jonas Weber", "patient@demo.example"]).await;
}

/// What stands in the file before the upgrade is nowhere in it afterwards.
async fn leave_no_trace(folder: TempDir, urls: Urls, texts: [&str; 2]) {
    let file = folder.path().join(DATABASE_FILE);
    let holds = |needle: &str| {
        let bytes = fs::read(&file).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    };
    assert!(texts.into_iter().all(holds), "the search finds what is plain");
    let app = TestApp::start_in(folder, urls).await;
    app.stop().await;
    assert!(!texts.into_iter().any(holds));
}

#[tokio::test]
async fn what_guests_were_called_in_the_second_version_is_sealed_and_still_known() {
    let folder = tempfile::tempdir().unwrap();
    let (urls, guests) = lay_down(folder.path(), SECOND).await;
    let app = TestApp::start_in(folder, urls).await;
    let intruder = app.intruder().await;
    let mut sealed = 0;
    for table in ["invites", "participants"] {
        let sql = format!("SELECT label, sealed_label FROM {table}");
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&intruder).await.unwrap() {
            assert_eq!(row.get::<String, _>("label"), "", "{table}");
            sealed += usize::from(row.get::<Option<Vec<u8>>, _>("sealed_label").is_some());
        }
    }
    assert_eq!(sealed, 3, "two invitations, and the guest who used one");
    intruder.close().await;

    let ticket = format!("/api/v1/consultations/{}/ticket", guests.consultation);
    let agnes =
        Client { cookie: Some(guests.cookie.into()), csrf: Some(guests.csrf.into()), ..app.anonymous() };
    let body = json!({"secret": guests.invitation, "name": "Barney"});
    let joined = app.anonymous().post("/api/v1/session/guest", body).await;
    let barney = app.client_of(&joined, &joined.json["session"]["csrf_token"]);
    for (guest, label) in [(agnes, "Sister Agnes, aunt"), (barney, "Uncle Barnabas")] {
        let issued = guest.post(&ticket, json!({})).await.expect(200);
        let ticket = issued["ticket"].as_str().unwrap();
        assert_eq!(app.app.tickets.redeem(ticket, app.app.clock.now()).unwrap().label, label);
    }
    app.restart().await.stop().await;
}

#[tokio::test]
async fn what_guests_were_called_in_the_second_version_leaves_no_trace_in_the_file() {
    if std::env::var_os("AUSCULT_TEST_POSTGRES").is_some() {
        // The other engine's run looks at the file.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (urls, _) = lay_down(folder.path(), SECOND).await;
    leave_no_trace(folder, urls, ["Sister Agnes", "Uncle Barnabas"]).await;
}
