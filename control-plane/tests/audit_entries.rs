//! Every read, write, export and refusal of patients' data leaves exactly one entry: each route that the API describes
//! below `PATIENT_DATA` is used by somebody who may, by somebody who may not, and by nobody in particular. A new route
//! without a step here fails.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use axum::body::Body;
use axum::http::Method;
use control_plane::domain::audit::Purpose;
use control_plane::domain::audit_log::LogEntry;
use control_plane::domain::user::Role;
use control_plane::http::refusals::is_patient_data;
use control_plane::http::router::description;
use serde_json::json;
use support::{Client, Reply, TestApp};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Who {
    Patient,
    Doctor,
    Admin,
}
use Who::{Admin, Doctor, Patient};

/// Who, method, route, status, and the entry: action and purpose.
type Step = (Who, &'static str, &'static str, u16, &'static str, &'static str);

/// In an order that works; `{id}` is the consultation that was asked for last.
const STEPS: [Step; 26] = [
    (Patient, "POST", "/consultations", 201, "consultation.request", "PATRQT"),
    (Patient, "GET", "/consultations", 200, "consultation.list", "PATRQT"),
    (Doctor, "GET", "/consultations", 200, "consultation.list", "TREAT"),
    (Doctor, "GET", "/consultations/{id}", 200, "consultation.read", "TREAT"),
    (Admin, "GET", "/consultations/{id}", 200, "consultation.read", "HOPERAT"),
    (Doctor, "POST", "/consultations/{id}/accept", 200, "consultation.accept", "TREAT"),
    (Doctor, "POST", "/consultations/{id}/start", 200, "consultation.start", "TREAT"),
    (Patient, "POST", "/consultations/{id}/ticket", 200, "ticket.issue", "PATRQT"),
    (Doctor, "POST", "/consultations/{id}/invites", 201, "invite.create", "TREAT"),
    (Doctor, "POST", "/consultations/{id}/end", 200, "consultation.end", "TREAT"),
    (Doctor, "GET", "/consultations/{id}/transcript", 200, "transcript.read", "TREAT"),
    (Patient, "GET", "/consultations/{id}/transcript", 200, "transcript.read", "PATRQT"),
    (Patient, "POST", "/consultations", 201, "consultation.request", "PATRQT"),
    (Admin, "POST", "/admin/consultations/{id}/assign", 200, "consultation.assign", "HOPERAT"),
    (Patient, "POST", "/consultations/{id}/cancel", 200, "consultation.cancel", "PATRQT"),
    (Doctor, "GET", "/patients", 200, "patient.list", "TREAT"),
    (Doctor, "GET", "/patients/{id}", 200, "patient.read", "TREAT"),
    (Doctor, "POST", "/patients/{id}/break-glass", 201, "break_glass.open", "BTG"),
    (Admin, "GET", "/admin/break-glass", 200, "break_glass.list", "HOPERAT"),
    (Admin, "POST", "/admin/break-glass/{id}/review", 204, "break_glass.review", "HOPERAT"),
    (Doctor, "DELETE", "/break-glass/{id}", 204, "break_glass.end", "BTG"),
    (Patient, "GET", "/account/export", 200, "data.export", "PATRQT"),
    (Patient, "GET", "/account/access-log", 200, "access_log.read", "PATRQT"),
    (Admin, "GET", "/admin/audit", 200, "audit.read", "HOPERAT"),
    (Admin, "GET", "/admin/audit/export", 200, "audit.export", "HOPERAT"),
    (Admin, "GET", "/admin/audit/{seq}/proof", 200, "audit.prove", "HOPERAT"),
];

async fn log(app: &TestApp) -> Vec<LogEntry> {
    let store = &app.app.store;
    let mut tx = store.read(store.tenant()).await.unwrap();
    tx.log_page(0, 100_000).await.unwrap().into_iter().map(|row| row.entry).collect()
}

/// What a request added to the log.
async fn added(app: &TestApp, client: &Client, method: &str, path: &str) -> (Reply, Vec<LogEntry>) {
    let before = log(app).await.len();
    let body = match path.rsplit('/').next().unwrap() {
        "consultations" => json!({"reason": "A cough", "specialty": ""}),
        "invites" => json!({"label": "Interpreter"}),
        "break-glass" => json!({"reason": "Unconscious in the ward"}),
        "assign" => json!({"doctor_id": app.app.store.doctors(app.app.store.tenant()).await.unwrap()[0].id}),
        "review" => json!({"finding": "justified"}),
        _ => json!({}),
    };
    let method: Method = method.parse().unwrap();
    let body = if method == Method::GET { Body::empty() } else { Body::from(body.to_string()) };
    let reply = client.send(client.request(method, path, body)).await;
    (reply, log(app).await.split_off(before))
}

