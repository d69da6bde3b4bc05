//! Where the clinic wants a second factor of a role, and what a password alone is worth where somebody has one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, header};
use control_plane::domain::user::Role;
use serde_json::{Value, json};
use support::authenticator::Authenticator;
use support::smtp::MailServer;
use support::{Client, ORIGIN, PASSWORD, Reply, TestApp};

const SESSION: &str = "/api/v1/session";
const TOTP: &str = "/api/v1/account/totp";
const TOKENS: &str = "/api/v1/tokens";
const ROOT: &str = "root@example.org";
const DORA: &str = "doc@example.org";

/// A clinic that wants one of administrators and doctors.
async fn strict() -> TestApp {
    TestApp::start_with(|config| {
        config.accounts.second_factor_roles = vec!["admin".into(), "doctor".into()];
    })
    .await
}

/// Method, route and body of what each of them works with.
fn work(patient: &str) -> Vec<(Method, String, Value)> {
    vec![
        (Method::GET, "/api/v1/patients".into(), Value::Null),
        (Method::GET, "/api/v1/users/search?q=Pat".into(), Value::Null),
        (
            Method::POST,
            format!("/api/v1/patients/{patient}/break-glass"),
            json!({"reason": "Unconscious in the ward"}),
        ),
    ]
}

fn work_of(role: Role, patient: &str) -> Vec<(Method, String, Value)> {
    let mut work = work(patient);
    if role == Role::Admin {
        let pages = ["users", "audit", "audit/export", "verifications", "break-glass", "security-events"];
        work.extend(pages.map(|page| (Method::GET, format!("/api/v1/admin/{page}"), Value::Null)));
        work.push((Method::POST, format!("/api/v1/admin/users/{patient}/deactivate"), json!({})));
    } else {
        work.push((Method::GET, "/api/v1/consultations".into(), Value::Null));
        work.push((Method::PUT, "/api/v1/availability".into(), json!({"availability": "online"})));
    }
    work
}

async fn send(client: &Client, (method, path, body): &(Method, String, Value)) -> Reply {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    client.send(client.request(method.clone(), path, body)).await
}

async fn must(client: &Client) -> Value {
    client.get(SESSION).await.expect(200)["must"].clone()
}

async fn is_kept_out(client: &Client) {
    assert_eq!(must(client).await, json!(["enrol_second_factor"]));
    client.get("/api/v1/patients").await.refused(403, "not_cleared");
}

async fn may_work(client: &Client) {
    assert_eq!(must(client).await, json!([]));
    client.get("/api/v1/patients").await.expect(200);
}

async fn enrol_totp(app: &TestApp, client: &Client) -> Value {
    let secret = client.post(TOTP, json!({})).await.expect(200)["secret"].clone();
    let code = json!({"code": app.totp_code(&secret)});
    client.post(&format!("{TOTP}/confirm"), code).await.expect(200);
    app.wait(Duration::from_secs(30));
    secret
}

