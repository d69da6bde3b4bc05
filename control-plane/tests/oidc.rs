//! Single sign-on against a provider on this machine: who comes in, as whom, and everything that must not pass for it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::{Duration, Instant};

use axum::http::header;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use control_plane::config::OidcProvider;
use control_plane::domain::user::Role;
use jsonwebtoken::{Algorithm, EncodingKey};
use reqwest::Url;
use serde_json::{Value, json};
use support::oidc::{CLIENT, Key, Provider, SECRET, SUBJECT, signed};
use support::{Client, PASSWORD, Reply, TestApp};

const START: &str = "/api/v1/oidc/hospital/start";
const CALLBACK: &str = "/api/v1/oidc/hospital/callback";

/// Links by address and registers, unless the test says otherwise.
fn configured(provider: &Provider) -> OidcProvider {
    OidcProvider {
        id: "hospital".into(),
        name: "Hospital account".into(),
        issuer: provider.issuer.clone(),
        client_id: CLIENT.into(),
        client_secret: SECRET.into(),
        clinic: String::new(),
        link_by_email: true,
        register: true,
        second_factor: false,
    }
}

async fn start_with(provider: &Provider, change: impl FnOnce(&mut OidcProvider)) -> TestApp {
    let mut settings = configured(provider);
    change(&mut settings);
    TestApp::start_with(|config| config.oidc.providers = vec![settings]).await
}

async fn start() -> (TestApp, Provider) {
    let provider = Provider::start().await;
    (start_with(&provider, |_| {}).await, provider)
}

fn ada() -> Value {
    json!({"email": "Ada@Example.org", "email_verified": true, "name": "Ada Lovelace"})
}

/// A browser that is at the provider.
struct Away {
    address: Url,
    browser: Client,
}

impl Away {
    fn asked(&self, name: &str) -> String {
        self.address.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
    }

    async fn back(&self, pairs: &[(&str, &str)]) -> Reply {
        self.back_to(CALLBACK, pairs).await
    }

    async fn back_to(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        let query = Url::parse_with_params("form:", pairs).unwrap().query().unwrap_or_default().to_owned();
        self.browser.get(&format!("{path}?{query}")).await
    }
}

async fn leave(app: &TestApp) -> Away {
    leave_from(app.anonymous(), START).await
}

async fn leave_from(browser: Client, path: &str) -> Away {
    let reply = browser.get(path).await;
    assert_eq!(reply.status.as_u16(), 303, "{}", reply.text);
    let cookie = reply.headers[header::SET_COOKIE].to_str().unwrap();
    let flags = "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=300";
    assert!(cookie.starts_with("__Host-auscult_oidc=") && cookie.ends_with(flags), "{cookie}");
    let cookie = cookie.split(';').next().map(ToOwned::to_owned);
    let address = reply.headers[header::LOCATION].to_str().unwrap().parse().unwrap();
    Away { address, browser: Client { cookie, ..browser } }
}

fn now(app: &TestApp) -> u64 {
    app.app.clock.now().seconds()
}

/// Away and back, as `claims`.
async fn sign_in(app: &TestApp, provider: &Provider, claims: &Value) -> Reply {
    let away = leave(app).await;
    let code = provider.authorize(&away.address, now(app), claims);
    away.back(&[("code", &code), ("state", &away.asked("state"))]).await
}

fn place(reply: &Reply) -> &str {
    assert_eq!(reply.status.as_u16(), 303, "{}", reply.text);
    reply.headers[header::LOCATION].to_str().unwrap()
}

#[track_caller]
fn is_refused(reply: &Reply, code: &str, what: &str) {
    assert_eq!(place(reply), format!("/signin?error={code}"), "{what}");
    let cookies: Vec<_> = reply.headers.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(
        cookies,
        ["__Host-auscult_oidc=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"],
        "{what}"
    );
}

/// The session of somebody who was let in.
async fn session(app: &TestApp, reply: &Reply) -> Value {
    assert_eq!(place(reply), "/");
    let browser = app.client_of(reply, &Value::Null);
    assert!(browser.cookie.as_ref().unwrap().starts_with("__Host-auscult_session="));
    browser.get("/api/v1/session").await.expect(200)
}

