//! Wrong secrets: who is locked, for how long, and what a stranger can tell from the answers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use axum::http::header;
use control_plane::domain::user::Role;
use serde_json::{Value, json};
use support::{Client, PASSWORD, Reply, TestApp};

const SESSION: &str = "/api/v1/session";
const PAT: &str = "pat@example.org";
const MINUTE: Duration = Duration::from_mins(1);

async fn with_pat() -> TestApp {
    let app = TestApp::start().await;
    app.add_user(PAT, "Pat Patient", Role::Patient).await;
    app
}

/// From an address of its own, so that only the account is counted.
async fn try_from(app: &TestApp, host: u8, email: &str, password: &str) -> Reply {
    let client = Client { address: format!("198.51.100.{host}"), ..app.anonymous() };
    client.post(SESSION, json!({"email": email, "password": password})).await
}

async fn lock(app: &TestApp, email: &str) {
    for host in 1..=5 {
        try_from(app, host, email, "wrong password").await.refused(401, "unauthenticated");
    }
}

/// Pat with an authenticator app; returns its secret.
async fn with_second_factor(app: &TestApp) -> Value {
    let pat = app.sign_in(PAT).await;
    let secret = pat.post("/api/v1/account/totp", json!({})).await.expect(200)["secret"].clone();
    let code = json!({"code": app.totp_code(&secret)});
    pat.post("/api/v1/account/totp/confirm", code).await.expect(200);
    app.wait(Duration::from_secs(30));
    secret
}

async fn second_step(app: &TestApp, host: u8, challenge: &Value, method: &str, code: &str) -> Reply {
    let client = Client { address: format!("198.51.100.{host}"), ..app.anonymous() };
    let body = json!({"challenge": challenge["challenge"], "method": method, "code": code});
    client.post("/api/v1/session/second-step", body).await
}

