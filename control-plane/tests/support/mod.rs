//! A real server without its port: the real router over a real database in a temporary folder, at a fixed time.
#![expect(dead_code, reason = "every test file uses its own part of it")]

pub(crate) mod authenticator;
pub(crate) mod cluster;
pub(crate) mod database;
pub(crate) mod events;
pub(crate) mod failing_disk;
pub(crate) mod ledger;
pub(crate) mod many_keys;
pub(crate) mod oidc;
pub(crate) mod program;
pub(crate) mod smtp;
pub(crate) mod vault;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use control_plane::app::App;
use control_plane::clock::Clock;
use control_plane::config::Config;
use control_plane::domain::{time::Timestamp, user::Role};
use control_plane::http::router::router;
use control_plane::store::NewUser;
use database::Urls;
use serde_json::{Value, json};
use sqlx::Row as _;
use tempfile::TempDir;
use tower::ServiceExt as _;

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const ORIGIN: &str = "https://care.example";
const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) folder: TempDir,
    router: Router,
}

impl TestApp {
    /// On the engine that this run of the tests is for.
    pub(crate) async fn start() -> Self {
        Self::start_on(database::fresh().await).await
    }

    /// For what only SQLite has.
    pub(crate) async fn start_on_sqlite() -> Self {
        Self::start_on(Urls::default()).await
    }

    pub(crate) async fn start_on(urls: Urls) -> Self {
        Self::open(tempfile::tempdir().unwrap(), Clock::fixed(START), urls).await
    }

    /// In the present, by which the media node judges who may join.
    pub(crate) async fn start_now() -> Self {
        Self::open(tempfile::tempdir().unwrap(), Clock::System, database::fresh().await).await
    }

    /// On what `folder` holds already.
    pub(crate) async fn start_in(folder: TempDir, urls: Urls) -> Self {
        Self::open(folder, Clock::fixed(START), urls).await
    }

