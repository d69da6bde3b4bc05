//! Making an account, its address, password, authenticator app and devices.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use axum::http::StatusCode;
use control_plane::bootstrap;
use control_plane::domain::user::Role;
use control_plane::store::NewUser;
use serde_json::{Value, json};
use support::smtp::MailServer;
use support::{Client, PASSWORD, Reply, TestApp};

const SESSION: &str = "/api/v1/session";
const REGISTER: &str = "/api/v1/registrations";
const NEW: &str = "rain over nine chimneys";

fn registration(role: &str, email: &str) -> Value {
    let specialty = if role == "doctor" { "Dermatology" } else { "" };
    json!({"role": role, "name": "Ada Lovelace", "email": email, "password": PASSWORD, "specialty": specialty})
}

async fn register(app: &TestApp, role: &str, email: &str) -> Reply {
    app.anonymous().post(REGISTER, registration(role, email)).await
}

async fn try_sign_in(app: &TestApp, email: &str, password: &str) -> Reply {
    app.anonymous().post(SESSION, json!({"email": email, "password": password})).await
}

async fn enrol(app: &TestApp, client: &Client) -> (Value, Vec<Value>) {
    let secret = client.post("/api/v1/account/totp", json!({})).await.expect(200)["secret"].clone();
    let body = json!({"code": app.totp_code(&secret)});
    let codes = client.post("/api/v1/account/totp/confirm", body).await.expect(200);
    app.wait(Duration::from_secs(30));
    (secret, codes["recovery_codes"].as_array().unwrap().clone())
}

#[tokio::test]
async fn somebody_registers_and_signs_in_and_nobody_makes_themselves_administrator() {
    let app = TestApp::start().await;
    let before = app.actions().await.len();
    let reply = register(&app, "patient", " Ada@Example.org ").await;
    assert_eq!(reply.expect(201), json!({"next": "sign_in"}));
    assert_eq!(app.actions().await[before..], ["account.register"]);
    let view = try_sign_in(&app, "ada@example.org", PASSWORD).await.expect(200);
    assert_eq!((&view["user"]["role"], &view["must"]), (&json!("patient"), &json!([])));
    for role in ["admin", "guest"] {
        register(&app, role, "eve@example.org").await.refused(403, "forbidden");
    }
    let closed = TestApp::start_with(|config| config.accounts.registration = false).await;
    register(&closed, "patient", "ada@example.org").await.refused(403, "forbidden");
    let policy = closed.anonymous().get("/api/v1/registrations/policy").await.expect(200);
    assert_eq!((&policy["registration"], &policy["mail"]), (&json!(false), &json!(false)));
    assert_eq!(policy["password"]["min_chars"], 12);
}

#[tokio::test]
async fn a_doctor_waits_for_approval_and_is_not_listed() {
    let app = TestApp::start().await;
    register(&app, "doctor", "doc@example.org").await.expect(201);
    let doctor = app.sign_in("doc@example.org").await;
    assert_eq!(doctor.get(SESSION).await.expect(200)["must"], json!(["await_approval"]));
    let busy = json!({"availability": "online"});
    doctor.put("/api/v1/availability", busy).await.refused(403, "not_cleared");
    assert_eq!(app.patient().await.get("/api/v1/doctors").await.expect(200), json!([]));
}

#[tokio::test]
async fn every_field_of_a_registration_is_checked_and_named() {
    let app = TestApp::start().await;
    for (field, value) in [
        ("name", json!(" ")),
        ("email", json!("no address")),
        ("password", json!("short")),
        ("password", json!("password1234")),
        ("password", json!("ada@example.org")),
        ("specialty", json!("Dermatology")),
    ] {
        let mut body = registration("patient", "ada@example.org");
        body[field] = value;
        let reply = app.anonymous().post(REGISTER, body).await;
        assert!(reply.json["error"]["fields"][field].is_string(), "{}", reply.text);
        reply.refused(422, "invalid_input");
    }
}

