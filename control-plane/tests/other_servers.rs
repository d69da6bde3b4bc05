//! Two servers on one database: what ends a session on one of them closes what it has open on the other.
#![expect(clippy::disallowed_methods, reason = "measures how long it takes")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "other test files use the rest of it")]
mod live;
mod support;

use std::time::{Duration, Instant};

use control_plane::config::HttpConfig;
use control_plane::domain::audit::{Action, Agent, AuditEntry};
use control_plane::domain::user::Role;
use control_plane::ids::UserId;
use live::{Frame, Live, Socket, authenticate};
use serde_json::json;
use support::events::Events;
use support::{Client, Consultation, PASSWORD, TestApp};

/// Whatever is open closes within this.
const AT_ONCE: Duration = Duration::from_secs(1);
/// A microphone alone.
const OFFER: &str = include_str!("../../media-server/fuzz/corpus/sdp_offer/audio_only");

/// Connections to the media node that exist; it counts them once a second.
async fn media_sessions(app: &TestApp, expected: u64) {
    let operator = Client { address: "127.0.0.1".into(), ..app.anonymous() };
    let line = format!("auscult_media_sessions {expected}\n");
    for _ in 0..60 {
        if operator.get("/metrics").await.text.contains(&line) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never {line}");
}

/// What a patient in a call has open.
struct Open {
    socket: Socket,
    events: Events,
    unused: String,
}

impl Open {
    async fn at(live: &Live, consultation: &Consultation, doctor: &mut Socket) -> Self {
        let patient = live.app.sign_in("pat@example.org").await;
        let (mut socket, _) = live.join(consultation, &patient).await;
        let publish = json!([{"mid": "gRD", "source": "microphone"}]);
        let offer = json!({"request": 1, "sdp": OFFER, "publish": publish, "subscribe": []});
        socket.send(&json!({"type": "connect", "offer": offer})).await;
        until(&mut socket, "answer").await;
        until(doctor, "participant").await;
        let (events, unused) = (Events::of(&patient).await, live.ticket(consultation, &patient).await);
        media_sessions(&live.app, 1).await;
        Self { socket, events, unused }
    }

    async fn must_be_over(mut self, live: &Live, doctor: &mut Socket, since: Instant, how: &str) {
        assert_eq!(self.socket.closed().await, (None, 4401), "{how}");
        self.events.expect("signed_out").await;
        assert_eq!(self.events.next().await, None, "{how}");
        until(doctor, "left").await;
        assert!(since.elapsed() < AT_ONCE, "{how}: {:?}", since.elapsed());
        let mut late = live.socket().await;
        late.send(&authenticate(&self.unused)).await;
        assert_eq!(late.closed().await, (Some("ticket_refused".into()), 4401), "{how}");
        media_sessions(&live.app, 0).await;
    }
}

/// Skips what is told besides.
async fn until(socket: &mut Socket, kind: &str) {
    while let Frame::Message(message) = socket.next().await {
        assert_ne!(message["type"], "error", "{message}");
        if message["type"] == kind {
            return;
        }
    }
    panic!("closed before {kind}");
}

#[tokio::test]
async fn what_is_ended_on_one_server_is_closed_on_the_other() {
    let here = Live::of(TestApp::start_now().await, HttpConfig::default()).await;
    let consultation = Consultation::active(&here.app).await;
    let there = here.app.beside().await;
    let admin = there.person("root@example.org", "Ada Admin", Role::Admin).await;
    let me = consultation.patient.get("/api/v1/session").await.expect(200);
    let id = me["user"]["id"].as_str().unwrap().to_owned();
    let (mut doctor, _) = here.join(&consultation, &consultation.doctor).await;

    let open = Open::at(&here, &consultation, &mut doctor).await;
    let begin = Instant::now();
    consultation.patient.led_to(&there).delete("/api/v1/account/sessions").await.expect(204);
    open.must_be_over(&here, &mut doctor, begin, "signed out everywhere").await;

    let open = Open::at(&here, &consultation, &mut doctor).await;
    let begin = Instant::now();
    admin.post(&format!("/api/v1/admin/users/{id}/sign-out"), json!({})).await.expect(204);
    open.must_be_over(&here, &mut doctor, begin, "signed out by an administrator").await;

    // As a command without a server does it: nobody but the database is told.
    let open = Open::at(&here, &consultation, &mut doctor).await;
    let begin = Instant::now();
    let (store, now, user) = (&there.app.store, there.app.clock.now(), id.parse::<UserId>().unwrap());
    let mut tx = store.begin(store.tenant()).await.unwrap();
    tx.delete_sessions_of(user).await.unwrap();
    tx.commit(AuditEntry::by(Agent::Server, Action::SessionRevoked, user, now)).await.unwrap();
    open.must_be_over(&here, &mut doctor, begin, "ended in the database").await;

    let open = Open::at(&here, &consultation, &mut doctor).await;
    let begin = Instant::now();
    admin.post(&format!("/api/v1/admin/users/{id}/deactivate"), json!({})).await.expect(204);
    open.must_be_over(&here, &mut doctor, begin, "deactivated").await;
    let body = json!({"email": "pat@example.org", "password": PASSWORD});
    here.app.anonymous().post("/api/v1/session", body).await.refused(401, "unauthenticated");
    there.stop().await;
}

/// More than one statement asks for, and only what is gone is named.
#[tokio::test]
async fn sessions_that_are_gone_are_found_among_many() {
    let app = TestApp::start().await;
    let (patient, doctor) = (app.patient().await, app.doctor().await);
    let store = &app.app.store;
    let mut own = Vec::new();
    for client in [&patient, &doctor] {
        let devices = client.get("/api/v1/account/sessions").await.expect(200);
        own.push(devices[0]["id"].as_str().unwrap().parse().unwrap());
    }
    let strangers: Vec<_> = (0..1200).map(|_| control_plane::ids::SessionId::generate()).collect();
    let asked: Vec<_> = [&own[..1], &strangers[..], &own[1..]].concat();
    assert_eq!(store.ended_sessions(store.tenant(), &asked).await.unwrap(), strangers);
    assert_eq!(store.ended_sessions(store.tenant(), &[]).await.unwrap(), []);
    patient.delete("/api/v1/session").await.expect(204);
    assert_eq!(store.ended_sessions(store.tenant(), &own).await.unwrap(), [own[0]]);
}
