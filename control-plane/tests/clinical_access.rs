//! How somebody comes to see patients: a doctor who is verified, who is given a consultation, or who opens a record in an
//! emergency; and what each of them sees then.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use control_plane::domain::user::Role;
use control_plane::domain::verification::MAX_DOCUMENT;

use serde_json::{Value, json};
use support::smtp::MailServer;
use support::{Client, Consultation, PASSWORD, REASON, Reply, TestApp};

const LICENCE: &[u8] = b"%PDF-1.7 licence of zyrtembix";

async fn admin(app: &TestApp) -> Client {
    app.person("root@example.org", "Ada Admin", Role::Admin).await
}

async fn id_of(client: &Client) -> String {
    client.get("/api/v1/session").await.expect(200)["user"]["id"].as_str().unwrap().to_owned()
}

async fn notices(client: &Client) -> Vec<String> {
    let list = client.get("/api/v1/notices").await.expect(200);
    list.as_array().unwrap().iter().map(|notice| notice["kind"].as_str().unwrap().to_owned()).collect()
}

async fn hand_in(client: &Client, bytes: impl Into<Body>) -> Reply {
    client.send(client.request(Method::POST, "/api/v1/account/verification", bytes.into())).await
}

#[tokio::test]
async fn a_doctor_hands_in_a_licence_and_works_once_an_administrator_approves() {
    let app = TestApp::start().await;
    let (admin, patient, doctor) =
        (admin(&app).await, app.patient().await, app.unverified_doctor("nina@example.org").await);
    doctor.get("/api/v1/account/verification").await.refused(404, "not_found");
    hand_in(&doctor, "<html>").await.refused(422, "invalid_input");
    hand_in(&doctor, vec![b'%'; MAX_DOCUMENT + 1]).await.refused(413, "body_too_large");
    hand_in(&patient, LICENCE).await.refused(403, "forbidden");
    let handed_in = hand_in(&doctor, LICENCE).await.expect(201);
    assert_eq!(
        (&handed_in["state"], &handed_in["document_type"]),
        (&json!("pending"), &json!("application/pdf"))
    );
    hand_in(&doctor, LICENCE).await.refused(409, "conflict");
    assert_eq!(notices(&admin).await, ["verification_submitted"]);

    let path = |id: &Value, rest: &str| format!("/api/v1/admin/verifications/{}{rest}", id.as_str().unwrap());
    let waiting = admin.get("/api/v1/admin/verifications").await.expect(200);
    assert_eq!((waiting[0]["doctor"]["name"].as_str(), &waiting[1]), (Some("Nina New"), &Value::Null));
    let document = admin.get(&path(&handed_in["id"], "/document")).await;
    assert_eq!(document.text.as_bytes(), LICENCE);
    assert_eq!(document.headers["content-type"], "application/pdf");
    assert_eq!(document.headers["content-disposition"], "attachment");
    for other in [&doctor, &patient] {
        other.get(&path(&handed_in["id"], "/document")).await.refused(403, "forbidden");
    }

    let reason = |text: &str| json!({"reason": text});
    admin.post(&path(&handed_in["id"], "/reject"), reason("")).await.refused(422, "invalid_input");
    admin.post(&path(&handed_in["id"], "/reject"), reason("It is from another doctor")).await.expect(204);
    admin.post(&path(&handed_in["id"], "/approve"), reason("Too late")).await.refused(409, "wrong_state");
    let decided = doctor.get("/api/v1/account/verification").await.expect(200);
    assert_eq!(
        (decided["state"].as_str(), decided["reason"].as_str()),
        (Some("rejected"), Some("It is from another doctor"))
    );
    assert_eq!(patient.get("/api/v1/doctors").await.expect(200), json!([]));
    doctor.get("/api/v1/patients").await.refused(403, "not_cleared");

    let again = hand_in(&doctor, LICENCE).await.expect(201);
    admin.post(&path(&again["id"], "/approve"), reason("Checked with the chamber")).await.expect(204);
    assert_eq!(notices(&doctor).await, ["verification_approved", "verification_rejected"]);
    assert_eq!(patient.get("/api/v1/doctors").await.expect(200)[0]["name"], "Nina New");
    assert_eq!(doctor.get("/api/v1/patients").await.expect(200), json!([]));
    hand_in(&doctor, LICENCE).await.refused(409, "wrong_state");
    assert_eq!(admin.get("/api/v1/admin/verifications").await.expect(200), json!([]));
    assert_eq!(
        admin.get("/api/v1/admin/verifications?state=all").await.expect(200).as_array().unwrap().len(),
        2
    );
    admin.get("/api/v1/admin/verifications?state=none").await.refused(422, "invalid_input");

    let export = doctor.get("/api/v1/account/export").await.expect(200);
    let own = &export["verifications"][0];
    assert_eq!(own["document"], "JVBERi0xLjcgbGljZW5jZSBvZiB6eXJ0ZW1iaXg=");
    assert_eq!(own["reason"], "Checked with the chamber");
    app.stop().await;
}

