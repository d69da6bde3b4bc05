//! What ends together with a session: sockets, calls, tickets; over the real port.
#![expect(clippy::disallowed_methods, reason = "measures how long it takes")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod live;
mod support;

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, header};
use control_plane::domain::audit::{Action, Agent, AuditEntry};
use control_plane::domain::session::Revocation;
use control_plane::domain::user::Role;
use control_plane::ids::UserId;
use live::{Live, Socket, authenticate};
use serde_json::{Value, json};
use support::{Client, Consultation, ORIGIN, PASSWORD, Reply};

/// Whatever is open closes within this.
const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn signing_out_closes_the_socket_takes_the_person_out_of_the_call_and_voids_tickets() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let (mut doctor, _) = live.join(&consultation, &consultation.doctor).await;
    let (mut patient, welcome) = live.join(&consultation, &consultation.patient).await;
    doctor.expect("participant").await;
    let unused = live.ticket(&consultation, &consultation.patient).await;

    let begin = Instant::now();
    consultation.patient.delete("/api/v1/session").await.expect(204);
    assert_eq!(patient.closed().await, (None, 4401));
    assert_eq!(doctor.expect("left").await["id"], welcome["you"]);
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());

    let mut late = live.socket().await;
    late.send(&authenticate(&unused)).await;
    assert_eq!(late.closed().await, (Some("ticket_refused".into()), 4401));
    doctor.send(&json!({"type": "consent", "captions": true})).await;
    doctor.expect("participant").await;
}

/// An API client's `{access_token, refresh_token}`.
async fn tokens(live: &Live) -> Value {
    let body = json!({"email": "pat@example.org", "password": PASSWORD});
    live.app.anonymous().post("/api/v1/tokens", body).await.expect(200)
}

/// A socket that an API client has opened.
async fn socket_of(live: &Live, consultation: &Consultation, pair: &Value) -> Socket {
    let reply = bearer(live, Method::POST, &consultation.path("ticket"), &pair["access_token"]).await;
    let ticket = reply.expect(200)["ticket"].as_str().unwrap().to_owned();
    let mut socket = live.socket().await;
    socket.send(&authenticate(&ticket)).await;
    socket.expect("welcome").await;
    socket
}

async fn bearer(live: &Live, method: Method, path: &str, token: &Value) -> Reply {
    let client = live.app.anonymous();
    let mut request = client.request(method, path, Body::empty());
    let token = format!("Bearer {}", token.as_str().unwrap());
    request.headers_mut().insert(header::AUTHORIZATION, token.parse().unwrap());
    client.send(request).await
}

/// What somebody can have open at the same time.
struct Everything {
    browser: Client,
    pair: Value,
    socket: Socket,
    unused: String,
}

impl Everything {
    async fn of(live: &Live, consultation: &Consultation) -> Self {
        let (browser, pair) = (live.app.sign_in("pat@example.org").await, tokens(live).await);
        let socket = socket_of(live, consultation, &pair).await;
        let unused = live.ticket(consultation, &browser).await;
        Self { browser, pair, socket, unused }
    }

    async fn must_be_over(mut self, live: &Live, how: &str) {
        let begin = Instant::now();
        assert_eq!(self.socket.closed().await, (None, 4401), "{how}");
        assert!(begin.elapsed() < AT_ONCE, "{how}: {:?}", begin.elapsed());
        self.browser.get("/api/v1/session").await.refused(401, "unauthenticated");
        self.browser.get("/api/v1/events").await.refused(401, "unauthenticated");
        let account = bearer(live, Method::GET, "/api/v1/account", &self.pair["access_token"]).await;
        account.refused(401, "unauthenticated");
        let refresh = json!({"refresh_token": self.pair["refresh_token"]});
        live.app.anonymous().post("/api/v1/tokens/refresh", refresh).await.refused(401, "unauthenticated");
        let mut late = live.socket().await;
        late.send(&authenticate(&self.unused)).await;
        assert_eq!(late.closed().await, (Some("ticket_refused".into()), 4401), "{how}");
    }
}

/// Browsers, API clients, sockets and tickets, whichever way it happens.
#[tokio::test]
async fn whatever_ends_all_sessions_ends_everything_that_came_from_them() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let me = consultation.patient.get("/api/v1/session").await.expect(200);
    let id = me["user"]["id"].as_str().unwrap();
    let admin = live.app.person("root@example.org", "Ada Admin", Role::Admin).await;

    let everything = Everything::of(&live, &consultation).await;
    consultation.patient.delete("/api/v1/account/sessions").await.expect(204);
    everything.must_be_over(&live, "signing out everywhere").await;

    let everything = Everything::of(&live, &consultation).await;
    admin.post(&format!("/api/v1/admin/users/{id}/sign-out"), json!({})).await.expect(204);
    everything.must_be_over(&live, "signed out by an administrator").await;

    let everything = Everything::of(&live, &consultation).await;
    admin.post(&format!("/api/v1/admin/users/{id}/deactivate"), json!({})).await.expect(204);
    everything.must_be_over(&live, "deactivated").await;
    let body = json!({"email": "pat@example.org", "password": PASSWORD});
    live.app.anonymous().post("/api/v1/session", body).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn an_api_client_that_signs_out_loses_its_socket() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let pair = tokens(&live).await;
    let mut socket = socket_of(&live, &consultation, &pair).await;
    let begin = Instant::now();
    bearer(&live, Method::DELETE, "/api/v1/tokens", &pair["access_token"]).await.expect(204);
    assert_eq!(socket.closed().await, (None, 4401));
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
}

