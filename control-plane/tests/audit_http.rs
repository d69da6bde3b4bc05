//! The audit log over HTTP: what administrators and patients see of it, and that it proves itself.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use axum::http::header;
use control_plane::domain::audit_export::{Line, Reader};
use control_plane::domain::checkpoint::Checkpoint;
use control_plane::domain::user::Role;
use control_plane::trail::proof::Proof;
use serde_json::{Value, json};
use support::{Client, Consultation, TestApp};

async fn administrator(app: &TestApp) -> Client {
    app.person("root@example.org", "Ada Admin", Role::Admin).await
}

async fn id_of(client: &Client) -> String {
    client.get("/api/v1/session").await.expect(200)["user"]["id"].as_str().unwrap().to_owned()
}

fn seqs(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|item| item["seq"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn an_administrator_pages_through_the_log_and_filters_it() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let admin = administrator(&app).await;
    let mut all = Vec::new();
    let mut path = "/api/v1/admin/audit?limit=3".to_owned();
    loop {
        let page = admin.get(&path).await.expect(200);
        all.extend(seqs(&page));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/admin/audit?limit=3&cursor={next}");
    }
    let first = all[0];
    assert_eq!(all, (1..=first).rev().collect::<Vec<_>>(), "newest first, each once");

    let (patient, doctor) = (id_of(&consultation.patient).await, id_of(&consultation.doctor).await);
    let only = admin.get("/api/v1/admin/audit?action=consultation.accept").await.expect(200);
    let entry = &only["items"][0];
    assert_eq!(seqs(&only).len(), 1);
    assert_eq!((&entry["actor"], &entry["actor_name"]), (&json!(doctor), &json!("Dora Doctor")));
    assert_eq!((&entry["patient"], &entry["patient_name"]), (&json!(patient), &json!("Pat Patient")));
    assert_eq!(
        (&entry["purpose"], &entry["outcome"], &entry["role"]),
        (&json!("TREAT"), &json!("done"), &json!("doctor"))
    );
    assert_eq!((&entry["subject"], &entry["proven"]), (&json!(consultation.id), &json!(false)));
    let filter = format!("/api/v1/admin/audit?actor={doctor}&patient={patient}&outcome=done&purpose=TREAT");
    assert!(seqs(&admin.get(&filter).await.expect(200)).len() >= 2);
    let at = entry["at"].as_i64().unwrap();
    assert_eq!(seqs(&admin.get(&format!("/api/v1/admin/audit?to={at}")).await.expect(200)), [0_i64; 0]);
    assert!(
        !seqs(&admin.get(&format!("/api/v1/admin/audit?from={at}&to={}", at + 1)).await.expect(200))
            .is_empty()
    );

    app.app.checkpoints.sign(app.app.store.tenant(), app.app.clock.now()).await.unwrap();
    let page = admin.get("/api/v1/admin/audit?action=consultation.accept").await.expect(200);
    assert_eq!(page["items"][0]["proven"], true);
    assert!(page["checkpoint"]["size"].as_i64().unwrap() < page["size"].as_i64().unwrap() + 1);
    for bad in
        ["actor=Pat", "action=x", "outcome=x", "purpose=x", "from=x", "cursor=x", "limit=0", "format=pdf"]
    {
        let path = format!("/api/v1/admin/audit/export?{bad}");
        let path = if bad.starts_with("format") { path } else { path.replace("/export", "") };
        admin.get(&path).await.refused(422, "invalid_input");
    }
    for other in [&consultation.patient, &consultation.doctor] {
        other.get("/api/v1/admin/audit").await.refused(403, "forbidden");
        other.get("/api/v1/admin/audit/1/proof").await.refused(403, "forbidden");
        other.get("/api/v1/admin/security-events").await.refused(403, "forbidden");
    }
}

#[tokio::test]
async fn exports_and_proofs_hold_without_the_server() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let admin = administrator(&app).await;
    let verifier = app.app.checkpoints.verifier(app.app.store.tenant()).unwrap();
    let patient = id_of(&consultation.patient).await;
    for (query, whole) in [(String::new(), true), (format!("?patient={patient}"), false)] {
        let reply = admin.get(&format!("/api/v1/admin/audit/export{query}")).await;
        assert_eq!(reply.headers[header::CONTENT_TYPE], "application/x-ndjson");
        let mut lines = reply.text.lines().map(|line| serde_json::from_str::<Line>(line).unwrap());
        let Some(Line::Log(header)) = lines.next() else { panic!("{}", reply.text) };
        let head = Checkpoint::parse(verifier.open(&header.checkpoint).unwrap()).unwrap().head;
        let mut reader = Reader::new(app.app.store.tenant().to_string(), head, Vec::new());
        lines.try_for_each(|line| reader.read(line)).unwrap();
        let shown = reader.end().unwrap();
        assert_eq!(shown == head.size, whole);
        assert!(
            shown > 3 && reply.text.contains("audit.export"),
            "the export itself is an entry: {}",
            reply.text
        );
    }
    let csv = admin.get("/api/v1/admin/audit/export?format=csv&action=consultation.accept").await;
    assert!(csv.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/csv"));
    assert_eq!(csv.text.lines().count(), 2, "{}", csv.text);
    assert!(csv.text.contains("\"consultation.accept\""));

    let newest = seqs(&admin.get("/api/v1/admin/audit").await.expect(200))[0];
    for seq in [1, 2, newest / 2, newest] {
        let proof = admin.get(&format!("/api/v1/admin/audit/{seq}/proof")).await.expect(200);
        let mut proof: Proof = serde_json::from_value(proof).unwrap();
        assert_eq!(proof.entry.seq, seq);
        proof.check(&verifier).unwrap();
        proof.entry.outcome = "denied".into();
        assert!(proof.check(&verifier).is_err());
    }
    for missing in ["0", "-1", "99999", "x"] {
        admin.get(&format!("/api/v1/admin/audit/{missing}/proof")).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn patients_see_who_opened_their_record_and_nobody_elses() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    consultation.doctor.get(&consultation.path("")).await.expect(200);
    let stranger = app.person("sam@example.org", "Sam Stranger", Role::Patient).await;
    stranger.get(&consultation.path("")).await.refused(404, "not_found");
    let log = consultation.patient.get("/api/v1/account/access-log").await.expect(200);
    let lines = log["items"].as_array().unwrap();
    let refused = lines.iter().find(|line| line["action"] == "request.refuse").unwrap();
    assert_eq!((&refused["actor"]["name"], &refused["outcome"]), (&json!("Sam Stranger"), &json!("denied")));
    let read = lines.iter().find(|line| line["action"] == "consultation.read").unwrap();
    assert_eq!((&read["actor"]["name"], &read["purpose"]), (&json!("Dora Doctor"), &json!("TREAT")));
    let first = consultation.patient.get("/api/v1/account/access-log?limit=2").await.expect(200);
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let next = first["next"].as_str().unwrap();
    let path = format!("/api/v1/account/access-log?limit=2&cursor={next}");
    assert!(!consultation.patient.get(&path).await.expect(200)["items"].as_array().unwrap().is_empty());
    let own = stranger.get("/api/v1/account/access-log").await.expect(200);
    assert!(!own.to_string().contains("consultation."), "{own}");
    consultation.doctor.get("/api/v1/account/access-log").await.refused(403, "forbidden");
}

#[tokio::test]
async fn probing_and_guessing_become_security_events_that_are_acknowledged() {
    let app = TestApp::start_with(|config| config.audit.watch_refusals = 5).await;
    let consultation = Consultation::requested(&app).await;
    let admin = administrator(&app).await;
    let stranger = app.person("sam@example.org", "Sam Stranger", Role::Patient).await;
    for _ in 0..4 {
        stranger.get(&consultation.path("")).await.refused(404, "not_found");
    }
    let look = async || app.app.security.look(app.app.clock.now()).await;
    look().await;
    assert_eq!(admin.get("/api/v1/admin/security-events").await.expect(200), json!([]));
    for _ in 0..2 {
        stranger.get(&consultation.path("")).await.refused(404, "not_found");
        app.wait(Duration::from_secs(1));
        look().await;
    }
    let events = admin.get("/api/v1/admin/security-events").await.expect(200);
    let subject = id_of(&stranger).await;
    let event = &events[0];
    assert_eq!((&event["kind"], &event["subject"]), (&json!("role_probing"), &json!(subject)), "{events}");
    assert_eq!(
        (&event["severity"], &event["count"]),
        (&json!("warning"), &json!(2)),
        "one event, seen twice"
    );
    let path = format!("/api/v1/admin/security-events/{}/acknowledge", event["id"].as_str().unwrap());
    consultation.patient.post(&path, json!({})).await.refused(403, "forbidden");
    admin.post(&path, json!({})).await.expect(204);
    admin.post(&path, json!({})).await.expect(204);
    admin.post(&path.replace("sev_0", "sev_1"), json!({})).await.refused(404, "not_found");
    assert_eq!(admin.get("/api/v1/admin/security-events?state=open").await.expect(200), json!([]));
    let all = admin.get("/api/v1/admin/security-events?state=all").await.expect(200);
    assert!(all[0]["acknowledged_at"].is_i64(), "{all}");
    let text = app.app.metrics.render().unwrap();
    assert!(text.contains("auscult_security_events_total{kind=\"role_probing\"} 1"), "{text}");
    // After a restart the same entries are looked at again, and are no news.
    let app = app.restart().await;
    app.app.security.look(app.app.clock.now()).await;
    let admin = app.sign_in("root@example.org").await;
    assert_eq!(admin.get("/api/v1/admin/security-events?state=open").await.expect(200), json!([]));
}
