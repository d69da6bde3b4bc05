//! A clinic with everybody who might ask for something. Clinics are cheap: whenever an answer has changed one, the next
//! question is asked in a fresh one of the same installation.

pub(crate) mod table;

use std::cell::Cell;
use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use control_plane::crypto::passkey::StoredPasskey;
use control_plane::crypto::secret;
use control_plane::domain::audit::{Action, Agent, AuditEntry};
use control_plane::domain::break_glass::BreakGlass;
use control_plane::domain::consultation::{
    Consultation, ConsultationEvent, ConsultationState, Reason, StateName,
};
use control_plane::domain::security::{Alert, EventKind};
use control_plane::domain::session::{SecondFactor, SessionKind};
use control_plane::domain::time::Timestamp;
use control_plane::domain::user::Role;
use control_plane::domain::verification::DocumentType;
use control_plane::ids::{ConsultationId, SessionId, TenantId, UserId};
use control_plane::signalling::protocol::ParticipantKind;
use control_plane::store::{ApiSession, LicenceDocument, NewSession, NewUser, Tx};
use tower::ServiceExt as _;

use crate::support::smtp::MailServer;
use crate::support::{Client, PASSWORD, TestApp};

/// Who asks, and who that is.
pub(crate) const ACTORS: [(&str, &str); 19] = [
    ("anon", "nobody has signed in"),
    ("pat", "the patient of the consultation"),
    ("pat2", "another patient"),
    ("doc", "the doctor of the consultation; while it waits, any doctor"),
    ("doc2", "another doctor"),
    ("new", "a doctor whom the clinic has not verified"),
    ("adm", "an administrator"),
    ("docE", "a doctor with emergency access to the patient's record"),
    ("admE", "an administrator with emergency access to the patient's record"),
    ("gst", "a guest of the consultation"),
    ("off", "a deactivated doctor whose session was left over"),
    ("api", "the doctor of the consultation, with an access token"),
    ("far", "another clinic's administrator, there"),
    ("lost", "another clinic's administrator, with that session here"),
    ("old", "an administrator whose last proof of who they are is ten minutes old"),
    ("nofa", "an administrator without the second factor that the clinic wants"),
    ("mail", "a patient whose address is not verified"),
    ("exp", "the doctor of the consultation, with an access token that has expired"),
    ("rev", "the doctor of the consultation, with an access token whose session was ended"),
];
const PEOPLE: [(&str, Role); 13] = [
    ("pat", Role::Patient),
    ("pat2", Role::Patient),
    ("doc", Role::Doctor),
    ("doc2", Role::Doctor),
    ("new", Role::Doctor),
    ("adm", Role::Admin),
    ("docE", Role::Doctor),
    ("admE", Role::Admin),
    ("gst", Role::Guest),
    ("off", Role::Doctor),
    ("old", Role::Admin),
    ("nofa", Role::Admin),
    ("mail", Role::Patient),
];

pub(crate) struct Installation {
    pub(crate) app: TestApp,
    password_hash: String,
    far: TenantId,
    count: Cell<u32>,
}

/// Somebody who asks.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) client: Client,
    token: Option<String>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) code: String,
    /// Status, headers and body without what differs from request to request.
    pub(crate) bytes: String,
}

pub(crate) struct Clinic {
    people: HashMap<&'static str, Person>,
    /// What rows of requests may name in braces.
    pub(crate) ids: HashMap<&'static str, String>,
}

impl Installation {
    pub(crate) async fn start() -> Self {
        // Whatever it takes goes nowhere.
        let post = MailServer::start().await;
        let app = TestApp::start_with(|config| {
            post.serve(config);
            config.accounts.second_factor_roles = vec!["doctor".into(), "admin".into()];
        })
        .await;
        let password_hash = app.app.passwords.hash(PASSWORD).await.unwrap();
        let store = &app.app.store;
        let far = store.create_clinic("Far", "far.example", app.app.clock.now()).await.unwrap();
        let installation = Self { app, password_hash, far, count: Cell::new(0) };
        // So that the one who asks is never the last administrator.
        installation.far_administrator().await;
        installation
    }

    /// A number that nothing else of this installation has.
    fn number(&self) -> u32 {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }

    /// A clinic of its own with one consultation in the given state.
    pub(crate) async fn clinic(&self, state: StateName) -> Clinic {
        let (app, now) = (&self.app.app, self.app.app.clock.now());
        let host = format!("c{}.example", self.number());
        let tenant = app.store.create_clinic("Clinic", &host, now).await.unwrap();
        let mut tx = app.store.begin(tenant).await.unwrap();
        let (mut people, mut users) = (HashMap::new(), HashMap::new());
        for (name, role) in PEOPLE {
            let user = self.insert_person(&mut tx, name, role).await;
            users.insert(name, user);
            people.insert(name, self.signed_in(&mut tx, tenant, &host, name, user).await);
        }
        let anonymous = self.at(&host);
        let minted = now.minus(Duration::from_mins(11));
        for (name, at, ended) in [("api", now, false), ("exp", minted, false), ("rev", now, true)] {
            let (token, session) = self.token(&mut tx, tenant, users["doc"], at).await;
            if ended {
                tx.delete_session(session).await.unwrap();
            }
            people.insert(name, Person { token: Some(token), ..anonymous.clone() });
        }
        people.insert("anon", anonymous);
        let mut ids = self.insert_things(&mut tx, &users, state).await;
        tx.deactivate(users["off"], now).await.unwrap();
        tx.commit(AuditEntry::by(Agent::Server, Action::UserCreated, "", now)).await.unwrap();
        ids.insert("security_event", self.insert_alert(tenant, users["docE"]).await);

        let far = self.far_administrator().await;
        people.insert("lost", Person { client: far.client.clone().at(&host), ..far.clone() });
        people.insert("far", far);
        ids.extend(users.iter().map(|(name, user)| (*name, user.to_string())));
        Clinic { people, ids }
    }

    async fn insert_person(&self, tx: &mut Tx, name: &str, role: Role) -> UserId {
        let new = NewUser {
            email: (role != Role::Guest).then(|| format!("{name}@example.org")),
            name: format!("Name of {name}"),
            role,
            specialty: if role == Role::Doctor { "Dermatology".into() } else { String::new() },
            password_hash: Some(self.password_hash.clone()),
            email_verified: name != "mail",
            approved: name != "new",
        };
        tx.insert_user(&new, self.app.app.clock.now()).await.unwrap().id
    }

    async fn signed_in(&self, tx: &mut Tx, tenant: TenantId, host: &str, name: &str, user: UserId) -> Person {
        let (app, secret) = (&self.app.app, secret::generate().unwrap());
        let second_factor = if name == "nofa" { SecondFactor::None } else { SecondFactor::Totp };
        let session = NewSession {
            user,
            secret: &secret,
            kind: SessionKind::Browser,
            device: "Firefox on Linux",
            address: [192, 0, 2, 1].into(),
            second_factor,
        };
        let (limits, now) = (app.config.accounts.session_limits(), app.clock.now());
        let session = tx.insert_session(&session, limits, now).await.unwrap();
        if name == "old" {
            tx.confirm_session(session, now.minus(Duration::from_mins(10))).await.unwrap();
        }
        let csrf = app.store.tenant_key(tenant).unwrap().csrf_token(&secret);
        let Person { client, token } = self.at(host);
        let cookie = Some(format!("__Host-auscult_session={secret}"));
        Person { client: Client { cookie, csrf: Some(csrf), ..client }, token }
    }

    /// Minted at `at`.
    async fn token(&self, tx: &mut Tx, tenant: TenantId, user: UserId, at: Timestamp) -> (String, SessionId) {
        let (app, now) = (&self.app.app, self.app.app.clock.now());
        let refresh_token = secret::generate().unwrap();
        let new = ApiSession {
            user,
            role: Role::Doctor,
            device: "curl",
            address: [192, 0, 2, 1].into(),
            second_factor: SecondFactor::Totp,
        };
        let limits = app.config.accounts.session_limits();
        let (session, sibling) = tx.insert_api_session(&new, &refresh_token, limits, now).await.unwrap();
        let bearer =
            control_plane::crypto::token::Bearer { tenant, user, role: Role::Doctor, session, sibling };
        (app.access_tokens.mint(&bearer, at).unwrap(), session)
    }

    /// Each asks from an address of their own, so that nobody asks too often.
    fn at(&self, host: &str) -> Person {
        let count = self.number();
        let address = format!("10.{}.{}.{}", count >> 16, count >> 8 & 255, count & 255);
        Person { client: Client { address, ..self.app.anonymous().at(host) }, token: None }
    }

    async fn far_administrator(&self) -> Person {
        let (app, now) = (&self.app.app, self.app.app.clock.now());
        let mut tx = app.store.begin(self.far).await.unwrap();
        let name = format!("far{}", self.number());
        let user = self.insert_person(&mut tx, &name, Role::Admin).await;
        let person = self.signed_in(&mut tx, self.far, "far.example", &name, user).await;
        tx.commit(AuditEntry::by(Agent::Server, Action::UserCreated, user, now)).await.unwrap();
        person
    }

    async fn insert_alert(&self, tenant: TenantId, about: UserId) -> String {
        let (store, at) = (&self.app.app.store, self.app.app.clock.now());
        let alert = Alert { kind: EventKind::OffHoursBreakGlass, subject: about.to_string(), at };
        store.keep_alert(tenant, &alert, Duration::from_secs(1)).await.unwrap();
        let events = store.read(tenant).await.unwrap().security_events(true).await.unwrap();
        events[0].id.to_string()
    }

