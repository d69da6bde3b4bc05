//! Access and refresh tokens of API clients: what passes, what does not, and what happens when one is seen twice.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use control_plane::crypto::signer::Signer;
use control_plane::crypto::token::{AccessTokens, Bearer};
use control_plane::domain::user::Role;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use support::{PASSWORD, Reply, TestApp};

const TOKENS: &str = "/api/v1/tokens";
const REFRESH: &str = "/api/v1/tokens/refresh";
const CURRENT: &str = "/api/v1/tokens/current";

/// What an API client holds.
#[derive(Clone)]
struct Pair {
    access: String,
    refresh: String,
}

impl Pair {
    fn of(view: &Value) -> Self {
        let text = |name: &str| view[name].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

async fn sign_in(app: &TestApp, email: &str) -> Pair {
    let body = json!({"email": email, "password": PASSWORD});
    Pair::of(&app.anonymous().post(TOKENS, body).await.expect(200))
}

async fn patient(app: &TestApp) -> Pair {
    app.add_user("pat@example.org", "Pat Patient", Role::Patient).await;
    sign_in(app, "pat@example.org").await
}

async fn refresh(app: &TestApp, token: &str) -> Reply {
    app.anonymous().post(REFRESH, json!({"refresh_token": token})).await
}

async fn with(app: &TestApp, method: Method, path: &str, token: &str) -> Reply {
    let client = app.anonymous();
    let mut request = client.request(method, path, Body::empty());
    let headers = request.headers_mut();
    headers.remove(header::ORIGIN);
    headers.remove("sec-fetch-site");
    headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    client.send(request).await
}

async fn current(app: &TestApp, pair: &Pair) -> u16 {
    with(app, Method::GET, CURRENT, &pair.access).await.status.as_u16()
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn an_access_token_says_who_and_works_without_a_cookie_or_csrf_token() {
    let app = TestApp::start().await;
    let pair = patient(&app).await;
    let view = with(&app, Method::GET, CURRENT, &pair.access).await.expect(200);
    let claims = part(&pair.access, 1);
    assert_eq!(view, json!({"sub": claims["sub"], "role": "patient", "exp": claims["exp"]}));
    assert_eq!(with(&app, Method::GET, "/api/auth/validate", &pair.access).await.expect(200), view);
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 600);
    assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some("auscult"), Some("auscult-api")));
    let header = part(&pair.access, 0);
    assert_eq!((header["alg"].as_str(), header["typ"].as_str()), (Some("EdDSA"), Some("at+jwt")));
    assert_eq!(header["kid"].as_str().unwrap().len(), 16);

    with(&app, Method::GET, "/api/v1/consultations", &pair.access).await.expect(200);
    with(&app, Method::DELETE, TOKENS, &pair.access).await.expect(204);
    assert_eq!(current(&app, &pair).await, 401);
    refresh(&app, &pair.refresh).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_cookie_and_an_access_token_together_are_refused() {
    let app = TestApp::start().await;
    let browser = app.patient().await;
    let pair = sign_in(&app, "pat@example.org").await;
    let mut request = browser.request(Method::GET, "/api/v1/session", Body::empty());
    let token = format!("Bearer {}", pair.access).parse().unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, token);
    browser.send(request).await.refused(400, "malformed_body");

    let mut request = app.anonymous().request(Method::GET, CURRENT, Body::empty());
    for _ in 0..2 {
        request
            .headers_mut()
            .append(header::AUTHORIZATION, format!("Bearer {}", pair.access).parse().unwrap());
    }
    app.anonymous().send(request).await.refused(400, "malformed_body");
}

#[tokio::test]
async fn a_wrong_password_gives_no_tokens_and_says_nothing_about_the_account() {
    let app = TestApp::start().await;
    app.add_user("pat@example.org", "Pat Patient", Role::Patient).await;
    let attempt = |email: &str| app_attempt(&app, json!({"email": email, "password": "wrong wrong wrong"}));
    let wrong = attempt("pat@example.org").await;
    let unknown = attempt("nobody@example.org").await;
    assert_eq!((wrong.status.as_u16(), unknown.status.as_u16()), (401, 401));
    assert_eq!(wrong.without_request_id(), unknown.without_request_id());
}