/// Two hold the token: whoever of them is connected is thrown out.
#[tokio::test]
async fn a_refresh_token_that_is_used_twice_closes_the_sockets_of_its_sign_in() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let first = tokens(&live).await;
    let refresh = json!({"refresh_token": first["refresh_token"]});
    let second = live.app.anonymous().post("/api/v1/tokens/refresh", refresh.clone()).await.expect(200);
    let mut socket = socket_of(&live, &consultation, &second).await;
    let (mut browser, _) = live.join(&consultation, &consultation.doctor).await;
    live.app.wait(Duration::from_secs(3));
    let begin = Instant::now();
    live.app.anonymous().post("/api/v1/tokens/refresh", refresh).await.refused(401, "unauthenticated");
    assert_eq!(socket.closed().await, (None, 4401));
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    browser.expect("left").await;
}

#[tokio::test]
async fn somebody_who_is_being_waited_for_is_not_waited_for_after_signing_out() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let (mut doctor, _) = live.join(&consultation, &consultation.doctor).await;
    let (patient, welcome) = live.join(&consultation, &consultation.patient).await;
    doctor.expect("participant").await;
    patient.vanish();
    assert_eq!(doctor.expect("participant").await["participant"]["presence"], "reconnecting");
    consultation.patient.delete("/api/v1/session").await.expect(204);
    assert_eq!(doctor.expect("left").await["id"], welcome["you"]);
}

#[tokio::test]
async fn revoking_a_person_closes_what_every_session_of_theirs_has_open() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let (mut doctor, _) = live.join(&consultation, &consultation.doctor).await;
    let (mut patient, _) = live.join(&consultation, &consultation.patient).await;
    let other_device = live.app.sign_in("doc@example.org").await;
    let unused = live.ticket(&consultation, &other_device).await;
    let me = other_device.get("/api/v1/session").await.expect(200);
    let user = me["user"]["id"].as_str().unwrap().parse().unwrap();
    live.app.app.revoke(Revocation::User(user)).await;
    assert_eq!(doctor.closed().await, (None, 4401));
    patient.expect("left").await;
    let mut late = live.socket().await;
    late.send(&authenticate(&unused)).await;
    assert_eq!(late.closed().await, (Some("ticket_refused".into()), 4401));
}

/// A revocation may run between the redeeming of a ticket and the opening of its socket.
#[tokio::test]
async fn a_ticket_of_a_session_that_is_gone_from_the_database_opens_nothing() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let (mut doctor, _) = live.join(&consultation, &consultation.doctor).await;
    let ticket = live.ticket(&consultation, &consultation.patient).await;
    let store = &live.app.app.store;
    let me = consultation.patient.get("/api/v1/session").await.expect(200);
    let user: UserId = me["user"]["id"].as_str().unwrap().parse().unwrap();
    let now = live.app.app.clock.now();
    let mut tx = store.begin(store.tenant()).await.unwrap();
    tx.delete_sessions_of(user).await.unwrap();
    tx.commit(AuditEntry::by(Agent::Server, Action::SessionRevoked, user, now)).await.unwrap();
    let mut late = live.socket().await;
    late.send(&authenticate(&ticket)).await;
    assert_eq!(late.closed().await, (None, 4401));
    doctor.expect("participant").await;
    doctor.expect("left").await;
}

#[tokio::test]
async fn an_address_that_names_somebody_else_than_the_ticket_is_refused() {
    let live = Live::start().await;
    let consultation = Consultation::active(&live.app).await;
    let me = consultation.patient.get("/api/v1/session").await.expect(200);
    let (own, id) = (me["user"]["id"].as_str().unwrap(), consultation.id.as_str());
    let other = own.replace(&own[4..12], "00000000");
    for path in [format!("/ws/{id}/{other}"), format!("/ws/{own}/{own}"), format!("/ws/{id}/nobody")] {
        let ticket = live.ticket(&consultation, &consultation.patient).await;
        let mut socket = live.socket_at(&path, Some(ORIGIN)).await.unwrap();
        socket.send(&authenticate(&ticket)).await;
        assert_eq!(socket.closed().await, (None, 4403), "{path}");
    }
    let ticket = live.ticket(&consultation, &consultation.patient).await;
    let mut socket = live.socket_at(&format!("/ws/{id}/{own}"), Some(ORIGIN)).await.unwrap();
    socket.send(&authenticate(&ticket)).await;
    socket.expect("welcome").await;
}
