//! Who gets which answer from which route: everybody asks everything, and the answers are compared with
//! `tests/fixtures/access_matrix.txt`, which is read line by line when it changes. And whoever knows an id that is not
//! theirs to know learns nothing from it.
//! `UPDATE_GENERATED=1 cargo test -p control-plane --test access_matrix` writes the answers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clinic;
mod support;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clinic::table::{self, Row};
use clinic::{ACTORS, Answer, Clinic, Installation};
use control_plane::domain::consultation::StateName;
use control_plane::http::aliases::{ALIASES, CHANGED_BY_GET};
use control_plane::http::router::description;
use futures::future::join_all;
use uuid::Uuid;

/// Served beside the API. `router.rs` is searched for more.
const PAGES: [&str; 2] = ["GET /docs/", "GET /api/v1/openapi.json"];
/// Parts of a test that wait for the database at the same time.
const AT_ONCE: usize = 8;
const HOW: &str = "add the line `? METHOD PATH` to tests/fixtures/access_matrix.txt (its head explains the rest), run \
    `UPDATE_GENERATED=1 cargo test -p control-plane --test access_matrix`, and check every answer it writes";

fn line(row: &Row) -> String {
    let answers: String = row.answers.iter().map(|answer| format!("{answer:<5}")).collect();
    format!("  {answers}{}", row.question())
}

async fn ask(row: &Row, clinic: &Clinic, actor: &str) -> Answer {
    let (path, body) = (clinic.filled(&row.path), clinic.filled(&row.body));
    assert!(
        !path.contains('{'),
        "{path}: nothing of the clinic is called so; there are {:?}",
        clinic.ids.keys()
    );
    let person = clinic.person(actor);
    person.send(person.request(&row.method, &path, &body)).await
}

const fn changes_things(row: &Row, status: u16) -> bool {
    status < 400 && !matches!(row.method.as_bytes(), b"GET")
}

/// Every route of the product as `METHOD /path/{}`.
fn routes() -> BTreeSet<String> {
    let description = serde_json::to_value(description()).unwrap();
    let mut routes = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        // Providers stand in the configuration; there is none here. Entries of the log are counted.
        let path = path.replace("{provider}", "unknown").replace("{seq}", "1");
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            routes.insert(Row::parse(&format!("? {} /api/v1{path}", method.to_uppercase())).route());
        }
    }
    // What is not described stands as text in the router.
    let source = include_str!("../src/http/router.rs");
    for written in source.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let path = match written {
            "/signal" => "/api/v1/signal",
            "/api/{*path}" => "/api/nothing",
            path => path,
        };
        routes.insert(Row::parse(&format!("? GET {path}")).route());
    }
    let aliases = ALIASES.iter().map(|alias| format!("{} {}", alias.method, alias.path));
    let refused = CHANGED_BY_GET.iter().map(|(path, _)| format!("GET {path}"));
    routes.extend(aliases.chain(refused).map(|route| Row::parse(&format!("? {route}")).route()));
    routes.extend(PAGES.map(ToOwned::to_owned));
    routes
}

#[test]
fn every_route_has_a_row_and_every_row_a_route() {
    let (_, rows) = table::read();
    let asked: BTreeSet<_> = rows.iter().map(Row::route).collect();
    let missing: Vec<_> = routes().difference(&asked).cloned().collect();
    assert!(missing.is_empty(), "nobody has said who may call {missing:?}: {HOW}");
    let gone: Vec<_> = asked.difference(&routes()).cloned().collect();
    assert!(gone.is_empty(), "rows without a route: {gone:?}");
}

/// Status and, where several refusals have the same, which one.
fn symbol(answer: &Answer) -> String {
    let mark = match answer.code.as_str() {
        "reauthenticate" => "r",
        "not_cleared" => "c",
        "csrf" => "x",
        _ => "",
    };
    format!("{}{mark}", answer.status)
}

async fn answers(installation: &Installation, rows: &[Row]) -> Vec<Row> {
    let mut found = rows.to_vec();
    // Most of the time is spent waiting for the database: several parts of the table do so at once.
    let parts = found.chunks_mut(rows.len().div_ceil(AT_ONCE)).map(|part| answer(installation, part));
    join_all(parts).await;
    found
}

/// One row after the other, each in a clinic that no answer has changed.
async fn answer(installation: &Installation, rows: &mut [Row]) {
    let mut clean: Option<(StateName, Clinic)> = None;
    for row in rows {
        row.answers.clear();
        for (actor, _) in ACTORS {
            let clinic = match clean.take() {
                Some((state, clinic)) if state == row.state => clinic,
                _ => installation.clinic(row.state).await,
            };
            let answer = ask(row, &clinic, actor).await;
            row.answers.push(symbol(&answer));
            if !changes_things(row, answer.status) {
                clean = Some((row.state, clinic));
            }
        }
    }
}

