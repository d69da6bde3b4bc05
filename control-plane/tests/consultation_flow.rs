//! The life of a consultation through the API, and who may do which step.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use control_plane::domain::user::Role;
use serde_json::{Value, json};
use support::{Consultation, ORIGIN, REASON, TestApp};

#[tokio::test]
async fn from_request_to_end() {
    let app = TestApp::start().await;
    let Consultation { id, patient, doctor } = Consultation::requested(&app).await;
    let path = |step: &str| format!("/api/v1/consultations/{id}/{step}");

    let queue = doctor.get("/api/v1/consultations").await.expect(200);
    assert_eq!(queue[0]["id"], id.as_str());
    assert_eq!(queue[0]["reason"], "", "a list cannot say in the trail whose reasons were read");
    assert_eq!(patient.get("/api/v1/consultations").await.expect(200)[0]["reason"], REASON);
    let opened = doctor.get(&format!("/api/v1/consultations/{id}")).await.expect(200);
    assert_eq!(opened["reason"], REASON);
    assert_eq!(queue[0]["patient"]["name"], "Pat Patient");
    assert_eq!((&queue[0]["doctor"], &queue[0]["participant_id"]), (&Value::Null, &Value::Null));

    app.wait(std::time::Duration::from_secs(5));
    let accepted = doctor.post(&path("accept"), json!({})).await.expect(200);
    assert_eq!(
        (&accepted["state"], &accepted["doctor"]["name"]),
        (&json!("accepted"), &json!("Dora Doctor"))
    );
    assert_eq!(accepted["accepted_at"].as_i64().unwrap() - accepted["requested_at"].as_i64().unwrap(), 5000);

    patient.post(&path("ticket"), json!({})).await.refused(409, "wrong_state");
    let started = doctor.post(&path("start"), json!({})).await.expect(200);
    app.wait(std::time::Duration::from_secs(5));
    let again = doctor.post(&path("start"), json!({})).await.expect(200);
    assert_eq!(
        (&again["state"], &again["started_at"]),
        (&json!("active"), &started["started_at"]),
        "idempotent"
    );

    let mut participants = Vec::new();
    for client in [&patient, &doctor] {
        let ticket = client.post(&path("ticket"), json!({})).await.expect(200);
        assert_eq!((&ticket["expires_in_s"], &ticket["ice_servers"]), (&json!(30), &json!([])));
        let grant = app.app.tickets.redeem(ticket["ticket"].as_str().unwrap(), app.app.clock.now()).unwrap();
        assert_eq!(grant.consultation.to_string(), id);
        assert_eq!(Some(grant.started_at.millis()), started["started_at"].as_i64());
        let view = client.get(&format!("/api/v1/consultations/{id}")).await.expect(200);
        assert_eq!(view["participant_id"], grant.participant.to_string());
        participants.push(grant.name);
    }
    assert_eq!(participants, ["Pat Patient", "Dora Doctor"]);

    let ended = doctor.post(&path("end"), json!({})).await.expect(200);
    assert_eq!(ended["state"], "completed");
    assert_eq!(ended["ended_at"].as_i64().unwrap() - ended["started_at"].as_i64().unwrap(), 5000);
    for step in ["accept", "start", "end", "cancel"] {
        let refused = doctor.post(&path(step), json!({})).await;
        assert!(refused.text.contains("a completed consultation cannot be"), "{}", refused.text);
        refused.refused(409, "wrong_state");
    }
    let own = patient.get("/api/v1/consultations").await.expect(200);
    assert_eq!((own.as_array().unwrap().len(), &own[0]["state"]), (1, &json!("completed")));
}