/// Letters wait in mailboxes that others may read: why, and about whom, stands behind the sign-in.
#[tokio::test]
async fn a_decision_is_told_by_one_letter_that_says_nothing_of_it() {
    let mut server = MailServer::start().await;
    let app = TestApp::start_with_mail(&server).await;
    let (admin, doctor) = (admin(&app).await, app.unverified_doctor("nina@example.org").await);
    for decision in ["reject", "approve"] {
        let handed_in = hand_in(&doctor, LICENCE).await.expect(201);
        let id = handed_in["id"].as_str().unwrap();
        let path = format!("/api/v1/admin/verifications/{id}/{decision}");
        admin.post(&path, json!({"reason": "Licence florbinax 4711"})).await.expect(204);
        admin.post(&path, json!({"reason": "Once more"})).await.refused(409, "wrong_state");
        let letter = server.next().await;
        assert_eq!(letter.to, "nina@example.org");
        assert!(letter.text.contains("Subject: Your application was decided"), "{}", letter.text);
        assert!(letter.text.contains("https://care.example/application\n"), "{}", letter.text);
        for word in ["florbinax", "4711", "Nina", "Ada", "approved", "rejected", "ver_", "usr_", "#"] {
            assert!(!letter.text.contains(word), "{word}: {}", letter.text);
        }
        server.nothing_more().await;
    }
}

#[tokio::test]
async fn emergency_access_opens_a_record_for_an_hour_and_is_reviewed_by_somebody_else() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    consultation.doctor.post(&consultation.path("end"), json!({})).await.expect(200);
    let (admin, other) =
        (admin(&app).await, app.person("eve@example.org", "Eve Emergency", Role::Doctor).await);
    let patient = id_of(&consultation.patient).await;
    let (record, open) =
        (format!("/api/v1/patients/{patient}"), format!("/api/v1/patients/{patient}/break-glass"));
    let reason = json!({"reason": "Unconscious, allergies unknown"});
    other.get(&record).await.refused(404, "not_found");
    other.get(&consultation.path("")).await.refused(404, "not_found");

    app.wait(Duration::from_secs(6 * 60));
    other.post(&open, reason.clone()).await.refused(403, "reauthenticate");
    other.post("/api/v1/session/confirm", json!({"password": PASSWORD})).await.expect(204);
    other.post(&open, json!({"reason": "help"})).await.refused(422, "invalid_input");
    other
        .post(&format!("/api/v1/patients/{}/break-glass", id_of(&other).await), reason.clone())
        .await
        .refused(404, "not_found");
    let opened = other.post(&open, reason.clone()).await.expect(201);
    assert_eq!(
        (opened["patient"]["name"].as_str(), &opened["reason"]),
        (Some("Pat Patient"), &reason["reason"])
    );
    assert_eq!(opened["expires_at"].as_i64().unwrap() - opened["granted_at"].as_i64().unwrap(), 3_600_000);
    other.post(&open, reason.clone()).await.refused(409, "conflict");
    assert_eq!(notices(&consultation.patient).await, ["break_glass_opened"]);
    assert_eq!(notices(&admin).await, ["break_glass_opened"]);

    let seen = other.get(&record).await.expect(200);
    assert_eq!((seen["access"].as_str(), &seen["break_glass"]), (Some("break_glass"), &opened["id"]));
    assert_eq!(seen["consultations"][0]["reason"], REASON);
    other.get(&consultation.path("transcript")).await.expect(200);
    other.get(&format!("/api/v1/patients/{}", id_of(&admin).await)).await.refused(404, "not_found");

    let id = opened["id"].as_str().unwrap();
    let review = format!("/api/v1/admin/break-glass/{id}/review");
    let waiting = admin.get("/api/v1/admin/break-glass").await.expect(200);
    assert_eq!((&waiting[0]["id"], &waiting[0]["reason"]), (&opened["id"], &reason["reason"]));
    admin.post(&review, json!({"finding": "justified"})).await.expect(204);
    admin.post(&review, json!({"finding": "unjustified"})).await.refused(409, "wrong_state");
    assert_eq!(admin.get("/api/v1/admin/break-glass").await.expect(200), json!([]));
    assert_eq!(admin.get("/api/v1/admin/break-glass?state=all").await.expect(200)[0]["finding"], "justified");
    assert_eq!(notices(&other).await, ["break_glass_reviewed"]);

    // A session that nobody uses for half an hour is over, so the hour passes in steps.
    for _ in 0..2 {
        app.wait(Duration::from_secs(20 * 60));
        other.get(&record).await.expect(200);
    }
    app.wait(Duration::from_millis(20 * 60_000 - 1));
    other.get(&record).await.expect(200);
    other.get(&consultation.path("")).await.expect(200);
    app.wait(Duration::from_millis(1));
    for path in [&record, &consultation.path(""), &consultation.path("transcript")] {
        other.get(path).await.refused(404, "not_found");
    }
    other.delete(&format!("/api/v1/break-glass/{id}")).await.refused(404, "not_found");
    assert_eq!(other.get("/api/v1/patients").await.expect(200), json!([]));
    app.stop().await;
}

