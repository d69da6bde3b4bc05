//! What keeps clinics apart on PostgreSQL: row-level security under the role that serves, and the refusal of every role
//! that could get round it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::disallowed_methods,
    reason = "speaks to the database as the serving role would if it were stolen"
)]

mod support;

use std::time::Duration;

use control_plane::domain::user::Role;
use serde_json::json;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};
use support::cluster::Cluster;
use support::database::{Urls, in_cluster};
use support::{Consultation, REASON, TestApp};

async fn tables(pool: &AnyPool) -> Vec<String> {
    let rows = sqlx::query(
        "SELECT table_name::text AS name FROM information_schema.columns
          WHERE column_name = 'tenant_id' AND table_schema = 'public' ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    rows.iter().map(|row| row.get("name")).collect()
}

/// Rows of a table that the serving role sees in the clinic `tenant` (empty: none named).
async fn visible(pool: &AnyPool, tenant: &str, table: &str) -> i64 {
    let mut transaction = pool.begin().await.unwrap();
    if !tenant.is_empty() {
        sqlx::query("SELECT set_config('app.tenant_id', $1, true)")
            .bind(tenant)
            .execute(&mut *transaction)
            .await
            .unwrap();
    }
    let count = format!("SELECT COUNT(*) AS n FROM {table}");
    sqlx::query(AssertSqlSafe(count)).fetch_one(&mut *transaction).await.unwrap().get("n")
}

#[tokio::test]
async fn without_any_condition_the_serving_role_sees_its_own_clinic_only() {
    let cluster = Cluster::start();
    let urls = in_cluster(&cluster.socket(), "auscult_owner").await;
    let app = TestApp::start_on(urls.clone()).await;
    let consultation = Consultation::active(&app).await;
    let invite = json!({"label": "Interpreter"});
    consultation.doctor.post(&consultation.path("invites"), invite).await.expect(201);
    let (store, now) = (&app.app.store, app.app.clock.now());
    let (first, second) =
        (store.tenant(), store.create_clinic("Second", "second.example", now).await.unwrap());

    let serving = AnyPool::connect(&urls.serving).await.unwrap();
    let everything = app.intruder().await;
    let mut filled = 0;
    for table in tables(&everything).await {
        let all: i64 = sqlx::query(AssertSqlSafe(format!("SELECT COUNT(*) AS n FROM {table}")))
            .fetch_one(&everything)
            .await
            .unwrap()
            .get("n");
        filled += i64::from(all > 0);
        let own = visible(&serving, &first.to_string(), &table).await;
        let foreign = visible(&serving, &second.to_string(), &table).await;
        assert_eq!(own + foreign, all, "{table}");
        assert!(foreign <= 1, "{table}: the second clinic has its key and its audit head at most");
        assert_eq!(visible(&serving, "", &table).await, 0, "{table}, no clinic named");
    }
    assert!(filled >= 8, "the check looks at {filled} tables with rows");

    // What it cannot see it can neither change nor point at, and an id taken elsewhere says nothing.
    let mut transaction = serving.begin().await.unwrap();
    sqlx::query("SELECT set_config('app.tenant_id', $1, true)")
        .bind(second.to_string())
        .execute(&mut *transaction)
        .await
        .unwrap();
    let changed =
        sqlx::query("UPDATE consultations SET state = 'cancelled'").execute(&mut *transaction).await;
    assert_eq!(changed.unwrap().rows_affected(), 0);
    let foreign = sqlx::query(
        "INSERT INTO invites (tenant_id, id, consultation_id, label, secret_hash, created_at, expires_at)
         VALUES ($1, 'inv_1', $2, '', 'x', 0, 0)",
    )
    .bind(second.to_string())
    .bind(&consultation.id)
    .execute(&mut *transaction)
    .await;
    assert!(foreign.unwrap_err().as_database_error().unwrap().is_foreign_key_violation());
    drop(transaction);
    let mut transaction = serving.begin().await.unwrap();
    sqlx::query("SELECT set_config('app.tenant_id', $1, true)")
        .bind(second.to_string())
        .execute(&mut *transaction)
        .await
        .unwrap();
    let as_first = sqlx::query(
        "INSERT INTO sign_in_failures (tenant_id, subject, failures, last_failed_at) VALUES ($1, $2, 1, 0)",
    )
    .bind(first.to_string())
    .bind(vec![1_u8])
    .execute(&mut *transaction)
    .await;
    assert!(as_first.unwrap_err().to_string().contains("row-level security"));
    app.stop().await;
}

/// Columns of a table but `tenant_id`, with their types; or of those its key.
async fn columns(pool: &AnyPool, table: &str, of_the_key: bool) -> Vec<(String, String)> {
    let rows = sqlx::query(
        "SELECT c.column_name::text AS name, c.data_type::text AS kind FROM information_schema.columns c
          WHERE c.table_schema = 'public' AND c.table_name = $1 AND c.column_name <> 'tenant_id'
            AND ($2 = 0 OR EXISTS (
                SELECT 1 FROM information_schema.table_constraints t
                  JOIN information_schema.key_column_usage k USING (constraint_schema, constraint_name)
                 WHERE t.constraint_type = 'PRIMARY KEY' AND t.table_name = c.table_name
                   AND k.table_name = c.table_name AND k.column_name = c.column_name))
          ORDER BY c.ordinal_position",
    );
    let rows = rows.bind(table.to_owned()).bind(i32::from(of_the_key)).fetch_all(pool).await.unwrap();
    rows.iter().map(|row| (row.get("name"), row.get("kind"))).collect()
}

fn names(columns: &[(String, String)], before: &str) -> String {
    columns.iter().fold(String::new(), |text, (name, _)| format!("{text}{before}{name}"))
}

/// Gives every table of a clinic a row at least, and another clinic the same rows with the same ids.
async fn fill_with_twins(root: &AnyPool, first: &str, second: &str) {
    let mut session = root.acquire().await.unwrap();
    // Neither foreign keys nor triggers: what is written here is no history.
    sqlx::raw_sql("SET session_replication_role = replica").execute(&mut *session).await.unwrap();
    for table in tables(root).await {
        let columns = columns(root, &table, false).await;
        let (list, values) = (
            names(&columns, ", "),
            columns.iter().fold(String::new(), |text, (_, kind)| match kind.as_str() {
                "bytea" => text + ", '\\x07'",
                "text" => text + ", '7'",
                _ => text + ", 7",
            }),
        );
        for statement in [
            format!(
                "INSERT INTO {table} (tenant_id{list}) SELECT '{first}'{values}
                  WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE tenant_id = '{first}')"
            ),
            format!("DELETE FROM {table} WHERE tenant_id = '{second}'"),
            format!(
                "INSERT INTO {table} (tenant_id{list}) SELECT '{second}'{list} FROM {table} WHERE tenant_id = '{first}'"
            ),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement.clone()))
                .execute(&mut *session)
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }
    sqlx::raw_sql("SET session_replication_role = origin").execute(&mut *session).await.unwrap();
}