    /// With a configuration that differs from what most tests need.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = configuration(&folder, database::fresh().await);
        change(&mut config);
        Self::build(folder, config, Clock::fixed(START)).await
    }

    /// Of a clinic that sends its mail through `server`.
    pub(crate) async fn start_with_mail(server: &smtp::MailServer) -> Self {
        Self::start_with(|config| server.serve(config)).await
    }

    async fn open(folder: TempDir, clock: Clock, urls: Urls) -> Self {
        let config = configuration(&folder, urls);
        Self::build(folder, config, clock).await
    }

    async fn build(folder: TempDir, config: Config, clock: Clock) -> Self {
        let app = App::build(config, clock).await.unwrap();
        Self { router: router(app.clone()), app, folder }
    }

    /// The same installation after its process was stopped and started again.
    pub(crate) async fn restart(self) -> Self {
        self.stop().await;
        Self::build(self.folder, self.app.config.clone(), self.app.clock.clone()).await
    }

    /// Another server on the same database and the same keys.
    pub(crate) async fn beside(&self) -> Self {
        Self::build(tempfile::tempdir().unwrap(), self.app.config.clone(), self.app.clock.clone()).await
    }

    /// What the trail says was done, first to last.
    #[expect(clippy::disallowed_methods, reason = "looks at the table as it is stored")]
    pub(crate) async fn actions(&self) -> Vec<String> {
        let rows = sqlx::query("SELECT action FROM audit ORDER BY seq");
        rows.fetch_all(&self.intruder().await).await.unwrap().iter().map(|row| row.get("action")).collect()
    }

    pub(crate) async fn stop(&self) {
        self.app.tasks.stopping().cancel();
        self.app.media.shutdown().await;
        self.app.tasks.wait().await;
        self.app.close().await;
    }

    /// Somebody with the database in their hands: the file, or PostgreSQL's superuser.
    pub(crate) async fn intruder(&self) -> sqlx::AnyPool {
        let url = self.app.config.database_url().replace("//auscult_app@", "//auscult_root@");
        sqlx::AnyPool::connect(&url).await.unwrap()
    }

    /// The same, who has switched off what keeps the audit log from being changed.
    pub(crate) async fn tamperer(&self) -> sqlx::AnyPool {
        const SQLITE: &str = "DROP TRIGGER audit_update; DROP TRIGGER audit_delete; DROP TRIGGER audit_insert;
             DROP TRIGGER audit_heads_update; DROP TRIGGER audit_heads_delete; DROP TRIGGER checkpoints_update;
             DROP TRIGGER checkpoints_delete; DROP TRIGGER checkpoints_insert;";
        const POSTGRES: &str = "ALTER TABLE audit DISABLE TRIGGER USER;
             ALTER TABLE audit_heads DISABLE TRIGGER USER; ALTER TABLE checkpoints DISABLE TRIGGER USER;";
        let database = self.intruder().await;
        let guards = if self.app.config.database.url.is_empty() { SQLITE } else { POSTGRES };
        sqlx::raw_sql(guards).execute(&database).await.unwrap();
        database
    }

    pub(crate) fn wait(&self, duration: Duration) {
        self.app.clock.advance(duration);
    }

    pub(crate) async fn add_user(&self, email: &str, name: &str, role: Role) {
        self.add(email, name, role, true).await;
    }

    /// Whose licence nobody has looked at.
    pub(crate) async fn unverified_doctor(&self, email: &str) -> Client {
        self.add(email, "Nina New", Role::Doctor, false).await;
        self.sign_in(email).await
    }

    async fn add(&self, email: &str, name: &str, role: Role, approved: bool) {
        let hash = self.app.passwords.hash(PASSWORD).await.unwrap();
        let new = NewUser {
            email: Some(email.into()),
            name: name.into(),
            role,
            specialty: if role == Role::Doctor { "Dermatology".into() } else { String::new() },
            password_hash: Some(hash),
            email_verified: true,
            approved,
        };
        self.app.store.create_user(&new, self.app.clock.now()).await.unwrap();
    }

    /// Makes the account and signs in.
    pub(crate) async fn person(&self, email: &str, name: &str, role: Role) -> Client {
        self.add_user(email, name, role).await;
        self.sign_in(email).await
    }

    pub(crate) async fn patient(&self) -> Client {
        self.person("pat@example.org", "Pat Patient", Role::Patient).await
    }

    pub(crate) async fn doctor(&self) -> Client {
        self.person("doc@example.org", "Dora Doctor", Role::Doctor).await
    }

    /// What an authenticator app shows now.
    pub(crate) fn totp_code(&self, secret: &Value) -> String {
        self.totp_code_in(secret, 0)
    }

    /// What it does not show now, nor a step before or after. (No code is wrong for every secret.)
    pub(crate) fn wrong_totp_code(&self, secret: &Value) -> String {
        let taken = [-30, 0, 30].map(|seconds| self.totp_code_in(secret, seconds));
        (0..=3).map(|code| format!("{code:06}")).find(|code| !taken.contains(code)).unwrap()
    }

    fn totp_code_in(&self, secret: &Value, seconds: i64) -> String {
        let secret = totp_rs::Secret::try_from_base32(secret.as_str().unwrap()).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).with_account_name("x").with_issuer(Some("y"));
        let time = self.app.clock.now().millis() / 1000 + seconds;
        totp.build().unwrap().generate(u64::try_from(time).unwrap()).to_string()
    }

    pub(crate) async fn sign_in(&self, email: &str) -> Client {
        self.sign_in_with(email, PASSWORD).await
    }

    pub(crate) async fn sign_in_with(&self, email: &str, password: &str) -> Client {
        let body = json!({"email": email, "password": password});
        let reply = self.anonymous().post("/api/v1/session", body).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        self.client_of(&reply, &reply.json["csrf_token"])
    }

    /// A browser with the cookie that `reply` set.
    pub(crate) fn client_of(&self, reply: &Reply, csrf: &Value) -> Client {
        let cookie =
            reply.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        Client { cookie: Some(cookie), csrf: csrf.as_str().map(Into::into), ..self.anonymous() }
    }

    pub(crate) fn anonymous(&self) -> Client {
        Client {
            router: self.router.clone(),
            cookie: None,
            csrf: None,
            address: "192.0.2.1".into(),
            host: "care.example".into(),
        }
    }
}