#[tokio::test]
async fn somebody_new_is_given_a_patients_account_and_comes_back_to_it() {
    let (app, provider) = start().await;
    let policy = app.anonymous().get("/api/v1/registrations/policy").await.expect(200);
    assert_eq!(policy["providers"], json!([{"id": "hospital", "name": "Hospital account"}]));
    let first = session(&app, &sign_in(&app, &provider, &ada()).await).await;
    let user = &first["user"];
    assert_eq!(
        (&user["email"], &user["name"], &user["role"]),
        (&json!("ada@example.org"), &json!("Ada Lovelace"), &json!("patient"))
    );
    assert_eq!((&first["second_factor"], &first["must"]), (&json!("none"), &json!([])));

    // The provider may change what it says of somebody; who it is does not change.
    let renamed = json!({"email": "ada@elsewhere.example", "email_verified": true, "name": "A. King"});
    let again = session(&app, &sign_in(&app, &provider, &renamed).await).await;
    assert_eq!(again["user"], *user);
    let other = json!({"sub": "another", "email": "bob@example.org", "email_verified": true});
    let other = session(&app, &sign_in(&app, &provider, &other).await).await;
    assert_eq!(other["user"]["name"], "bob", "without a name, the address says one");
    assert_ne!(other["user"]["id"], user["id"]);
    let trail = app.actions().await;
    let count = |action: &str| trail.iter().filter(|each| *each == action).count();
    assert_eq!((count("account.register"), count("session.create")), (2, 3), "{trail:?}");
    assert_eq!((provider.asked("discovery"), provider.asked("keys"), provider.asked("token")), (1, 1, 3));
}

#[tokio::test]
async fn an_existing_account_is_linked_only_when_both_sides_have_verified_its_address() {
    let (app, provider) = start().await;
    app.add_user("ada@example.org", "Ada Doctor", Role::Doctor).await;
    let unproven = json!({"email": "ada@example.org", "email_verified": false});
    is_refused(&sign_in(&app, &provider, &unproven).await, "unverified_email", "not verified");
    let odd = json!({"email": "ada@example.org", "email_verified": "true"});
    is_refused(&sign_in(&app, &provider, &odd).await, "unverified_email", "a text is not true");
    is_refused(&sign_in(&app, &provider, &json!({})).await, "unverified_email", "no address");
    let linked = session(&app, &sign_in(&app, &provider, &ada()).await).await;
    assert_eq!(
        (&linked["user"]["name"], &linked["user"]["role"]),
        (&json!("Ada Doctor"), &json!("doctor")),
        "what the clinic says stays"
    );
    let notices = app.sign_in("ada@example.org").await.get("/api/v1/notices").await.expect(200);
    assert_eq!(notices[0]["kind"], "oidc_linked", "its person is told");

    // Somebody may have registered the address of another, with a password of their own.
    let body = json!({"role": "patient", "name": "Eve", "email": "bob@example.org", "password": PASSWORD, "specialty": ""});
    app.anonymous().post("/api/v1/registrations", body).await.expect(201);
    let bob = json!({"sub": "bob", "email": "bob@example.org", "email_verified": true});
    is_refused(&sign_in(&app, &provider, &bob).await, "account_exists", "nobody has proved it here");
}