#[tokio::test]
async fn the_clinics_rules_for_passwords_hold_wherever_one_is_set() {
    let app = TestApp::start_with(|config| {
        let accounts = &mut config.accounts;
        accounts.password_min_chars = 8;
        (accounts.password_upper, accounts.password_lower) = (true, true);
        (accounts.password_digit, accounts.password_special) = (true, true);
    })
    .await;
    let rules = app.anonymous().get("/api/v1/registrations/policy").await.expect(200)["password"].clone();
    assert_eq!(rules, json!({"min_chars": 8, "upper": true, "lower": true, "digit": true, "special": true}));
    let ada = app.person("ada@example.org", "Ada", Role::Patient).await;
    for (password, wrong) in [
        ("Rv7!gk", "needs 8 characters or more"),
        ("rv7!gkwoe", "needs an upper-case letter"),
        ("RV7!GKWOE", "needs a lower-case letter"),
        ("Rvx!gkwoe", "needs a digit"),
        ("Rv7xgkwoe", "needs a character that is neither letter nor digit"),
    ] {
        let mut body = registration("patient", "new@example.org");
        body["password"] = json!(password);
        let refused = app.anonymous().post(REGISTER, body).await.expect(422);
        assert_eq!(refused["error"]["fields"]["password"], wrong);
        let change = json!({"current": PASSWORD, "new": password});
        let refused = ada.put("/api/v1/account/password", change).await.expect(422);
        assert_eq!(refused["error"]["fields"]["new"], wrong);
    }
    let change = json!({"current": PASSWORD, "new": "Rv7!gkwoe"});
    ada.put("/api/v1/account/password", change).await.expect(204);
    let mut body = registration("patient", "new@example.org");
    body["password"] = json!("Rv7!gkwoe");
    app.anonymous().post(REGISTER, body).await.expect(201);
}

