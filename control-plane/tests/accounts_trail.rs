//! Whatever happens to an account is one line in the trail: not none, not two.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use control_plane::bootstrap;
use control_plane::domain::user::Role;
use serde_json::{Value, json};
use support::authenticator::Authenticator;
use support::smtp::MailServer;
use support::{Client, ORIGIN, PASSWORD, Reply, TestApp};

const SESSION: &str = "/api/v1/session";
const ADA: &str = "ada@example.org";
const NEW: &str = "rain over nine chimneys";

/// The trail, from where it was last looked at.
struct Trail<'a> {
    app: &'a TestApp,
    seen: usize,
}

impl Trail<'_> {
    /// Exactly this was added since the last look.
    #[track_caller]
    fn has_grown_by(&mut self, actions: Vec<String>, expected: &str) {
        assert_eq!(actions[self.seen..], [expected]);
        self.seen = actions.len();
    }

    async fn grew_by(&mut self, expected: &str) {
        self.has_grown_by(self.app.actions().await, expected);
    }

    /// Sends, expects the status, and that this alone was added.
    async fn post(&mut self, client: &Client, path: &str, body: Value, status: u16, action: &str) -> Value {
        let answer = client.post(&format!("/api/v1{path}"), body).await.expect(status);
        self.grew_by(action).await;
        answer
    }

    async fn delete(&mut self, client: &Client, path: &str, action: &str) {
        client.delete(&format!("/api/v1{path}")).await.expect(204);
        self.grew_by(action).await;
    }
}

async fn try_password(app: &TestApp, password: &str) -> Reply {
    app.anonymous().post(SESSION, json!({"email": ADA, "password": password})).await
}

#[tokio::test]
async fn making_an_account_and_choosing_its_password() {
    let mut server = MailServer::start().await;
    let app = TestApp::start_with_mail(&server).await;
    let (mut trail, anyone) = (Trail { app: &app, seen: 0 }, app.anonymous());
    let offers = bootstrap::offer(&app.app.store, app.app.clock.now()).await.unwrap();
    trail.grew_by("account.offer_bootstrap").await;
    let root =
        json!({"secret": offers[0].1, "name": "Root", "email": "root@example.org", "password": PASSWORD});
    trail.post(&anyone, "/bootstrap", root, 201, "account.bootstrap").await;

    let new = json!({"role": "patient", "name": "Ada", "email": ADA, "password": PASSWORD, "specialty": ""});
    for _ in ["made", "taken"] {
        trail.post(&anyone, "/registrations", new.clone(), 201, "account.register").await;
    }
    let (first, _) = (server.next().await, server.next().await);
    let ada = app.sign_in(ADA).await;
    trail.grew_by("session.create").await;
    trail.post(&ada, "/email-verification/resend", json!({}), 204, "account.ask_verification").await;
    app.anonymous()
        .post("/api/v1/email-verification", json!({"token": first.secret()}))
        .await
        .refused(404, "not_found");
    let token = json!({"token": server.next().await.secret()});
    trail.post(&anyone, "/email-verification", token, 204, "account.verify_email").await;

    let change = json!({"current": PASSWORD, "new": NEW});
    ada.put("/api/v1/account/password", change).await.expect(204);
    trail.grew_by("password.change").await;
    server.next().await;
    for email in ["nobody@example.org", ADA] {
        trail.post(&anyone, "/password-reset", json!({"email": email}), 204, "password.ask_reset").await;
    }
    let reset = json!({"token": server.next().await.secret(), "password": PASSWORD});
    trail.post(&anyone, "/password-reset/confirm", reset, 204, "password.reset").await;
}

#[tokio::test]
async fn signing_in_and_out() {
    let app = TestApp::start().await;
    app.add_user(ADA, "Ada", Role::Patient).await;
    let mut trail = Trail { app: &app, seen: app.actions().await.len() };
    let ada = app.sign_in(ADA).await;
    trail.grew_by("session.create").await;
    trail.post(&ada, "/session/confirm", json!({"password": PASSWORD}), 204, "session.confirm").await;
    trail.post(&ada, "/session/confirm", json!({"password": "wrong"}), 422, "session.refuse").await;
    trail.delete(&ada, "/session", "session.end").await;
    let [one, two] = [app.sign_in(ADA).await, app.sign_in(ADA).await];
    trail.seen += 2;
    let devices = two.get("/api/v1/account/sessions").await.expect(200);
    trail.grew_by("user.read").await;
    let other = devices.as_array().unwrap().iter().find(|device| device["current"] == false).unwrap();
    trail
        .delete(&two, &format!("/account/sessions/{}", other["id"].as_str().unwrap()), "session.revoke")
        .await;
    one.get(SESSION).await.refused(401, "unauthenticated");
    trail.delete(&two, "/account/sessions", "session.revoke").await;
    for expected in ["session.refuse", "session.refuse", "session.refuse", "session.refuse", "session.lock"] {
        try_password(&app, "wrong").await.refused(401, "unauthenticated");
        trail.grew_by(expected).await;
    }
    try_password(&app, PASSWORD).await.refused(401, "unauthenticated");
    trail.grew_by("session.refuse").await;
}

