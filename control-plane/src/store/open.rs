//! Opening the database: connections, schema, tenant, and the check that the master key fits.

use std::sync::{Arc, Once};
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, Connection as _, SqlSafeStr};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{Engine, SET_TENANT, Store, StoreError, parsed, postgres};
use crate::crypto::keyring::Keyring;
use crate::domain::time::Timestamp;
use crate::erasures::ErasureLedger;
use crate::ids::TenantId;

/// One writes on `SQLite`, [`WRITERS`] on PostgreSQL, the others read.
const CONNECTIONS: u32 = 8;
/// Transactions on PostgreSQL that may write at once. They wait for the same audit head anyway, and readers need a
/// connection too.
const WRITERS: usize = 5;
/// A request that finds no connection for this long is answered 503.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// At start a busy database may take longer: it is asked this often.
const FIRST_ATTEMPTS: u32 = 3;

/// A connection that was used more recently is taken to be alive.
const ASK_AFTER: Duration = Duration::from_secs(1);

/// `synchronous=FULL`: what was acknowledged survives a power cut. `secure_delete`: what is deleted is overwritten.
const SQLITE_PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
     PRAGMA busy_timeout = 5000; PRAGMA recursive_triggers = ON; PRAGMA trusted_schema = OFF; \
     PRAGMA secure_delete = ON;";

const TENANT: &str = "SELECT id FROM tenants ORDER BY created_at, id LIMIT 1";
const INSERT_TENANT: &str = "INSERT INTO tenants (id, created_at) VALUES ($1, $2)";
const INSERT_HEAD: &str = "INSERT INTO audit_heads (tenant_id, seq) VALUES ($1, 0)";

impl Store {
    /// Opens the database, brings its schema up to date, makes the clinic on the first start, and refuses a master key
    /// that is not the one it was made with.
    ///
    /// `url`: `sqlite://…` or `postgres://…`. On PostgreSQL its role must be one that row-level security binds, so the
    /// schema is brought up to date by another one, `owner_url`; empty: it has to be current already.
    pub async fn open(
        url: &str,
        owner_url: &str,
        keys: Keyring,
        erasures: ErasureLedger,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let engine = if url.starts_with("sqlite:") { Engine::Sqlite } else { Engine::Postgres };
        let pool = connect(url, engine).await?;
        if engine == Engine::Sqlite {
            let store = Self::bring_up_to_date(pool, engine, keys, erasures, now).await?;
            store.replay_erasures(now).await?;
            return Ok(store);
        }
        postgres::check_powers(&pool).await?;
        if !owner_url.is_empty() {
            let owner = connect(owner_url, engine).await?;
            postgres::check_different(&owner, &pool).await?;
            let store = Self::bring_up_to_date(owner, engine, keys.clone(), erasures.clone(), now).await?;
            postgres::grant(&store.pool, &pool).await?;
            store.close().await;
        }
        postgres::check_schema(&pool, newest_version()).await?;
        postgres::check_guards(&pool).await?;
        let tenant = first_tenant(&pool, engine, now).await?;
        let store = Self::over(pool, engine, keys, erasures, tenant);
        store.check_masters(now).await?;
        store.load_clinics(now).await?;
        store.replay_erasures(now).await?;
        Ok(store)
    }

    /// The triggers and policies come last: they would keep the upgrade from mending rows of an earlier version.
    async fn bring_up_to_date(
        pool: AnyPool,
        engine: Engine,
        keys: Keyring,
        erasures: ErasureLedger,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        migrations().run(&pool).await?;
        let tenant = first_tenant(&pool, engine, now).await?;
        let store = Self::over(pool, engine, keys, erasures, tenant);
        store.check_masters(now).await?;
        store.load_clinics(now).await?;
        store.seal_plain_texts(now).await?;
        store.hash_entries().await?;
        sqlx::raw_sql(engine_sql(engine)).execute(&store.pool).await?;
        Ok(store)
    }

    fn over(pool: AnyPool, engine: Engine, keys: Keyring, erasures: ErasureLedger, tenant: TenantId) -> Self {
        let at_once = match engine {
            Engine::Sqlite => 1,
            Engine::Postgres => WRITERS,
        };
        let (writers, clinics) = (Arc::new(Semaphore::new(at_once)), Arc::default());
        Self {
            pool,
            engine,
            keys,
            erasures,
            writers,
            tenant,
            clinics,
            audit: Arc::default(),
            failed: CancellationToken::new(),
        }
    }
}

pub(super) async fn connect(url: &str, engine: Engine) -> Result<AnyPool, StoreError> {
    let pool = AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(move |connection, _| prepare(connection, engine))
        .test_before_acquire(false)
        .before_acquire(|connection, meta| Box::pin(is_usable(connection, meta.idle_for)))
        .connect_lazy(url)?;
    let mut attempts = FIRST_ATTEMPTS;
    loop {
        attempts -= 1;
        match pool.acquire().await {
            Ok(_) => return Ok(pool),
            Err(sqlx::Error::PoolTimedOut) if attempts > 0 => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// On a full disk `SQLite` undoes a transaction by itself, and sqlx goes on believing that it is in one. A server that
/// was restarted is noticed without a round trip before every transaction.
async fn is_usable(connection: &mut AnyConnection, idle: Duration) -> Result<bool, sqlx::Error> {
    if idle >= ASK_AFTER {
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// What only one engine has: triggers on SQLite; triggers and row-level security on PostgreSQL. Idempotent.
pub(super) const fn engine_sql(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => include_str!("../../migrations/sqlite.sql"),
        Engine::Postgres => include_str!("../../migrations/postgres.sql"),
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

const MIGRATIONS: [(i64, &str, &str); 3] = [
    (1, "first floor", include_str!("../../migrations/0001_first_floor.sql")),
    (2, "trust", include_str!("../../migrations/0002_trust.sql")),
    (3, "labels", include_str!("../../migrations/0003_labels.sql")),
];

pub(super) fn newest_version() -> i64 {
    MIGRATIONS.iter().map(|(version, _, _)| *version).max().unwrap_or(0)
}

pub(super) fn migrations() -> Migrator {
    let all = MIGRATIONS.into_iter().map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(all.collect())
}

/// The clinic of this installation, made on the first start.
async fn first_tenant(pool: &AnyPool, engine: Engine, now: Timestamp) -> Result<TenantId, StoreError> {
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
    if engine == Engine::Postgres {
        sqlx::query(SET_TENANT).bind(&id).execute(&mut *transaction).await?;
    }
    sqlx::query(INSERT_HEAD).bind(&id).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(tenant)
}