/// What a statement changed in the clinic `tenant` before it was undone; `None`: nobody may, or other rows refer
/// to it.
async fn changed(serving: &AnyPool, tenant: &str, statement: &str) -> Option<u64> {
    let mut transaction = serving.begin().await.unwrap();
    let named = sqlx::query("SELECT set_config('app.tenant_id', $1, true)").bind(tenant.to_owned());
    named.execute(&mut *transaction).await.unwrap();
    match sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut *transaction).await {
        Ok(done) => Some(done.rows_affected()),
        Err(error) => {
            let error = error.into_database_error().unwrap();
            let refused = ["permission denied", "only grows"].iter().any(|why| error.message().contains(why));
            assert!(error.is_foreign_key_violation() || refused, "{statement}: {error}");
            None
        }
    }
}

#[tokio::test]
async fn two_clinics_with_the_same_ids_in_every_table_never_meet() {
    let cluster = Cluster::start();
    let urls = in_cluster(&cluster.socket(), "auscult_owner").await;
    let app = TestApp::start_on(urls.clone()).await;
    Consultation::active(&app).await;
    let (store, now) = (&app.app.store, app.app.clock.now());
    let second = store.create_clinic("Second", "second.example", now).await.unwrap().to_string();
    let first = store.tenant().to_string();
    let root = app.intruder().await;
    fill_with_twins(&root, &first, &second).await;

    let serving = AnyPool::connect(&urls.serving).await.unwrap();
    let (mut updated, mut deleted) = (0, 0);
    for table in tables(&root).await {
        let key = names(&columns(&root, &table, true).await, ", ");
        let key = key.trim_start_matches(", ");
        let all = format!("SELECT COUNT(*) AS n FROM {table} WHERE tenant_id = '{first}'");
        let all: i64 = sqlx::query(AssertSqlSafe(all)).fetch_one(&root).await.unwrap().get("n");
        assert!(all > 0, "{table} has no rows");
        // By the id alone, as a statement that forgot the clinic would.
        let by_id = match key {
            "" => String::new(),
            key => format!("WHERE ({key}) IN (SELECT {key} FROM {table} LIMIT 1)"),
        };
        for tenant in [&first, &second] {
            assert_eq!(visible(&serving, tenant, &table).await, all, "{table}");
            let update = format!("UPDATE {table} SET tenant_id = tenant_id {by_id}");
            if let Some(rows) = changed(&serving, tenant, &update).await {
                assert_eq!(rows, 1, "{update}");
                updated += 1;
            }
            if let Some(rows) = changed(&serving, tenant, &format!("DELETE FROM {table} {by_id}")).await {
                assert_eq!(rows, 1, "{table}");
                deleted += 1;
            }
        }
        let mut transaction = serving.begin().await.unwrap();
        let named = sqlx::query("SELECT set_config('app.tenant_id', $1, true)").bind(second.clone());
        named.execute(&mut *transaction).await.unwrap();
        let owners = format!("SELECT DISTINCT tenant_id FROM {table}");
        let owners = sqlx::query(AssertSqlSafe(owners)).fetch_all(&mut *transaction).await.unwrap();
        let owners: Vec<String> = owners.iter().map(|row| row.get("tenant_id")).collect();
        assert_eq!(owners, std::slice::from_ref(&second), "{table}");
    }
    assert!(updated >= 30 && deleted >= 20, "{updated} updates and {deleted} deletions were allowed at all");
    app.stop().await;
}

