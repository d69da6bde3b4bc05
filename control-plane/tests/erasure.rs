//! A person's data: all of it for the person, and nothing of it for anybody once it is erased, even when an older copy of
//! the database is put back.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "looks at tables and puts an older copy of them back")]

mod support;

use std::time::Duration;

use control_plane::domain::audit_log::Follower;
use control_plane::domain::transcript::{EntryState, NewCaption};
use control_plane::domain::user::Role;
use media_server::transcription::CaptionText;
use serde_json::json;
use sqlx::{AnyPool, Row};
use support::{Client, Consultation, PASSWORD, REASON, TestApp};

const WORDS: &str = "the florbinax started hurting";

/// A consultation that is over, with one sentence of its patient.
async fn completed(app: &TestApp) -> Consultation {
    let consultation = Consultation::active(app).await;
    let view = consultation.patient.get(&consultation.path("")).await.expect(200);
    let caption = NewCaption {
        participant: view["participant_id"].as_str().unwrap().parse().unwrap(),
        utterance: 0,
        state: EntryState::Final,
        start_ms: 0,
        end_ms: 1500,
        text: CaptionText::new(WORDS.into()),
        model: "test model".into(),
        demonstration: false,
    };
    let (store, id) = (&app.app.store, consultation.id.parse().unwrap());
    assert!(store.append_caption(store.tenant(), id, &caption, app.app.clock.now()).await.unwrap());
    consultation.doctor.post(&consultation.path("end"), json!({})).await.expect(200);
    consultation
}

async fn erase(client: &Client, email: &str) {
    client.post("/api/v1/account/erase", json!({"confirm": email})).await.expect(204);
}

async fn count(database: &AnyPool, sql: &'static str, person: &str) -> i64 {
    sqlx::query_scalar(sql).bind(person).fetch_one(database).await.unwrap()
}

const KEYS: &str = "SELECT COUNT(*) FROM patient_keys WHERE patient_id = $1";

async fn own_id(client: &Client) -> String {
    client.get("/api/v1/session").await.expect(200)["user"]["id"].as_str().unwrap().to_owned()
}

/// The log is whole, to its head.
async fn audit_verifies(app: &TestApp) {
    let store = &app.app.store;
    let mut tx = store.read(store.tenant()).await.unwrap();
    let mut follower = Follower::default();
    for row in tx.log_page(0, 10_000).await.unwrap() {
        follower.follow(&row).unwrap();
    }
    let head = tx.log_head().await.unwrap();
    follower.end(head.size, &head.frontier).unwrap();
}