/// Returns its id.
async fn enrol_passkey(client: &Client) -> String {
    let asked = client.post("/api/v1/account/passkeys/challenge", json!({})).await.expect(200);
    let credential = Authenticator::new(ORIGIN).create(&asked["options"]);
    let body = json!({"challenge_id": asked["challenge_id"], "label": "Key ring", "credential": credential});
    let kept = client.post("/api/v1/account/passkeys", body).await.expect(201);
    kept["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn whoever_must_have_a_second_factor_opens_nothing_until_there_is_one() {
    let app = strict().await;
    let patient = app.patient().await;
    assert_eq!(must(&patient).await, json!([]), "nothing is wanted of patients");
    let pat = patient.get(SESSION).await.expect(200)["user"]["id"].as_str().unwrap().to_owned();
    for (role, email) in [(Role::Doctor, DORA), (Role::Admin, ROOT)] {
        let person = app.person(email, "Somebody", role).await;
        let other_browser = app.sign_in(email).await;
        is_kept_out(&person).await;
        for step in work_of(role, &pat) {
            let reply = send(&person, &step).await;
            assert_eq!((reply.status.as_u16(), reply.code()), (403, "not_cleared"), "{role:?} {step:?}");
        }
        enrol_totp(&app, &person).await;
        may_work(&person).await;
        is_kept_out(&other_browser).await;
        for step in work_of(role, &pat) {
            let reply = send(&person, &step).await;
            assert!(reply.status.is_success(), "{role:?} {step:?}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn without_the_last_factor_nobody_is_cleared_in_any_session() {
    let app = strict().await;
    let root = app.person(ROOT, "Ada Admin", Role::Admin).await;
    let secret = enrol_totp(&app, &root).await;
    let elsewhere = with_code(&app, ROOT, PASSWORD, &app.totp_code(&secret)).await;
    for session in [&root, &elsewhere] {
        may_work(session).await;
    }
    root.delete(TOTP).await.expect(204);
    for session in [&root, &elsewhere] {
        is_kept_out(session).await;
    }

    let keys = [enrol_passkey(&root).await, enrol_passkey(&root).await];
    may_work(&root).await;
    root.delete(&format!("/api/v1/account/passkeys/{}", keys[0])).await.expect(204);
    may_work(&root).await;
    root.delete(&format!("/api/v1/account/passkeys/{}", keys[1])).await.expect(204);
    is_kept_out(&root).await;
}

/// A browser after both steps.
async fn with_code(app: &TestApp, email: &str, password: &str, code: &str) -> Client {
    let sign_in = json!({"email": email, "password": password});
    let asked = app.anonymous().post(SESSION, sign_in).await.expect(202);
    assert_eq!(asked["methods"], json!(["totp", "recovery"]));
    let answer = json!({"challenge": asked["challenge"], "method": "totp", "code": code});
    let reply = app.anonymous().post("/api/v1/session/second-step", answer).await;
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
    app.client_of(&reply, &reply.json["csrf_token"])
}

async fn patients(app: &TestApp, tokens: &Value) -> Reply {
    let client = app.anonymous();
    let mut request = client.request(Method::GET, "/api/v1/patients", Body::empty());
    let token = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    request.headers_mut().insert(header::AUTHORIZATION, token.parse().unwrap());
    client.send(request).await
}

#[tokio::test]
async fn access_tokens_are_worth_what_the_sign_in_behind_them_is() {
    let app = strict().await;
    let dora = app.person(DORA, "Dora Doctor", Role::Doctor).await;
    let issue = async |code: Option<String>| {
        let mut body = json!({"email": DORA, "password": PASSWORD});
        if let Some(code) = code {
            body["code"] = json!(code);
        }
        app.anonymous().post(TOKENS, body).await
    };
    let before = issue(None).await.expect(200);
    patients(&app, &before).await.refused(403, "not_cleared");
    let secret = enrol_totp(&app, &dora).await;
    patients(&app, &before).await.refused(403, "not_cleared");
    issue(None).await.refused(401, "second_factor_required");
    let tokens = issue(Some(app.totp_code(&secret))).await.expect(200);
    patients(&app, &tokens).await.expect(200);
    dora.delete(TOTP).await.expect(204);
    patients(&app, &tokens).await.refused(403, "not_cleared");
    let next = json!({"refresh_token": tokens["refresh_token"]});
    let next = app.anonymous().post("/api/v1/tokens/refresh", next).await.expect(200);
    patients(&app, &next).await.refused(403, "not_cleared");
}

/// A mailbox alone must not be enough.
#[tokio::test]
async fn a_reset_password_leaves_the_second_factor_where_it_is() {
    const NEW: &str = "rain over nine chimneys";
    let mut server = MailServer::start().await;
    let app = TestApp::start_with_mail(&server).await;
    let dora = app.person(DORA, "Dora Doctor", Role::Doctor).await;
    let secret = enrol_totp(&app, &dora).await;
    app.anonymous().post("/api/v1/password-reset", json!({"email": DORA})).await.expect(204);
    let reset = json!({"token": server.next().await.secret(), "password": NEW});
    let done = app.anonymous().post("/api/v1/password-reset/confirm", reset).await;
    assert!(done.headers.get(header::SET_COOKIE).is_none(), "nobody is signed in by it");
    done.expect(204);
    dora.get(SESSION).await.refused(401, "unauthenticated");

    let sign_in = json!({"email": DORA, "password": NEW});
    let asked = app.anonymous().post(SESSION, sign_in.clone()).await;
    assert!(asked.headers.get(header::SET_COOKIE).is_none());
    asked.expect(202);
    app.anonymous().post(TOKENS, sign_in).await.refused(401, "second_factor_required");
    let dora = with_code(&app, DORA, NEW, &app.totp_code(&secret)).await;
    assert_eq!(dora.get("/api/v1/account").await.expect(200)["totp"], true);
}
