//! Whoever holds the database moves sealed values about by SQL, between rows, columns, people and clinics: every one of
//! them opens in its own place alone.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "somebody who tampers uses SQL")]

mod support;

use std::collections::BTreeSet;
use std::io::Cursor;

use axum::http::Method;
use control_plane::crypto::CryptoError;
use control_plane::domain::audit::{Action, Agent, AuditEntry};
use control_plane::domain::transcript::{EntryState, NewCaption};
use control_plane::domain::user::Role;
use control_plane::ids::{TenantId, UserId};
use control_plane::store::{NewUser, StoreError};
use image::{ImageFormat, RgbImage};
use media_server::transcription::CaptionText;
use serde_json::{Value, json};
use sqlx::{AnyPool, AssertSqlSafe, Row as _};
use support::{Client, PASSWORD, TestApp};

const SECOND: &str = "second.example";
const UNVERIFIED: &str = "new@example.org";
const COLUMNS: &str = include_str!("fixtures/columns.txt");

/// Where a sealed value stands.
#[derive(Clone, PartialEq)]
struct Place {
    table: &'static str,
    column: &'static str,
    /// The column that tells rows apart.
    key: &'static str,
    row: String,
}

impl Place {
    fn new(table: &'static str, column: &'static str, key: &'static str, row: &str) -> Self {
        Self { table, column, key, row: row.into() }
    }

    async fn get(&self, database: &AnyPool) -> Vec<u8> {
        let sql = format!("SELECT {} AS body FROM {} WHERE {} = $1", self.column, self.table, self.key);
        sqlx::query(AssertSqlSafe(sql)).bind(&self.row).fetch_one(database).await.unwrap().get("body")
    }

    async fn put(&self, database: &AnyPool, body: &[u8]) {
        let sql = format!("UPDATE {} SET {} = $2 WHERE {} = $1", self.table, self.column, self.key);
        let query = sqlx::query(AssertSqlSafe(sql)).bind(&self.row).bind(body);
        assert_eq!(query.execute(database).await.unwrap().rows_affected(), 1);
    }
}

/// Who opens a value.
enum Reader {
    Page(Client, String),
    Authenticator(TenantId, UserId),
    /// By its secret.
    Invitation(TenantId, String),
}

