//! What an upgrade does that SQL cannot: rows of an earlier version are sealed or hashed, a batch at a time, and an
//! interrupted upgrade goes on where it stopped.

use sqlx::Row;

use super::users::Identity;
use super::{Engine, Store, StoreError, Tx, parsed};
use crate::domain::merkle::Frontier;
use crate::domain::time::Timestamp;
use crate::ids::{TenantId, UserId};

const UNSEALED: &str = "SELECT id, name, email FROM users WHERE tenant_id = $1 AND identity IS NULL AND erased_at IS NULL LIMIT 500";
const SEAL: &str =
    "UPDATE users SET identity = $3, email_index = $4, email = NULL, name = '', email_verified_at = $5,
                             approved_at = $5
                     WHERE tenant_id = $1 AND id = $2";
const HASHED: &str = "SELECT seq FROM audit WHERE tenant_id = $1 AND leaf IS NOT NULL LIMIT 1";
const HASH: &str = "UPDATE audit SET leaf = $3, root = $4 WHERE tenant_id = $1 AND seq = $2";
const SET_FRONTIER: &str = "UPDATE audit_heads SET frontier = $2 WHERE tenant_id = $1";
const ENTRIES_AT_A_TIME: i64 = 500;

impl Store {
    /// Entries of version 0001 had no hashes: each clinic's get theirs in one transaction. A log that has any, or was
    /// ever signed, and yet no head was tampered with. It is left as it is, and takes no more entries.
    pub(super) async fn hash_entries(&self) -> Result<(), StoreError> {
        for tenant in self.clinics() {
            let mut tx = self.begin(tenant).await?;
            let head = tx.log_head().await?;
            if head.size > 0 && head.frontier.is_empty() {
                if tx.was_hashed().await? {
                    tracing::error!(%tenant, "the audit log has lost its head: run `auscult audit verify`");
                    continue;
                }
                tx.hash_all_entries().await?;
                tx.keep().await?;
            }
        }
        Ok(())
    }

    /// What earlier versions kept in plain columns.
    pub(super) async fn seal_plain_texts(&self, now: Timestamp) -> Result<(), StoreError> {
        let sealed = self.seal_identities(now).await? + self.seal_labels(now).await?;
        if sealed > 0 && self.engine == Engine::Sqlite {
            // Otherwise the plain texts would stay in pages of the file and the journal that nobody reads any more.
            sqlx::raw_sql("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);").execute(&self.pool).await?;
        }
        Ok(())
    }

    /// Names and addresses of version 0001 stood in plain columns. Its accounts were made by the operator, who vouches
    /// for addresses and doctors.
    async fn seal_identities(&self, now: Timestamp) -> Result<usize, StoreError> {
        // Nearly always there is nothing to do. Finding that out in a long table must not keep writers waiting: every
        // command opens the database, also beside a server.
        let mut sealed = 0;
        if self.has_unsealed_identities(self.tenant).await? {
            while let count @ 1.. = self.seal_some_identities(self.tenant, now).await? {
                sealed += count;
            }
        }
        Ok(sealed)
    }

    async fn has_unsealed_identities(&self, tenant: TenantId) -> Result<bool, StoreError> {
        let mut tx = self.read(tenant).await?;
        let query = sqlx::query(UNSEALED).bind(tenant.to_string());
        Ok(query.fetch_optional(&mut *tx.transaction).await?.is_some())
    }

    async fn seal_some_identities(&self, tenant: TenantId, now: Timestamp) -> Result<usize, StoreError> {
        let mut tx = self.begin(tenant).await?;
        let rows = sqlx::query(UNSEALED).bind(tenant.to_string()).fetch_all(&mut *tx.transaction).await?;
        for row in &rows {
            let id: UserId = parsed(row, "id")?;
            let identity = Identity {
                name: row.try_get("name")?,
                email: row.try_get::<Option<String>, _>("email")?.unwrap_or_default(),
            };
            let (body, index) = tx.seal_identity(id, &identity, 1, now).await?;
            sqlx::query(SEAL)
                .bind(tenant.to_string())
                .bind(id.to_string())
                .bind(body)
                .bind(index)
                .bind(now.millis())
                .execute(&mut *tx.transaction)
                .await?;
        }
        tx.keep().await?;
        Ok(rows.len())
    }
}

impl Tx {
    async fn was_hashed(&mut self) -> Result<bool, StoreError> {
        let hashed =
            sqlx::query(HASHED).bind(self.tenant.to_string()).fetch_optional(&mut *self.transaction).await?;
        Ok(hashed.is_some() || self.newest_checkpoint().await?.is_some())
    }

    async fn hash_all_entries(&mut self) -> Result<(), StoreError> {
        let (tenant, mut tree, mut last) = (self.tenant.to_string(), Frontier::default(), 0);
        loop {
            let page = self.log_page(last, ENTRIES_AT_A_TIME).await?;
            let Some(end) = page.last() else { break };
            last = end.entry.seq;
            for row in &page {
                let leaf = row.entry.leaf();
                tree.append(leaf);
                sqlx::query(HASH)
                    .bind(&tenant)
                    .bind(row.entry.seq)
                    .bind(leaf.to_vec())
                    .bind(tree.root().to_vec())
                    .execute(&mut *self.transaction)
                    .await?;
            }
        }
        sqlx::query(SET_FRONTIER).bind(&tenant).bind(tree.to_bytes()).execute(&mut *self.transaction).await?;
        Ok(())
    }
}
