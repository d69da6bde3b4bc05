//! The whole database as lines of text, and back into an empty one, on either engine. One snapshot, while the server
//! runs. What is sealed stays sealed: the lines hold wrapped keys and ciphertext.
//!
//! `{"table": "users", "columns": ["tenant_id", …]}`, then a line per row: an array of texts, numbers, nulls and
//! `{"b": "<base64>"}`; in the end `{"rows": <number of all of them>}`.

use std::io::{BufRead, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{Any, AssertSqlSafe, Column, Row, Transaction, ValueRef};

use super::open::{connect, engine_sql, migrations, newest_version};
use super::{Engine, SET_TENANT, Store, StoreError, postgres};

/// Every table that is kept, each after those that it refers to. Sessions, tokens and one-time secrets are left out:
/// nobody is signed in by restoring a backup.
pub const TABLES: [&str; 22] = [
    "tenants",
    "master_keys",
    "tenant_keys",
    "users",
    "patient_keys",
    "consultations",
    "participants",
    "invites",
    "captions",
    "audit_heads",
    "audit",
    "checkpoints",
    "sign_in_failures",
    "totp",
    "recovery_codes",
    "passkeys",
    "oidc_identities",
    "profile_pictures",
    "verifications",
    "break_glass",
    "notices",
    "security_events",
];
/// What is left out on purpose.
pub const LEFT_OUT: [&str; 3] = ["sessions", "refresh_tokens", "one_time_secrets"];

const TENANTS: &str = "SELECT id FROM tenants ORDER BY created_at, id";

/// Why a database could not be written to a file, or read from one.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("line {0} is none of a backup's")]
    Line(u64),
    #[error("the backup ends before its end")]
    CutOff,
    #[error("the database is not empty: restore into one that is")]
    NotEmpty,
    #[error("database.owner_url is needed to restore into PostgreSQL")]
    NoOwner,
    #[error(
        "the backup's schema is of version {found}, this program's of {needed}: restore it with its own release first"
    )]
    OtherSchema { found: i64, needed: i64 },
}

impl From<sqlx::Error> for DumpError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Table { table: String, columns: Vec<String> },
    Row(Vec<Value>),
    End { rows: u64 },
}

/// Version of the schema that this program writes and reads.
#[must_use]
pub fn schema_version() -> i64 {
    newest_version()
}

fn read_line(input: &mut impl BufRead, text: &mut String, number: u64) -> Result<Line, DumpError> {
    text.clear();
    if input.read_line(text)? == 0 {
        return Err(DumpError::CutOff);
    }
    serde_json::from_str(text).map_err(|_| DumpError::Line(number))
}

/// Reads a dump to its end without keeping any of it: whether it is whole. Returns the number of rows.
pub fn check(mut input: impl BufRead) -> Result<u64, DumpError> {
    let (mut text, mut rows, mut width) = (String::new(), 0, 0);
    for number in 1.. {
        match read_line(&mut input, &mut text, number)? {
            Line::Table { table, columns } if TABLES.contains(&table.as_str()) => width = columns.len(),
            Line::Row(values) if values.len() == width => rows += 1,
            Line::End { rows: said } if said == rows => break,
            _ => return Err(DumpError::Line(number)),
        }
    }
    // The end is where the last byte has been checked too.
    if input.read_line(&mut text)? == 0 { Ok(rows) } else { Err(DumpError::CutOff) }
}

impl Store {
    /// Writes everything, as it is at one moment. Returns the number of rows.
    pub async fn dump(&self, mut out: impl Write + Send) -> Result<u64, DumpError> {
        let mut snapshot = match self.engine {
            Engine::Sqlite => self.pool.begin().await?,
            Engine::Postgres => {
                self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?
            }
        };
        let tenants: Vec<String> = sqlx::query_scalar(TENANTS).fetch_all(&mut *snapshot).await?;
        let mut count = 0;
        for table in TABLES {
            if matches!(table, "tenants" | "master_keys") {
                count += dump_rows(&mut snapshot, table, "", None, &mut out).await?;
                continue;
            }
            for tenant in &tenants {
                if self.engine == Engine::Postgres {
                    sqlx::query(SET_TENANT).bind(tenant).execute(&mut *snapshot).await?;
                }
                count +=
                    dump_rows(&mut snapshot, table, " WHERE tenant_id = $1", Some(tenant), &mut out).await?;
            }
        }
        write_line(&mut out, &Line::End { rows: count })?;
        Ok(count)
    }