#[tokio::test]
async fn a_taken_address_answers_the_same_and_its_owner_is_told() {
    let mut server = MailServer::start().await;
    let app = TestApp::start_with_mail(&server).await;
    app.add_user("ada@example.org", "Ada", Role::Patient).await;
    let taken = register(&app, "patient", "ADA@example.org").await;
    let fresh = register(&app, "patient", "new@example.org").await;
    assert_eq!((taken.status, &taken.text), (fresh.status, &fresh.text));
    let told = server.next().await;
    assert_eq!(told.to, "ada@example.org");
    assert!(told.text.contains("already") && !told.text.contains("Lovelace"), "{}", told.text);
    let asked = server.next().await;
    assert_eq!(asked.to, "new@example.org");
    assert!(!asked.text.contains("Lovelace"), "a name that anybody could have typed: {}", asked.text);
    try_sign_in(&app, "ada@example.org", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn an_address_is_verified_once_in_time_and_until_then_nothing_is_requested() {
    let mut server = MailServer::start().await;
    let app = TestApp::start_with_mail(&server).await;
    assert_eq!(register(&app, "patient", "ada@example.org").await.expect(201)["next"], "verify_email");
    let late = server.next().await.secret().to_owned();
    let ada = app.sign_in("ada@example.org").await;
    assert_eq!(ada.get(SESSION).await.expect(200)["must"], json!(["verify_email"]));
    let request = json!({"reason": "My knee hurts", "specialty": ""});
    ada.post("/api/v1/consultations", request.clone()).await.refused(403, "not_cleared");

    app.wait(Duration::from_hours(48));
    let verify = |token: String| {
        let anonymous = app.anonymous();
        async move { anonymous.post("/api/v1/email-verification", json!({"token": token})).await }
    };
    verify(late).await.refused(404, "not_found");
    verify("guess".into()).await.refused(404, "not_found");
    let ada = app.sign_in("ada@example.org").await;
    ada.post("/api/v1/email-verification/resend", json!({})).await.expect(204);
    let token = server.next().await.secret().to_owned();
    verify(token.clone()).await.expect(204);
    verify(token).await.refused(404, "not_found");
    assert_eq!(ada.get(SESSION).await.expect(200)["must"], json!([]));
    ada.post("/api/v1/consultations", request).await.expect(201);
    ada.post("/api/v1/email-verification/resend", json!({})).await.expect(204);
    server.nothing_more().await;
}

#[tokio::test]
async fn the_first_administrator_is_made_once_with_the_printed_secret() {
    let app = TestApp::start().await;
    let earlier = bootstrap::offer(&app.app.store, app.app.clock.now()).await.unwrap();
    let offers = bootstrap::offer(&app.app.store, app.app.clock.now()).await.unwrap();
    assert_eq!(offers.len(), 1);
    let make = |secret: &str| {
        let body =
            json!({"secret": secret, "name": "Root", "email": "root@example.org", "password": PASSWORD});
        let anonymous = app.anonymous();
        async move { anonymous.post("/api/v1/bootstrap", body).await }
    };
    make("guess").await.refused(404, "not_found");
    make(&earlier[0].1).await.refused(404, "not_found");
    make(&offers[0].1).await.expect(201);
    make(&offers[0].1).await.refused(404, "not_found");
    let view = try_sign_in(&app, "root@example.org", PASSWORD).await.expect(200);
    assert_eq!(view["user"]["role"], "admin");
    assert!(
        bootstrap::offer(&app.app.store, app.app.clock.now()).await.unwrap().is_empty(),
        "nobody is asked for a second one"
    );
    let actions = app.actions().await;
    assert_eq!(actions.iter().filter(|action| *action == "account.bootstrap").count(), 1);
}

#[tokio::test]
async fn a_clinic_that_another_process_makes_is_served_without_a_restart() {
    let app = TestApp::start().await;
    let clock = app.app.clock.clone();
    let (command_line, _) = control_plane::app::open_store(&app.app.config, &clock).await.unwrap();
    let second = command_line.create_clinic("Second", "second.example", clock.now()).await.unwrap();
    let secret = bootstrap::offer_to(&command_line, second, clock.now()).await.unwrap().unwrap();
    command_line.close().await;

    let there = app.anonymous().at("second.example");
    let body = json!({"secret": secret, "name": "Ada", "email": "ada@example.org", "password": PASSWORD});
    let noticed = async {
        while there.post("/api/v1/bootstrap", body.clone()).await.status != StatusCode::CREATED {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), noticed).await.expect("it is noticed");
    let sign_in = json!({"email": "ada@example.org", "password": PASSWORD});
    there.post("/api/v1/session", sign_in.clone()).await.expect(200);
    app.anonymous().post("/api/v1/session", sign_in).await.refused(401, "unauthenticated");
    app.stop().await;
}

#[tokio::test]
async fn a_forgotten_password_is_reset_once_by_mail_and_every_session_ends() {
    let mut server = MailServer::start().await;
    let app = TestApp::start_with_mail(&server).await;
    let ada = app.person("ada@example.org", "Ada", Role::Patient).await;
    let ask = |email: &str| {
        let (anonymous, body) = (app.anonymous(), json!({"email": email}));
        async move { anonymous.post("/api/v1/password-reset", body).await.expect(204) }
    };
    let confirm = |token: String, password: &str| {
        let (anonymous, body) = (app.anonymous(), json!({"token": token, "password": password}));
        async move { anonymous.post("/api/v1/password-reset/confirm", body).await }
    };
    ask("nobody@example.org").await;
    ask("ada@example.org").await;
    let late = server.next().await;
    assert_eq!(late.to, "ada@example.org");
    app.wait(Duration::from_hours(1));
    confirm(late.secret().to_owned(), NEW).await.refused(404, "not_found");
    let ada_again = app.sign_in("ada@example.org").await;
    ask("ada@example.org").await;
    let token = server.next().await.secret().to_owned();
    confirm(token.clone(), "short").await.refused(422, "invalid_input");
    let before = app.actions().await.len();
    confirm(token.clone(), NEW).await.expect(204);
    assert_eq!(app.actions().await[before..], ["password.reset"]);
    confirm(token, NEW).await.refused(404, "not_found");
    for session in [ada, ada_again] {
        session.get(SESSION).await.refused(401, "unauthenticated");
    }
    assert!(server.next().await.text.contains("Your password was changed"));
    try_sign_in(&app, "ada@example.org", PASSWORD).await.refused(401, "unauthenticated");
    try_sign_in(&app, "ada@example.org", NEW).await.expect(200);
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_wrong_ones_are_counted() {
    let app = TestApp::start().await;
    let ada = app.person("ada@example.org", "Ada", Role::Patient).await;
    let other = app.sign_in("ada@example.org").await;
    let change = |current: &str, new: &str| {
        let (ada, body) = (ada.clone(), json!({"current": current, "new": new}));
        async move { ada.put("/api/v1/account/password", body).await }
    };
    let before = app.actions().await.len();
    let wrong = change("wrong password", NEW).await;
    assert_eq!(wrong.json["error"]["fields"]["current"], "is not right", "{}", wrong.text);
    change(PASSWORD, PASSWORD).await.refused(422, "invalid_input");
    change(PASSWORD, "short").await.refused(422, "invalid_input");
    change(PASSWORD, NEW).await.expect(204);
    assert_eq!(app.actions().await[before..], ["session.refuse", "password.change"]);
    other.get(SESSION).await.refused(401, "unauthenticated");
    ada.get(SESSION).await.expect(200);
    try_sign_in(&app, "ada@example.org", NEW).await.expect(200);
}

#[tokio::test]
async fn a_password_that_is_too_old_is_changed_before_anything_else() {
    let app = TestApp::start_with(|config| config.accounts.password_max_age_days = 90).await;
    app.add_user("ada@example.org", "Ada", Role::Patient).await;
    try_sign_in(&app, "ada@example.org", PASSWORD).await.expect(200);
    app.wait(Duration::from_hours(24 * 90));
    let step = try_sign_in(&app, "ada@example.org", PASSWORD).await.expect(202);
    assert_eq!(step["methods"], json!(["new_password"]));
    let change = async |password: &str| {
        let body = json!({"challenge": step["challenge"], "password": password});
        app.anonymous().post("/api/v1/session/password", body).await
    };
    change(PASSWORD).await.refused(422, "invalid_input");
    change(NEW).await.expect(200);
    change(NEW).await.refused(401, "unauthenticated");
    try_sign_in(&app, "ada@example.org", NEW).await.expect(200);
}

#[tokio::test]
async fn a_password_brought_along_from_another_system_works_and_is_hashed_again() {
    let app = TestApp::start().await;
    let new = NewUser {
        email: Some("ada@example.org".into()),
        name: "Ada".into(),
        role: Role::Patient,
        specialty: String::new(),
        password_hash: Some(bcrypt::hash(PASSWORD, 12).unwrap()),
        email_verified: true,
        approved: true,
    };
    let (store, now) = (&app.app.store, app.app.clock.now());
    store.create_user(&new, now).await.unwrap();
    try_sign_in(&app, "ada@example.org", "wrong password").await.refused(401, "unauthenticated");
    try_sign_in(&app, "ada@example.org", PASSWORD).await.expect(200);
    let account = store.credentials(store.tenant(), "ada@example.org").await.unwrap().unwrap();
    assert!(account.password_hash.unwrap().starts_with("$argon2id$"));
    try_sign_in(&app, "ada@example.org", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn an_authenticator_app_from_its_secret_to_a_sign_in_and_no_code_works_twice() {
    let app = TestApp::start().await;
    let ada = app.person("ada@example.org", "Ada", Role::Patient).await;
    let view = ada.post("/api/v1/account/totp", json!({})).await.expect(200);
    assert!(view["otpauth_url"].as_str().unwrap().starts_with("otpauth://totp/Auscult:ada%40example.org?"));
    assert!(view["qr_svg"].as_str().unwrap().contains("<svg"));
    let secret = &view["secret"];
    try_sign_in(&app, "ada@example.org", PASSWORD).await.expect(200);
    let confirm = async |code: String| ada.post("/api/v1/account/totp/confirm", json!({"code": code})).await;
    confirm(app.wrong_totp_code(secret)).await.refused(422, "invalid_input");
    let codes = confirm(app.totp_code(secret)).await.expect(200);
    assert_eq!(codes["recovery_codes"].as_array().unwrap().len(), 10);
    ada.post("/api/v1/account/totp", json!({})).await.refused(409, "conflict");

    let step = async || try_sign_in(&app, "ada@example.org", PASSWORD).await.expect(202);
    let answer = async |challenge: &Value, code: &str| {
        let body = json!({"challenge": challenge["challenge"], "method": "totp", "code": code});
        app.anonymous().post("/api/v1/session/second-step", body).await
    };
    let asked = step().await;
    assert_eq!(asked["methods"], json!(["totp", "recovery"]));
    answer(&asked, &app.totp_code(secret)).await.refused(401, "unauthenticated");
    app.wait(Duration::from_secs(30));
    let shown = app.totp_code(secret);
    assert_eq!(answer(&asked, &shown).await.expect(200)["second_factor"], "totp");
    answer(&step().await, &shown).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_recovery_code_signs_in_once_and_new_ones_replace_the_old() {
    let app = TestApp::start().await;
    let ada = app.person("ada@example.org", "Ada", Role::Patient).await;
    let (_, codes) = enrol(&app, &ada).await;
    let answer = async |code: &Value| {
        let asked = try_sign_in(&app, "ada@example.org", PASSWORD).await.expect(202);
        let body = json!({"challenge": asked["challenge"], "method": "recovery", "code": code});
        app.anonymous().post("/api/v1/session/second-step", body).await
    };
    assert_eq!(answer(&codes[0]).await.expect(200)["second_factor"], "recovery");
    answer(&codes[0]).await.refused(401, "unauthenticated");
    let account = ada.get("/api/v1/account").await.expect(200);
    assert_eq!((&account["totp"], &account["recovery_codes_left"]), (&json!(true), &json!(9)));
    let fresh = ada.post("/api/v1/account/recovery-codes", json!({})).await.expect(200);
    answer(&codes[1]).await.refused(401, "unauthenticated");
    answer(&fresh["recovery_codes"][0]).await.expect(200);
    assert!(app.actions().await.contains(&"recovery.use".to_owned()));
}

#[tokio::test]
async fn factors_are_changed_only_right_after_proving_who_one_is() {
    let app = TestApp::start().await;
    let ada = app.person("ada@example.org", "Ada", Role::Patient).await;
    enrol(&app, &ada).await;
    app.wait(Duration::from_mins(5));
    ada.delete("/api/v1/account/totp").await.refused(403, "reauthenticate");
    ada.post("/api/v1/account/recovery-codes", json!({})).await.refused(403, "reauthenticate");
    let confirm =
        async |password: &str| ada.post("/api/v1/session/confirm", json!({"password": password})).await;
    confirm("wrong password").await.refused(422, "invalid_input");
    confirm(PASSWORD).await.expect(204);
    let before = app.actions().await.len();
    ada.delete("/api/v1/account/totp").await.expect(204);
    assert_eq!(app.actions().await[before..], ["totp.remove"]);
    ada.delete("/api/v1/account/totp").await.refused(404, "not_found");
    assert_eq!(ada.get(SESSION).await.expect(200)["second_factor"], "none");
    try_sign_in(&app, "ada@example.org", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn devices_are_listed_and_signed_out_one_by_one_or_all_at_once() {
    let app = TestApp::start().await;
    let ada = app.person("ada@example.org", "Ada", Role::Patient).await;
    let other = app.sign_in("ada@example.org").await;
    let eve = app.person("eve@example.org", "Eve", Role::Patient).await;
    let list = ada.get("/api/v1/account/sessions").await.expect(200);
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!((&list[0]["kind"], &list[0]["address"]), (&json!("browser"), &json!("192.0.2.1")));
    let id = |current: bool| {
        let found = list.iter().find(|device| device["current"] == current).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let path = |id: String| format!("/api/v1/account/sessions/{id}");
    let (foreign, missing) = (
        eve.delete(&path(id(true))).await,
        eve.delete(&path(id(true).replace(&id(true)[4..12], "00000000"))).await,
    );
    assert_eq!(foreign.without_request_id(), missing.without_request_id());
    foreign.refused(404, "not_found");
    let before = app.actions().await.len();
    ada.delete(&path(id(false))).await.expect(204);
    assert_eq!(app.actions().await[before..], ["session.revoke"]);
    other.get(SESSION).await.refused(401, "unauthenticated");
    let third = app.sign_in("ada@example.org").await;
    third.delete("/api/v1/account/sessions").await.expect(204);
    for ended in [ada, third] {
        ended.get(SESSION).await.refused(401, "unauthenticated");
    }
    eve.get(SESSION).await.expect(200);
}

#[tokio::test]
async fn how_long_sessions_last_is_configurable() {
    let app = TestApp::start_with(|config| {
        config.accounts.session_idle_minutes = 15;
        config.accounts.session_max_hours = 8;
    })
    .await;
    let idle = app.person("ada@example.org", "Ada", Role::Patient).await;
    let busy = app.person("eve@example.org", "Eve", Role::Patient).await;
    for _ in 0..34 {
        app.wait(Duration::from_mins(14));
        busy.get(SESSION).await.expect(200);
    }
    idle.get(SESSION).await.refused(401, "unauthenticated");
    app.wait(Duration::from_mins(4));
    busy.get(SESSION).await.refused(401, "unauthenticated");
}

/// Guests were let in by a doctor and have no account.
#[tokio::test]
async fn a_guest_has_no_account() {
    let app = TestApp::start().await;
    let consultation = support::Consultation::active(&app).await;
    let path = consultation.path("invites");
    let invite = consultation.doctor.post(&path, json!({"label": "Interpreter"})).await.expect(201);
    let body = json!({"secret": invite["secret"], "name": "Ines"});
    let reply = app.anonymous().post("/api/v1/session/guest", body).await;
    let guest = app.client_of(&reply, &reply.json["session"]["csrf_token"]);
    guest.get("/api/v1/account").await.refused(403, "forbidden");
    guest.get("/api/v1/account/sessions").await.refused(403, "forbidden");
    guest.post("/api/v1/account/totp", json!({})).await.refused(403, "forbidden");
    let change = json!({"current": PASSWORD, "new": NEW});
    guest.put("/api/v1/account/password", change).await.refused(403, "forbidden");
}