async fn app_attempt(app: &TestApp, body: Value) -> Reply {
    app.anonymous().post(TOKENS, body).await
}

#[tokio::test]
async fn an_access_token_ends_after_ten_minutes_and_the_next_pair_goes_on() {
    let app = TestApp::start().await;
    let first = patient(&app).await;
    app.wait(Duration::from_secs(599));
    assert_eq!(current(&app, &first).await, 200);
    app.wait(Duration::from_secs(1));
    assert_eq!(current(&app, &first).await, 401);
    let second = Pair::of(&refresh(&app, &first.refresh).await.expect(200));
    assert_eq!(current(&app, &second).await, 200);
}

/// The installation's own key: whoever has it can forge anything, so what it signs wrongly must be refused by content.
fn signing_key(app: &TestApp) -> (EncodingKey, [u8; 32]) {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    let seed = std::fs::read(app.folder.path().join("keys/signing.key")).unwrap();
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public = pair.public_key().as_ref().try_into().unwrap();
    (EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref()), public)
}

#[tokio::test]
async fn forged_and_altered_tokens_are_refused() {
    let app = TestApp::start().await;
    let pair = patient(&app).await;
    let (header, claims) = (part(&pair.access, 0), part(&pair.access, 1));
    let again = raw_signed(&app, &header, &claims);
    let reply = with(&app, Method::GET, CURRENT, &again).await;
    assert_eq!(
        reply.status.as_u16(),
        200,
        "the forger's tools work: what follows is refused for its content"
    );
    let mut forged = wrong_claims(&app, &header, &claims);
    forged.extend(wrong_headers(&app, &header, &claims));
    forged.extend(other_keys(&app, &header, &claims));
    forged.extend(misshapen(&pair.access));
    for (what, token) in forged {
        let reply = with(&app, Method::GET, CURRENT, &token).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (401, "unauthenticated"), "{what}");
    }
    assert_eq!(current(&app, &pair).await, 200, "the real one is still good");
}

/// What is wrong with it, and the token.
type Forged = Vec<(String, String)>;

fn wrong_claims(app: &TestApp, header: &Value, good: &Value) -> Forged {
    let now = good["iat"].as_u64().unwrap();
    let changed = [
        ("other audience", "aud", json!("auscult-media")),
        ("several audiences", "aud", json!(["auscult-api", "auscult-media"])),
        ("other issuer", "iss", json!("elsewhere")),
        ("expired", "exp", json!(now)),
        ("expiry as text", "exp", json!((now + 600).to_string())),
        ("expiry as a fraction", "exp", json!(4.0e9 + 0.5)),
        ("negative expiry", "exp", json!(-1)),
        ("not yet valid", "nbf", json!(now + 60)),
        ("start as text", "nbf", json!("0")),
        ("other clinic", "tenant", json!("ten_00000000000000000000000000000007")),
        ("other person", "sub", json!("usr_00000000000000000000000000000007")),
        ("other session", "sid", json!("ses_00000000000000000000000000000007")),
        ("other sibling", "jti", json!("ref_00000000000000000000000000000007")),
        ("other role", "role", json!("admin")),
        ("role that is none", "role", json!("root")),
        ("one claim more", "admin", json!(true)),
    ];
    let with = |change: &dyn Fn(&mut Value)| {
        let mut claims = good.clone();
        change(&mut claims);
        raw_signed(app, header, &claims)
    };
    let missing = ["iss", "aud", "sub", "role", "sid", "tenant", "jti", "iat", "nbf", "exp"].map(|name| {
        (format!("without {name}"), with(&|claims| drop(claims.as_object_mut().unwrap().remove(name))))
    });
    let changed =
        changed.map(|(what, name, value)| (what.to_owned(), with(&|claims| claims[name] = value.clone())));
    missing.into_iter().chain(changed).collect()
}