#[tokio::test]
async fn a_link_is_shown_and_taken_back_unless_it_is_the_only_way_in() {
    let (app, provider) = start().await;
    let only = app.client_of(&sign_in(&app, &provider, &ada()).await, &Value::Null);
    let token = only.get("/api/v1/session").await.expect(200)["csrf_token"].clone();
    let only = Client { csrf: token.as_str().map(Into::into), ..only };
    let shown = only.get("/api/v1/account/providers").await.expect(200);
    let provider_id = shown[0]["id"].as_str().unwrap().to_owned();
    assert_eq!((shown.as_array().unwrap().len(), &shown[0]["name"]), (1, &json!("Hospital account")));
    let link = format!("/api/v1/account/providers/{provider_id}");
    only.delete(&link).await.refused(409, "conflict");
    only.delete("/api/v1/account/providers/another").await.refused(404, "not_found");
    assert_eq!(only.get("/api/v1/account/providers").await.expect(200), shown, "nothing has changed");

    app.add_user("bob@example.org", "Bob", Role::Patient).await;
    let bob = json!({"sub": "bob", "email": "bob@example.org", "email_verified": true});
    let before = app.actions().await.len();
    let reply = sign_in(&app, &provider, &bob).await;
    assert_eq!(app.actions().await[before..], ["oidc.link", "session.create"]);
    session(&app, &reply).await;
    let with_password = app.sign_in("bob@example.org").await;
    let before = app.actions().await.len();
    with_password.delete(&link).await.expect(204);
    assert_eq!(app.actions().await[before..], ["oidc.unlink"]);
    assert_eq!(with_password.get("/api/v1/account/providers").await.expect(200), json!([]));
    with_password.delete(&link).await.refused(404, "not_found");
    assert_eq!(app.actions().await.iter().filter(|action| *action == "oidc.unlink").count(), 1);
    app.app.clock.advance(Duration::from_mins(6));
    with_password.delete(&link).await.refused(403, "reauthenticate");
}

#[tokio::test]
async fn a_clinic_that_neither_links_nor_registers_lets_in_whom_it_knows() {
    let provider = Provider::start().await;
    let app = start_with(&provider, |settings| settings.link_by_email = false).await;
    app.add_user("ada@example.org", "Ada", Role::Patient).await;
    is_refused(&sign_in(&app, &provider, &ada()).await, "account_exists", "no links");
    let app = start_with(&provider, |settings| settings.register = false).await;
    is_refused(&sign_in(&app, &provider, &ada()).await, "unknown_account", "no new accounts");
    let closed = |settings: &mut OidcProvider| (settings.link_by_email, settings.register) = (false, false);
    let app = start_with(&provider, closed).await;
    app.add_user("ada@example.org", "Ada", Role::Patient).await;
    is_refused(&sign_in(&app, &provider, &ada()).await, "unknown_account", "neither");
}

#[tokio::test]
async fn a_deactivated_person_stays_out() {
    let (app, provider) = start().await;
    session(&app, &sign_in(&app, &provider, &ada()).await).await;
    let pool = app.intruder().await;
    #[expect(clippy::disallowed_methods, reason = "the test changes the database")]
    sqlx::query("UPDATE users SET deactivated_at = 1").execute(&pool).await.unwrap();
    is_refused(&sign_in(&app, &provider, &ada()).await, "deactivated", "known");
    let stranger = json!({"sub": "another", "email": "ada@example.org", "email_verified": true});
    is_refused(&sign_in(&app, &provider, &stranger).await, "deactivated", "by address");
}

#[tokio::test]
async fn a_provider_with_a_second_factor_counts_for_one() {
    let provider = Provider::start().await;
    let mut settings = configured(&provider);
    settings.second_factor = true;
    let app = TestApp::start_with(|config| {
        config.oidc.providers = vec![settings];
        config.accounts.second_factor_roles = vec!["patient".into()];
    })
    .await;
    let view = session(&app, &sign_in(&app, &provider, &ada()).await).await;
    assert_eq!((&view["second_factor"], &view["must"]), (&json!("oidc"), &json!([])));
}

