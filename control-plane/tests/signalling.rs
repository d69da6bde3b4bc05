//! The signalling socket over the real port: who gets in, what is refused, what everybody is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod live;
mod support;

use std::time::Duration;

use live::{Frame, Live, authenticate};
use serde_json::json;
use support::{Consultation, ORIGIN};

#[tokio::test]
async fn a_ticket_opens_one_socket_once() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let ticket = live.ticket(&consultation, &consultation.doctor).await;
    let mut first = live.socket().await;
    first.send(&authenticate(&ticket)).await;
    let welcome = first.expect("welcome").await;
    assert_eq!(welcome["consultation"], consultation.id.as_str());
    assert_eq!(welcome["participants"].as_array().unwrap().len(), 1);
    assert_eq!(welcome["participants"][0]["id"], welcome["you"]);
    assert_eq!(welcome["participants"][0]["captioned"], false, "off until the person says yes");
    assert_eq!(welcome["session_open"], false);

    let mut second = live.socket().await;
    second.send(&authenticate(&ticket)).await;
    assert_eq!(second.closed().await, (Some("ticket_refused".into()), 4401));
}

#[tokio::test]
async fn an_old_ticket_is_refused() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let ticket = live.ticket(&consultation, &consultation.doctor).await;
    live.app.wait(Duration::from_secs(30));
    let mut socket = live.socket().await;
    socket.send(&authenticate(&ticket)).await;
    assert_eq!(socket.closed().await, (Some("ticket_refused".into()), 4401));
}

#[tokio::test]
async fn a_page_of_another_site_gets_no_socket() {
    let live = Live::start().await;
    for origin in [Some("https://evil.example"), Some("null"), None] {
        assert_eq!(live.socket_from(origin).await.err(), Some(403), "{origin:?}");
    }
    assert!(live.socket_from(Some(ORIGIN)).await.is_ok());
}

#[tokio::test]
async fn whoever_does_not_authenticate_first_and_in_time_is_sent_away() {
    let live = Live::start().await;
    let mut silent = live.socket().await;
    let mut impatient = live.socket().await;
    impatient.send(&json!({"type": "leave"})).await;
    assert_eq!(impatient.closed().await, (Some("malformed_message".into()), 4400));
    let mut old = live.socket().await;
    old.send(&json!({"type": "authenticate", "version": 0, "ticket": "x"})).await;
    assert_eq!(old.closed().await, (Some("version_mismatch".into()), 4400));
    assert_eq!(silent.closed().await, (Some("ticket_refused".into()), 4401), "after three seconds");
}

#[tokio::test]
async fn messages_that_break_the_rules_close_the_socket_with_a_reason() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let oversize = json!({"type": "mute", "source": "x".repeat(70_000), "muted": true}).to_string();
    let tile = json!({"participant": format!("par_{:032x}", 1), "source": "camera", "width": 1, "height": 1});
    let too_many = json!({"type": "view", "tiles": vec![tile; 65]}).to_string();
    for bad in [
        "not json",
        r#"{"type":"dance"}"#,
        r#"{"type":"mute","source":"microphone","muted":true,"extra":1}"#,
        r#"{"type":"authenticate","version":1,"ticket":"again"}"#,
        r#"{"type":"view","tiles":[{"participant":"par_x","source":"camera","width":1,"height":1}]}"#,
        r#"{"type":"view","tiles":[{"participant":"par_x","source":"camera","width":-1,"height":1}]}"#,
        &too_many,
        &oversize,
    ] {
        let (mut socket, _) = live.join(&consultation, &consultation.doctor).await;
        socket.send_text(bad).await;
        let shown = &bad[..bad.len().min(40)];
        assert_eq!(socket.closed().await, (Some("malformed_message".into()), 4400), "{shown}");
    }
}

#[tokio::test]
async fn too_many_messages_close_the_socket() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let (mut socket, _) = live.join(&consultation, &consultation.doctor).await;
    for request in 0..60 {
        socket.send(&json!({"type": "negotiated", "request": request})).await;
    }
    assert_eq!(socket.closed().await, (Some("too_many_messages".into()), 4400));
}

#[tokio::test]
async fn a_second_tab_takes_over_and_nobody_sees_a_twin() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let (mut doctor, _) = live.join(&consultation, &consultation.doctor).await;
    let (mut first, one) = live.join(&consultation, &consultation.patient).await;
    doctor.expect("participant").await;
    let (_second, two) = live.join(&consultation, &consultation.patient).await;
    assert_eq!(one["you"], two["you"]);
    assert_eq!(two["participants"].as_array().unwrap().len(), 2);
    assert_eq!(first.closed().await, (Some("replaced".into()), 4409));
    assert_eq!(doctor.expect("participant").await["participant"]["presence"], "joined");
}