/// A patient's record, opened in an emergency by Eve: the patient, Eve, and the emergency access.
async fn opened_by_eve(app: &TestApp, consultation: &Consultation) -> (String, Client, Value) {
    let eve = app.person("eve@example.org", "Eve Emergency", Role::Doctor).await;
    let patient = id_of(&consultation.patient).await;
    let reason = json!({"reason": "Unconscious, allergies unknown"});
    let opened = eve.post(&format!("/api/v1/patients/{patient}/break-glass"), reason).await.expect(201);
    (patient, eve, opened)
}

#[tokio::test]
async fn what_is_read_in_an_emergency_says_so_in_the_trail_and_to_the_patient() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let (patient, other, _) = opened_by_eve(&app, &consultation).await;
    other.get(&format!("/api/v1/patients/{patient}")).await.expect(200);
    for path in [consultation.path("transcript"), consultation.path("")] {
        other.get(&path).await.expect(200);
    }
    let (eve, store) = (id_of(&other).await, &app.app.store);
    let log = store.read(store.tenant()).await.unwrap().log_page(0, 10_000).await.unwrap();
    let in_emergency: Vec<_> = log
        .iter()
        .map(|row| &row.entry)
        .filter(|entry| entry.actor == eve && entry.patient == patient && entry.outcome == "done")
        .map(|entry| (&*entry.action, &*entry.purpose))
        .collect();
    assert_eq!(
        in_emergency,
        ["break_glass.open", "patient.read", "transcript.read", "consultation.read"].map(|act| (act, "BTG"))
    );
    let shown = consultation.patient.get("/api/v1/account/access-log").await.expect(200);
    for action in ["break_glass.open", "patient.read", "transcript.read", "consultation.read"] {
        let mut lines = shown["items"].as_array().unwrap().iter().filter(|line| line["action"] == action);
        let line = lines.find(|line| line["actor"]["name"] == "Eve Emergency").unwrap();
        assert_eq!(line["purpose"], "BTG", "{line}");
    }
}