    /// Fills the empty database at `url` with what [`Store::dump`] wrote; all of it or nothing. On PostgreSQL its owner
    /// makes the schema and the role of `url` writes the rows.
    pub async fn load(url: &str, owner_url: &str, mut input: impl BufRead + Send) -> Result<u64, DumpError> {
        sqlx::any::install_default_drivers();
        let engine = if url.starts_with("sqlite:") { Engine::Sqlite } else { Engine::Postgres };
        let pool = connect(url, engine).await?;
        match engine {
            Engine::Sqlite => migrations().run(&pool).await.map_err(StoreError::from)?,
            Engine::Postgres if owner_url.is_empty() => return Err(DumpError::NoOwner),
            Engine::Postgres => {
                let owner = connect(owner_url, engine).await?;
                postgres::check_different(&owner, &pool).await?;
                migrations().run(&owner).await.map_err(StoreError::from)?;
                sqlx::raw_sql(engine_sql(engine)).execute(&owner).await?;
                postgres::grant(&owner, &pool).await?;
                owner.close().await;
            }
        }
        let mut transaction = match engine {
            Engine::Sqlite => pool.begin_with("BEGIN IMMEDIATE").await?,
            Engine::Postgres => pool.begin().await?,
        };
        if sqlx::query(TENANTS).fetch_optional(&mut *transaction).await?.is_some() {
            return Err(DumpError::NotEmpty);
        }
        let count = load_rows(&mut transaction, engine, &mut input).await?;
        transaction.commit().await?;
        pool.close().await;
        Ok(count)
    }
}

async fn dump_rows(
    snapshot: &mut Transaction<'static, Any>,
    table: &str,
    condition: &str,
    tenant: Option<&String>,
    out: &mut (impl Write + Send),
) -> Result<u64, DumpError> {
    // Made of constants alone.
    let mut query = sqlx::query(AssertSqlSafe(format!("SELECT * FROM {table}{condition}")));
    if let Some(tenant) = tenant {
        query = query.bind(tenant);
    }
    let (mut rows, mut count) = (query.fetch(&mut **snapshot), 0);
    while let Some(row) = rows.try_next().await? {
        if count == 0 {
            let columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
            write_line(out, &Line::Table { table: table.to_owned(), columns })?;
        }
        let values = (0..row.len()).map(|column| value(&row, column)).collect::<Result<_, _>>()?;
        write_line(out, &Line::Row(values))?;
        count += 1;
    }
    Ok(count)
}

fn write_line(out: &mut impl Write, line: &Line) -> Result<(), DumpError> {
    serde_json::to_writer(&mut *out, line).map_err(std::io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

fn value(row: &AnyRow, column: usize) -> Result<Value, StoreError> {
    let raw = row.try_get_raw(column)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().kind();
    Ok(match kind {
        AnyTypeInfoKind::SmallInt | AnyTypeInfoKind::Integer | AnyTypeInfoKind::BigInt => {
            row.try_get::<i64, _>(column)?.into()
        }
        AnyTypeInfoKind::Text => row.try_get::<String, _>(column)?.into(),
        AnyTypeInfoKind::Blob => {
            serde_json::json!({"b": STANDARD.encode(row.try_get::<Vec<u8>, _>(column)?)})
        }
        _ => return Err(StoreError::Unreadable("type of a column")),
    })
}

async fn load_rows(
    transaction: &mut Transaction<'static, Any>,
    engine: Engine,
    input: &mut (impl BufRead + Send),
) -> Result<u64, DumpError> {
    let (mut text, mut count, mut tenant) = (String::new(), 0, String::new());
    let mut target: Option<(String, Vec<String>)> = None;
    for number in 1.. {
        match read_line(input, &mut text, number)? {
            Line::Table { table, columns } => {
                let is_name = |name: &String| {
                    name.bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
                };
                if !TABLES.contains(&table.as_str()) || !columns.iter().all(is_name) {
                    return Err(DumpError::Line(number));
                }
                target = Some((table, columns));
            }
            Line::Row(values) => {
                let (table, columns) = target.as_ref().ok_or(DumpError::Line(number))?;
                let of = columns
                    .iter()
                    .position(|name| name == "tenant_id")
                    .and_then(|at| values.get(at)?.as_str());
                if let Some(of) = of.filter(|of| engine == Engine::Postgres && *of != tenant) {
                    of.clone_into(&mut tenant);
                    sqlx::query(SET_TENANT).bind(of).execute(&mut **transaction).await?;
                }
                insert(transaction, table, columns, values).await?.ok_or(DumpError::Line(number))?;
                count += 1;
            }
            Line::End { rows } if rows == count => break,
            Line::End { .. } => return Err(DumpError::CutOff),
        }
    }
    Ok(count)
}

/// `None`: the values do not fit the columns.
async fn insert(
    transaction: &mut Transaction<'static, Any>,
    table: &str,
    columns: &[String],
    values: Vec<Value>,
) -> Result<Option<()>, DumpError> {
    if values.len() != columns.len() {
        return Ok(None);
    }
    let mut bound = 0;
    // A NULL that is bound has a type, and PostgreSQL wants the column's.
    let places: Vec<String> = values
        .iter()
        .map(|value| {
            if value.is_null() {
                return "NULL".into();
            }
            bound += 1;
            format!("${bound}")
        })
        .collect();
    let sql = format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), places.join(", "));
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in values {
        query = match value {
            Value::Null => query,
            Value::String(text) => query.bind(text),
            Value::Number(number) => match number.as_i64() {
                Some(number) => query.bind(number),
                None => return Ok(None),
            },
            Value::Object(object) => match object.get("b").and_then(|b| STANDARD.decode(b.as_str()?).ok()) {
                Some(bytes) => query.bind(bytes),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
    }
    query.execute(&mut **transaction).await?;
    Ok(Some(()))
}