#[tokio::test]
async fn ones_own_second_factor_is_asked_for_where_the_provider_has_none() {
    let (app, provider) = start().await;
    let patient = app.person("ada@example.org", "Ada", Role::Patient).await;
    let begun = patient.post("/api/v1/account/totp", json!({})).await.expect(200);
    let secret = &begun["secret"];
    let body = json!({"code": app.totp_code(secret)});
    patient.post("/api/v1/account/totp/confirm", body).await.expect(200);

    let reply = sign_in(&app, &provider, &ada()).await;
    let parts: Vec<_> = place(&reply).split(['#', '.']).collect();
    let ["/signin", "second-step", challenge, "totp", "recovery"] = parts[..] else { panic!("{parts:?}") };
    assert!(
        reply
            .headers
            .get_all(header::SET_COOKIE)
            .iter()
            .all(|cookie| cookie.to_str().unwrap().contains("Max-Age=0"))
    );
    app.wait(Duration::from_mins(1));
    let body = json!({"challenge": challenge, "method": "totp", "code": app.totp_code(secret)});
    let view = app.anonymous().post("/api/v1/session/second-step", body).await.expect(200);
    assert_eq!((&view["second_factor"], &view["user"]["name"]), (&json!("totp"), &json!("Ada")));
}

#[tokio::test]
async fn only_the_browser_that_left_comes_back_once_in_time_and_where_it_belongs() {
    let (app, provider) = start().await;
    let begin = async || {
        let away = leave(&app).await;
        let code = provider.authorize(&away.address, now(&app), &ada());
        let state = away.asked("state");
        (away, code, state)
    };
    let (away, code, state) = begin().await;
    for wrong in ["", "guess", &state[1..]] {
        is_refused(&away.back(&[("code", &code), ("state", wrong)]).await, "other", "wrong state");
    }
    is_refused(&away.back(&[("code", &code)]).await, "other", "no state");
    is_refused(
        &away.back(&[("code", &code), ("state", &state), ("state", &state)]).await,
        "other",
        "two states",
    );
    let reply = away.back(&[("code", &code), ("state", &state)]).await;
    session(&app, &reply).await;
    is_refused(&away.back(&[("code", &code), ("state", &state)]).await, "other", "again");

    let (away, code, state) = begin().await;
    let stranger = Away { browser: app.anonymous(), address: away.address.clone() };
    is_refused(&stranger.back(&[("code", &code), ("state", &state)]).await, "other", "without the cookie");
    is_refused(&away.back(&[("code", &code), ("state", &state)]).await, "other", "once was once");
    let (victim, ..) = begin().await;
    let (_, code, state) = begin().await;
    is_refused(&victim.back(&[("code", &code), ("state", &state)]).await, "other", "somebody else's sign-in");

    let (away, code, state) = begin().await;
    app.wait(Duration::from_mins(5));
    is_refused(&away.back(&[("code", &code), ("state", &state)]).await, "other", "too late");
    let (away, _, state) = begin().await;
    is_refused(&away.back(&[("code", "made up"), ("state", &state)]).await, "other", "a code of nobody");
    let (away, _, state) = begin().await;
    is_refused(&away.back(&[("state", &state)]).await, "other", "no code");
}

#[tokio::test]
async fn what_the_provider_says_instead_of_a_code_is_explained() {
    let (app, _provider) = start().await;
    for (error, code) in [
        ("access_denied", "cancelled"),
        ("temporarily_unavailable", "provider_down"),
        ("server_error", "provider_down"),
        ("invalid_scope", "other"),
        ("<script>", "other"),
    ] {
        let away = leave(&app).await;
        let reply = away.back(&[("error", error), ("state", &away.asked("state"))]).await;
        is_refused(&reply, code, error);
    }
    let stranger = leave(&app).await;
    is_refused(&stranger.back(&[("error", "access_denied")]).await, "other", "nobody left");
}