#[tokio::test]
async fn an_emergency_access_that_nobody_reviews_does_not_stay_unnoticed() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let admin = admin(&app).await;
    let unreviewed = async || {
        app.app.security.look(app.app.clock.now()).await;
        app.app.metrics.audit.break_glass_unreviewed_seconds.get()
    };
    assert_eq!(unreviewed().await, 0, "there is none");
    let (_, eve, opened) = opened_by_eve(&app, &consultation).await;
    app.wait(Duration::from_mins(4));
    assert_eq!(unreviewed().await, 240);
    eve.delete(&format!("/api/v1/break-glass/{}", opened["id"].as_str().unwrap())).await.expect(204);
    assert_eq!(unreviewed().await, 240, "given back is not reviewed");
    let review = format!("/api/v1/admin/break-glass/{}/review", opened["id"].as_str().unwrap());
    admin.post(&review, json!({"finding": "justified"})).await.expect(204);
    assert_eq!(unreviewed().await, 0);
}

#[tokio::test]
async fn emergency_access_is_given_back_and_nobody_reviews_their_own() {
    let app = TestApp::start().await;
    let consultation = Consultation::requested(&app).await;
    let (admin, second) = (admin(&app).await, app.person("rob@example.org", "Rob Root", Role::Admin).await);
    let patient = id_of(&consultation.patient).await;
    assert_eq!(admin.get(&consultation.path("")).await.expect(200)["reason"], "");
    let reason = json!({"reason": "The patient asked me to"});
    let open = format!("/api/v1/patients/{patient}/break-glass");
    consultation.patient.post(&open, reason.clone()).await.refused(403, "forbidden");
    let opened = admin.post(&open, reason).await.expect(201);
    assert_eq!(admin.get(&consultation.path("")).await.expect(200)["reason"], REASON);
    let id = opened["id"].as_str().unwrap();
    let review = format!("/api/v1/admin/break-glass/{id}/review");
    admin.post(&review, json!({"finding": "justified"})).await.refused(409, "wrong_state");
    second.delete(&format!("/api/v1/break-glass/{id}")).await.refused(404, "not_found");
    admin.delete(&format!("/api/v1/break-glass/{id}")).await.expect(204);
    assert_eq!(admin.get(&consultation.path("")).await.expect(200)["reason"], "");
    second.post(&review, json!({"finding": "unjustified"})).await.expect(204);

    // Whoever is erased takes what was written about them along.
    consultation.patient.post(&consultation.path("cancel"), json!({})).await.expect(200);
    let erase = json!({"confirm": "pat@example.org"});
    consultation.patient.post("/api/v1/account/erase", erase).await.expect(204);
    let left = &second.get("/api/v1/admin/break-glass?state=all").await.expect(200)[0];
    assert_eq!((&left["reason"], &left["patient"]["name"]), (&Value::Null, &json!("")));
    admin.post(&open, json!({"reason": "After the erasure"})).await.refused(404, "not_found");
    app.stop().await;
}