    /// The consultation and what else requests can be about.
    async fn insert_things(
        &self,
        tx: &mut Tx,
        users: &HashMap<&'static str, UserId>,
        state: StateName,
    ) -> HashMap<&'static str, String> {
        let (app, now) = (&self.app.app, self.app.app.clock.now());
        let (patient, doctor) = (users["pat"], users["doc"]);
        let consultation = insert_consultation(tx, patient, doctor, state, now).await;
        let guest = users["gst"];
        tx.insert_participant(consultation, guest, ParticipantKind::Guest, "Interpreter", now).await.unwrap();
        let mut emergencies = Vec::new();
        for holder in ["docE", "admE"] {
            let access = BreakGlass::begin(users[holder], patient, now);
            tx.insert_break_glass(&access, &Reason::new("Unconscious".into())).await.unwrap();
            emergencies.push(access.id.to_string());
        }
        let admin_access = emergencies.pop().unwrap();
        let doctor_access = emergencies.pop().unwrap();
        let licence = LicenceDocument { document_type: DocumentType::Pdf, bytes: b"%PDF-1.7".into() };
        let verification = tx.insert_verification(users["new"], &licence, now).await.unwrap();
        let notice = tx.insert_notice(patient, "break_glass_opened", &doctor_access, now).await.unwrap();
        let device = NewSession {
            user: patient,
            secret: "of another device",
            kind: SessionKind::Browser,
            device: "Safari on iPhone",
            address: [192, 0, 2, 2].into(),
            second_factor: SecondFactor::None,
        };
        let limits = app.config.accounts.session_limits();
        let session = tx.insert_session(&device, limits, now).await.unwrap();
        let key = StoredPasskey {
            user: patient,
            credential: vec![7; 16],
            public_key: vec![7; 16],
            state: vec![7; 16],
            transports: 0,
        };
        for person in [patient, doctor] {
            tx.put_picture(person, b"a portrait", now).await.unwrap();
        }
        let passkey = tx.insert_passkey(&key, "Key ring", now).await.unwrap();
        HashMap::from([
            ("consultation", consultation.to_string()),
            ("notice", notice.to_string()),
            ("verification", verification.to_string()),
            ("session", session.to_string()),
            ("passkey", passkey.to_string()),
            ("doctor_access", doctor_access),
            ("admin_access", admin_access),
        ])
    }
}

async fn insert_consultation(
    tx: &mut Tx,
    patient: UserId,
    doctor: UserId,
    state: StateName,
    now: Timestamp,
) -> ConsultationId {
    let mut old = Consultation {
        id: ConsultationId::generate(),
        patient,
        specialty: "Dermatology".into(),
        requested_at: now,
        state: ConsultationState::Requested,
    };
    tx.insert_consultation(&old, &Reason::new("A rash on the left arm".into())).await.unwrap();
    tx.insert_participant(old.id, patient, ParticipantKind::Patient, "", now).await.unwrap();
    let steps =
        [ConsultationEvent::Accepted { doctor }, ConsultationEvent::Started, ConsultationEvent::Ended];
    for step in steps {
        if old.state.name() == state {
            break;
        }
        let new = old.apply(step, now).unwrap();
        tx.update_consultation(&old, &new).await.unwrap();
        if new.state.name() == StateName::Accepted {
            tx.insert_participant(old.id, doctor, ParticipantKind::Doctor, "", now).await.unwrap();
        }
        old = new;
    }
    assert_eq!(old.state.name(), state);
    old.id
}

impl Clinic {
    pub(crate) fn person(&self, actor: &str) -> &Person {
        &self.people[actor]
    }

    /// The text with every `{name}` of something of this clinic replaced by its id.
    pub(crate) fn filled(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
    }
}

impl Person {
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Request<Body> {
        let method: Method = method.parse().unwrap();
        let mut request = self.client.request(method, path, Body::from(body.to_owned()));
        if let Some(token) = &self.token {
            request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        }
        request
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.client.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = if is_endless(&parts.headers, parts.status) { Body::empty() } else { body };
        let bytes = axum::body::to_bytes(body, 10 * 1024 * 1024).await.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let request_id = parts.headers.get("x-request-id").map_or("", |id| id.to_str().unwrap());
        let mut headers: Vec<_> = parts.headers.iter().filter(|(name, _)| *name != "x-request-id").collect();
        headers.sort_by_key(|(name, _)| name.as_str());
        let shown = text.replace(request_id, "req");
        Answer {
            status: parts.status.as_u16(),
            code: json["error"]["code"].as_str().unwrap_or_default().to_owned(),
            bytes: format!("{} {headers:?}\n{shown}", parts.status),
        }
    }
}

/// Events go on until somebody hangs up.
fn is_endless(headers: &HeaderMap, status: StatusCode) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    status.is_success() && content_type.is_some_and(|value| value.as_bytes() == b"text/event-stream")
}
