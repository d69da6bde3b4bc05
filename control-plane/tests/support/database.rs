//! Which database a test runs on: SQLite in the test's folder, or with `AUSCULT_TEST_POSTGRES` (a socket folder, set by
//! `config/dev/with-postgres.sh`) a fresh database of that cluster.

use sqlx::{AnyPool, AssertSqlSafe};
use uuid::Uuid;

/// Both empty for SQLite.
#[derive(Clone, Default)]
pub(crate) struct Urls {
    pub(crate) serving: String,
    pub(crate) owner: String,
}

impl Urls {
    /// Of the database.
    pub(crate) fn name(&self) -> &str {
        let (_, rest) = self.serving.split_once("@localhost/").unwrap();
        rest.split('?').next().unwrap()
    }
}

pub(crate) async fn fresh() -> Urls {
    let Some(socket) = std::env::var_os("AUSCULT_TEST_POSTGRES") else { return Urls::default() };
    in_cluster(&socket.to_string_lossy(), "auscult_owner").await
}

/// A new database owned by `owner` and served by `auscult_app`.
pub(crate) async fn in_cluster(socket: &str, owner: &str) -> Urls {
    sqlx::any::install_default_drivers();
    let url = |role: &str, name: &str| format!("postgres://{role}@localhost/{name}?host={socket}");
    let name = format!("t_{}", Uuid::new_v4().simple());
    let pool = AnyPool::connect(&url(owner, "postgres")).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
    pool.close().await;
    Urls { serving: url("auscult_app", &name), owner: url(owner, &name) }
}