#[tokio::test]
async fn people_are_found_by_those_who_may_know_of_them() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let admin = admin(&app).await;
    app.add_user("zoe@example.org", "Zoe Patricia Berg", Role::Patient).await;
    app.add_user("carl@example.org", "Carl Patrick", Role::Doctor).await;
    let found = async |client: &Client, query: &str| {
        let found = client.get(&format!("/api/v1/users/search?{query}")).await.expect(200);
        let names =
            found.as_array().unwrap().iter().map(|person| person["name"].as_str().unwrap().to_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    assert_eq!(found(&admin, "q=pat").await, ["Carl Patrick", "Pat Patient", "Zoe Patricia Berg"]);
    assert_eq!(found(&admin, "q=pat&role=doctor").await, ["Carl Patrick"]);
    assert_eq!(found(&consultation.doctor, "q=pat").await, ["Carl Patrick", "Pat Patient"]);
    assert_eq!(found(&consultation.doctor, "q=pat&role=patient").await, ["Pat Patient"]);
    assert_eq!(found(&consultation.doctor, "q=root").await, [""; 0]);
    // In an emergency: whoever knows the whole name finds somebody else's patient too.
    assert_eq!(
        found(&consultation.doctor, "q=zoe+patricia%20BERG&emergency=true").await,
        ["Zoe Patricia Berg"]
    );
    for beginning in ["zoe", "zoe+patricia+ber", "zoe+berg", "carl+patrick"] {
        let query = format!("q={beginning}&emergency=true");
        assert_eq!(found(&consultation.doctor, &query).await, [""; 0], "{beginning}");
    }
    for query in ["q=pat", "q=zoe+patricia+berg&emergency=true"] {
        consultation.patient.get(&format!("/api/v1/users/search?{query}")).await.refused(403, "forbidden");
    }
    for wrong in ["q=p", "q=pat&role=guest", "q=pat&emergency=maybe", ""] {
        admin.get(&format!("/api/v1/users/search?{wrong}")).await.refused(422, "invalid_input");
    }
    assert_eq!(app.actions().await.iter().filter(|action| *action == "user.search").count(), 10);

    let own = consultation.doctor.get("/api/v1/patients").await.expect(200);
    assert_eq!((own[0]["name"].as_str(), own[0]["access"].as_str()), (Some("Pat Patient"), Some("assigned")));
    assert_eq!(own.as_array().unwrap().len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn everybody_has_a_dashboard_of_their_role() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let (admin, new) = (admin(&app).await, app.unverified_doctor("nina@example.org").await);
    hand_in(&new, LICENCE).await.expect(201);
    let dashboard = async |client: &Client| client.get("/api/v1/dashboard").await.expect(200);
    let of_patient = dashboard(&consultation.patient).await;
    assert_eq!(
        (&of_patient["role"], &of_patient["open_consultation"]),
        (&json!("patient"), &json!(consultation.id))
    );
    assert_eq!(of_patient["recent"][0]["id"], json!(consultation.id));
    assert_eq!(
        dashboard(&consultation.doctor).await,
        json!({"role": "doctor", "queue": 0, "active": consultation.id, "patients": 1, "unread_notices": 0, "approval": null})
    );
    assert_eq!(
        dashboard(&new).await,
        json!({"role": "doctor", "queue": 0, "active": null, "patients": 0, "unread_notices": 0, "approval": "pending"})
    );
    assert_eq!(
        dashboard(&admin).await,
        json!({"role": "admin", "users": {"patient": 1, "doctor": 2, "admin": 1, "deactivated": 0},
               "pending_verifications": 1, "open_break_glass": 0, "security_events": 0, "sessions": 4,
               "unread_notices": 1})
    );
    app.stop().await;
}

#[tokio::test]
async fn an_administrator_gives_a_consultation_to_a_doctor_and_everybody_is_told() {
    let app = TestApp::start().await;
    let consultation = Consultation::requested(&app).await;
    let (admin, other) = (admin(&app).await, app.person("eve@example.org", "Eve", Role::Doctor).await);
    let new = app.unverified_doctor("nina@example.org").await;
    let path = format!("/api/v1/admin/consultations/{}/assign", consultation.id);
    let to = async |client: &Client| json!({"doctor_id": id_of(client).await});
    for nobody in [&new, &consultation.patient, &admin] {
        admin.post(&path, to(nobody).await).await.refused(422, "invalid_input");
    }
    let first = admin.post(&path, to(&consultation.doctor).await).await.expect(200);
    assert_eq!((first["state"].as_str(), first["reason"].as_str()), (Some("accepted"), Some("")));
    admin.post(&path, to(&consultation.doctor).await).await.expect(200);
    assert_eq!(notices(&consultation.doctor).await, ["consultation_assigned"]);
    admin.post(&path, to(&other).await).await.expect(200);
    assert_eq!(notices(&consultation.doctor).await, ["consultation_moved", "consultation_assigned"]);
    assert_eq!(notices(&other).await, ["consultation_assigned"]);
    assert_eq!(notices(&consultation.patient).await, ["consultation_assigned"; 2]);

    consultation.doctor.get(&consultation.path("")).await.refused(404, "not_found");
    assert_eq!(consultation.doctor.get("/api/v1/patients").await.expect(200), json!([]));
    assert_eq!(other.get(&consultation.path("")).await.expect(200)["reason"], REASON);
    other.post(&consultation.path("start"), json!({})).await.expect(200);
    admin.post(&path, to(&consultation.doctor).await).await.refused(409, "wrong_state");
    assert_eq!(app.actions().await.iter().filter(|action| *action == "consultation.assign").count(), 3);
    app.stop().await;
}