#[tokio::test]
async fn the_serving_role_cannot_change_what_is_written_once() {
    let cluster = Cluster::start();
    let urls = in_cluster(&cluster.socket(), "auscult_owner").await;
    let app = TestApp::start_on(urls.clone()).await;
    Consultation::requested(&app).await;
    let serving = AnyPool::connect(&urls.serving).await.unwrap();
    for statement in [
        "UPDATE audit SET action = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE checkpoints SET note = ''",
        "DELETE FROM checkpoints",
        "DELETE FROM tenants",
        "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE more (id TEXT)",
    ] {
        let refused = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&serving).await.unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("permission denied") || text.contains("must be owner"), "{statement}: {text}");
    }
    app.stop().await;
}

async fn refusal(urls: Urls) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut config = control_plane::config::Config::default();
    config.data.folder = folder.path().to_owned();
    (config.database.url, config.database.owner_url) = (urls.serving, urls.owner);
    let clock = control_plane::clock::Clock::System;
    let error = control_plane::app::open_store(&config, &clock).await.err().expect("it is refused");
    format!("{error:#}")
}

#[tokio::test]
async fn a_role_that_could_get_round_row_level_security_is_refused_at_start() {
    let cluster = Cluster::start();
    let urls = in_cluster(&cluster.socket(), "auscult_owner").await;
    let as_role = |role: &str| urls.serving.replace("//auscult_app@", &format!("//{role}@"));
    let not_migrated = Urls { owner: String::new(), ..urls.clone() };
    assert!(refusal(not_migrated).await.contains("auscult migrate"));
    let superuser = Urls { serving: as_role("auscult_root"), ..urls.clone() };
    assert!(refusal(superuser).await.contains("superuser"));
    let owner = Urls { serving: as_role("auscult_owner"), ..urls.clone() };
    assert!(refusal(owner).await.contains("owns tables"));

    let root = AnyPool::connect(&as_role("auscult_root")).await.unwrap();
    sqlx::raw_sql("CREATE ROLE bypassing LOGIN BYPASSRLS").execute(&root).await.unwrap();
    let bypassing = Urls { serving: as_role("bypassing"), ..urls.clone() };
    assert!(refusal(bypassing).await.contains("bypass"));

    let mut app = TestApp::start_on(urls.clone()).await;
    app.person("pat@example.org", "Pat Patient", Role::Patient).await;
    let migrated = Urls { owner: String::new(), ..urls.clone() };
    for unguarded in ["ALTER TABLE users NO FORCE ROW LEVEL SECURITY", "DROP POLICY one_clinic ON users"] {
        sqlx::raw_sql(AssertSqlSafe(unguarded)).execute(&root).await.unwrap();
        assert!(refusal(migrated.clone()).await.contains("not in force on the table users"), "{unguarded}");
        // The owner mends it at the next start.
        app = app.restart().await;
    }
    app.sign_in("pat@example.org").await;
    app.stop().await;
}

#[tokio::test]
async fn nothing_clinical_is_readable_in_a_dump_of_the_tables() {
    let cluster = Cluster::start();
    let urls = in_cluster(&cluster.socket(), "auscult_owner").await;
    let app = TestApp::start_on(urls.clone()).await;
    Consultation::active(&app).await;
    let dump = cluster.dump(urls.name());
    assert!(dump.contains("Dermatology"), "the search finds what is plain");
    for needle in [REASON, "Pat Patient", "pat@example.org", support::PASSWORD] {
        assert!(!dump.contains(needle) && !dump.contains(&hex::encode(needle)), "{needle}");
    }
    app.stop().await;
}

/// As a request does whose client hangs up. What it had begun must not be what the next one reads in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_goes_away_while_beginning_leaves_no_transaction_behind() {
    let cluster = Cluster::start();
    let app = TestApp::start_on(in_cluster(&cluster.socket(), "auscult_owner").await).await;
    // A round trip takes some hundred microseconds.
    for micros in (0..600).step_by(4) {
        let store = app.app.store.clone();
        let begins = tokio::spawn(async move { drop(store.snapshot(store.tenant()).await.unwrap()) });
        tokio::task::spawn_blocking(move || std::thread::sleep(Duration::from_micros(micros))).await.unwrap();
        begins.abort();
        assert!(begins.await.map_or_else(|error| error.is_cancelled(), |()| true), "after {micros} us");
        // In what was begun to be read, nothing can be written.
        app.add_user(&format!("pat{micros}@example.org"), "Pat Patient", Role::Patient).await;
    }
}
