//! What the server notices by itself: from what people do to an event that an administrator sees, and a metric.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use axum::body::Body;
use axum::http::{Method, header};
use control_plane::domain::user::Role;
use serde_json::{Value, json};
use support::{Client, PASSWORD, TestApp};

const SESSION: &str = "/api/v1/session";
const EVENTS: &str = "/api/v1/admin/security-events";

/// Thresholds that a test reaches; at the fixed time of tests it is night.
async fn watchful() -> TestApp {
    TestApp::start_with(|config| {
        config.audit.watch_wrong_secrets = 7;
        config.audit.watch_refusals = 3;
        config.audit.watch_patients = 3;
        (config.audit.night_from_h, config.audit.night_to_h) = (14, 15);
    })
    .await
}

async fn id_of(client: &Client) -> String {
    client.get(SESSION).await.expect(200)["user"]["id"].as_str().unwrap().to_owned()
}

/// Each from an address of its own, or all from one.
async fn guess(app: &TestApp, address: &str, email: &str) {
    let client = Client { address: address.into(), ..app.anonymous() };
    client.post(SESSION, json!({"email": email, "password": "x"})).await.refused(401, "unauthenticated");
}

/// Consultations of so many patients that wait; their paths.
async fn waiting(app: &TestApp, patients: usize) -> Vec<String> {
    let mut paths = Vec::new();
    for number in 0..patients {
        let patient = app.person(&format!("p{number}@example.org"), "P", Role::Patient).await;
        let body = json!({"reason": "A cough", "specialty": ""});
        let view = patient.post("/api/v1/consultations", body).await.expect(201);
        paths.push(format!("/api/v1/consultations/{}", view["id"].as_str().unwrap()));
    }
    paths
}

/// Whether there is one of this kind about this person or address, as an administrator and as a monitor see it.
async fn is_told(app: &TestApp, admin: &Client, kind: &str, subject: &str) -> bool {
    app.app.security.look(app.app.clock.now()).await;
    let events = admin.get(EVENTS).await.expect(200);
    let is_it = |event: &Value| event["kind"] == kind && event["subject"] == subject;
    let listed = events.as_array().unwrap().iter().any(is_it);
    let metric = format!("auscult_security_events_total{{kind=\"{kind}\"}} 1\n");
    let counted = app.app.metrics.render().unwrap().contains(&metric);
    assert_eq!(listed, counted, "{kind}: {events}");
    listed
}

#[tokio::test]
async fn many_wrong_passwords_from_one_address_and_a_lock_are_told() {
    let app = watchful().await;
    let admin = app.person("root@example.org", "Root", Role::Admin).await;
    let pat = id_of(&app.patient().await).await;
    for number in 0..6 {
        guess(&app, "203.0.113.9", &format!("nobody{number}@example.org")).await;
    }
    assert!(!is_told(&app, &admin, "brute_force", "203.0.113.9").await);
    guess(&app, "203.0.113.9", "nobody@example.org").await;
    assert!(is_told(&app, &admin, "brute_force", "203.0.113.9").await);

    for number in 1..5 {
        guess(&app, &format!("198.51.100.{number}"), "pat@example.org").await;
    }
    assert!(!is_told(&app, &admin, "lockout", &pat).await);
    guess(&app, "198.51.100.5", "pat@example.org").await;
    assert!(is_told(&app, &admin, "lockout", &pat).await);
}

#[tokio::test]
async fn who_opens_the_data_of_many_patients_is_told() {
    let app = watchful().await;
    let admin = app.person("root@example.org", "Root", Role::Admin).await;
    let doctor = app.doctor().await;
    let subject = id_of(&doctor).await;
    let paths = waiting(&app, 3).await;
    // Again and again the same two are no more than two.
    for path in paths[..2].iter().cycle().take(6) {
        doctor.get(path).await.expect(200);
    }
    assert!(!is_told(&app, &admin, "mass_reads", &subject).await);
    doctor.get(&paths[2]).await.expect(200);
    assert!(is_told(&app, &admin, "mass_reads", &subject).await);
}

#[tokio::test]
async fn emergency_access_at_night_is_told() {
    let app = watchful().await;
    let admin = app.person("root@example.org", "Root", Role::Admin).await;
    let doctor = app.doctor().await;
    let (patient, subject) = (id_of(&app.patient().await).await, id_of(&doctor).await);
    assert!(!is_told(&app, &admin, "off_hours_break_glass", &subject).await);
    let path = format!("/api/v1/patients/{patient}/break-glass");
    doctor.post(&path, json!({"reason": "Unconscious"})).await.expect(201);
    assert!(is_told(&app, &admin, "off_hours_break_glass", &subject).await);
}

#[tokio::test]
async fn who_tries_what_the_role_does_not_allow_is_told() {
    let app = watchful().await;
    let admin = app.person("root@example.org", "Root", Role::Admin).await;
    let patient = app.patient().await;
    let subject = id_of(&patient).await;
    for tries in [2, 1] {
        assert!(!is_told(&app, &admin, "role_probing", &subject).await);
        for _ in 0..tries {
            patient.get("/api/v1/admin/users").await.refused(403, "forbidden");
        }
    }
    assert!(is_told(&app, &admin, "role_probing", &subject).await);
}

#[tokio::test]
async fn a_refresh_token_that_is_used_twice_is_told() {
    let app = watchful().await;
    let admin = app.person("root@example.org", "Root", Role::Admin).await;
    let subject = id_of(&app.patient().await).await;
    let body = json!({"email": "pat@example.org", "password": PASSWORD});
    let first = app.anonymous().post("/api/v1/tokens", body).await.expect(200);
    let refresh = async |pair: &Value| {
        let body = json!({"refresh_token": pair["refresh_token"]});
        app.anonymous().post("/api/v1/tokens/refresh", body).await
    };
    let second = refresh(&first).await.expect(200);
    let current = app.anonymous().request(Method::GET, "/api/v1/tokens/current", Body::empty());
    let (mut parts, body) = current.into_parts();
    let bearer = format!("Bearer {}", second["access_token"].as_str().unwrap());
    parts.headers.insert(header::AUTHORIZATION, bearer.parse().unwrap());
    app.anonymous().send(axum::http::Request::from_parts(parts, body)).await.expect(200);
    assert!(!is_told(&app, &admin, "token_reuse", &subject).await);
    refresh(&first).await.refused(401, "unauthenticated");
    assert!(is_told(&app, &admin, "token_reuse", &subject).await);
}