/// The routes of patients' data, as `GET /consultations`.
fn described() -> Vec<String> {
    let document = serde_json::to_value(description()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.trim_start_matches("/api/v1");
        if is_patient_data(&format!("/api/v1{path}")) {
            routes.extend(
                item.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())),
            );
        }
    }
    routes
}

#[test]
fn no_route_is_left_out() {
    let routes = described();
    assert!(routes.len() > 10, "{routes:?}");
    let missing: Vec<_> = routes
        .iter()
        .filter(|route| !STEPS.iter().any(|(_, method, path, ..)| **route == format!("{method} {path}")))
        .collect();
    assert!(missing.is_empty(), "say in STEPS which entry these leave: {missing:?}");
}

#[tokio::test]
async fn everything_that_is_done_or_refused_leaves_exactly_one_entry() {
    let app = TestApp::start().await;
    let (patient, doctor) = (app.patient().await, app.doctor().await);
    let admin = app.person("root@example.org", "Ada Admin", Role::Admin).await;
    let stranger = app.person("sam@example.org", "Sam Stranger", Role::Patient).await;
    let session = patient.get("/api/v1/session").await.expect(200);
    let person = session["user"]["id"].as_str().unwrap().to_owned();
    let (mut consultation, mut access) = (String::new(), String::new());
    for (who, method, route, status, action, purpose) in STEPS {
        let client = match who {
            Patient => &patient,
            Doctor => &doctor,
            Admin => &admin,
        };
        let id = match route.split('/').find(|part| ["patients", "break-glass"].contains(part)) {
            Some("patients") => &person,
            Some(_) => &access,
            None => &consultation,
        };
        let path = format!("/api/v1{route}").replace("{id}", id).replace("{seq}", "1");
        let what = format!("{who:?} {method} {route}");

        let (reply, entries) = added(&app, &app.anonymous(), method, &path).await;
        assert_eq!((reply.status.as_u16(), entries.len()), (401, 0), "nobody: {what}");
        // Everybody has a list, an export and a log of their own.
        if route.contains('{') || route.starts_with("/admin") {
            let (reply, entries) = added(&app, &stranger, method, &path).await;
            assert!([403, 404].contains(&reply.status.as_u16()), "{what}: {}", reply.text);
            let [entry] = &entries[..] else { panic!("{what}: {entries:?}") };
            assert_eq!(
                (&*entry.action, &*entry.outcome, &*entry.role),
                ("request.refuse", "denied", "patient")
            );
            assert_eq!(entry.subject, if route.contains("{id}") { id.as_str() } else { "" }, "{what}");
        }

        let (reply, entries) = added(&app, client, method, &path).await;
        assert_eq!(reply.status.as_u16(), status, "{what}: {}", reply.text);
        let [entry] = &entries[..] else { panic!("{what}: {entries:?}") };
        assert_eq!((&*entry.action, &*entry.purpose, &*entry.outcome), (action, purpose, "done"), "{what}");
        assert!(entry.actor.starts_with("usr_") && !entry.role.is_empty() && !entry.address.is_empty());
        match reply.json["id"].as_str() {
            Some(id) if id.starts_with("con_") => id.clone_into(&mut consultation),
            Some(id) if id.starts_with("btg_") => id.clone_into(&mut access),
            _ => {}
        }
    }
    let known: Vec<_> = Purpose::ALL.into_iter().map(Purpose::code).collect();
    assert!(log(&app).await.iter().all(|entry| known.contains(&&*entry.purpose)));
}

#[tokio::test]
async fn what_is_no_access_decision_leaves_no_refusal() {
    let app = TestApp::start().await;
    let (patient, doctor) = (app.patient().await, app.doctor().await);
    let forged = Client { csrf: None, ..patient.clone() };
    let (reply, entries) = added(&app, &forged, "POST", "/api/v1/consultations").await;
    assert_eq!((reply.code(), entries.len()), ("csrf", 0));
    let (reply, entries) = added(&app, &doctor, "GET", "/api/v1/no-such-route").await;
    assert_eq!((reply.code(), entries.len()), ("not_found", 0));
    let (reply, entries) = added(&app, &doctor, "PUT", "/api/v1/availability").await;
    assert_eq!((reply.code(), entries.len()), ("invalid_input", 0));
    // What was typed as an id does not come into the log.
    let (reply, entries) = added(&app, &doctor, "GET", "/api/v1/consultations/Pat-Patient").await;
    assert_eq!((reply.code(), entries.len(), &*entries[0].subject), ("not_found", 1, ""));
}
