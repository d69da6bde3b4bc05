//! Live events, notices, and whether doctors are there.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use control_plane::live::GRACE;
use futures::StreamExt as _;
use serde_json::{Value, json};
use support::events::{Events, SOON};
use support::{Client, Consultation, TestApp};
use tokio::time::timeout;

async fn availability(of: &Client) -> String {
    of.get("/api/v1/session").await.expect(200)["user"]["availability"].as_str().unwrap().to_owned()
}

async fn set(doctor: &Client, availability: &str) {
    doctor.put("/api/v1/availability", json!({"availability": availability})).await.expect(200);
}

#[tokio::test]
async fn everybody_is_told_when_a_doctor_comes_and_goes() {
    let app = TestApp::start().await;
    let (patient, doctor) = (app.patient().await, app.doctor().await);
    let mut seen = Events::of(&patient).await;
    let own = Events::of(&doctor).await;
    set(&doctor, "online").await;
    assert_eq!(seen.expect("availability").await["availability"], "online");

    // The last connection is lost; the grace period runs by the clock.
    drop(own);
    let almost = GRACE.checked_sub(Duration::from_millis(1)).unwrap();
    app.wait(almost);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(availability(&doctor).await, "online");
    app.wait(Duration::from_millis(1));
    let lost = timeout(3 * SOON, seen.body.next()).await.unwrap().unwrap().unwrap();
    assert!(String::from_utf8_lossy(&lost).contains("offline"));
    assert_eq!(availability(&doctor).await, "offline");
    let actions = app.actions().await;
    assert_eq!(actions.iter().filter(|action| *action == "availability.set").count(), 2, "{actions:?}");
    app.anonymous().get("/api/v1/events").await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_doctor_in_a_call_is_busy_until_it_ends() {
    let app = TestApp::start().await;
    let consultation = Consultation::requested(&app).await;
    let (doctor, patient) = (&consultation.doctor, &consultation.patient);
    let _connected = Events::of(doctor).await;
    let mut seen = Events::of(patient).await;
    set(doctor, "online").await;
    seen.expect("availability").await;
    doctor.post(&consultation.path("accept"), json!({})).await.expect(200);
    seen.expect("consultations").await;
    doctor.post(&consultation.path("start"), json!({})).await.expect(200);
    seen.expect("consultations").await;
    assert_eq!(seen.expect("availability").await["availability"], "busy");
    assert_eq!(availability(doctor).await, "busy");
    let said = doctor.put("/api/v1/availability", json!({"availability": "online"})).await.expect(200);
    assert_eq!(said["availability"], "busy", "in a call, whatever is said");
    seen.expect("availability").await;
    doctor.post(&consultation.path("end"), json!({})).await.expect(200);
    seen.expect("consultations").await;
    assert_eq!(seen.expect("availability").await["availability"], "online");
    let listed = patient.get("/api/v1/doctors").await.expect(200);
    assert_eq!(listed[0]["availability"], "online");
}

#[tokio::test]
async fn a_guest_is_told_of_consultations_and_of_nothing_else() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let doctor = &consultation.doctor;
    let invite =
        doctor.post(&consultation.path("invites"), json!({"label": "Interpreter"})).await.expect(201);
    let body = json!({"secret": invite["secret"], "name": "Ines"});
    let reply = app.anonymous().post("/api/v1/session/guest", body).await;
    let guest = app.client_of(&reply, &reply.json["session"]["csrf_token"]);
    let mut seen = Events::of(&guest).await;
    set(doctor, "online").await;
    doctor.post(&consultation.path("end"), json!({})).await.expect(200);
    seen.expect("consultations").await;
    guest.get("/api/v1/notices").await.refused(403, "forbidden");
}

#[tokio::test]
async fn signing_out_ends_the_events() {
    let app = TestApp::start().await;
    let patient = app.patient().await;
    let mut events = Events::of(&patient).await;
    patient.delete("/api/v1/session").await.expect(204);
    events.expect("signed_out").await;
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn after_a_restart_doctors_have_the_grace_period_to_come_back() {
    let app = TestApp::start().await;
    let doctor = app.doctor().await;
    set(&doctor, "online").await;
    let app = app.restart().await;
    let again = app.sign_in("doc@example.org").await;
    assert_eq!(availability(&again).await, "online");
    app.wait(GRACE);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(availability(&again).await, "offline");
}

#[tokio::test]
async fn a_notice_is_new_until_its_person_has_seen_it() {
    let app = TestApp::start().await;
    let (pat, doc) = (app.patient().await, app.doctor().await);
    let me = pat.get("/api/v1/session").await.expect(200);
    let user = me["user"]["id"].as_str().unwrap().parse().unwrap();
    let (store, now) = (&app.app.store, app.app.clock.now());
    let mut tx = store.begin(store.tenant()).await.unwrap();
    let id = tx.insert_notice(user, "token_reused", "ses_1", now).await.unwrap();
    use control_plane::domain::audit::{Action, Agent, AuditEntry};
    tx.commit(AuditEntry::by(Agent::Server, Action::TokenReused, user, now)).await.unwrap();

    let listed = pat.get("/api/v1/notices").await.expect(200);
    assert_eq!((&listed[0]["kind"], &listed[0]["seen_at"]), (&json!("token_reused"), &Value::Null));
    assert_eq!(doc.get("/api/v1/notices").await.expect(200), json!([]));
    let path = format!("/api/v1/notices/{id}/seen");
    doc.post(&path, json!({})).await.refused(404, "not_found");
    pat.post(&path, json!({})).await.expect(204);
    assert!(pat.get("/api/v1/notices").await.expect(200)[0]["seen_at"].is_i64());
}
