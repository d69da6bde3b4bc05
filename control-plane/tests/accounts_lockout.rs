//! Wrong secrets: who is locked, for how long, and what a stranger can tell from the answers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use axum::http::header;
use control_plane::domain::user::Role;
use serde_json::json;
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
