//! A doctor is deactivated in the middle of a consultation: it goes on with another one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "other test files use the rest of it")]
mod live;
mod support;

use control_plane::domain::transcript::{EntryState, NewCaption};
use control_plane::domain::user::Role;
use live::{Frame, Live};
use media_server::ParticipantId;
use media_server::transcription::CaptionText;
use serde_json::{Value, json};
use support::{Client, Consultation};

async fn id_of(client: &Client) -> String {
    client.get("/api/v1/session").await.expect(200)["user"]["id"].as_str().unwrap().to_owned()
}

async fn notices(client: &Client) -> Vec<Value> {
    let list = client.get("/api/v1/notices").await.expect(200);
    list.as_array().unwrap().iter().map(|notice| notice["kind"].clone()).collect()
}

/// What the doctor says, as captions keep it.
async fn say(live: &Live, consultation: &Consultation, speaker: &Value, words: &str) {
    let store = &live.app.app.store;
    let caption = NewCaption {
        participant: speaker.as_str().unwrap().parse::<ParticipantId>().unwrap(),
        utterance: 1,
        state: EntryState::Final,
        start_ms: 0,
        end_ms: 1000,
        model: "test".into(),
        demonstration: false,
        text: CaptionText::new(words.into()),
    };
    let (id, now) = (consultation.id.parse().unwrap(), live.app.app.clock.now());
    assert!(store.append_caption(store.tenant(), id, &caption, now).await.unwrap());
}

#[tokio::test]
async fn a_deactivated_doctors_consultation_goes_on_with_another_one() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let (patient, doctor) = (&consultation.patient, &consultation.doctor);
    let admin = live.app.person("root@example.org", "Ada Admin", Role::Admin).await;
    let other = live.app.person("otto@example.org", "Otto Other", Role::Doctor).await;
    let third = live.app.person("tess@example.org", "Tess Third", Role::Doctor).await;
    let (of_doctor, of_other, of_third) = (id_of(doctor).await, id_of(&other).await, id_of(&third).await);
    let assign = format!("/api/v1/admin/consultations/{}/assign", consultation.id);
    let (mut at_patient, _) = live.join(&consultation, patient).await;
    let (mut at_doctor, welcome) = live.join(&consultation, doctor).await;
    at_patient.expect("participant").await;
    say(&live, &consultation, &welcome["you"], "Take a deep breath").await;

    admin.post(&assign, json!({"doctor_id": of_other})).await.refused(409, "wrong_state");
    let switch = async |id: &str, how: &str| {
        admin.post(&format!("/api/v1/admin/users/{id}/{how}"), json!({})).await.expect(204);
    };
    switch(&of_doctor, "deactivate").await;
    assert_eq!(at_doctor.closed().await, (None, 4401));
    at_patient.expect("left").await;

    let given = admin.post(&assign, json!({"doctor_id": of_other})).await.expect(200);
    assert_eq!(
        (&given["state"], &given["doctor"]["name"], &given["reason"]),
        (&json!("active"), &json!("Otto Other"), &json!(""))
    );
    assert_eq!(notices(patient).await, ["consultation_assigned"]);
    assert_eq!(notices(&other).await, ["consultation_assigned"]);
    let (mut at_other, welcome) = live.join(&consultation, &other).await;
    assert_eq!(welcome["captions"][0]["text"], "Take a deep breath");
    let joined = at_patient.expect("participant").await;
    assert_eq!(
        (&joined["participant"]["name"], &joined["participant"]["kind"]),
        (&json!("Otto Other"), &json!("doctor"))
    );

    // Back in the clinic, and out of this consultation.
    switch(&of_doctor, "reactivate").await;
    let back = live.app.sign_in("doc@example.org").await;
    for path in ["", "transcript"] {
        back.get(&consultation.path(path)).await.refused(404, "not_found");
    }
    back.post(&consultation.path("ticket"), json!({})).await.refused(404, "not_found");
    assert_eq!(back.get("/api/v1/consultations").await.expect(200), json!([]));
    assert_eq!(back.get("/api/v1/patients").await.expect(200), json!([]));

    // Whoever had it before can have it again.
    switch(&of_other, "deactivate").await;
    assert_eq!(at_other.closed().await, (None, 4401));
    admin.post(&assign, json!({"doctor_id": of_doctor})).await.expect(200);
    admin.post(&assign, json!({"doctor_id": of_third})).await.refused(409, "wrong_state");
    back.post(&consultation.path("end"), json!({})).await.expect(200);
    assert!(matches!(at_patient.next().await, Frame::Message(told) if told["type"] == "left"));
    at_patient.expect("ended").await;
    let transcript = patient.get(&consultation.path("transcript")).await.expect(200);
    assert_eq!(transcript["entries"][0]["speaker"], "Dora Doctor");
    let actions = live.app.actions().await;
    assert_eq!(actions.iter().filter(|action| *action == "consultation.assign").count(), 2);
}