#[tokio::test]
async fn an_id_token_that_is_not_exactly_right_lets_nobody_in() {
    let (app, provider) = start().await;
    let begun = now(&app);
    let claims = [
        ("another nonce", json!({"nonce": "another"})),
        ("an empty nonce", json!({"nonce": ""})),
        ("expired", json!({"exp": begun - 61})),
        ("expiry as text", json!({"exp": (begun + 300).to_string()})),
        ("negative expiry", json!({"exp": -1})),
        ("made in the future", json!({"iat": begun + 2000})),
        ("not yet valid", json!({"nbf": begun + 2000})),
        ("for somebody else", json!({"aud": "another client"})),
        ("for us and somebody else", json!({"aud": [CLIENT, "another client"]})),
        ("for nobody", json!({"aud": []})),
        ("handed to somebody else", json!({"azp": "another client"})),
        ("of another issuer", json!({"iss": "https://sso.example"})),
        ("of an issuer that looks like ours", json!({"iss": format!("{}/", provider.issuer)})),
        ("about nobody", json!({"sub": ""})),
        ("about somebody with an endless name", json!({"sub": "s".repeat(256)})),
        ("about a number", json!({"sub": 7})),
    ];
    for (what, claims) in claims {
        let mut all = ada();
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        is_refused(&sign_in(&app, &provider, &all).await, "other", what);
        app.wait(Duration::from_secs(10));
    }
    for missing in ["iss", "sub", "aud", "exp", "iat", "nonce"] {
        *provider.forge.lock().unwrap() = Some(Box::new(move |provider, claims| {
            let mut claims = claims.clone();
            claims.as_object_mut().unwrap().remove(missing);
            provider.id_token(&claims)
        }));
        is_refused(&sign_in(&app, &provider, &ada()).await, "other", missing);
        app.wait(Duration::from_secs(10));
    }
    *provider.forge.lock().unwrap() = None;
    let all = json!({"aud": [CLIENT], "azp": CLIENT, "exp": now(&app) - 59, "email": "a@b.example", "email_verified": true});
    session(&app, &sign_in(&app, &provider, &all).await).await;
}

