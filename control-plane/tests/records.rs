//! What is kept: sealed on disk, audited, readable after a restart, refused after tampering.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::path::Path;

use control_plane::app::App;
use control_plane::domain::transcript::{EntryState, NewCaption};
use control_plane::ids::ConsultationId;
use media_server::ParticipantId;
use media_server::transcription::CaptionText;
use serde_json::json;
use sqlx::Row as _;
use support::{Consultation, REASON, TestApp};

const WORDS: [&str; 3] = ["the florbinax started hurting", "take two quillodine tablets", ""];

/// Appends `WORDS`, alternating patient and doctor; the last is a gap.
async fn speak(app: &App, consultation: &Consultation) {
    let (tenant, id) = (app.store.tenant(), consultation.id.parse().unwrap());
    let speakers = [
        participant(&consultation.patient, consultation).await,
        participant(&consultation.doctor, consultation).await,
    ];
    for (index, words) in WORDS.iter().enumerate() {
        let caption = caption(speakers[index % 2], index as u64, words);
        assert!(app.store.append_caption(tenant, id, &caption, app.clock.now()).await.unwrap());
        let again = app.store.append_caption(tenant, id, &caption, app.clock.now()).await.unwrap();
        assert!(!again, "idempotent");
    }
}

fn caption(participant: ParticipantId, utterance: u64, words: &str) -> NewCaption {
    let start_ms = i64::try_from(utterance).unwrap() * 2000;
    NewCaption {
        participant,
        utterance,
        state: if words.is_empty() { EntryState::Gap } else { EntryState::Final },
        start_ms,
        end_ms: start_ms + 1500,
        text: CaptionText::new(words.into()),
        model: "test model".into(),
        demonstration: utterance == 0,
    }
}

async fn participant(client: &support::Client, consultation: &Consultation) -> ParticipantId {
    let view = client.get(&consultation.path("")).await.expect(200);
    view["participant_id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_transcript_is_read_by_its_people_and_survives_a_restart() {
    let app = TestApp::start().await;
    let consultation = Consultation::requested(&app).await;
    consultation.patient.get(&consultation.path("transcript")).await.refused(409, "wrong_state");
    consultation.doctor.get(&consultation.path("transcript")).await.refused(403, "forbidden");
    for step in ["accept", "start"] {
        consultation.doctor.post(&consultation.path(step), json!({})).await.expect(200);
    }
    speak(&app.app, &consultation).await;
    consultation.doctor.post(&consultation.path("end"), json!({})).await.expect(200);
    let before = consultation.doctor.get(&consultation.path("transcript")).await.expect(200);

    let app = app.restart().await;
    let patient = app.sign_in("pat@example.org").await;
    let after = patient.get(&consultation.path("transcript")).await.expect(200);
    assert_eq!(after["entries"], before["entries"]);
    let expected = json!([
        {"speaker": "Pat Patient", "kind": "patient", "start_ms": 0, "end_ms": 1500, "state": "final", "text": WORDS[0]},
        {"speaker": "Dora Doctor", "kind": "doctor", "start_ms": 2000, "end_ms": 3500, "state": "final", "text": WORDS[1]},
        {"speaker": "Pat Patient", "kind": "patient", "start_ms": 4000, "end_ms": 5500, "state": "gap", "text": ""},
    ]);
    assert_eq!(after["entries"], expected);
    assert_eq!((&after["model"], &after["demonstration"]), (&json!("test model"), &json!(true)));
    assert_eq!(after["consultation"]["reason"], REASON);
}

#[tokio::test]
async fn a_newcomer_sees_the_newest_captions_oldest_first() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    speak(&app.app, &consultation).await;
    let ticket = consultation.patient.post(&consultation.path("ticket"), json!({})).await.expect(200);
    let now = app.app.clock.now();
    let grant = app.app.tickets.redeem(ticket["ticket"].as_str().unwrap(), now).unwrap();
    let (store, id) = (&app.app.store, grant.consultation);
    let (tenant, reader) = (grant.tenant, grant.participant);
    let recent = store.recent_captions(&grant.access, tenant, id, reader, 2, now).await.unwrap();
    let texts: Vec<_> = recent.iter().map(|kept| kept.caption.text.reveal()).collect();
    assert_eq!(texts, WORDS[1..]);
    assert!(store.is_active(store.tenant(), id).await.unwrap());
    let missing = ConsultationId::generate();
    assert!(!store.is_active(store.tenant(), missing).await.unwrap());
}

