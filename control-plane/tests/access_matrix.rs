//! Who gets which answer from which route: everybody asks everything, and the answers are compared with
//! `tests/fixtures/access_matrix.txt`, which is read line by line when it changes. And whoever knows an id that is not
//! theirs to know learns nothing from it.
//! `UPDATE_GENERATED=1 cargo test -p control-plane --test access_matrix` writes the answers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clinic;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use clinic::{ACTORS, Answer, Clinic, Installation};
use control_plane::domain::consultation::StateName;
use control_plane::http::aliases::{ALIASES, CHANGED_BY_GET};
use control_plane::http::router::description;
use uuid::Uuid;

/// Served beside the API. `router.rs` is searched for more.
const PAGES: [&str; 2] = ["GET /docs/", "GET /api/v1/openapi.json"];
const HOW: &str = "add the line `? METHOD PATH` to tests/fixtures/access_matrix.txt (its head explains the rest), run \
    `UPDATE_GENERATED=1 cargo test -p control-plane --test access_matrix`, and check every answer it writes";

/// One question of the table.
#[derive(Clone)]
struct Row {
    answers: Vec<String>,
    method: String,
    /// With names of things of the clinic in braces.
    path: String,
    state: StateName,
    body: String,
}

impl Row {
    fn parse(line: &str) -> Self {
        let at = line.find(|c: char| c.is_ascii_uppercase()).expect("a method");
        let (answers, question) = line.split_at(at);
        let answers = answers.split_whitespace().filter(|answer| *answer != "?").map(Into::into).collect();
        let mut words = question.splitn(3, ' ');
        let (method, path) = (words.next().unwrap().to_owned(), words.next().expect("a path").to_owned());
        let mut rest = words.next().unwrap_or_default();
        let mut state = StateName::Active;
        if let Some(named) = rest.strip_prefix('@') {
            let (name, after) = named.split_once(' ').unwrap_or((named, ""));
            state = StateName::from_name(name).expect("a state of a consultation");
            rest = after;
        }
        Self { answers, method, path, state, body: rest.to_owned() }
    }

    fn question(&self) -> String {
        let state =
            if self.state == StateName::Active { String::new() } else { format!(" @{}", self.state.name()) };
        format!("{} {}{state} {}", self.method, self.path, self.body).trim_end().to_owned()
    }

    fn line(&self) -> String {
        let answers: String = self.answers.iter().map(|answer| format!("{answer:<5}")).collect();
        format!("  {answers}{}", self.question())
    }

    /// The route that answers: whatever stands in braces is something.
    fn route(&self) -> String {
        let mut route = format!("{} ", self.method);
        for segment in self.path.split('?').next().unwrap().split('/').skip(1) {
            route.push_str(if segment.starts_with('{') { "/{}" } else { "/" });
            route.push_str(if segment.starts_with('{') { "" } else { segment });
        }
        route
    }

    async fn ask(&self, clinic: &Clinic, actor: &str) -> Answer {
        let (path, body) = (clinic.filled(&self.path), clinic.filled(&self.body));
        assert!(
            !path.contains('{'),
            "{path}: nothing of the clinic is called so; there are {:?}",
            clinic.ids.keys()
        );
        clinic.person(actor).ask(&self.method, &path, &body).await
    }

    const fn changes_things(&self, status: u16) -> bool {
        status < 400 && !matches!(self.method.as_bytes(), b"GET")
    }
}

fn table() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/access_matrix.txt")
}

/// The words before the table, and its rows.
fn read_table() -> (String, Vec<Row>) {
    let text = std::fs::read_to_string(table()).unwrap();
    let head = text.lines().filter(|line| line.starts_with('#') && !line.starts_with("# anon"));
    let head = head.fold(String::new(), |head, line| head + line + "\n");
    let rows =
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(Row::parse).collect();
    (head, rows)
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
    let (_, rows) = read_table();
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
    let mut clean: Option<(StateName, Clinic)> = None;
    for row in &mut found {
        row.answers.clear();
        for (actor, _) in ACTORS {
            let clinic = match clean.take() {
                Some((state, clinic)) if state == row.state => clinic,
                _ => installation.clinic(row.state).await,
            };
            let answer = row.ask(&clinic, actor).await;
            row.answers.push(symbol(&answer));
            if !row.changes_things(answer.status) {
                clean = Some((row.state, clinic));
            }
        }
    }
    found
}

#[tokio::test]
async fn everybody_gets_the_answers_of_the_table() {
    let (head, rows) = read_table();
    let installation = Installation::start().await;
    let found = answers(&installation, &rows).await;
    for row in &found {
        let of = |actor: &str| &row.answers[ACTORS.iter().position(|(name, _)| *name == actor).unwrap()];
        let (line, is_about_something) = (row.line(), row.path.contains('{'));
        assert!(!row.answers.iter().any(|answer| answer.starts_with('5')), "a failure: {line}");
        assert_eq!(of("lost"), of("anon"), "another clinic's session counts here: {line}");
        assert_eq!(of("off"), of("anon"), "deactivated, and still here: {line}");
        assert!(!is_about_something || of("far").starts_with('4'), "another clinic's things: {line}");
    }
    let header: String = ACTORS.iter().map(|(name, _)| format!("{name:<5}")).collect();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        let lines: String = found.iter().map(|row| row.line() + "\n").collect();
        std::fs::write(table(), format!("{head}# {}\n{lines}", header.trim_end())).unwrap();
    } else {
        let mut differences = String::new();
        for (row, found) in rows.iter().zip(&found).filter(|(row, found)| row.answers != found.answers) {
            write!(differences, "\nexpected {}\nfound    {}\n", row.line(), found.line()).unwrap();
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
        let answer = row.ask(clinic, actor).await;
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
    let (_, rows) = read_table();
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
            for actor in everybody {
                replayed += replay(row, &name, &theirs, actor, &of_ours).await;
            }
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
    let ask = async |id: &str| {
        let with =
            Row { path: row.path.replace(&mark, id), body: row.body.replace(&mark, id), ..row.clone() };
        let answer = with.ask(clinic, actor).await;
        (answer.status, answer.bytes.replace(id, "id"))
    };
    for id in ids {
        let nobodys = format!("{}{}", &id[..4], Uuid::new_v4().simple());
        let (status, answer) = ask(id).await;
        assert!(status >= 400, "{actor} did {} with {id}: {answer}", row.question());
        assert_eq!(answer, ask(&nobodys).await.1, "{actor}, {} with {id}", row.question());
    }
    ids.len()
}