impl Reader {
    /// Whether it opened; anything but success and the failure of an envelope is a failure of the test.
    async fn opens(&self, app: &TestApp) -> bool {
        match self {
            Self::Page(client, path) => {
                let (status, _, body) = client.fetch(path).await;
                let view: Value = serde_json::from_slice(&body).unwrap_or_default();
                let refused = status == 500 && view["error"]["code"] == "internal";
                assert!(refused || status == 200, "{path}: {view}");
                !refused
            }
            Self::Invitation(tenant, secret) => {
                let mut tx = app.app.store.begin(*tenant).await.unwrap();
                match tx.use_invite(secret, app.app.clock.now()).await {
                    Ok(_) => true,
                    Err(StoreError::Crypto(CryptoError::DoesNotOpen)) => false,
                    Err(error) => panic!("{error}"),
                }
            }
            Self::Authenticator(tenant, user) => {
                match app.app.store.begin(*tenant).await.unwrap().totp(*user).await {
                    Ok(found) => found.is_some(),
                    Err(StoreError::Crypto(CryptoError::DoesNotOpen)) => false,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}

/// Two clinics with three patients: what is sealed for them, and who opens it.
struct Clinics {
    app: TestApp,
    second: TenantId,
    places: Vec<(Place, Reader)>,
}

impl Clinics {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let (store, now) = (&app.app.store, app.app.clock.now());
        let (first, second) = (store.tenant(), store.create_clinic("Second", SECOND, now).await.unwrap());
        let mut clinics = Self { app, second, places: Vec::new() };
        for (tenant, host, patients) in [
            (first, "care.example", &["ada@example.org", "bob@example.org"][..]),
            (second, SECOND, &["eve@example.org"]),
        ] {
            let doctor = clinics.person(tenant, host, "doc@example.org", Role::Doctor).await;
            let admin = clinics.person(tenant, host, "adm@example.org", Role::Admin).await;
            for email in patients {
                let id = clinics.patient(tenant, host, email, &doctor).await;
                clinics.emergency(&id, &doctor, &admin).await;
            }
            clinics.licence(tenant, host, &admin).await;
        }
        clinics
    }

    async fn person(&self, tenant: TenantId, host: &str, email: &str, role: Role) -> Client {
        let new = NewUser {
            email: Some(email.into()),
            name: email.into(),
            role,
            specialty: String::new(),
            password_hash: Some(self.app.app.passwords.hash(PASSWORD).await.unwrap()),
            email_verified: true,
            approved: email != UNVERIFIED,
        };
        let (store, now) = (&self.app.app.store, self.app.app.clock.now());
        let mut tx = store.begin(tenant).await.unwrap();
        let user = tx.insert_user(&new, now).await.unwrap();
        tx.commit(AuditEntry::by(Agent::Server, Action::UserCreated, user.id, now)).await.unwrap();
        let visitor = self.app.anonymous().at(host);
        let reply = visitor.post("/api/v1/session", json!({"email": email, "password": PASSWORD})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        Client { host: host.into(), ..self.app.client_of(&reply, &reply.json["csrf_token"]) }
    }

    /// Somebody with an authenticator and two consultations, in each of which two things were said.
    /// Returns their id.
    async fn patient(&mut self, tenant: TenantId, host: &str, email: &str, doctor: &Client) -> String {
        let client = self.person(tenant, host, email, Role::Patient).await;
        let session = client.get("/api/v1/session").await.expect(200);
        let id = session["user"]["id"].as_str().unwrap();
        let page = |path: String| Reader::Page(client.clone(), path);
        self.places.push((Place::new("users", "identity", "id", id), page("/api/v1/session".into())));
        client.post("/api/v1/account/totp", json!({})).await.expect(200);
        let reader = Reader::Authenticator(tenant, id.parse().unwrap());
        self.places.push((Place::new("totp", "secret", "user_id", id), reader));
        for number in 0..2 {
            let body = json!({"reason": format!("reason {number} of {email}"), "specialty": ""});
            let view = client.post("/api/v1/consultations", body).await.expect(201);
            let path = format!("/api/v1/consultations/{}", view["id"].as_str().unwrap());
            for step in ["accept", "start"] {
                doctor.post(&format!("{path}/{step}"), json!({})).await.expect(200);
            }
            let view = client.get(&path).await.expect(200);
            for caption in self.captions(tenant, &view).await {
                let place = Place::new("captions", "body", "id", &caption);
                self.places.push((place, page(format!("{path}/transcript"))));
            }
            if number == 0 {
                doctor.post(&format!("{path}/end"), json!({})).await.expect(200);
            } else {
                self.guest(tenant, host, &path, doctor).await;
            }
            let place = Place::new("consultations", "reason", "id", view["id"].as_str().unwrap());
            self.places.push((place, page(path)));
        }
        client
            .send(client.request(Method::PUT, "/api/v1/account/picture", portrait().into()))
            .await
            .expect(204);
        let picture = Place::new("profile_pictures", "body", "user_id", id);
        self.places.push((picture, page(format!("/api/v1/users/{id}/picture"))));
        id.to_owned()
    }

    /// An invitation that waits, and a guest who used one.
    async fn guest(&mut self, tenant: TenantId, host: &str, path: &str, doctor: &Client) {
        let invite = async |label: &str| {
            let view = doctor.post(&format!("{path}/invites"), json!({"label": label})).await.expect(201);
            (view["id"].as_str().unwrap().to_owned(), view["secret"].as_str().unwrap().to_owned())
        };
        let (waiting, secret) = invite("Interpreter").await;
        let place = Place::new("invites", "sealed_label", "id", &waiting);
        self.places.push((place, Reader::Invitation(tenant, secret)));
        let body = json!({"secret": invite("Sister").await.1, "name": "Gina Guest"});
        let joined = self.app.anonymous().at(host).post("/api/v1/session/guest", body).await;
        let csrf = &joined.json["session"]["csrf_token"];
        let guest = Client { host: host.into(), ..self.app.client_of(&joined, csrf) };
        let seat = guest.get(path).await.expect(200)["participant_id"].as_str().unwrap().to_owned();
        let place = Place::new("participants", "sealed_label", "id", &seat);
        self.places.push((place, Reader::Page(guest, path.into())));
    }

    /// Emergency access, whose reason the reviewers read.
    async fn emergency(&mut self, patient: &str, doctor: &Client, admin: &Client) {
        let path = format!("/api/v1/patients/{patient}/break-glass");
        let view = doctor.post(&path, json!({"reason": "Unconscious"})).await.expect(201);
        let place = Place::new("break_glass", "reason", "id", view["id"].as_str().unwrap());
        self.places.push((place, Reader::Page(admin.clone(), "/api/v1/admin/break-glass".into())));
    }

    /// A licence that was handed in and refused.
    async fn licence(&mut self, tenant: TenantId, host: &str, admin: &Client) {
        let doctor = self.person(tenant, host, UNVERIFIED, Role::Doctor).await;
        let request = doctor.request(Method::POST, "/api/v1/account/verification", "%PDF-1.7".into());
        let view = doctor.send(request).await.expect(201);
        let id = view["id"].as_str().unwrap();
        let page = format!("/api/v1/admin/verifications/{id}");
        admin.post(&format!("{page}/reject"), json!({"reason": "Not readable"})).await.expect(204);
        for (column, path) in [("document", format!("{page}/document")), ("reason", page)] {
            let place = Place::new("verifications", column, "id", id);
            self.places.push((place, Reader::Page(admin.clone(), path)));
        }
    }

    /// Their ids.
    async fn captions(&self, tenant: TenantId, consultation: &Value) -> Vec<String> {
        let (store, id) = (&self.app.app.store, consultation["id"].as_str().unwrap());
        for utterance in 0..2 {
            let caption = NewCaption {
                participant: consultation["participant_id"].as_str().unwrap().parse().unwrap(),
                utterance,
                state: EntryState::Final,
                start_ms: 1000 * utterance as i64,
                end_ms: 1000 * utterance as i64 + 900,
                text: CaptionText::new(format!("sentence {utterance}")),
                model: "test model".into(),
                demonstration: false,
            };
            let now = self.app.app.clock.now();
            assert!(store.append_caption(tenant, id.parse().unwrap(), &caption, now).await.unwrap());
        }
        let rows = sqlx::query("SELECT id FROM captions WHERE consultation_id = $1").bind(id);
        rows.fetch_all(&self.app.intruder().await).await.unwrap().iter().map(|row| row.get("id")).collect()
    }
}

fn portrait() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::new(64, 64).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[tokio::test]
async fn every_sealed_value_opens_in_its_own_place_alone() {
    let clinics = Clinics::start().await;
    let (app, places) = (&clinics.app, &clinics.places);
    let tried: BTreeSet<_> =
        places.iter().map(|(place, _)| format!("{}.{}", place.table, place.column)).collect();
    let sealed = COLUMNS.lines().filter_map(|line| line.strip_suffix(" sealed").map(ToOwned::to_owned));
    assert_eq!(tried, sealed.collect(), "every sealed column is tried");
    let database = app.intruder().await;
    let mut refused = 0;
    for (to, reader) in places {
        let own = to.get(&database).await;
        for (from, _) in places.iter().filter(|(from, _)| from != to) {
            to.put(&database, &from.get(&database).await).await;
            let (from, to) = (format!("{}/{}", from.table, from.row), format!("{}/{}", to.table, to.row));
            assert!(!reader.opens(app).await, "{from} opens as {to}");
            refused += 1;
        }
        to.put(&database, &own).await;
        assert!(reader.opens(app).await);
    }
    assert_eq!(places.len(), 3 * (2 + 2 * 3 + 4) + 2 * 2);
    assert_eq!(refused, places.len() * (places.len() - 1));
    let login = json!({"email": "bob@example.org", "password": PASSWORD});
    app.anonymous().post("/api/v1/session", login).await.expect(200);
}

#[tokio::test]
async fn a_caption_opens_in_its_own_consultation_alone() {
    let clinics = Clinics::start().await;
    let database = clinics.app.intruder().await;
    let moved = "UPDATE captions SET consultation_id = $2, utterance = 9, start_ms = 9000,
                        participant_id = (SELECT participant_id FROM captions WHERE consultation_id = $2 LIMIT 1)
                  WHERE id = $1";
    let consultations: Vec<_> =
        clinics.places.iter().filter(|(place, _)| place.table == "consultations").take(2).collect();
    let caption = clinics.places.iter().find(|(place, _)| place.table == "captions").unwrap();
    // From the first to the second one of the same patient.
    let query = sqlx::query(moved).bind(&caption.0.row).bind(&consultations[1].0.row);
    query.execute(&database).await.unwrap();
    let Reader::Page(patient, path) = &consultations[1].1 else { panic!("a page") };
    patient.get(&format!("{path}/transcript")).await.refused(500, "internal");
}

#[tokio::test]
async fn a_persons_key_is_nobody_elses_not_even_at_another_clinic() {
    let clinics = Clinics::start().await;
    let database = clinics.app.intruder().await;
    let people: Vec<Place> = clinics
        .places
        .iter()
        .filter(|(place, _)| place.table == "users")
        .map(|(place, _)| Place::new("patient_keys", "wrapped", "patient_id", &place.row))
        .collect();
    let mut app = clinics.app;
    let (first, second) = (app.app.store.tenant(), clinics.second);
    for (number, to) in people.iter().enumerate() {
        let own = to.get(&database).await;
        for from in people.iter().filter(|from| *from != to) {
            to.put(&database, &from.get(&database).await).await;
            // What was opened before stays opened for minutes.
            app = app.restart().await;
            let tenant = if number < 2 { first } else { second };
            let reader = Reader::Authenticator(tenant, to.row.parse().unwrap());
            assert!(!reader.opens(&app).await, "the key of {} serves {}", from.row, to.row);
        }
        to.put(&database, &own).await;
        app = app.restart().await;
    }
}