/// Every file of the installation except the keys, as bytes.
fn bytes_on_disk(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    files
}

#[tokio::test]
async fn no_spoken_word_and_no_reason_is_on_the_disk() {
    let app = TestApp::start_on_sqlite().await;
    let consultation = Consultation::active(&app).await;
    speak(&app.app, &consultation).await;
    let secret = consultation.patient.cookie.clone().unwrap();
    let secret = secret.split('=').nth(1).unwrap();
    let needles =
        ["florbinax", "quillodine", "zyrtembix", "Pat Patient", "pat@example", secret, support::PASSWORD];
    let search = |files: &[(String, Vec<u8>)], needle: &str| {
        files.iter().any(|(_, bytes)| bytes.windows(needle.len()).any(|window| window == needle.as_bytes()))
    };
    let files = bytes_on_disk(app.folder.path());
    assert!(
        files.iter().any(|(name, bytes)| name.ends_with("-wal") && !bytes.is_empty()),
        "the log is searched too"
    );
    assert!(search(&files, "Dermatology"), "the search finds what is plain");
    for needle in needles {
        assert!(!search(&files, needle), "{needle} is readable while running");
    }
    consultation.doctor.post(&consultation.path("end"), json!({})).await.expect(200);
    let app = app.restart().await;
    let files = bytes_on_disk(app.folder.path());
    for needle in needles {
        assert!(!search(&files, needle), "{needle} is readable after a restart");
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "somebody who tampers uses SQL")]
async fn a_sealed_record_that_was_changed_or_moved_is_refused_in_clear_words() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    speak(&app.app, &consultation).await;
    let database = app.intruder().await;
    let rows = sqlx::query("SELECT id, participant_id, body FROM captions ORDER BY start_ms")
        .fetch_all(&database)
        .await
        .unwrap();
    let column = |row: usize, name: &str| rows[row].get::<String, _>(name);
    let body = |row: usize| rows[row].get::<Vec<u8>, _>("body");
    let set_body = |id: String, body: Vec<u8>| {
        sqlx::query("UPDATE captions SET body = $2 WHERE id = $1").bind(id).bind(body).execute(&database)
    };
    let path = consultation.path("transcript");

    let mut flipped = body(0);
    *flipped.last_mut().unwrap() ^= 1;
    for bad in [flipped, body(1), body(0)[..40].to_vec(), Vec::new()] {
        set_body(column(0, "id"), bad).await.unwrap();
        let refused = consultation.patient.get(&path).await;
        assert!(refused.text.contains("changed or moved outside Auscult"), "{}", refused.text);
        refused.refused(500, "internal");
    }
    set_body(column(0, "id"), body(0)).await.unwrap();
    consultation.patient.get(&path).await.expect(200);

    // Words put into another mouth.
    sqlx::query("UPDATE captions SET participant_id = $2 WHERE id = $1")
        .bind(column(0, "id"))
        .bind(column(1, "participant_id"))
        .execute(&database)
        .await
        .unwrap();
    consultation.patient.get(&path).await.refused(500, "internal");
}