#[tokio::test]
async fn second_factors() {
    let app = TestApp::start().await;
    let ada = app.person(ADA, "Ada", Role::Patient).await;
    let (mut trail, anyone) = (Trail { app: &app, seen: app.actions().await.len() }, app.anonymous());
    let begun = trail.post(&ada, "/account/totp", json!({}), 200, "totp.begin").await;
    let first = json!({"code": app.totp_code(&begun["secret"])});
    let codes = trail.post(&ada, "/account/totp/confirm", first, 200, "totp.enrol").await;
    app.wait(Duration::from_secs(30));
    for (method, code, status, action) in [
        ("totp", app.totp_code(&begun["secret"]), 200, "session.create"),
        ("totp", app.totp_code(&begun["secret"]), 401, "session.refuse"),
        ("recovery", codes["recovery_codes"][0].as_str().unwrap().into(), 200, "recovery.use"),
        ("recovery", codes["recovery_codes"][0].as_str().unwrap().into(), 401, "session.refuse"),
    ] {
        let asked = try_password(&app, PASSWORD).await.expect(202);
        trail.grew_by("session.ask_second_step").await;
        let answer = json!({"challenge": asked["challenge"], "method": method, "code": code});
        trail.post(&anyone, "/session/second-step", answer, status, action).await;
    }
    app.wait(Duration::from_secs(30));
    let by_code = json!({"code": app.totp_code(&begun["secret"])});
    trail.post(&ada, "/session/confirm", by_code.clone(), 204, "session.confirm").await;
    trail.post(&ada, "/session/confirm", by_code, 422, "session.refuse").await;
    trail.post(&ada, "/account/recovery-codes", json!({}), 200, "recovery.make").await;
    trail.delete(&ada, "/account/totp", "totp.remove").await;
}

#[tokio::test]
async fn passkeys_and_a_licence() {
    let app = TestApp::start().await;
    let doctor = app.unverified_doctor("nina@example.org").await;
    let mut trail = Trail { app: &app, seen: app.actions().await.len() };
    let asked = doctor.post("/api/v1/account/passkeys/challenge", json!({})).await.expect(200);
    let credential = Authenticator::new(ORIGIN).create(&asked["options"]);
    let body = json!({"challenge_id": asked["challenge_id"], "label": "Laptop", "credential": credential});
    let kept = trail.post(&doctor, "/account/passkeys", body, 201, "passkey.add").await;
    let id = kept["id"].as_str().unwrap();
    trail.delete(&doctor, &format!("/account/passkeys/{id}"), "passkey.remove").await;
    let licence = Body::from("%PDF-1.7 a licence");
    let request = doctor.request(Method::POST, "/api/v1/account/verification", licence);
    doctor.send(request).await.expect(201);
    trail.grew_by("verification.submit").await;
    doctor.get("/api/v1/account/verification").await.expect(200);
    trail.grew_by("verification.read").await;
}

#[tokio::test]
async fn tokens_of_api_clients() {
    let app = TestApp::start().await;
    app.add_user(ADA, "Ada", Role::Patient).await;
    let (mut trail, anyone) = (Trail { app: &app, seen: app.actions().await.len() }, app.anonymous());
    let sign_in = json!({"email": ADA, "password": PASSWORD});
    let first = trail.post(&anyone, "/tokens", sign_in, 200, "token.issue").await;
    let used = json!({"refresh_token": first["refresh_token"]});
    let second = trail.post(&anyone, "/tokens/refresh", used.clone(), 200, "token.refresh").await;
    let next = json!({"refresh_token": second["refresh_token"]});
    trail.post(&anyone, "/tokens/refresh", next, 200, "token.refresh").await;
    trail.post(&anyone, "/tokens/refresh", used, 401, "token.reuse").await;
}