fn wrong_headers(app: &TestApp, good: &Value, claims: &Value) -> Forged {
    let (_, public) = signing_key(app);
    let changed = [
        ("typ of a join token", "typ", json!("JWT")),
        ("no typ", "typ", Value::Null),
        ("other key id", "kid", json!("0123456789abcdef")),
        ("no key id", "kid", Value::Null),
        ("a path for a key id", "kid", json!("../../../../../../dev/null")),
        ("a query for a key id", "kid", json!("' UNION SELECT '0123456789abcdef")),
        ("a number for a key id", "kid", json!(7)),
        ("an empty key id", "kid", json!("")),
        ("a key of its own", "jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(public)})),
        ("a key to be fetched", "jku", json!("https://evil.example/keys")),
        ("a certificate to be fetched", "x5u", json!("https://evil.example/chain")),
        ("a certificate", "x5c", json!(["MIIB"])),
        ("an extension", "crit", json!(["exp"])),
        ("something unknown", "b64", json!(false)),
    ];
    let with = |name: &str, value: Value| {
        let mut header = good.clone();
        header[name] = value;
        raw_signed(app, &header, claims)
    };
    changed.into_iter().map(|(what, name, value)| (what.to_owned(), with(name, value))).collect()
}

/// With a header that the library would not write.
fn raw_signed(app: &TestApp, header: &Value, claims: &Value) -> String {
    let (key, _) = signing_key(app);
    let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::EdDSA).unwrap();
    format!("{message}.{signature}")
}

/// Signed with keys that are not ours, or not at all.
fn other_keys(app: &TestApp, header: &Value, claims: &Value) -> Forged {
    let (_, public) = signing_key(app);
    let header: Header = serde_json::from_value(header.clone()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stranger = Signer::open(&folder.path().join("keys")).unwrap();
    let parsed = |name: &str| claims[name].as_str().unwrap();
    let bearer = Bearer {
        tenant: parsed("tenant").parse().unwrap(),
        user: parsed("sub").parse().unwrap(),
        role: Role::Patient,
        session: parsed("sid").parse().unwrap(),
        sibling: parsed("jti").parse().unwrap(),
    };
    let now = control_plane::domain::time::Timestamp::from_millis(claims["iat"].as_i64().unwrap() * 1000);
    let mut forged: Forged =
        vec![("another installation's key".into(), AccessTokens::new(&stranger).mint(&bearer, now).unwrap())];
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64.encode(public));
    for secret in [public.to_vec(), BASE64.encode(public).into_bytes(), pem.into_bytes(), Vec::new()] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let confused = Header { alg: algorithm, ..header.clone() };
            let token = encode(&confused, claims, &EncodingKey::from_secret(&secret)).unwrap();
            forged.push((format!("{algorithm:?} with the public key as its secret"), token));
        }
    }
    for name in ["none", "None", "NONE", "nOnE", "", "eddsa", "ES256", "Ed25519"] {
        let header = json!({"alg": name, "typ": "at+jwt", "kid": header.kid});
        let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        forged.push((format!("algorithm {name:?}, no signature"), format!("{message}.")));
        forged.push((
            format!("algorithm {name:?}, zero signature"),
            format!("{message}.{}", BASE64.encode([0; 64])),
        ));
    }
    forged
}

/// What was once a good token.
fn misshapen(token: &str) -> Forged {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("three parts") };
    let bytes = BASE64.decode(signature).unwrap();
    let with = |bytes: &[u8]| format!("{header}.{claims}.{}", BASE64.encode(bytes));
    let mut flipped = bytes.clone();
    flipped[63] ^= 1;
    // 64 bytes are 86 characters: the last one carries four bits that say nothing.
    let mut trailing = token.to_owned();
    let last = if trailing.pop() == Some('A') { 'B' } else { 'A' };
    trailing.push(last);
    let mut forms = vec![
        ("a flipped bit", with(&flipped)),
        ("a short signature", with(&bytes[..63])),
        ("a long signature", with(&[&bytes[..], &[0]].concat())),
        ("no signature", format!("{header}.{claims}.")),
        ("two parts", format!("{header}.{claims}")),
        ("four parts", format!("{token}.")),
        ("padding", format!("{token}==")),
        ("another last character", trailing),
        ("nothing", String::new()),
        ("three empty parts", "..".into()),
        ("swapped parts", format!("{claims}.{header}.{signature}")),
        (
            "JSON serialization",
            json!({"protected": header, "payload": claims, "signature": signature}).to_string(),
        ),
    ];
    let spaced = token.replacen('.', ". ", 1);
    forms.push(("a space inside", spaced));
    forms.into_iter().map(|(what, token)| (what.to_owned(), token)).collect()
}