#[tokio::test]
async fn another_master_key_does_not_open_the_database() {
    let app = TestApp::start().await;
    Consultation::requested(&app).await;
    let (config, clock) = (app.app.config.clone(), app.app.clock.clone());
    std::fs::write(config.data.keys_folder().join("master.key"), [9; 32]).unwrap();
    let error = control_plane::app::open_store(&config, &clock).await.err().unwrap();
    assert!(format!("{error:#}").contains("restore the master.key"), "{error:#}");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "looks at the table that no route shows yet")]
async fn every_step_leaves_exactly_one_line_in_the_trail() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let (doctor, patient) = (&consultation.doctor, &consultation.patient);
    speak(&app.app, &consultation).await;
    let speaker = participant(patient, &consultation).await;
    let (store, now) = (&app.app.store, app.app.clock.now());
    let (tenant, id) = (store.tenant(), consultation.id.parse().unwrap());
    for given in [true, false] {
        store.record_consent(tenant, id, speaker, given, now).await.unwrap();
        store.record_presence(tenant, id, speaker, given, now).await.unwrap();
    }
    patient.post(&consultation.path("ticket"), json!({})).await.expect(200);
    doctor.post(&consultation.path("invites"), json!({"label": "x"})).await.expect(201);
    // Refused: nothing is done, nothing is written.
    doctor.post(&consultation.path("cancel"), json!({})).await.refused(409, "wrong_state");
    doctor.post(&consultation.path("end"), json!({})).await.expect(200);
    patient.get(&consultation.path("transcript")).await.expect(200);
    patient.get("/api/v1/consultations").await.expect(200);
    let wrong = json!({"email": "pat@example.org", "password": "wrong password"});
    app.anonymous().post("/api/v1/session", wrong).await.refused(401, "unauthenticated");
    doctor.delete("/api/v1/session").await.expect(204);

    let database = app.intruder().await;
    let rows = sqlx::query("SELECT seq, actor, action, subject, purpose, address FROM audit ORDER BY seq")
        .fetch_all(&database)
        .await
        .unwrap();
    let actions: Vec<String> = rows.iter().map(|row| row.get("action")).collect();
    let expected = "user.create session.create user.create session.create consultation.request consultation.accept \
        consultation.start consultation.read consultation.read caption.keep caption.keep caption.keep \
        consultation.read consent.give participant.join consent.withdraw participant.leave ticket.issue \
        invite.create consultation.end transcript.read consultation.list session.refuse session.end";
    assert_eq!(actions.join(" "), expected);
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row.get::<i64, _>("seq"), i64::try_from(index).unwrap() + 1, "no gap");
        let line = format!(
            "{} {} {}",
            row.get::<String, _>("actor"),
            row.get::<String, _>("subject"),
            row.get::<String, _>("address")
        );
        assert!(!line.contains("Pat") && !line.contains("example.org"), "ids only: {line}");
    }
    let accept = &rows[5];
    assert!(accept.get::<String, _>("actor").starts_with("usr_"));
    assert_eq!(accept.get::<String, _>("subject"), consultation.id);
    assert_eq!(
        (accept.get::<String, _>("purpose"), accept.get::<String, _>("address")),
        ("TREAT".into(), "192.0.2.1".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_at_once_lose_nothing() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let speaker = participant(&consultation.patient, &consultation).await;
    let (store, now) = (&app.app.store, app.app.clock.now());
    let (tenant, id) = (store.tenant(), consultation.id.parse().unwrap());
    let writes = (0..200).map(|utterance| {
        let caption = caption(speaker, utterance, "words");
        async move { store.append_caption(tenant, id, &caption, now).await }
    });
    let reads = (0..20).map(|_| consultation.patient.get("/api/v1/session"));
    let (kept, read) = tokio::join!(futures::future::join_all(writes), futures::future::join_all(reads));
    assert!(kept.iter().all(|kept| matches!(kept, Ok(true))));
    assert!(read.iter().all(|reply| reply.status.is_success()));
    let transcript = consultation.patient.get(&consultation.path("transcript")).await.expect(200);
    assert_eq!(transcript["entries"].as_array().unwrap().len(), 200);
}