/// The cookie that makes a browser known, as the browser sends it back.
fn device_cookie(reply: &Reply) -> String {
    let cookies = reply.headers.get_all(header::SET_COOKIE).iter();
    let cookie =
        cookies.map(|value| value.to_str().unwrap()).find(|cookie| cookie.contains("_device=")).unwrap();
    for attribute in ["__Host-", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_fifth_wrong_password_locks_and_thirty_minutes_unlock() {
    let app = with_pat().await;
    for host in 1..=4 {
        try_from(&app, host, PAT, "wrong password").await.refused(401, "unauthenticated");
    }
    try_from(&app, 9, PAT, PASSWORD).await.expect(200);
    lock(&app, PAT).await;
    try_from(&app, 9, PAT, PASSWORD).await.refused(401, "unauthenticated");
    app.wait(Duration::from_secs(30 * 60 - 1));
    try_from(&app, 9, PAT, PASSWORD).await.refused(401, "unauthenticated");
    app.wait(Duration::from_secs(1));
    try_from(&app, 9, PAT, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_lock_survives_a_restart() {
    let app = with_pat().await;
    lock(&app, PAT).await;
    let app = app.restart().await;
    try_from(&app, 9, PAT, PASSWORD).await.refused(401, "unauthenticated");
    app.wait(MINUTE * 30);
    try_from(&app, 9, PAT, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn unknown_wrong_and_locked_are_answered_alike() {
    let app = with_pat().await;
    let mut answers = vec![
        try_from(&app, 1, PAT, "wrong password").await,
        try_from(&app, 1, "nobody@example.org", PASSWORD).await,
        try_from(&app, 1, "no address", PASSWORD).await,
    ];
    lock(&app, PAT).await;
    lock(&app, "nobody@example.org").await;
    answers.push(try_from(&app, 1, PAT, PASSWORD).await);
    answers.push(try_from(&app, 1, PAT, "wrong password").await);
    answers.push(try_from(&app, 1, "nobody@example.org", PASSWORD).await);
    for answer in &answers {
        assert_eq!(answer.status.as_u16(), 401);
        assert_eq!(answer.without_request_id(), answers[0].without_request_id());
        let names = |reply: &Reply| reply.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(answer), names(&answers[0]), "the headers tell nothing either");
    }
}

#[tokio::test]
async fn guesses_made_at_the_same_time_are_counted_one_by_one() {
    let app = with_pat().await;
    let guesses = (0..24).map(|host| try_from(&app, host, PAT, "wrong password"));
    for reply in futures::future::join_all(guesses).await {
        reply.refused(401, "unauthenticated");
    }
    try_from(&app, 99, PAT, PASSWORD).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_stranger_cannot_lock_a_known_browser_out() {
    let app = with_pat().await;
    let home = Client { address: "203.0.113.7".into(), ..app.anonymous() };
    let body = json!({"email": PAT, "password": PASSWORD});
    let first = home.post(SESSION, body.clone()).await;
    let home = Client { cookie: Some(device_cookie(&first)), ..home };

    lock(&app, PAT).await;
    try_from(&app, 9, PAT, PASSWORD).await.refused(401, "unauthenticated");
    let again = home.post(SESSION, body.clone()).await;
    assert_eq!(again.status.as_u16(), 200);
    assert_eq!(device_cookie(&again), device_cookie(&first), "it stays the same browser");

    app.add_user("eve@example.org", "Eve", Role::Patient).await;
    let other = json!({"email": "eve@example.org", "password": PASSWORD});
    lock(&app, "eve@example.org").await;
    home.post(SESSION, other).await.refused(401, "unauthenticated");

    for _ in 0..5 {
        let wrong = json!({"email": PAT, "password": "wrong password"});
        home.post(SESSION, wrong).await.refused(401, "unauthenticated");
    }
    home.post(SESSION, body).await.refused(401, "unauthenticated");
}

/// The right password between two guesses does not begin the count anew.
#[tokio::test]
async fn five_wrong_codes_lock_even_who_has_the_password() {
    let app = with_pat().await;
    let secret = with_second_factor(&app).await;
    let earlier = try_from(&app, 9, PAT, PASSWORD).await.expect(202);
    let methods = ["totp", "recovery", "totp", "recovery", "totp"];
    let (right, wrong) = (app.totp_code(&secret), app.wrong_totp_code(&secret));
    for (host, method) in (1..).zip(methods) {
        let asked = try_from(&app, host, PAT, PASSWORD).await.expect(202);
        second_step(&app, host, &asked, method, &wrong).await.refused(401, "unauthenticated");
    }
    second_step(&app, 9, &earlier, "totp", &right).await.refused(401, "unauthenticated");
    try_from(&app, 9, PAT, PASSWORD).await.refused(401, "unauthenticated");
    assert!(app.actions().await.contains(&"session.lock".to_owned()));
    app.wait(MINUTE * 30);
    let asked = try_from(&app, 9, PAT, PASSWORD).await.expect(202);
    second_step(&app, 9, &asked, "totp", &app.totp_code(&secret)).await.expect(200);
}

#[tokio::test]
async fn codes_are_guessed_no_longer_as_an_api_client() {
    let app = with_pat().await;
    let secret = with_second_factor(&app).await;
    let ask = async |host: u8, code: &str| {
        let client = Client { address: format!("198.51.100.{host}"), ..app.anonymous() };
        client.post("/api/v1/tokens", json!({"email": PAT, "password": PASSWORD, "code": code})).await
    };
    let wrong = app.wrong_totp_code(&secret);
    for host in 1..=5 {
        ask(host, &wrong).await.refused(401, "unauthenticated");
    }
    ask(9, &app.totp_code(&secret)).await.refused(401, "unauthenticated");
}

/// Somebody at a screen that was left open.
#[tokio::test]
async fn a_session_does_not_serve_to_guess_the_password() {
    let app = with_pat().await;
    let pat = app.sign_in(PAT).await;
    let confirm =
        async |password: &str| pat.post("/api/v1/session/confirm", json!({"password": password})).await;
    for _ in 0..5 {
        confirm("wrong password").await.refused(422, "invalid_input");
    }
    confirm(PASSWORD).await.refused(422, "invalid_input");
    try_from(&app, 9, PAT, PASSWORD).await.refused(401, "unauthenticated");
    pat.get("/api/v1/account").await.expect(200);
}

#[tokio::test]
async fn how_often_and_how_long_is_configured() {
    let app = TestApp::start_with(|config| {
        config.accounts.lockout_failures = 3;
        config.accounts.lockout_minutes = 5;
    })
    .await;
    app.add_user(PAT, "Pat Patient", Role::Patient).await;
    for host in 1..=3 {
        try_from(&app, host, PAT, "wrong password").await.refused(401, "unauthenticated");
    }
    app.wait(Duration::from_secs(5 * 60 - 1));
    try_from(&app, 9, PAT, PASSWORD).await.refused(401, "unauthenticated");
    app.wait(Duration::from_secs(1));
    try_from(&app, 9, PAT, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn an_address_that_fails_everywhere_is_locked_but_not_its_known_browsers() {
    let app = with_pat().await;
    let first = try_from(&app, 1, PAT, PASSWORD).await;
    let guess = async |n: u8| {
        app.wait(Duration::from_secs(10));
        try_from(&app, 1, &format!("account{n}@example.org"), "wrong password").await
    };
    for n in 0..50 {
        guess(n).await.refused(401, "unauthenticated");
    }
    let locked = guess(99).await;
    assert_eq!(locked.headers[header::RETRY_AFTER], "1790");
    locked.refused(429, "too_many_requests");
    let known =
        Client { cookie: Some(device_cookie(&first)), address: "198.51.100.1".into(), ..app.anonymous() };
    known.post(SESSION, json!({"email": PAT, "password": PASSWORD})).await.expect(200);
    try_from(&app, 2, PAT, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn every_refusal_and_every_lock_is_one_line_in_the_trail() {
    let app = with_pat().await;
    let before = app.actions().await.len();
    lock(&app, PAT).await;
    try_from(&app, 9, PAT, PASSWORD).await.refused(401, "unauthenticated");
    let actions = app.actions().await;
    let refused = "session.refuse";
    assert_eq!(actions[before..], [refused, refused, refused, refused, "session.lock", refused]);
}