/// A way to sign a token wrongly.
type Forgery = (&'static str, fn(&Provider, &Value) -> String);

#[tokio::test]
async fn an_id_token_with_another_key_or_none_lets_nobody_in() {
    let (app, provider) = start().await;
    let forgeries: [Forgery; 12] = [
        ("no signature", |_, claims| unsigned("none", claims)),
        ("no signature, in capitals", |_, claims| unsigned("NONE", claims)),
        ("no signature, but an algorithm", |_, claims| unsigned("ES256", claims)),
        ("the public key as a secret", |provider, claims| {
            let public = provider.keys.lock().unwrap()[0].public.to_string();
            let header = json!({"alg": "HS256", "kid": "first"});
            signed(&header, claims, &EncodingKey::from_secret(public.as_bytes()), Algorithm::HS256)
        }),
        ("the client's secret", |_, claims| {
            let header = json!({"alg": "HS256"});
            signed(&header, claims, &EncodingKey::from_secret(SECRET.as_bytes()), Algorithm::HS256)
        }),
        ("another key of the same name", |_, claims| strange(&json!({"kid": "first"}), claims)),
        ("a key that is not published", |_, claims| strange(&json!({"kid": "second"}), claims)),
        ("a path for a key", |_, claims| strange(&json!({"kid": "../../../dev/null"}), claims)),
        ("a key without a name", |_, claims| strange(&json!({}), claims)),
        ("a key of its own", |_, claims| {
            let key = Key::new("first");
            let header = json!({"alg": "ES256", "kid": "first", "jwk": key.public});
            signed(&header, claims, &key.signing, Algorithm::ES256)
        }),
        ("a key to be fetched", |_, claims| {
            strange(&json!({"kid": "first", "jku": "https://evil.example/keys"}), claims)
        }),
        ("an extension that must be understood", |provider, claims| {
            let keys = provider.keys.lock().unwrap();
            let header = json!({"alg": "ES256", "kid": "first", "crit": ["exp"]});
            signed(&header, claims, &keys[0].signing, Algorithm::ES256)
        }),
    ];
    for (what, forge) in forgeries {
        *provider.forge.lock().unwrap() = Some(Box::new(forge));
        is_refused(&sign_in(&app, &provider, &ada()).await, "other", what);
        app.wait(Duration::from_secs(11));
    }
    let nameless = |provider: &Provider, claims: &Value| {
        let keys = provider.keys.lock().unwrap();
        signed(&json!({"alg": "ES256"}), claims, &keys[0].signing, Algorithm::ES256)
    };
    *provider.forge.lock().unwrap() = Some(Box::new(nameless));
    session(&app, &sign_in(&app, &provider, &ada()).await).await;
}

fn unsigned(algorithm: &str, claims: &Value) -> String {
    let header = json!({"alg": algorithm, "kid": "first"}).to_string();
    format!("{}.{}.", BASE64.encode(header), BASE64.encode(claims.to_string()))
}

/// Signed with a key that nobody has published.
fn strange(header: &Value, claims: &Value) -> String {
    let mut header = header.clone();
    header["alg"] = json!("ES256");
    signed(&header, claims, &Key::new("strange").signing, Algorithm::ES256)
}

#[tokio::test]
async fn new_keys_are_found_and_strangers_cannot_make_us_ask_for_them_all_the_time() {
    let (app, provider) = start().await;
    session(&app, &sign_in(&app, &provider, &ada()).await).await;
    *provider.keys.lock().unwrap() = vec![Key::new("second")];
    is_refused(&sign_in(&app, &provider, &ada()).await, "other", "asked a moment ago");
    assert_eq!(provider.asked("keys"), 1);
    app.wait(Duration::from_secs(10));
    session(&app, &sign_in(&app, &provider, &ada()).await).await;
    assert_eq!(provider.asked("keys"), 2);
    session(&app, &sign_in(&app, &provider, &ada()).await).await;
    assert_eq!((provider.asked("discovery"), provider.asked("keys")), (2, 2), "kept");
    app.wait(Duration::from_hours(1));
    session(&app, &sign_in(&app, &provider, &ada()).await).await;
    assert_eq!((provider.asked("discovery"), provider.asked("keys")), (3, 3), "for an hour");
}

#[tokio::test]
async fn a_provider_that_is_down_broken_or_somebody_else_is_said_so_and_nothing_hangs() {
    let (app, provider) = start().await;
    for path in ["discovery", "keys"] {
        provider.broken.lock().unwrap().insert(path.into(), 503);
        is_refused(&app.anonymous().get(START).await, "provider_down", path);
        provider.broken.lock().unwrap().clear();
    }
    type Change = fn(&mut Value);
    let descriptions: [(&str, Change); 5] = [
        ("another issuer", |it| it["issuer"] = json!("https://sso.example")),
        ("no token endpoint", |it| drop(it.as_object_mut().unwrap().remove("token_endpoint"))),
        ("an endpoint in the open", |it| it["token_endpoint"] = json!("http://sso.example/token")),
        ("an endpoint that is none", |it| it["jwks_uri"] = json!("keys")),
        ("endless", |it| it["more"] = json!("x".repeat(300 * 1024))),
    ];
    for (what, change) in descriptions {
        *provider.metadata.lock().unwrap() = Some(Box::new(change));
        is_refused(&app.anonymous().get(START).await, "provider_down", what);
    }
    *provider.metadata.lock().unwrap() = None;
    for (status, code) in [(503, "provider_down"), (500, "provider_down"), (401, "other"), (302, "other")] {
        let away = leave(&app).await;
        let token = provider.authorize(&away.address, now(&app), &ada());
        provider.broken.lock().unwrap().insert("token".into(), status);
        let reply = away.back(&[("code", &token), ("state", &away.asked("state"))]).await;
        is_refused(&reply, code, &format!("status {status}"));
        provider.broken.lock().unwrap().clear();
    }
    session(&app, &sign_in(&app, &provider, &ada()).await).await;
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "measures how long it takes")]
async fn a_provider_that_says_nothing_is_given_up_in_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = Provider::start().await;
    let issuer = format!("http://{}", silent.local_addr().unwrap());
    let app = start_with(&provider, |settings| settings.issuer = issuer).await;
    let begin = Instant::now();
    is_refused(&app.anonymous().get(START).await, "provider_down", "silent");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    drop(silent);
    is_refused(&app.anonymous().get(START).await, "provider_down", "gone");
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn each_provider_is_shown_our_secret_in_the_way_that_it_takes() {
    let provider = Provider::start().await;
    *provider.metadata.lock().unwrap() =
        Some(Box::new(|it| it["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"])));
    let app = start_with(&provider, |_| {}).await;
    session(&app, &sign_in(&app, &provider, &ada()).await).await;
    let app = start_with(&provider, |settings| settings.client_secret = "wrong".into()).await;
    is_refused(&sign_in(&app, &provider, &ada()).await, "other", "a wrong secret");
    let app = start_with(&provider, |settings| settings.client_secret = String::new()).await;
    is_refused(&sign_in(&app, &provider, &ada()).await, "other", "no secret");
}