#[tokio::test]
async fn a_token_of_one_clinic_is_nothing_in_another() {
    let app = TestApp::start().await;
    let pair = patient(&app).await;
    app.app.store.create_clinic("Other", "other.example", app.app.clock.now()).await.unwrap();
    for (path, method) in [(CURRENT, Method::GET), (TOKENS, Method::DELETE)] {
        let client = app.anonymous().at("other.example");
        let mut request = client.request(method, path, Body::empty());
        let token = format!("Bearer {}", pair.access).parse().unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, token);
        client.send(request).await.refused(401, "unauthenticated");
    }
    let there = app.anonymous().at("other.example");
    there.post(REFRESH, json!({"refresh_token": pair.refresh})).await.refused(401, "unauthenticated");
    assert_eq!(current(&app, &pair).await, 200);
}

#[tokio::test]
async fn a_used_refresh_token_ends_the_whole_family() {
    let app = TestApp::start().await;
    let first = patient(&app).await;
    let second = Pair::of(&refresh(&app, &first.refresh).await.expect(200));
    let third = Pair::of(&refresh(&app, &second.refresh).await.expect(200));
    let other_device = sign_in(&app, "pat@example.org").await;
    app.wait(Duration::from_secs(60));
    refresh(&app, &first.refresh).await.refused(401, "unauthenticated");
    for pair in [&first, &second, &third] {
        assert_eq!(current(&app, pair).await, 401);
        refresh(&app, &pair.refresh).await.refused(401, "unauthenticated");
    }
    assert_eq!(current(&app, &other_device).await, 200, "another sign-in has nothing to do with it");
    let session = part(&first.access, 1)["sid"].as_str().unwrap().to_owned();
    let reused =
        "SELECT COUNT(*) FROM audit WHERE action = 'token.reuse' AND outcome = 'denied' AND subject = $1";
    assert_eq!(count(&app, reused, &session).await, 1);
    let notices = "SELECT COUNT(*) FROM notices WHERE kind = 'token_reused' AND subject = $1";
    assert_eq!(count(&app, notices, &session).await, 1);
}

/// How many rows `query` counts for `value`.
async fn count(app: &TestApp, query: &'static str, value: &str) -> i64 {
    let pool = app.intruder().await;
    #[expect(clippy::disallowed_methods, reason = "the test looks into the database")]
    let count = sqlx::query_scalar(query).bind(value).fetch_one(&pool).await.unwrap();
    pool.close().await;
    count
}

#[tokio::test]
async fn a_lost_answer_is_given_again_as_long_as_nothing_of_it_was_used() {
    let app = TestApp::start().await;
    let first = patient(&app).await;
    let lost = Pair::of(&refresh(&app, &first.refresh).await.expect(200));
    app.wait(Duration::from_secs(30));
    let second = Pair::of(&refresh(&app, &first.refresh).await.expect(200));
    app.wait(Duration::from_secs(30));
    let third = Pair::of(&refresh(&app, &first.refresh).await.expect(200));
    for void in [&lost, &second] {
        assert_eq!(current(&app, void).await, 401, "what was lost opens nothing");
    }
    assert_eq!(current(&app, &third).await, 200);
    app.wait(Duration::from_secs(30));
    refresh(&app, &first.refresh).await.refused(401, "unauthenticated");
    assert_eq!(current(&app, &third).await, 401, "its access token was in use: the family is over");
}

