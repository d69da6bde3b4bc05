//! What PostgreSQL needs besides the common schema: the role that serves may not own, bypass or switch off the row-level
//! security that keeps clinics apart. Checked at every start; a role that could is refused.

use sqlx::{AnyPool, Row};

use super::StoreError;

const ROLE: &str = "SELECT current_user::text AS role";
const GRANT: &str = "SELECT set_config('app.serving_role', $1, false)";
// What is written once is not to be changed: the audit log and its checkpoints take no UPDATE and no DELETE.
const GRANTS: &str = "DO $$
DECLARE name text; serving text := current_setting('app.serving_role');
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), serving);
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
        EXECUTE format('REVOKE ALL ON %I FROM %I', name, serving);
        IF name IN ('audit', 'checkpoints', 'tenants') THEN
            EXECUTE format('GRANT SELECT, INSERT ON %I TO %I', name, serving);
        ELSIF name = '_sqlx_migrations' THEN
            EXECUTE format('GRANT SELECT ON %I TO %I', name, serving);
        ELSE
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I', name, serving);
        END IF;
    END LOOP;
END $$";
const VERSION: &str = "SELECT COALESCE(MAX(version), 0) AS version FROM _sqlx_migrations WHERE success";
const POWERS: &str = "SELECT (rolsuper)::int::bigint AS super, (rolbypassrls)::int::bigint AS bypass
                        FROM pg_roles WHERE rolname = current_user";
const UNGUARDED: &str = "SELECT c.relname::text AS name,
        (pg_has_role(current_user, c.relowner, 'MEMBER'))::int::bigint AS owned
   FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
  WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
    AND (pg_has_role(current_user, c.relowner, 'MEMBER') OR NOT c.relrowsecurity OR NOT c.relforcerowsecurity
         OR NOT EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid))
  ORDER BY c.relname LIMIT 1";

const OWNER_SERVES: &str = "the role of database.url owns tables (or is a member of their owner) and could switch \
    row-level security off: use another role there and give the owner as database.owner_url";

/// The role that a pool is connected as.
async fn role(pool: &AnyPool) -> Result<String, StoreError> {
    Ok(sqlx::query(ROLE).fetch_one(pool).await?.try_get("role")?)
}

/// Refuses one role for both.
pub(super) async fn check_different(owner: &AnyPool, serving: &AnyPool) -> Result<(), StoreError> {
    if role(owner).await? == role(serving).await? {
        return Err(StoreError::Unsafe(OWNER_SERVES.into()));
    }
    Ok(())
}

/// Lets the role that serves work with the data and no more.
pub(super) async fn grant(owner: &AnyPool, serving: &AnyPool) -> Result<(), StoreError> {
    let role = role(serving).await?;
    let mut connection = owner.acquire().await?;
    sqlx::query(GRANT).bind(role).execute(&mut *connection).await?;
    sqlx::raw_sql(GRANTS).execute(&mut *connection).await?;
    Ok(())
}

/// Refuses a schema of another version.
pub(super) async fn check_schema(pool: &AnyPool, needed: i64) -> Result<(), StoreError> {
    let found = match sqlx::query(VERSION).fetch_one(pool).await {
        Ok(row) => row.try_get("version")?,
        // The table is made by the first migration.
        Err(sqlx::Error::Database(_)) => 0,
        Err(error) => return Err(error.into()),
    };
    if found == needed { Ok(()) } else { Err(StoreError::OtherSchema { found, needed }) }
}

/// Refuses a role that row-level security does not bind.
pub(super) async fn check_powers(pool: &AnyPool) -> Result<(), StoreError> {
    let powers = sqlx::query(POWERS).fetch_one(pool).await?;
    for (column, power) in [("super", "is a superuser"), ("bypass", "may bypass row-level security")] {
        if powers.try_get::<i64, _>(column)? != 0 {
            return Err(StoreError::Unsafe(format!(
                "the role of database.url {power}, so nothing would keep clinics apart: use one made with \
                 CREATE ROLE … LOGIN NOSUPERUSER NOBYPASSRLS, and give the schema's owner as database.owner_url"
            )));
        }
    }
    Ok(())
}

/// Refuses tables that row-level security does not guard from this role.
pub(super) async fn check_guards(pool: &AnyPool) -> Result<(), StoreError> {
    let Some(row) = sqlx::query(UNGUARDED).fetch_optional(pool).await? else { return Ok(()) };
    let name: String = row.try_get("name")?;
    Err(StoreError::Unsafe(if row.try_get::<i64, _>("owned")? != 0 {
        OWNER_SERVES.into()
    } else {
        format!(
            "row-level security is not in force on the table {name}: run `auscult migrate` with database.owner_url"
        )
    }))
}