#[tokio::test]
async fn the_address_may_come_from_userinfo_about_the_same_person() {
    let (app, provider) = start().await;
    let mut told = ada();
    told["sub"] = json!(SUBJECT);
    *provider.userinfo.lock().unwrap() = told.clone();
    let view = session(&app, &sign_in(&app, &provider, &json!({})).await).await;
    assert_eq!(view["user"]["email"], "ada@example.org");
    told["sub"] = json!("another");
    *provider.userinfo.lock().unwrap() = told;
    is_refused(&sign_in(&app, &provider, &json!({})).await, "other", "somebody else");
    assert_eq!(provider.asked("userinfo"), 2);
}

#[tokio::test]
async fn one_providers_answer_is_never_taken_for_anothers() {
    let (good, evil) = (Provider::start().await, Provider::start().await);
    let other = OidcProvider { id: "other".into(), ..configured(&evil) };
    let both = vec![configured(&good), other];
    let app = TestApp::start_with(|config| config.oidc.providers = both).await;
    let there = "/api/v1/oidc/other/callback";
    let away = leave(&app).await;
    let code = good.authorize(&away.address, now(&app), &ada());
    let reply = away.back_to(there, &[("code", &code), ("state", &away.asked("state"))]).await;
    is_refused(&reply, "other", "led to the other one's place");
    assert_eq!((good.asked("token"), evil.asked("token")), (0, 0), "the code was shown to nobody");

    // RFC 9207: the answer names who gives it.
    let away = leave(&app).await;
    let code = good.authorize(&away.address, now(&app), &ada());
    let state = away.asked("state");
    let reply = away.back(&[("code", &code), ("state", &state), ("iss", &evil.issuer)]).await;
    is_refused(&reply, "other", "named by the other one");
    assert_eq!((good.asked("token"), evil.asked("token")), (0, 0));
    let away = leave(&app).await;
    let code = good.authorize(&away.address, now(&app), &ada());
    let state = away.asked("state");
    session(&app, &away.back(&[("code", &code), ("state", &state), ("iss", &good.issuer)]).await).await;

    // The same name at another provider is another person.
    let away = leave_from(app.anonymous(), "/api/v1/oidc/other/start").await;
    let twin = json!({"email": "eve@example.org", "email_verified": true});
    let code = evil.authorize(&away.address, now(&app), &twin);
    let reply = away.back_to(there, &[("code", &code), ("state", &away.asked("state"))]).await;
    assert_eq!(session(&app, &reply).await["user"]["email"], "eve@example.org");
}

#[tokio::test]
async fn a_provider_that_promises_its_name_must_give_it() {
    let provider = Provider::start().await;
    *provider.metadata.lock().unwrap() =
        Some(Box::new(|it| it["authorization_response_iss_parameter_supported"] = json!(true)));
    let app = start_with(&provider, |_| {}).await;
    is_refused(&sign_in(&app, &provider, &ada()).await, "other", "no name");
    assert_eq!(provider.asked("token"), 0);
}

