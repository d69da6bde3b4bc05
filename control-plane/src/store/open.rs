//! Opening the database: connections, schema, tenant, and the check that the master key fits.

use std::sync::{Arc, Once};
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, Row, SqlSafeStr};
use tokio::sync::Semaphore;

use super::{Engine, Store, StoreError, parsed, small};
use crate::crypto::keyring::{Keyring, WrappedKey};
use crate::domain::time::Timestamp;
use crate::ids::{TenantId, UserId};

/// One writes, the others read.
const CONNECTIONS: u32 = 8;
/// A request that finds no connection for this long is answered 503.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// `synchronous=FULL`: what was acknowledged survives a power cut. `secure_delete`: what is deleted is overwritten.
const SQLITE_PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
     PRAGMA busy_timeout = 5000; PRAGMA recursive_triggers = ON; PRAGMA trusted_schema = OFF; \
     PRAGMA secure_delete = ON;";

const TENANT: &str = "SELECT id FROM tenants ORDER BY created_at LIMIT 1";
const INSERT_TENANT: &str = "INSERT INTO tenants (id, created_at) VALUES ($1, $2)";
const INSERT_HEAD: &str = "INSERT INTO audit_heads (tenant_id, seq) VALUES ($1, 0)";
const ANY_PATIENT_KEY: &str = "SELECT patient_id, version, master_version, wrapped FROM patient_keys
                                WHERE tenant_id = $1 ORDER BY patient_id LIMIT 1";

impl Store {
    /// Opens the database, brings its schema up to date, makes the clinic on the first start, and refuses a master key
    /// that is not the one it was made with. `url`: `sqlite://…` or `postgres://…`.
    pub async fn open(url: &str, keys: Keyring, now: Timestamp) -> Result<Self, StoreError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let engine = if url.starts_with("sqlite:") { Engine::Sqlite } else { Engine::Postgres };
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(move |connection, _| prepare(connection, engine))
            .connect(url)
            .await?;
        migrations().run(&pool).await?;
        let tenant = tenant(&pool, engine, now).await?;
        let store = Self { pool, engine, keys, writers: Arc::new(Semaphore::new(1)), tenant };
        store.check_master_key().await?;
        Ok(store)
    }

    async fn check_master_key(&self) -> Result<(), StoreError> {
        let row =
            sqlx::query(ANY_PATIENT_KEY).bind(self.tenant.to_string()).fetch_optional(&self.pool).await?;
        let Some(row) = row else { return Ok(()) };
        let patient: UserId = parsed(&row, "patient_id")?;
        let wrapped = WrappedKey {
            version: small(&row, "version")?,
            master_version: small(&row, "master_version")?,
            bytes: row.try_get("wrapped")?,
        };
        self.keys.unwrap(self.tenant, patient, &wrapped).map_err(|_| StoreError::WrongMasterKey)?;
        Ok(())
    }
}

fn prepare(connection: &mut AnyConnection, engine: Engine) -> BoxFuture<'_, Result<(), sqlx::Error>> {
    Box::pin(async move {
        if engine == Engine::Sqlite {
            sqlx::raw_sql(SQLITE_PRAGMAS).execute(connection).await?;
        }
        Ok(())
    })
}

fn migrations() -> Migrator {
    let first_floor = include_str!("../../migrations/0001_first_floor.sql");
    Migrator::with_migrations(vec![Migration::new(
        1,
        "first floor".into(),
        MigrationType::Simple,
        first_floor.into_sql_str(),
        false,
    )])
}

/// The clinic of this installation, made on the first start.
async fn tenant(pool: &AnyPool, engine: Engine, now: Timestamp) -> Result<TenantId, StoreError> {
    let mut transaction = match engine {
        Engine::Sqlite => pool.begin_with("BEGIN IMMEDIATE").await?,
        Engine::Postgres => pool.begin().await?,
    };
    if let Some(row) = sqlx::query(TENANT).fetch_optional(&mut *transaction).await? {
        return parsed(&row, "id");
    }
    let tenant = TenantId::generate();
    let id = tenant.to_string();
    sqlx::query(INSERT_TENANT).bind(&id).bind(now.millis()).execute(&mut *transaction).await?;
    sqlx::query(INSERT_HEAD).bind(&id).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(tenant)
}