#[tokio::test]
async fn what_replaced_a_lost_answer_ends_the_family_when_the_lost_one_appears() {
    let app = TestApp::start().await;
    let first = patient(&app).await;
    let lost = Pair::of(&refresh(&app, &first.refresh).await.expect(200));
    app.wait(Duration::from_secs(30));
    let second = Pair::of(&refresh(&app, &first.refresh).await.expect(200));
    refresh(&app, &lost.refresh).await.refused(401, "unauthenticated");
    assert_eq!(current(&app, &second).await, 401);
    refresh(&app, &second.refresh).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn of_refreshes_at_the_same_time_exactly_one_wins_and_nothing_breaks() {
    let app = TestApp::start().await;
    let first = patient(&app).await;
    let replies = futures::future::join_all((0..8).map(|_| refresh(&app, &first.refresh))).await;
    let mut winners = replies.iter().filter(|reply| reply.status == 200);
    let winner = Pair::of(&winners.next().expect("somebody wins").json);
    assert!(winners.next().is_none());
    assert_eq!(replies.iter().filter(|reply| reply.code() == "conflict").count(), 7);
    assert_eq!(current(&app, &winner).await, 200);
    refresh(&app, &winner.refresh).await.expect(200);
}

#[tokio::test]
async fn a_refresh_whose_answer_died_with_the_process_is_repeated() {
    let app = TestApp::start().await;
    let first = patient(&app).await;
    refresh(&app, &first.refresh).await.expect(200);
    let app = app.restart().await;
    app.wait(Duration::from_secs(5));
    let second = Pair::of(&refresh(&app, &first.refresh).await.expect(200));
    assert_eq!(current(&app, &second).await, 200);
}

#[tokio::test]
async fn another_role_needs_another_sign_in() {
    let app = TestApp::start().await;
    let (idle, active) = (patient(&app).await, sign_in(&app, "pat@example.org").await);
    let user = part(&idle.access, 1)["sub"].as_str().unwrap().to_owned();
    let promote = "UPDATE users SET role = 'admin' WHERE id = $1 RETURNING CAST(1 AS BIGINT)";
    assert_eq!(count(&app, promote, &user).await, 1);
    assert_eq!(current(&app, &active).await, 401);
    refresh(&app, &idle.refresh).await.refused(401, "unauthenticated");
    let again = sign_in(&app, "pat@example.org").await;
    assert_eq!(with(&app, Method::GET, CURRENT, &again.access).await.expect(200)["role"], "admin");
}

#[tokio::test]
async fn a_family_lasts_no_longer_than_a_session() {
    let app = TestApp::start().await;
    let idle = patient(&app).await;
    let mut busy = sign_in(&app, "pat@example.org").await;
    for _ in 0..3 {
        app.wait(Duration::from_mins(10));
        busy = Pair::of(&refresh(&app, &busy.refresh).await.expect(200));
    }
    refresh(&app, &idle.refresh).await.refused(401, "unauthenticated");
    for _ in 0..68 {
        app.wait(Duration::from_mins(10));
        busy = Pair::of(&refresh(&app, &busy.refresh).await.expect(200));
    }
    app.wait(Duration::from_mins(10));
    refresh(&app, &busy.refresh).await.refused(401, "unauthenticated");
    assert_eq!(current(&app, &busy).await, 401);
}

#[tokio::test]
async fn a_session_ended_elsewhere_ends_its_tokens_at_once() {
    let app = TestApp::start().await;
    let pair = patient(&app).await;
    assert_eq!(current(&app, &pair).await, 200);
    let user = part(&pair.access, 1)["sub"].as_str().unwrap().to_owned();
    let deactivate = "UPDATE users SET deactivated_at = 1 WHERE id = $1 RETURNING CAST(1 AS BIGINT)";
    assert_eq!(count(&app, deactivate, &user).await, 1);
    assert_eq!(current(&app, &pair).await, 401);
    refresh(&app, &pair.refresh).await.refused(401, "unauthenticated");
    let body = json!({"email": "pat@example.org", "password": PASSWORD});
    app.anonymous().post(TOKENS, body).await.refused(401, "unauthenticated");
}