#[tokio::test]
async fn everybody_gets_the_answers_of_the_table() {
    let (head, rows) = table::read();
    let installation = Installation::start().await;
    let found = answers(&installation, &rows).await;
    for row in &found {
        let of = |actor: &str| row.answer_of(actor);
        let (line, is_about_something) = (line(row), row.path.contains('{'));
        assert!(!row.answers.iter().any(|answer| answer.starts_with('5')), "a failure: {line}");
        assert_eq!(of("lost"), of("anon"), "another clinic's session counts here: {line}");
        assert_eq!(of("off"), of("anon"), "deactivated, and still here: {line}");
        assert_eq!(of("exp"), of("anon"), "an expired token counts: {line}");
        assert_eq!(of("rev"), of("anon"), "the token of a session that was ended counts: {line}");
        assert!(!is_about_something || of("far").starts_with('4'), "another clinic's things: {line}");
        // What asks again asks everybody; what an administrator may do takes the second factor.
        assert!([of("adm"), "403r"].contains(&of("old")), "an old proof: {line}");
        assert!(!row.path.contains("/admin/") || of("nofa") == "403c" || of("adm") == "405", "{line}");
    }
    let header: String = ACTORS.iter().map(|(name, _)| format!("{name:<5}")).collect();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        let lines: String = found.iter().map(|row| line(row) + "\n").collect();
        std::fs::write(table::file(), format!("{head}# {}\n{lines}", header.trim_end())).unwrap();
    } else {
        let mut differences = String::new();
        for (row, found) in rows.iter().zip(&found).filter(|(row, found)| row.answers != found.answers) {
            write!(differences, "\nexpected {}\nfound    {}\n", line(row), line(found)).unwrap();
        }
        assert!(
            differences.is_empty(),
            "other answers than the table's; if they are right, {HOW}\n           {header}{differences}"
        );
    }
    installation.app.stop().await;
}

/// Ids of ours in a text: three letters, `_`, 32 hex digits.
fn ids_in(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.len() == 36 && word.as_bytes()[3] == b'_')
        .map(ToOwned::to_owned)
        .collect()
}

/// Every id that somebody sees, in every answer that they get without changing anything; and which questions those were.
async fn seen_by(clinic: &Clinic, rows: &[Row], actor: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut seen, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for row in rows.iter().filter(|row| row.method == "GET" && row.path.starts_with("/api/v1/")) {
        let answer = ask(row, clinic, actor).await;
        if answer.status < 400 {
            seen.extend(ids_in(&answer.bytes));
            answered.insert(row.question());
        }
    }
    (seen, answered)
}

/// What a question names in braces.
fn names_in(row: &Row) -> BTreeSet<String> {
    let text = format!("{} {}", row.path, row.body);
    let names =
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned());
    names
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        .collect()
}

#[tokio::test]
async fn an_id_that_is_not_ones_own_to_know_answers_as_one_that_nobody_has() {
    let (_, rows) = table::read();
    let installation = Installation::start().await;
    let (ours, theirs) =
        (installation.clinic(StateName::Active).await, installation.clinic(StateName::Active).await);
    let everybody = ["pat", "pat2", "doc", "doc2", "new", "adm", "docE", "admE", "gst", "api"];
    let (mut of_ours, mut before) = (BTreeSet::new(), BTreeMap::new());
    for actor in everybody {
        let (ids, pages) = seen_by(&ours, &rows, actor).await;
        of_ours.extend(ids);
        before.insert(actor, pages);
    }
    let (of_patient, _) = seen_by(&ours, &rows, "pat").await;
    let mut replayed = 0;
    for row in rows.iter().filter(|row| row.path.starts_with("/api/v1/")) {
        for name in names_in(row) {
            let replays = everybody.map(|actor| replay(row, &name, &theirs, actor, &of_ours));
            replayed += join_all(replays).await.iter().sum::<usize>();
        }
    }
    for stranger in ["pat2", "doc2", "new"] {
        let (own, _) = seen_by(&ours, &rows, stranger).await;
        let not_theirs: BTreeSet<_> = of_patient.difference(&own).cloned().collect();
        assert!(not_theirs.len() >= 3, "{stranger} sees all but {not_theirs:?}");
        for row in rows.iter().filter(|row| row.path.starts_with("/api/v1/")) {
            for name in names_in(row) {
                replayed += replay(row, &name, &ours, stranger, &not_theirs).await;
            }
        }
    }
    assert!(replayed >= 6000, "{replayed} replays of {} ids", of_ours.len());
    for (actor, pages) in before {
        assert_eq!(seen_by(&ours, &rows, actor).await.1, pages, "what {actor} can see");
    }
    installation.app.stop().await;
}

/// `actor` asks with each of `ids` where something of their own stood. Returns how many.
async fn replay(row: &Row, name: &str, clinic: &Clinic, actor: &str, ids: &BTreeSet<String>) -> usize {
    let mark = format!("{{{name}}}");
    let answer_with = async |id: &str| {
        let with =
            Row { path: row.path.replace(&mark, id), body: row.body.replace(&mark, id), ..row.clone() };
        let answer = ask(&with, clinic, actor).await;
        (answer.status, answer.bytes.replace(id, "id"))
    };
    // Of each kind of id one that nobody has.
    let mut nobodys = BTreeMap::new();
    for kind in ids.iter().map(|id| &id[..4]) {
        if let Entry::Vacant(place) = nobodys.entry(kind) {
            place.insert(answer_with(&format!("{kind}{}", Uuid::new_v4().simple())).await.1);
        }
    }
    for id in ids {
        let (status, answer) = answer_with(id).await;
        assert!(status >= 400, "{actor} did {} with {id}: {answer}", row.question());
        assert_eq!(answer, nobodys[&id[..4]], "{actor}, {} with {id}", row.question());
    }
    ids.len()
}