#[tokio::test]
async fn everybody_is_told_about_joining_muting_consent_and_leaving() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let (mut doctor, _) = live.join(&consultation, &consultation.doctor).await;
    let (mut patient, welcome) = live.join(&consultation, &consultation.patient).await;
    let joined = doctor.expect("participant").await["participant"].clone();
    assert_eq!((&joined["id"], &joined["name"]), (&welcome["you"], &json!("Pat Patient")));
    assert_eq!(joined["kind"], "patient");

    patient.send(&json!({"type": "consent", "captions": true})).await;
    for socket in [&mut doctor, &mut patient] {
        assert_eq!(socket.expect("participant").await["participant"]["captioned"], true);
    }
    patient.send(&json!({"type": "consent", "captions": false})).await;
    for socket in [&mut doctor, &mut patient] {
        assert_eq!(socket.expect("participant").await["participant"]["captioned"], false);
    }
    patient.send(&json!({"type": "leave"})).await;
    let left = doctor.expect("left").await;
    assert_eq!((&left["id"], &left["reason"]), (&welcome["you"], &json!("left")));
    assert_eq!(patient.closed().await, (None, 1000));
}

#[tokio::test]
async fn a_lost_browser_is_waited_for_and_then_gone() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let (mut doctor, _) = live.join(&consultation, &consultation.doctor).await;
    let (mut patient, _) = live.join(&consultation, &consultation.patient).await;
    doctor.expect("participant").await;
    patient.send(&json!({"type": "consent", "captions": true})).await;
    doctor.expect("participant").await;
    patient.vanish();
    assert_eq!(doctor.expect("participant").await["participant"]["presence"], "reconnecting");

    live.app.wait(Duration::from_secs(14));
    let (patient, welcome) = live.join(&consultation, &consultation.patient).await;
    let back = doctor.expect("participant").await["participant"].clone();
    assert_eq!((&back["id"], &back["presence"]), (&welcome["you"], &json!("joined")));
    assert_eq!(back["captioned"], true, "the same person with the same consent");

    patient.vanish();
    assert_eq!(doctor.expect("participant").await["participant"]["presence"], "reconnecting");
    live.app.wait(Duration::from_secs(15));
    let left = doctor.expect("left").await;
    assert_eq!((&left["id"], &left["reason"]), (&welcome["you"], &json!("connection_lost")));
}

#[tokio::test]
async fn the_end_is_told_to_everybody_and_closes_the_door() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let (mut doctor, _) = live.join(&consultation, &consultation.doctor).await;
    let (mut patient, _) = live.join(&consultation, &consultation.patient).await;
    doctor.expect("participant").await;
    let unused = live.ticket(&consultation, &consultation.patient).await;
    consultation.doctor.post(&consultation.path("end"), json!({})).await.expect(200);
    for socket in [&mut doctor, &mut patient] {
        socket.expect("ended").await;
        assert_eq!(socket.next().await, Frame::Closed(4410));
    }
    let mut late = live.socket().await;
    late.send(&authenticate(&unused)).await;
    assert_eq!(late.closed().await, (Some("consultation_not_active".into()), 4411));
}

#[tokio::test]
async fn an_offer_that_makes_no_sense_is_refused_and_the_call_goes_on() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let (mut doctor, _) = live.join(&consultation, &consultation.doctor).await;
    let offer = json!({"request": 7, "sdp": "v=nonsense", "publish": [], "subscribe": []});
    for kind in ["connect", "renegotiate"] {
        doctor.send(&json!({"type": kind, "offer": offer})).await;
        let refused = doctor.expect("error").await;
        assert_eq!(refused["request"], 7, "{refused}");
    }
    doctor.send(&json!({"type": "consent", "captions": true})).await;
    doctor.expect("participant").await;
}

#[tokio::test]
async fn a_shutdown_is_told_and_a_draining_server_lets_nobody_in() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let (mut doctor, _) = live.join(&consultation, &consultation.doctor).await;
    let unused = live.ticket(&consultation, &consultation.patient).await;
    let mut waiting = live.socket().await;
    live.app.app.hub.close_all();
    assert_eq!(doctor.closed().await, (Some("server_shutting_down".into()), 1001));
    waiting.send(&authenticate(&unused)).await;
    assert_eq!(waiting.closed().await, (Some("server_shutting_down".into()), 1001));
}
