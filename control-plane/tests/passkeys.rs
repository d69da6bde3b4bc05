//! Passkeys: made with a session, then a way in by themselves; and everything that must not pass for one. The
//! authenticator is software, the bytes are those of a real one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, header};
use control_plane::domain::audit::{Action, Agent, AuditEntry};
use control_plane::domain::user::Role;
use control_plane::store::NewUser;
use serde_json::{Value, json};
use support::authenticator::Authenticator;
use support::{Client, ORIGIN, Reply, TestApp};

const PASSKEYS: &str = "/api/v1/account/passkeys";
const BEGIN: &str = "/api/v1/account/passkeys/challenge";
const ASK: &str = "/api/v1/passkeys/challenge";
const SIGN_IN: &str = "/api/v1/session/passkey";
const CONFIRM: &str = "/api/v1/session/confirm";

async fn enrol(client: &Client, authenticator: &mut Authenticator) -> Reply {
    let asked = client.post(BEGIN, json!({})).await.expect(200);
    let credential = authenticator.create(&asked["options"]);
    let body = json!({"challenge_id": asked["challenge_id"], "label": "Laptop", "credential": credential});
    client.post(PASSKEYS, body).await
}

async fn patient_with_passkey(app: &TestApp) -> (Client, Authenticator) {
    let patient = app.patient().await;
    let mut authenticator = Authenticator::new(ORIGIN);
    enrol(&patient, &mut authenticator).await.expect(201);
    (patient, authenticator)
}

async fn ask(app: &TestApp) -> Value {
    app.anonymous().post(ASK, json!({})).await.expect(200)
}

async fn answer(app: &TestApp, asked: &Value, credential: &Value) -> Reply {
    let body = json!({"challenge_id": asked["challenge_id"], "credential": credential});
    app.anonymous().post(SIGN_IN, body).await
}

async fn sign_in(app: &TestApp, authenticator: &mut Authenticator) -> Reply {
    let asked = ask(app).await;
    answer(app, &asked, &authenticator.get(&asked["options"])).await
}

#[tokio::test]
async fn a_passkey_signs_its_person_in_without_name_or_password() {
    let app = TestApp::start().await;
    let (patient, mut authenticator) = patient_with_passkey(&app).await;
    let reply = sign_in(&app, &mut authenticator).await;
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
    assert_eq!(reply.json["user"]["email"], "pat@example.org");
    assert_eq!(reply.json["second_factor"], "passkey", "it counts as a second factor");
    let browser = app.client_of(&reply, &reply.json["csrf_token"]);
    assert_eq!(browser.get("/api/v1/session").await.expect(200)["user"]["role"], "patient");
    assert_eq!(patient.get("/api/v1/session").await.expect(200)["second_factor"], "passkey");

    let listed = patient.get(PASSKEYS).await.expect(200);
    assert_eq!(listed[0]["label"], "Laptop");
    assert_eq!(listed[0]["last_used_at"], listed[0]["created_at"], "the clock of the test stands still");
}

#[tokio::test]
async fn what_the_browser_is_asked_names_us_and_wants_the_person_verified() {
    let app = TestApp::start().await;
    let (patient, authenticator) = patient_with_passkey(&app).await;
    let options = patient.post(BEGIN, json!({})).await.expect(200)["options"].clone();
    assert_eq!(options["rp"]["id"], "care.example");
    assert_eq!(
        (&options["user"]["name"], &options["user"]["displayName"]),
        (&json!("pat@example.org"), &json!("Pat Patient"))
    );
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["attestation"], "none");
    let known = options["excludeCredentials"].as_array().unwrap();
    assert_eq!(known.len(), 1, "the same authenticator is not enrolled twice");
    assert_eq!(known[0]["id"], authenticator.name());
    let options = ask(&app).await["options"].clone();
    assert_eq!((&options["rpId"], &options["allowCredentials"]), (&json!("care.example"), &json!([])));
}

