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

/// Whose data it is.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Whose {
    /// The patient who asked.
    Pats,
    /// The patient whom the administrator made.
    Neds,
    /// Several people's, or no patient's.
    Nobodys,
}
use Whose::{Neds, Nobodys, Pats};

/// Who, method, route, status, and the entry: action, purpose and whose.
type Step = (Who, &'static str, &'static str, u16, &'static str, &'static str, Whose);

/// In an order that works; `{id}` is the consultation that was asked for last, or the first of a list.
const STEPS: [Step; 42] = [
    (Patient, "POST", "/consultations", 201, "consultation.request", "PATRQT", Pats),
    (Patient, "GET", "/consultations", 200, "consultation.list", "PATRQT", Pats),
    (Doctor, "GET", "/consultations", 200, "consultation.list", "TREAT", Nobodys),
    (Doctor, "GET", "/consultations/{id}", 200, "consultation.read", "TREAT", Pats),
    (Admin, "GET", "/consultations/{id}", 200, "consultation.read", "HOPERAT", Pats),
    (Doctor, "POST", "/consultations/{id}/accept", 200, "consultation.accept", "TREAT", Pats),
    (Doctor, "POST", "/consultations/{id}/start", 200, "consultation.start", "TREAT", Pats),
    (Patient, "POST", "/consultations/{id}/ticket", 200, "ticket.issue", "PATRQT", Pats),
    (Doctor, "POST", "/consultations/{id}/invites", 201, "invite.create", "TREAT", Pats),
    (Doctor, "POST", "/consultations/{id}/end", 200, "consultation.end", "TREAT", Pats),
    (Doctor, "GET", "/consultations/{id}/transcript", 200, "transcript.read", "TREAT", Pats),
    (Patient, "GET", "/consultations/{id}/transcript", 200, "transcript.read", "PATRQT", Pats),
    (Patient, "POST", "/consultations", 201, "consultation.request", "PATRQT", Pats),
    (Admin, "POST", "/admin/consultations/{id}/assign", 200, "consultation.assign", "HOPERAT", Pats),
    (Patient, "POST", "/consultations/{id}/cancel", 200, "consultation.cancel", "PATRQT", Pats),
    (Doctor, "GET", "/patients", 200, "patient.list", "TREAT", Nobodys),
    (Doctor, "GET", "/patients/{id}", 200, "patient.read", "TREAT", Pats),
    (Doctor, "GET", "/users/search", 200, "user.search", "TREAT", Nobodys),
    (Doctor, "POST", "/patients/{id}/break-glass", 201, "break_glass.open", "BTG", Pats),
    (Admin, "GET", "/admin/break-glass", 200, "break_glass.list", "HOPERAT", Nobodys),
    (Admin, "POST", "/admin/break-glass/{id}/review", 204, "break_glass.review", "HOPERAT", Pats),
    (Doctor, "DELETE", "/break-glass/{id}", 204, "break_glass.end", "BTG", Pats),
    (Patient, "GET", "/account/export", 200, "data.export", "PATRQT", Pats),
    (Patient, "GET", "/account/access-log", 200, "access_log.read", "PATRQT", Pats),
    (Admin, "GET", "/admin/audit", 200, "audit.read", "HOPERAT", Nobodys),
    (Admin, "GET", "/admin/audit/export", 200, "audit.export", "HOPERAT", Nobodys),
    (Admin, "GET", "/admin/audit/{seq}/proof", 200, "audit.prove", "HOPERAT", Nobodys),
    (Admin, "GET", "/admin/users", 200, "user.list", "HOPERAT", Nobodys),
    (Admin, "POST", "/admin/users", 201, "user.create", "HOPERAT", Neds),
    (Admin, "GET", "/admin/users/{id}", 200, "user.read", "HOPERAT", Neds),
    (Admin, "PUT", "/admin/users/{id}", 200, "user.change", "HOPERAT", Neds),
    (Admin, "POST", "/admin/users/{id}/sign-out", 204, "session.revoke", "HOPERAT", Neds),
    (Admin, "POST", "/admin/users/{id}/deactivate", 204, "user.deactivate", "HOPERAT", Neds),
    (Admin, "POST", "/admin/users/{id}/reactivate", 204, "user.reactivate", "HOPERAT", Neds),
    (Admin, "POST", "/admin/users/{id}/erase", 204, "user.erase", "HOPERAT", Neds),
    (Admin, "GET", "/admin/verifications", 200, "verification.list", "HOPERAT", Nobodys),
    (Admin, "GET", "/admin/verifications/{id}", 200, "verification.read", "HOPERAT", Nobodys),
    (Admin, "GET", "/admin/verifications/{id}/document", 200, "verification.read", "HOPERAT", Nobodys),
    (Admin, "POST", "/admin/verifications/{id}/approve", 204, "verification.approve", "HOPERAT", Nobodys),
    (Admin, "POST", "/admin/verifications/{id}/reject", 204, "verification.reject", "HOPERAT", Nobodys),
    (Admin, "GET", "/admin/security-events", 200, "security_event.list", "HOPERAT", Nobodys),
    (
        Admin,
        "POST",
        "/admin/security-events/{id}/acknowledge",
        204,
        "security_event.acknowledge",
        "HOPERAT",
        Nobodys,
    ),
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
        "approve" | "reject" => json!({"reason": "Checked with the chamber"}),
        "users" => json!({"role": "patient", "name": "Ned New", "email": "ned@example.org", "specialty": ""}),
        last if last.starts_with("usr_") => json!({"role": "patient", "name": "Ned Now", "specialty": ""}),
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

/// What `{id}` stands for.
struct Ids {
    pat: String,
    ned: String,
    consultation: String,
    access: String,
}

impl Ids {
    /// Of what a route is about; from the administrator's list where there is one.
    async fn of(&self, route: &str, admin: &Client) -> String {
        let first = async |list: &str| {
            let list = admin.get(&format!("/api/v1/admin/{list}")).await.expect(200);
            list[0]["id"].as_str().unwrap_or_default().to_owned()
        };
        let kinds = ["patients", "break-glass", "users", "verifications", "security-events"];
        match route.split('/').find(|part| kinds.contains(part)) {
            Some("patients") => self.pat.clone(),
            Some("users") => self.ned.clone(),
            Some("break-glass") => self.access.clone(),
            Some(list) => first(list).await,
            None => self.consultation.clone(),
        }
    }

    fn learn(&mut self, action: &str, reply: &Reply) {
        let id = reply.json["id"].as_str().or_else(|| reply.json["user"]["id"].as_str()).unwrap_or_default();
        match action {
            "consultation.request" => id.clone_into(&mut self.consultation),
            "break_glass.open" => id.clone_into(&mut self.access),
            "user.create" => id.clone_into(&mut self.ned),
            _ => {}
        }
    }

    fn whose(&self, whose: Whose) -> &str {
        match whose {
            Pats => &self.pat,
            Neds => &self.ned,
            Nobodys => "",
        }
    }
}

#[tokio::test]
async fn everything_that_is_done_or_refused_leaves_exactly_one_entry() {
    let app = TestApp::start_with(|config| config.audit.watch_refusals = 5).await;
    let (patient, doctor) = (app.patient().await, app.doctor().await);
    let admin = app.person("root@example.org", "Ada Admin", Role::Admin).await;
    let stranger = app.person("sam@example.org", "Sam Stranger", Role::Patient).await;
    for email in ["nina@example.org", "nora@example.org"] {
        let applicant = app.unverified_doctor(email).await;
        let body = Body::from("%PDF-1.7 a licence");
        applicant
            .send(applicant.request(Method::POST, "/api/v1/account/verification", body))
            .await
            .expect(201);
    }
    let session = patient.get("/api/v1/session").await.expect(200);
    let pat = session["user"]["id"].as_str().unwrap().to_owned();
    let mut ids = Ids { pat, ned: String::new(), consultation: String::new(), access: String::new() };
    for (who, method, route, status, action, purpose, whose) in STEPS {
        let client = match who {
            Patient => &patient,
            Doctor => &doctor,
            Admin => &admin,
        };
        // What the stranger has tried by then is an event.
        app.app.security.look(app.app.clock.now()).await;
        let id = ids.of(route, &admin).await;
        let path = format!("/api/v1{route}")
            .replace("{id}", &id)
            .replace("{seq}", "1")
            .replace("/search", "/search?q=Pat");
        let what = format!("{who:?} {method} {route}");

        let (reply, entries) = added(&app, &app.anonymous(), method, &path).await;
        assert_eq!((reply.status.as_u16(), entries.len()), (401, 0), "nobody: {what}");
        // Everybody has a list, an export and a log of their own.
        if route.contains('{') || route.starts_with("/admin") || route.starts_with("/users") {
            let (reply, entries) = added(&app, &stranger, method, &path).await;
            assert!([403, 404].contains(&reply.status.as_u16()), "{what}: {}", reply.text);
            let [entry] = &entries[..] else { panic!("{what}: {entries:?}") };
            assert_eq!(
                (&*entry.action, &*entry.outcome, &*entry.role),
                ("request.refuse", "denied", "patient")
            );
            assert_eq!(entry.subject, if route.contains("{id}") { id.as_str() } else { "" }, "{what}");
            // Of an emergency access its own id says enough.
            let expected =
                if id.starts_with("btg_") || !route.contains("{id}") { "" } else { ids.whose(whose) };
            assert_eq!(entry.patient, expected, "refused: {what}");
        }

        let (reply, entries) = added(&app, client, method, &path).await;
        assert_eq!(reply.status.as_u16(), status, "{what}: {}", reply.text);
        ids.learn(action, &reply);
        let [entry] = &entries[..] else { panic!("{what}: {entries:?}") };
        assert_eq!((&*entry.action, &*entry.purpose, &*entry.outcome), (action, purpose, "done"), "{what}");
        assert_eq!(entry.patient, ids.whose(whose), "{what}");
        if route.contains("{id}") && !["invite.create", "break_glass.open"].contains(&action) {
            assert_eq!(entry.subject, id, "{what}");
        }
        assert!(entry.actor.starts_with("usr_") && !entry.role.is_empty() && !entry.address.is_empty());
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