#[tokio::test]
async fn a_patient_has_one_open_consultation_at_a_time() {
    let app = TestApp::start().await;
    let consultation = Consultation::requested(&app).await;
    let body = json!({"reason": "another reason", "specialty": "Dermatology"});
    consultation.patient.post("/api/v1/consultations", body.clone()).await.refused(409, "conflict");
    let cancelled = consultation.patient.post(&consultation.path("cancel"), json!({})).await.expect(200);
    assert_eq!((&cancelled["state"], cancelled["ended_at"].is_i64()), (&json!("cancelled"), true));
    let second = consultation.patient.post("/api/v1/consultations", body).await.expect(201);
    let list = consultation.patient.get("/api/v1/consultations").await.expect(200);
    assert_eq!(list[0]["id"], second["id"], "newest first");
    assert_eq!(list.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn each_role_does_its_own_steps_only() {
    let app = TestApp::start().await;
    let consultation = Consultation::requested(&app).await;
    let admin = app.person("root@example.org", "Ada Admin", Role::Admin).await;
    for step in ["accept", "start", "end", "invites"] {
        let body = if step == "invites" { json!({"label": "x"}) } else { json!({}) };
        consultation.patient.post(&consultation.path(step), body).await.refused(403, "forbidden");
    }
    for (path, body) in [
        ("/api/v1/consultations".to_owned(), json!({"reason": "abc", "specialty": ""})),
        (consultation.path("cancel"), json!({})),
        (consultation.path("ticket"), json!({})),
    ] {
        admin.post(&path, body).await.refused(403, "forbidden");
    }
    let listed = admin.get("/api/v1/consultations").await.expect(200);
    let one = admin.get(&consultation.path("")).await.expect(200);
    assert_eq!((&listed[0], listed.as_array().unwrap().len()), (&one, 1));
    assert_eq!((&one["patient"]["name"], &one["reason"]), (&json!("Pat Patient"), &json!("")));
    admin.get(&consultation.path("transcript")).await.refused(403, "forbidden");
    let body = json!({"reason": "abc", "specialty": ""});
    consultation.doctor.post("/api/v1/consultations", body).await.refused(403, "forbidden");
    // A doctor who only sees it in the queue has no part in it yet.
    for step in ["start", "end", "cancel", "ticket"] {
        consultation.doctor.post(&consultation.path(step), json!({})).await.refused(403, "forbidden");
    }
}

#[tokio::test]
async fn a_stranger_cannot_tell_an_existing_consultation_from_a_missing_one() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let strangers = [
        app.person("eve@example.org", "Eve", Role::Patient).await,
        app.person("dan@example.org", "Dan", Role::Doctor).await,
    ];
    let ids = [
        consultation.id.as_str(),
        "con_00000000000000000000000000000001",
        "con_x",
        "7",
        "%F0%9F%98%80",
        "%ff",
    ];
    for stranger in &strangers {
        for step in ["", "/ticket", "/transcript", "/accept", "/start", "/end", "/cancel", "/invites"] {
            let mut answers = Vec::new();
            for id in ids {
                let path = format!("/api/v1/consultations/{id}{step}");
                let reply = match step {
                    "" | "/transcript" => stranger.get(&path).await,
                    "/invites" => stranger.post(&path, json!({"label": "x"})).await,
                    _ => stranger.post(&path, json!({})).await,
                };
                answers.push((reply.status, reply.without_request_id()));
            }
            assert_eq!(answers[0], answers[1], "{step}");
            // 403 where the role alone decides, whatever the id.
            assert!(matches!(answers[0].0.as_u16(), 404 | 403), "{step}: {answers:?}");
            assert!(answers[2..].iter().all(|(status, _)| status.as_u16() == 404), "{step}: {answers:?}");
        }
        let listed = stranger.get("/api/v1/consultations").await.expect(200);
        assert_eq!(listed, json!([]));
    }
    let missing = strangers[0].get(&consultation.path("")).await;
    assert_eq!(missing.status.as_u16(), 404);
}

#[tokio::test]
async fn two_doctors_accept_at_once_and_one_gets_it() {
    let app = TestApp::start().await;
    let consultation = Consultation::requested(&app).await;
    let other = app.person("dan@example.org", "Dan", Role::Doctor).await;
    let path = consultation.path("accept");
    let (one, two) = tokio::join!(consultation.doctor.post(&path, json!({})), other.post(&path, json!({})));
    let mut codes = [one.status.as_u16(), two.status.as_u16()];
    codes.sort_unstable();
    // Whoever comes second finds it gone, or finds that it changed while they looked.
    assert!(matches!(codes, [200, 404 | 409]), "{} {}", one.text, two.text);
}

#[tokio::test]
async fn an_invitation_lets_one_guest_into_one_consultation() {
    let app = TestApp::start().await;
    let consultation = Consultation::requested(&app).await;
    let doctor = &consultation.doctor;
    doctor.post(&consultation.path("accept"), json!({})).await.expect(200);
    let invite =
        doctor.post(&consultation.path("invites"), json!({"label": " Interpreter "})).await.expect(201);
    let secret = invite["secret"].as_str().unwrap();
    assert_eq!(invite["url"], format!("{ORIGIN}/guest#{secret}"));

    let browser = app.anonymous();
    browser
        .post("/api/v1/session/guest", json!({"secret": "wrong", "name": "Ines"}))
        .await
        .refused(404, "not_found");
    let nameless = browser.post("/api/v1/session/guest", json!({"secret": secret, "name": " "})).await;
    assert_eq!(nameless.json["error"]["fields"]["name"], "must have 1 to 80 characters");
    nameless.refused(422, "invalid_input");

    let body = json!({"secret": secret, "name": "Ines"});
    let joined = browser.post("/api/v1/session/guest", body.clone()).await;
    let guest = app.client_of(&joined, &joined.json["session"]["csrf_token"]);
    let joined = joined.expect(200);
    assert_eq!(joined["consultation_id"], consultation.id.as_str());
    assert_eq!(
        (&joined["session"]["user"]["role"], &joined["session"]["user"]["email"]),
        (&json!("guest"), &json!(""))
    );
    browser.post("/api/v1/session/guest", body).await.refused(404, "not_found");

    guest.post(&consultation.path("ticket"), json!({})).await.refused(409, "wrong_state");
    doctor.post(&consultation.path("start"), json!({})).await.expect(200);
    let ticket = guest.post(&consultation.path("ticket"), json!({})).await.expect(200);
    let grant = app.app.tickets.redeem(ticket["ticket"].as_str().unwrap(), app.app.clock.now()).unwrap();
    assert_eq!((grant.name.as_str(), grant.label.as_str()), ("Ines", "Interpreter"));
    let listed = guest.get("/api/v1/consultations").await.expect(200);
    assert_eq!(listed[0]["id"], consultation.id.as_str());

    guest.get(&consultation.path("transcript")).await.refused(403, "forbidden");
    guest.post(&consultation.path("end"), json!({})).await.refused(403, "forbidden");
    guest.post(&consultation.path("cancel"), json!({})).await.refused(403, "forbidden");
}

#[tokio::test]
async fn an_invitation_ends_after_a_day_or_with_its_consultation() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let doctor = &consultation.doctor;
    let mut secrets = Vec::new();
    for _ in 0..2 {
        let invite = doctor.post(&consultation.path("invites"), json!({"label": "Sister"})).await.expect(201);
        secrets.push(invite["secret"].clone());
    }
    doctor.post(&consultation.path("end"), json!({})).await.expect(200);
    let body = json!({"secret": secrets[0], "name": "Ines"});
    app.anonymous().post("/api/v1/session/guest", body).await.refused(404, "not_found");
    doctor.post(&consultation.path("invites"), json!({"label": "x"})).await.refused(409, "wrong_state");

    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let invite =
        consultation.doctor.post(&consultation.path("invites"), json!({"label": "Sister"})).await.expect(201);
    app.wait(std::time::Duration::from_hours(24));
    let body = json!({"secret": invite["secret"], "name": "Ines"});
    app.anonymous().post("/api/v1/session/guest", body).await.refused(404, "not_found");
}

#[tokio::test]
async fn doctors_say_whether_they_take_requests() {
    let app = TestApp::start().await;
    let (patient, doctor) = (app.patient().await, app.doctor().await);
    let view = doctor.put("/api/v1/availability", json!({"availability": "online"})).await.expect(200);
    assert_eq!(view["availability"], "online");
    patient.put("/api/v1/availability", json!({"availability": "online"})).await.refused(403, "forbidden");
    let doctors = patient.get("/api/v1/doctors").await.expect(200);
    assert_eq!(doctors.as_array().unwrap().len(), 1);
    assert_eq!(
        (&doctors[0]["name"], &doctors[0]["specialty"], &doctors[0]["availability"]),
        (&json!("Dora Doctor"), &json!("Dermatology"), &json!("online"))
    );
    assert!(doctors[0].get("email").is_none());
}
