//! What another page makes a browser send changes nothing: every route that changes something, by everybody whose session
//! it could misuse, without the CSRF value, with somebody else's, and from another site.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clinic;
mod support;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use clinic::table::{self, Row};
use clinic::{Answer, Clinic, Installation};
use control_plane::domain::consultation::StateName;
use control_plane::store::LEFT_OUT;
use sqlx::{AssertSqlSafe, Row as _};
use support::{Client, TestApp};

const CSRF: &str = "x-csrf-token";
/// Everybody with a session cookie.
const WITH_COOKIE: [&str; 7] = ["pat", "doc", "new", "adm", "docE", "admE", "gst"];
/// Who asks proves who they are by what is sent, not by the cookie: there is no CSRF value before a sign-in. The page must
/// be ours all the same.
const WITHOUT_SESSION: [&str; 18] = [
    "/api/v1/session",
    "/api/v1/session/second-step",
    "/api/v1/session/password",
    "/api/v1/session/guest",
    "/api/v1/session/passkey",
    "/api/v1/passkeys/challenge",
    "/api/v1/tokens",
    "/api/v1/tokens/refresh",
    "/api/v1/registrations",
    "/api/v1/email-verification",
    "/api/v1/password-reset",
    "/api/v1/password-reset/confirm",
    "/api/v1/bootstrap",
    "/auth/login",
    "/login",
    "/auth/register",
    "/register",
    "/api/auth/register",
];
/// The same for API clients: an access token is no cookie.
const BY_TOKEN: [&str; 3] = ["DELETE /api/v1/tokens", "POST /api/auth/login", "POST /api/auth/refresh"];

fn needs_no_csrf_value(row: &Row) -> bool {
    let question = format!("{} {}", row.method, row.path);
    BY_TOKEN.contains(&question.as_str())
        || row.method == "POST" && WITHOUT_SESSION.contains(&row.path.as_str())
}

/// Rows of routes that change something.
fn changes() -> Vec<Row> {
    let (_, rows) = table::read();
    rows.into_iter().filter(|row| row.method != "GET").collect()
}

fn request(row: &Row, clinic: &Clinic, actor: &str) -> Request<Body> {
    clinic.person(actor).request(&row.method, &clinic.filled(&row.path), &clinic.filled(&row.body))
}

async fn send(clinic: &Clinic, actor: &str, request: Request<Body>) -> (u16, String) {
    let Answer { status, code, .. } = clinic.person(actor).send(request).await;
    (status, code)
}

/// Everything in the database: the rows that a backup holds, in an order of their own, since PostgreSQL's changes when it
/// analyzes a table; of the other tables the number of rows.
#[expect(clippy::disallowed_methods, reason = "looks at the tables as they are stored")]
async fn stored(app: &TestApp) -> (Vec<String>, Vec<i64>) {
    let mut dump = Vec::new();
    app.app.store.dump(&mut dump).await.unwrap();
    let (database, mut counts) = (app.intruder().await, Vec::new());
    for name in LEFT_OUT {
        let count = format!("SELECT COUNT(*) AS n FROM {name}");
        counts.push(sqlx::query(AssertSqlSafe(count)).fetch_one(&database).await.unwrap().get("n"));
    }
    database.close().await;
    let mut rows: Vec<String> = String::from_utf8(dump).unwrap().lines().map(str::to_owned).collect();
    rows.sort_unstable();
    (rows, counts)
}

/// A clinic for each state of a consultation that the rows need.
async fn clinics(installation: &Installation, rows: &[Row]) -> HashMap<StateName, Clinic> {
    let mut clinics = HashMap::new();
    for state in rows.iter().map(|row| row.state) {
        if let Entry::Vacant(place) = clinics.entry(state) {
            place.insert(installation.clinic(state).await);
        }
    }
    clinics
}

#[tokio::test]
async fn without_the_csrf_value_of_the_session_nothing_is_changed() {
    let (installation, rows) = (Installation::start().await, changes());
    let clinics = clinics(&installation, &rows).await;
    let before = stored(&installation.app).await;
    let mut asked = 0;
    for row in rows.iter().filter(|row| !needs_no_csrf_value(row)) {
        let clinic = &clinics[&row.state];
        for actor in WITH_COOKIE {
            let other = if actor == "pat2" { "pat" } else { "pat2" };
            let Client { csrf: others, .. } = &clinic.person(other).client;
            for forged in [None, others.as_deref(), Some("")] {
                let mut request = request(row, clinic, actor);
                request.headers_mut().remove(CSRF);
                if let Some(value) = forged {
                    request.headers_mut().insert(CSRF, value.parse().unwrap());
                }
                let answer = send(clinic, actor, request).await;
                assert_eq!(answer, (403, "csrf".into()), "{actor} {} {forged:?}", row.question());
                asked += 1;
            }
        }
    }
    assert!(asked >= 1000, "{asked}");
    assert!(stored(&installation.app).await == before, "something was written");
    installation.app.stop().await;
}

#[tokio::test]
async fn from_another_site_nothing_is_changed_not_even_without_a_session() {
    let (installation, rows) = (Installation::start().await, changes());
    let clinics = clinics(&installation, &rows).await;
    let before = stored(&installation.app).await;
    for row in &rows {
        let clinic = &clinics[&row.state];
        for actor in WITH_COOKIE.into_iter().chain(["anon", "api"]) {
            for (name, value) in [
                (header::ORIGIN.as_str(), "https://evil.example"),
                (header::ORIGIN.as_str(), "null"),
                (header::ORIGIN.as_str(), "http://care.example"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
            ] {
                let mut request = request(row, clinic, actor);
                request.headers_mut().insert(name, HeaderValue::from_static(value));
                let answer = send(clinic, actor, request).await;
                assert_eq!(answer, (403, "csrf".into()), "{actor} {} {name}: {value}", row.question());
            }
        }
    }
    assert!(stored(&installation.app).await == before, "something was written");
    installation.app.stop().await;
}

/// So that nothing stands in the lists that need not.
#[tokio::test]
async fn what_needs_no_csrf_value_is_named() {
    let (installation, rows) = (Installation::start().await, changes());
    let named: Vec<_> = rows.iter().filter(|row| needs_no_csrf_value(row)).collect();
    let routes: BTreeSet<_> = named.iter().map(|row| row.route()).collect();
    assert_eq!(routes.len(), WITHOUT_SESSION.len() + BY_TOKEN.len(), "{routes:?}");
    for row in named {
        let clinic = installation.clinic(row.state).await;
        let mut request = request(row, &clinic, "pat");
        request.headers_mut().remove(CSRF);
        let Answer { status, bytes, .. } = clinic.person("pat").send(request).await;
        assert_eq!(
            status.to_string(),
            row.answer_of("pat"),
            "as with the value: {}: {bytes}",
            row.question()
        );
    }
    installation.app.stop().await;
}
