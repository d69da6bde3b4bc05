//! What every column of the database holds. A new column without a line here fails: whoever adds one says whether it is
//! about a person, and then it is sealed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "reads the schema")]

mod support;

use std::collections::BTreeMap;

use sqlx::Row as _;
use support::TestApp;

/// `table: column class, …`. Classes: `id`, `time`, `number`, `name` (of a closed set, or a release's or a model's),
/// `hash` (of a secret, or keyed), `sealed` (an envelope under a person's key), `wrapped` (a key under the master key),
/// `tree` (of the audit log), `public` (a public key and what belongs to it), `plain` (text of people; see SECURITY.md),
/// `empty` (of an earlier version, never written).
const COLUMNS: &str = include_str!("fixtures/columns.txt");

fn classes() -> BTreeMap<String, &'static str> {
    let lines = COLUMNS.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let columns = lines.map(|line| line.split_once(' ').unwrap());
    columns.map(|(column, class)| (column.to_owned(), class)).collect()
}

/// `table.column` with its declared type.
async fn columns(app: &TestApp) -> BTreeMap<String, String> {
    let sql = if app.app.config.database.url.is_empty() {
        "SELECT m.name AS t, c.name AS c, c.type AS type FROM sqlite_master m, pragma_table_info(m.name) c
          WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> '_sqlx_migrations'"
    } else {
        "SELECT table_name::text AS t, column_name::text AS c, upper(data_type::text) AS type
           FROM information_schema.columns
          WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations'"
    };
    let rows = sqlx::query(sql).fetch_all(&app.intruder().await).await.unwrap();
    let text = |row: &sqlx::any::AnyRow, name: &str| row.get::<String, _>(name);
    rows.iter().map(|row| (format!("{}.{}", text(row, "t"), text(row, "c")), text(row, "type"))).collect()
}

#[tokio::test]
async fn every_column_is_classified_and_what_is_about_a_person_is_an_envelope() {
    let app = TestApp::start().await;
    let (columns, classes) = (columns(&app).await, classes());
    let unknown: Vec<_> = columns.keys().filter(|column| !classes.contains_key(*column)).collect();
    assert!(unknown.is_empty(), "say in tests/fixtures/columns.txt what these hold: {unknown:?}");
    let gone: Vec<_> = classes.keys().filter(|column| !columns.contains_key(*column)).collect();
    assert!(gone.is_empty(), "no longer there: {gone:?}");
    for (column, kind) in &columns {
        let allowed: &[&str] = match classes[column] {
            "sealed" | "wrapped" | "tree" | "public" => &["BYTEA"],
            "time" | "number" => &["BIGINT"],
            "hash" => &["BYTEA", "TEXT"],
            "id" | "name" | "plain" | "empty" => &["TEXT"],
            class => panic!("{column}: there is no class {class}"),
        };
        assert!(allowed.contains(&kind.as_str()), "{column} is {} and {kind}", classes[column]);
    }
}
