//! Sessions, and what a request needs to be let through.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, header};
use control_plane::domain::user::Role;
use futures::stream;
use serde_json::json;
use support::{Consultation, PASSWORD, TestApp};

const SESSION: &str = "/api/v1/session";
const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_session_from_sign_in_to_sign_out() {
    let app = TestApp::start().await;
    app.add_user("pat@example.org", "Pat Patient", Role::Patient).await;
    let anonymous = app.anonymous();
    anonymous.get(SESSION).await.refused(401, "unauthenticated");

    let body = json!({"email": " PAT@Example.org ", "password": PASSWORD});
    let reply = anonymous.post(SESSION, body).await;
    let cookie = reply.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-auscult_session="), "{cookie}");
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let client = app.client_of(&reply, &reply.json["csrf_token"]);
    let view = reply.expect(200);
    assert_eq!((&view["user"]["name"], &view["user"]["role"]), (&json!("Pat Patient"), &json!("patient")));

    assert_eq!(client.get(SESSION).await.expect(200), view, "the page can be reloaded");
    let gone = client.delete(SESSION).await;
    assert!(gone.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    gone.expect(204);
    client.get(SESSION).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn unknown_account_and_wrong_password_look_the_same() {
    let app = TestApp::start().await;
    app.add_user("pat@example.org", "Pat Patient", Role::Patient).await;
    let mut answers = Vec::new();
    for (email, password) in
        [("pat@example.org", "wrong password"), ("nobody@example.org", PASSWORD), ("no address", PASSWORD)]
    {
        let reply = app.anonymous().post(SESSION, json!({"email": email, "password": password})).await;
        assert!(reply.headers.get(header::SET_COOKIE).is_none());
        answers.push(reply.without_request_id());
        reply.refused(401, "unauthenticated");
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn guessing_is_slowed_down_per_address() {
    let app = TestApp::start().await;
    app.add_user("pat@example.org", "Pat Patient", Role::Patient).await;
    let guess = |address: &str, email: String, password: &str| {
        let client = support::Client { address: address.into(), ..app.anonymous() };
        let body = json!({"email": email, "password": password});
        async move { client.post(SESSION, body).await }
    };
    for account in 0..30 {
        guess("203.0.113.5", format!("a{account}@example.org"), "x").await.refused(401, "unauthenticated");
    }
    let slowed = guess("203.0.113.5", "pat@example.org".into(), PASSWORD).await;
    assert_eq!(slowed.headers[header::RETRY_AFTER], "10");
    slowed.refused(429, "too_many_requests");
    guess("203.0.113.6", "pat@example.org".into(), PASSWORD).await.expect(200);
    app.wait(Duration::from_secs(10));
    guess("203.0.113.5", "pat@example.org".into(), PASSWORD).await.expect(200);
}

#[tokio::test]
async fn signing_in_often_is_no_guessing() {
    let app = TestApp::start().await;
    app.add_user("pat@example.org", "Pat Patient", Role::Patient).await;
    for _ in 0..40 {
        app.sign_in("pat@example.org").await;
    }
}

#[tokio::test]
async fn a_session_ends_when_idle_and_in_any_case_after_twelve_hours() {
    let app = TestApp::start().await;
    let idle = app.patient().await;
    let busy = app.doctor().await;
    for _ in 0..2 {
        app.wait(MINUTE * 29);
        busy.get(SESSION).await.expect(200);
    }
    idle.get(SESSION).await.refused(401, "unauthenticated");
    for _ in 0..22 {
        app.wait(MINUTE * 29);
        busy.get(SESSION).await.expect(200);
    }
    app.wait(MINUTE * 24);
    busy.get(SESSION).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_long_call_does_not_end_the_sessions_of_its_people() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let idle = app.person("eve@example.org", "Eve", Role::Patient).await;
    app.wait(MINUTE * 90);
    idle.get(SESSION).await.refused(401, "unauthenticated");
    consultation.patient.get(SESSION).await.expect(200);
    consultation.doctor.post(&consultation.path("end"), json!({})).await.expect(200);
    app.wait(MINUTE * 31);
    consultation.patient.get(SESSION).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn what_changes_something_needs_the_csrf_token() {
    let app = TestApp::start().await;
    let doctor = app.doctor().await;
    let body = json!({"availability": "busy"});
    let other = app.person("pat@example.org", "Pat", Role::Patient).await;
    for csrf in [None, Some(String::new()), Some("0".repeat(64)), other.csrf.clone()] {
        let client = support::Client { csrf, ..doctor.clone() };
        client.put("/api/v1/availability", body.clone()).await.refused(403, "csrf");
        client.get(SESSION).await.expect(200);
    }
    doctor.put("/api/v1/availability", body).await.expect(200);
}

#[tokio::test]
async fn another_site_cannot_send_requests_in_our_name() {
    let app = TestApp::start().await;
    let doctor = app.doctor().await;
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "https://care.example.evil.example"),
        ("origin", "http://care.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
    ] {
        for (method, path, body) in [
            (Method::PUT, "/api/v1/availability", r#"{"availability":"busy"}"#.to_owned()),
            (Method::POST, SESSION, json!({"email": "doc@example.org", "password": PASSWORD}).to_string()),
        ] {
            let mut request = doctor.request(method, path, Body::from(body));
            request.headers_mut().insert(name, value.parse().unwrap());
            doctor.send(request).await.refused(403, "csrf");
        }
    }
    // No browser at all: the CSRF token alone decides.
    let body = Body::from(r#"{"availability":"busy"}"#);
    let mut request = doctor.request(Method::PUT, "/api/v1/availability", body);
    request.headers_mut().remove("origin");
    request.headers_mut().remove("sec-fetch-site");
    doctor.send(request).await.expect(200);
}

#[tokio::test]
async fn bodies_are_checked_and_the_field_is_named() {
    let app = TestApp::start().await;
    let patient = app.patient().await;
    let send = |body: Vec<u8>| {
        let request = patient.request(Method::POST, "/api/v1/consultations", Body::from(body));
        patient.send(request)
    };
    send(b"{".to_vec()).await.refused(400, "malformed_body");
    send(vec![0xff; 10]).await.refused(400, "malformed_body");
    let huge = json!({"reason": "x".repeat(70_000), "specialty": ""}).to_string();
    send(huge.into_bytes()).await.refused(413, "body_too_large");

    for (body, field) in [
        (json!({"specialty": ""}), "reason"),
        (json!({"reason": "ab", "specialty": ""}), "reason"),
        (json!({"reason": "   ab   ", "specialty": ""}), "reason"),
        (json!({"reason": "x".repeat(2001), "specialty": ""}), "reason"),
        (json!({"reason": "a\u{0}bc", "specialty": ""}), "reason"),
        (json!({"reason": ["a"], "specialty": ""}), "reason"),
        (json!({"reason": "knee", "specialty": "x".repeat(61)}), "specialty"),
        (json!({"reason": "knee", "specialty": "", "urgent": true}), "urgent"),
    ] {
        let reply = patient.post("/api/v1/consultations", body).await;
        let fields = reply.json["error"]["fields"].as_object().unwrap();
        assert_eq!(fields.keys().collect::<Vec<_>>(), [field], "{}", reply.text);
        reply.refused(422, "invalid_input");
    }
    let longest = json!({"reason": "ü".repeat(2000), "specialty": ""});
    patient.post("/api/v1/consultations", longest).await.expect(201);

    let mut form = patient.request(Method::POST, "/api/v1/consultations", Body::from("reason=knee"));
    form.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    patient.send(form).await.refused(400, "malformed_body");
}

#[tokio::test]
async fn a_request_that_never_ends_is_given_up() {
    let app = TestApp::start().await;
    let endless = Body::from_stream(stream::pending::<Result<Vec<u8>, Infallible>>());
    let request = app.anonymous().request(Method::POST, SESSION, endless);
    let answer = tokio::time::timeout(Duration::from_secs(30), app.anonymous().send(request)).await;
    answer.expect("an answer").refused(503, "unavailable");
}

#[tokio::test]
async fn every_answer_has_an_id_and_the_security_headers() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    for path in
        ["/livez", "/readyz", SESSION, "/api/v1/nothing", "/api", "/", "/metrics", "/api/v1/consultations/x"]
    {
        let reply = client.get(path).await;
        let header =
            |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(header("x-request-id").starts_with("req_"), "{path}");
        if !reply.json.is_null() {
            assert_eq!(reply.json["error"]["request_id"], header("x-request-id"), "{path}");
        }
        let policy = header("content-security-policy");
        for directive in
            ["default-src 'none'", "object-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(directive), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe-eval") && policy.contains("script-src 'self';"), "{policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert!(header("strict-transport-security").starts_with("max-age="), "{path}");
        assert!(header("permissions-policy").contains("camera=(self)"), "{path}");
        if path.starts_with("/api/") {
            assert_eq!(header("cache-control"), "no-store", "{path}");
        }
    }
    client.get("/livez").await.expect(200);
    client.get("/readyz").await.expect(200);
    client.get("/api/v1/nothing").await.refused(404, "not_found");
    client.put("/api/v1/session", json!({})).await.refused(404, "not_found");
}

#[tokio::test]
async fn metrics_are_for_the_listed_addresses_only() {
    let app = TestApp::start().await;
    app.anonymous().get("/metrics").await.refused(404, "not_found");
    let local = support::Client { address: "127.0.0.1".into(), ..app.anonymous() };
    let shown = local.get("/metrics").await;
    assert_eq!(shown.status.as_u16(), 200);
    assert!(shown.text.contains("auscult_http_requests_total{class=\"4xx\"} 1"), "{}", shown.text);
}

#[tokio::test]
async fn status_tells_what_the_captions_can_do() {
    let app = TestApp::start().await;
    app.anonymous().get("/api/v1/status").await.refused(401, "unauthenticated");
    let status = app.patient().await.get("/api/v1/status").await.expect(200);
    assert_eq!(status["captions"]["state"], "unavailable");
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
}