#[tokio::test]
async fn a_provider_belongs_to_its_clinic() {
    let provider = Provider::start().await;
    let app = start_with(&provider, |settings| settings.clinic = "Other.example".into()).await;
    app.app.store.create_clinic("Other", "other.example", app.app.clock.now()).await.unwrap();
    app.anonymous().get(START).await.refused(404, "not_found");
    app.anonymous().get(CALLBACK).await.refused(404, "not_found");
    app.anonymous().get("/api/v1/oidc/unknown/start").await.refused(404, "not_found");
    let here = app.anonymous().get("/api/v1/registrations/policy").await.expect(200);
    assert_eq!(here["providers"], json!([]));
    let there = app.anonymous().at("other.example");
    let policy = there.get("/api/v1/registrations/policy").await.expect(200);
    assert_eq!(policy["providers"][0]["id"], "hospital");
    let away = leave_from(there, START).await;
    assert_eq!(away.asked("redirect_uri"), format!("https://other.example{CALLBACK}"));
    let code = provider.authorize(&away.address, now(&app), &ada());
    let reply = away.back(&[("code", &code), ("state", &away.asked("state"))]).await;
    assert_eq!(place(&reply), "/");
    let browser = app.client_of(&reply, &Value::Null);
    browser.get("/api/v1/session").await.refused(401, "unauthenticated");
    browser.at("other.example").get("/api/v1/session").await.expect(200);
}

#[tokio::test]
async fn whoever_tries_too_often_is_told_to_wait() {
    let (app, _provider) = start().await;
    for _ in 0..30 {
        leave(&app).await;
    }
    is_refused(&app.anonymous().get(START).await, "too_many", "start");
    is_refused(&app.anonymous().get(CALLBACK).await, "too_many", "callback");
}

const PROTECTED: &str = "/api/v1/account/passkeys/challenge";
const CONFIRM: &str = "/api/v1/oidc/hospital/confirm";

/// Leaves to prove once more who they are; the browser that comes back has no session's cookie with it.
async fn leave_to_confirm(person: &Client) -> Away {
    let reply = person.post(CONFIRM, json!({})).await;
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
    let cookie = reply.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().map(ToOwned::to_owned);
    let address = reply.json["address"].as_str().unwrap().parse().unwrap();
    Away { address, browser: Client { cookie, csrf: None, ..person.clone() } }
}

#[tokio::test]
async fn who_has_no_password_proves_at_the_provider_that_it_is_them() {
    let (app, provider) = start().await;
    let reply = sign_in(&app, &provider, &ada()).await;
    let view = session(&app, &reply).await;
    let person = app.client_of(&reply, &view["csrf_token"]);
    app.wait(Duration::from_mins(6));
    person.post(PROTECTED, json!({})).await.refused(403, "reauthenticate");
    let begun = now(&app);
    for (what, claims) in [
        ("signed in long ago", json!({"auth_time": begun - 61})),
        ("does not say when", json!({"auth_time": null})),
        ("in the future", json!({"auth_time": begun + 61})),
        ("somebody else", json!({"sub": "another"})),
    ] {
        let away = leave_to_confirm(&person).await;
        assert_eq!((away.asked("prompt").as_str(), away.asked("max_age").as_str()), ("login", "0"));
        let code = provider.authorize(&away.address, begun, &claims);
        let reply = away.back(&[("code", &code), ("state", &away.asked("state"))]).await;
        assert_eq!(place(&reply), "/settings/security?error=other", "{what}");
        person.post(PROTECTED, json!({})).await.refused(403, "reauthenticate");
    }
    let away = leave_to_confirm(&person).await;
    let code = provider.authorize(&away.address, begun, &json!({}));
    let reply = away.back(&[("code", &code), ("state", &away.asked("state"))]).await;
    assert_eq!(place(&reply), "/settings/security");
    let cookies: Vec<_> = reply.headers.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(cookies.len(), 1, "no new session: {cookies:?}");
    person.post(PROTECTED, json!({})).await.expect(200);
    assert!(app.actions().await.contains(&"session.confirm".to_owned()), "{:?}", app.actions().await);

    let away = leave_to_confirm(&person).await;
    let code = provider.authorize(&away.address, begun, &json!({}));
    person.delete("/api/v1/session").await.expect(204);
    let reply = away.back(&[("code", &code), ("state", &away.asked("state"))]).await;
    assert_eq!(place(&reply), "/settings/security?error=other", "signed out meanwhile");
    app.anonymous().post(CONFIRM, json!({})).await.refused(401, "unauthenticated");
}