#[tokio::test]
async fn a_person_gets_everything_and_a_doctor_nothing_of_their_patients() {
    let app = TestApp::start().await;
    let consultation = completed(&app).await;
    let before = app.actions().await.len();
    let export = consultation.patient.get("/api/v1/account/export").await.expect(200);
    assert_eq!(app.actions().await[before..], ["data.export"]);
    assert_eq!(export["account"]["user"]["email"], "pat@example.org");
    let own = &export["consultations"][0];
    assert_eq!((&own["reason"], &own["doctor_name"]), (&json!(REASON), &json!("Dora Doctor")));
    assert_eq!(own["transcript"][0]["text"], WORDS);
    assert_eq!(export["devices"].as_array().unwrap().len(), 1);
    let acts: Vec<_> =
        export["trail"].as_array().unwrap().iter().map(|act| act["action"].as_str().unwrap()).collect();
    assert!(acts.contains(&"consultation.request") && acts.contains(&"session.create"), "{acts:?}");

    let doctors = consultation.doctor.get("/api/v1/account/export").await;
    for foreign in [REASON, WORDS, "Pat Patient", "pat@example.org"] {
        assert!(!doctors.text.contains(foreign), "{foreign}");
    }
    let doctors = doctors.expect(200);
    assert_eq!(doctors["consultations"][0]["id"], consultation.id);

    app.wait(Duration::from_mins(6));
    consultation.patient.get("/api/v1/account/export").await.refused(403, "reauthenticate");
    app.anonymous().get("/api/v1/account/export").await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn an_erased_person_is_gone_and_everybody_elses_data_stays() {
    let app = TestApp::start().await;
    let consultation = completed(&app).await;
    let neighbour = app.person("nea@example.org", "Nea Neighbour", Role::Patient).await;
    let asked = json!({"reason": "my neighbour's reason", "specialty": ""});
    let asked = neighbour.post("/api/v1/consultations", asked).await.expect(201);
    let patient = own_id(&consultation.patient).await;

    let wrong = json!({"confirm": "doc@example.org"});
    consultation.patient.post("/api/v1/account/erase", wrong).await.refused(422, "invalid_input");
    erase(&consultation.patient, " Pat@Example.org ").await;
    consultation.patient.get("/api/v1/session").await.refused(401, "unauthenticated");
    let login = json!({"email": "pat@example.org", "password": PASSWORD});
    app.anonymous().post("/api/v1/session", login).await.refused(401, "unauthenticated");

    let database = app.intruder().await;
    assert_eq!(count(&database, KEYS, &patient).await, 0);
    let left = "SELECT COUNT(*) FROM users WHERE id = $1 AND identity IS NULL AND email_index IS NULL
                   AND password_hash IS NULL AND erased_at IS NOT NULL";
    assert_eq!(count(&database, left, &patient).await, 1, "an id without a person");
    // Its doctor still sees that it took place, and nothing of what was in it.
    let seen = consultation.doctor.get(&consultation.path("")).await.expect(200);
    assert_eq!((&seen["reason"], &seen["patient"]["name"]), (&json!(""), &json!("")));
    consultation.doctor.get(&consultation.path("transcript")).await.refused(404, "not_found");
    assert_eq!(
        consultation.doctor.get("/api/v1/consultations").await.expect(200).as_array().unwrap().len(),
        2
    );
    let path = format!("/api/v1/consultations/{}", asked["id"].as_str().unwrap());
    assert_eq!(neighbour.get(&path).await.expect(200)["reason"], "my neighbour's reason");
    audit_verifies(&app).await;
    // The address is free again, for another person.
    app.add_user("pat@example.org", "Pat Again", Role::Patient).await;
}

#[tokio::test]
async fn who_is_needed_cannot_be_erased() {
    let app = TestApp::start().await;
    let admin = app.person("boss@example.org", "Boss", Role::Admin).await;
    let consultation = Consultation::requested(&app).await;
    let (patient, boss) = (own_id(&consultation.patient).await, own_id(&admin).await);
    let path = |id: &str| format!("/api/v1/admin/users/{id}/erase");
    admin.post(&path(&patient), json!({})).await.refused(409, "wrong_state");
    admin.post(&path(&boss), json!({})).await.refused(409, "conflict");
    consultation.patient.post(&path(&boss), json!({})).await.refused(403, "forbidden");
    admin.post(&path("usr_00000000000000000000000000000000"), json!({})).await.refused(404, "not_found");

    consultation.patient.post(&consultation.path("cancel"), json!({})).await.expect(200);
    let before = app.actions().await.len();
    admin.post(&path(&patient), json!({})).await.expect(204);
    assert_eq!(app.actions().await[before..], ["user.erase"]);
    consultation.patient.get("/api/v1/session").await.refused(401, "unauthenticated");
    app.wait(Duration::from_mins(6));
    let doctor = own_id(&consultation.doctor).await;
    admin.post(&path(&doctor), json!({})).await.refused(403, "reauthenticate");
}

/// One row of a person, by column, to be put back.
async fn put_back(database: &AnyPool, identity: &[u8], index: &[u8], key: &[u8], person: &str) {
    let user = "UPDATE users SET identity = $2, email_index = $3, erased_at = NULL, deactivated_at = NULL WHERE id = $1";
    sqlx::query(user).bind(person).bind(identity).bind(index).execute(database).await.unwrap();
    let keys =
        "INSERT INTO patient_keys (tenant_id, patient_id, version, master_version, wrapped, created_at)
                SELECT tenant_id, id, 1, 1, $2, 0 FROM users WHERE id = $1";
    sqlx::query(keys).bind(person).bind(key).execute(database).await.unwrap();
}

#[tokio::test]
async fn an_older_copy_of_the_database_does_not_bring_anybody_back() {
    let app = TestApp::start().await;
    let consultation = completed(&app).await;
    let (database, patient) = (app.intruder().await, own_id(&consultation.patient).await);
    let user = sqlx::query("SELECT identity, email_index FROM users WHERE id = $1");
    let user = user.bind(&patient).fetch_one(&database).await.unwrap();
    let key: Vec<u8> = sqlx::query_scalar("SELECT wrapped FROM patient_keys WHERE patient_id = $1")
        .bind(&patient)
        .fetch_one(&database)
        .await
        .unwrap();
    erase(&consultation.patient, "pat@example.org").await;
    put_back(
        &database,
        &user.get::<Vec<u8>, _>("identity"),
        &user.get::<Vec<u8>, _>("email_index"),
        &key,
        &patient,
    )
    .await;
    let path = consultation.path("transcript");
    // The rows are what they were: without the list this would be readable again.
    assert_eq!(consultation.doctor.get(&path).await.expect(200)["entries"][0]["text"], WORDS);
    drop(database);

    let app = app.restart().await;
    let database = app.intruder().await;
    assert_eq!(count(&database, KEYS, &patient).await, 0);
    let doctor = app.sign_in("doc@example.org").await;
    doctor.get(&path).await.refused(404, "not_found");
    assert_eq!(app.actions().await.iter().filter(|action| *action == "user.erase").count(), 2);
    audit_verifies(&app).await;
    // Once is enough.
    let app = app.restart().await;
    assert_eq!(app.actions().await.iter().filter(|action| *action == "user.erase").count(), 2);
}

#[tokio::test]
async fn no_file_holds_the_destroyed_key() {
    let app = TestApp::start_on_sqlite().await;
    let consultation = completed(&app).await;
    let patient = own_id(&consultation.patient).await;
    let key: Vec<u8> = sqlx::query_scalar("SELECT wrapped FROM patient_keys WHERE patient_id = $1")
        .bind(&patient)
        .fetch_one(&app.intruder().await)
        .await
        .unwrap();
    let found = || {
        let files = std::fs::read_dir(app.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files = files.filter(|path| path.is_file()).map(|path| std::fs::read(path).unwrap());
        files.any(|bytes| bytes.windows(key.len()).any(|window| window == key))
    };
    assert!(found(), "the search finds it while it is there");
    erase(&consultation.patient, "pat@example.org").await;
    assert!(!found());
}