#[tokio::test]
async fn an_answer_counts_once_for_its_own_challenge_and_for_five_minutes() {
    let app = TestApp::start().await;
    let (_, mut authenticator) = patient_with_passkey(&app).await;
    let asked = ask(&app).await;
    let credential = authenticator.get(&asked["options"]);
    answer(&app, &asked, &credential).await.expect(200);
    answer(&app, &asked, &credential).await.refused(401, "unauthenticated");
    let other = ask(&app).await;
    answer(&app, &other, &credential).await.refused(401, "unauthenticated");
    let late = ask(&app).await;
    let credential = authenticator.get(&late["options"]);
    app.wait(Duration::from_mins(5));
    answer(&app, &late, &credential).await.refused(401, "unauthenticated");
    sign_in(&app, &mut authenticator).await.expect(200);
}

#[tokio::test]
async fn another_page_an_unverified_person_and_another_key_are_refused() {
    let app = TestApp::start().await;
    let (_, mut authenticator) = patient_with_passkey(&app).await;
    for origin in [
        "https://evil.example",
        "https://care.example:444",
        "http://care.example",
        "https://www.care.example",
    ] {
        authenticator.origin = origin.into();
        sign_in(&app, &mut authenticator).await.refused(401, "unauthenticated");
    }
    authenticator.origin = ORIGIN.into();

    let asked = ask(&app).await;
    let good = authenticator.get(&asked["options"]);
    let mut changed = good.clone();
    let signature = good["response"]["signature"].as_str().unwrap();
    changed["response"]["signature"] = json!(signature.replacen('E', "F", 1));
    answer(&app, &asked, &changed).await.refused(401, "unauthenticated");

    let mut stranger = Authenticator::new(ORIGIN);
    stranger.pose_as(&authenticator);
    sign_in(&app, &mut stranger).await.refused(401, "unauthenticated");
    stranger.id[0] ^= 1;
    sign_in(&app, &mut stranger).await.refused(401, "unauthenticated");

    authenticator.without_user_verification();
    sign_in(&app, &mut authenticator).await.refused(401, "unauthenticated");
    answer(&app, &ask(&app).await, &json!({"id": 7})).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_counter_that_goes_back_betrays_a_copy() {
    let app = TestApp::start().await;
    let patient = app.patient().await;
    let mut authenticator = Authenticator::new(ORIGIN);
    authenticator.counter = 7;
    enrol(&patient, &mut authenticator).await.expect(201);
    sign_in(&app, &mut authenticator).await.expect(200);
    sign_in(&app, &mut authenticator).await.expect(200);
    for counter in [8, 7, 0] {
        // The next proof shows the same, a lower, no counter.
        authenticator.counter = counter;
        sign_in(&app, &mut authenticator).await.refused(401, "unauthenticated");
    }
    authenticator.counter = 9;
    sign_in(&app, &mut authenticator).await.expect(200);
    let copied = "SELECT COUNT(*) FROM notices WHERE kind = 'passkey_copied'";
    let pool = app.intruder().await;
    #[expect(clippy::disallowed_methods, reason = "the test looks into the database")]
    let notices: i64 = sqlx::query_scalar(copied).fetch_one(&pool).await.unwrap();
    assert_eq!(notices, 3, "its person is told");
}

#[tokio::test]
async fn a_passkey_of_one_clinic_is_nothing_in_another() {
    let app = TestApp::start().await;
    let (_, mut authenticator) = patient_with_passkey(&app).await;
    app.app.store.create_clinic("Other", "other.example", app.app.clock.now()).await.unwrap();
    let there = app.anonymous().at("other.example");
    let asked = there.post(ASK, json!({})).await.expect(200);
    let credential = authenticator.get(&asked["options"]);
    let body = json!({"challenge_id": asked["challenge_id"], "credential": credential});
    there.post(SIGN_IN, body).await.refused(401, "unauthenticated");
    let asked = there.post(ASK, json!({})).await.expect(200);
    let credential = authenticator.get(&asked["options"]);
    answer(&app, &asked, &credential).await.refused(401, "unauthenticated");
}

/// `http.public_url` is the first clinic's address; another one is known by its own host.
#[tokio::test]
async fn each_clinic_has_passkeys_of_its_own_name() {
    const THERE: &str = "https://other.example";
    let app = TestApp::start().await;
    let (store, now) = (&app.app.store, app.app.clock.now());
    let clinic = store.create_clinic("Other", "other.example", now).await.unwrap();
    let hash = app.app.passwords.hash(support::PASSWORD).await.unwrap();
    let new = NewUser {
        email: Some("pat@example.org".into()),
        name: "Pat There".into(),
        role: Role::Patient,
        specialty: String::new(),
        password_hash: Some(hash),
        email_verified: true,
        approved: true,
    };
    let mut tx = store.begin(clinic).await.unwrap();
    let user = tx.insert_user(&new, now).await.unwrap();
    tx.commit(AuditEntry::by(Agent::Server, Action::UserCreated, user.id, now)).await.unwrap();

    let browser = app.anonymous().at("other.example");
    let body = json!({"email": "pat@example.org", "password": support::PASSWORD});
    let reply = browser.post("/api/v1/session", body).await;
    let csrf = &reply.json["csrf_token"];
    let patient = Client { host: browser.host.clone(), ..app.client_of(&reply, csrf) };
    let mut authenticator = Authenticator::new(THERE);
    enrol(&patient, &mut authenticator).await.expect(201);
    let asked = browser.post(ASK, json!({})).await.expect(200);
    assert_eq!(asked["options"]["rpId"], "other.example");
    let credential = authenticator.get(&asked["options"]);
    let body = json!({"challenge_id": asked["challenge_id"], "credential": credential});
    let reply = browser.post(SIGN_IN, body).await.expect(200);
    assert_eq!(reply["user"]["name"], "Pat There");

    let asked = browser.post(ASK, json!({})).await.expect(200);
    authenticator.origin = ORIGIN.into();
    let credential = authenticator.get(&asked["options"]);
    let body = json!({"challenge_id": asked["challenge_id"], "credential": credential});
    browser.post(SIGN_IN, body).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_page_of_one_clinic_changes_nothing_in_another() {
    let app = TestApp::start().await;
    app.app.store.create_clinic("Other", "other.example", app.app.clock.now()).await.unwrap();
    for (host, origin, status) in [
        ("care.example", ORIGIN, 200),
        ("other.example", "https://other.example", 200),
        ("OTHER.example", "https://other.example", 200),
        ("other.example", ORIGIN, 403),
        ("care.example", "https://other.example", 403),
        ("unknown.example", "https://unknown.example", 403),
        ("other.example:9999", "https://other.example:9999", 403),
    ] {
        let mut request = app.anonymous().request(Method::POST, ASK, Body::from("{}"));
        request.headers_mut().insert(header::HOST, host.parse().unwrap());
        request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
        assert_eq!(app.anonymous().send(request).await.status.as_u16(), status, "{host} {origin}");
    }
}

#[tokio::test]
async fn passkeys_change_only_right_after_proving_who_one_is() {
    let app = TestApp::start().await;
    let (patient, mut authenticator) = patient_with_passkey(&app).await;
    let doctor = app.doctor().await;
    let asked = patient.post(BEGIN, json!({})).await.expect(200);
    let id = patient.get(PASSKEYS).await.expect(200)[0]["id"].as_str().unwrap().to_owned();
    doctor.delete(&format!("{PASSKEYS}/{id}")).await.refused(404, "not_found");
    let credential = Authenticator::new(ORIGIN).create(&asked["options"]);
    let body = json!({"challenge_id": asked["challenge_id"], "label": "Phone", "credential": credential});
    doctor.post(PASSKEYS, body.clone()).await.refused(422, "invalid_input");
    patient.post(PASSKEYS, body).await.refused(422, "invalid_input");

    app.wait(Duration::from_mins(6));
    patient.post(BEGIN, json!({})).await.refused(403, "reauthenticate");
    patient.delete(&format!("{PASSKEYS}/{id}")).await.refused(403, "reauthenticate");
    let confirm = json!({"password": support::PASSWORD});
    patient.post("/api/v1/session/confirm", confirm).await.expect(204);
    patient.delete(&format!("{PASSKEYS}/{id}")).await.expect(204);
    assert_eq!(patient.get("/api/v1/session").await.expect(200)["second_factor"], "none");
    sign_in(&app, &mut authenticator).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn an_unacceptable_new_passkey_names_what_is_wrong() {
    let app = TestApp::start().await;
    let (patient, mut known) = patient_with_passkey(&app).await;
    let mut unverified = Authenticator::new(ORIGIN);
    unverified.without_user_verification();
    for mut wrong in [unverified, Authenticator::new("https://evil.example")] {
        let reply = enrol(&patient, &mut wrong).await;
        assert!(reply.json["error"]["fields"]["credential"].is_string(), "{}", reply.text);
    }
    let doctor = app.person("doc@example.org", "Dora Doctor", Role::Doctor).await;
    enrol(&doctor, &mut known).await.refused(409, "conflict");
    let asked = patient.post(BEGIN, json!({})).await.expect(200);
    let body = json!({"challenge_id": asked["challenge_id"], "label": " ", "credential": {}});
    let reply = patient.post(PASSKEYS, body).await;
    assert!(reply.json["error"]["fields"]["label"].is_string(), "{}", reply.text);
}

#[tokio::test]
async fn a_deactivated_person_stays_out_with_a_passkey_too() {
    let app = TestApp::start().await;
    let (_, mut authenticator) = patient_with_passkey(&app).await;
    let pool = app.intruder().await;
    #[expect(clippy::disallowed_methods, reason = "the test changes the database")]
    sqlx::query("UPDATE users SET deactivated_at = 1").execute(&pool).await.unwrap();
    sign_in(&app, &mut authenticator).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_to_wait_and_forgiven_once_signed_in() {
    let app = TestApp::start().await;
    let (_, mut authenticator) = patient_with_passkey(&app).await;
    for _ in 0..28 {
        ask(&app).await;
    }
    sign_in(&app, &mut authenticator).await.expect(200);
    for _ in 0..30 {
        ask(&app).await;
    }
    let reply = app.anonymous().post(ASK, json!({})).await;
    assert!(reply.headers[header::RETRY_AFTER].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    reply.refused(429, "too_many_requests");
    let elsewhere = Client { address: "192.0.2.2".into(), ..app.anonymous() };
    elsewhere.post(ASK, json!({})).await.expect(200);
}

#[tokio::test]
async fn who_has_no_password_proves_with_their_passkey_that_it_is_them() {
    let app = TestApp::start().await;
    let (patient, mut authenticator) = patient_with_passkey(&app).await;
    let mut others = Authenticator::new(ORIGIN);
    enrol(&app.doctor().await, &mut others).await.expect(201);
    app.wait(Duration::from_mins(6));
    patient.post(BEGIN, json!({})).await.refused(403, "reauthenticate");

    let asked = ask(&app).await;
    let proof = |credential: Value| json!({"passkey": {"challenge_id": asked["challenge_id"], "credential": credential}});
    let body = proof(others.get(&asked["options"]));
    let reply = patient.post(CONFIRM, body).await;
    assert!(reply.json["error"]["fields"]["passkey"].is_string(), "somebody else's: {}", reply.text);
    let reply = patient.post(CONFIRM, proof(authenticator.get(&asked["options"]))).await;
    assert!(reply.json["error"]["fields"]["passkey"].is_string(), "asked before: {}", reply.text);
    patient.post(BEGIN, json!({})).await.refused(403, "reauthenticate");

    let asked = ask(&app).await;
    let credential = authenticator.get(&asked["options"]);
    let body = json!({"passkey": {"challenge_id": asked["challenge_id"], "credential": credential}});
    patient.post(CONFIRM, body.clone()).await.expect(204);
    patient.post(BEGIN, json!({})).await.expect(200);
    patient.post(CONFIRM, body).await.refused(422, "invalid_input");
}