fn configuration(folder: &TempDir, urls: Urls) -> Config {
    let mut config = Config::default();
    folder.path().clone_into(&mut config.data.folder);
    config.database.url = urls.serving;
    config.database.owner_url = urls.owner;
    config.http.public_url = ORIGIN.into();
    config.media.listen = [127, 0, 0, 1].into();
    config.media.first_port = 0;
    config.media.workers = 1;
    config.whisper.enabled = false;
    config
}

/// One browser.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) router: Router,
    pub(crate) cookie: Option<String>,
    pub(crate) csrf: Option<String>,
    pub(crate) address: String,
    /// Of the clinic whose pages it shows.
    pub(crate) host: String,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// `null` when the body is not JSON.
    pub(crate) json: Value,
}

impl Reply {
    pub(crate) fn code(&self) -> &str {
        self.json["error"]["code"].as_str().unwrap_or_default()
    }

    /// The body without what differs from request to request.
    pub(crate) fn without_request_id(&self) -> String {
        match self.json["error"]["request_id"].as_str() {
            Some(id) => self.text.replace(id, "req"),
            None => self.text.clone(),
        }
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{}", self.text);
    }
}

impl Client {
    /// The same browser, led to another server of the same clinic.
    pub(crate) fn led_to(&self, server: &TestApp) -> Self {
        Self { router: server.router.clone(), ..self.clone() }
    }

    /// At another clinic.
    pub(crate) fn at(self, host: &str) -> Self {
        Self { host: host.into(), ..self }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path, Body::empty())).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(self.request(Method::POST, path, Body::from(body.to_string()))).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(self.request(Method::PUT, path, Body::from(body.to_string()))).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path, Body::empty())).await
    }

    pub(crate) fn request(&self, method: Method, path: &str, body: Body) -> Request<Body> {
        let address: SocketAddr = format!("{}:50000", self.address).parse().unwrap();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::ORIGIN, format!("https://{}", self.host))
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/json")
            .extension(ConnectInfo(address));
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, format!("theme=dark; {cookie}"));
        }
        if let Some(csrf) = &self.csrf {
            request = request.header("x-csrf-token", csrf);
        }
        request.body(body).unwrap()
    }

    /// For answers that are no text, or whose body does not matter.
    pub(crate) async fn send_for_headers(&self, request: Request<Body>) -> (u16, HeaderMap) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        (response.status().as_u16(), response.headers().clone())
    }

    /// For answers that are no text.
    pub(crate) async fn fetch(&self, path: &str) -> (u16, HeaderMap, Vec<u8>) {
        let request = self.request(Method::GET, path, Body::empty());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 10 * 1024 * 1024).await.unwrap();
        (parts.status.as_u16(), parts.headers, bytes.to_vec())
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 10 * 1024 * 1024).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Reply { status: parts.status, headers: parts.headers, text, json }
    }
}

/// The steps of a consultation that most tests begin with.
pub(crate) struct Consultation {
    pub(crate) id: String,
    pub(crate) patient: Client,
    pub(crate) doctor: Client,
}

pub(crate) const REASON: &str = "My zyrtembix knee hurts since Monday";

impl Consultation {
    pub(crate) async fn requested(app: &TestApp) -> Self {
        let (patient, doctor) = (app.patient().await, app.doctor().await);
        let body = json!({"reason": REASON, "specialty": ""});
        let view = patient.post("/api/v1/consultations", body).await.expect(201);
        Self { id: view["id"].as_str().unwrap().into(), patient, doctor }
    }

    pub(crate) async fn active(app: &TestApp) -> Self {
        let consultation = Self::requested(app).await;
        for step in ["accept", "start"] {
            consultation.doctor.post(&consultation.path(step), json!({})).await.expect(200);
        }
        consultation
    }

    /// `/api/v1/consultations/{id}/…`
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/api/v1/consultations/{}/{rest}", self.id).trim_end_matches('/').to_owned()
    }
}
