//! Looking at the audit log: a filtered page of it, and whose data something is.

use std::collections::{BTreeSet, HashMap};

use sqlx::AssertSqlSafe;

use super::audit::{LOG_COLUMNS, hashed_entry};
use super::{Store, StoreError, Tx, parsed_option};
use crate::domain::audit_filter::AuditFilter;
use crate::domain::audit_log::LogEntry;
use crate::domain::user::Role;
use crate::ids::{ConsultationId, TenantId, UserId};

const PATIENT_OF: &str = "SELECT patient_id FROM consultations WHERE tenant_id = $1 AND id = $2";
const PATIENT: &str = "SELECT id FROM users WHERE tenant_id = $1 AND id = $2 AND role = $3";

impl Store {
    /// `None`: there is no such consultation.
    pub async fn patient_of(
        &self,
        tenant: TenantId,
        id: ConsultationId,
    ) -> Result<Option<UserId>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let row = sqlx::query(PATIENT_OF)
            .bind(tenant.to_string())
            .bind(id.to_string())
            .fetch_optional(&mut *tx.transaction)
            .await?;
        row.map_or(Ok(None), |row| parsed_option(&row, "patient_id"))
    }

    /// The same id, if it is a patient's.
    pub async fn patient_with_id(&self, tenant: TenantId, id: UserId) -> Result<Option<UserId>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let row = sqlx::query(PATIENT)
            .bind(tenant.to_string())
            .bind(id.to_string())
            .bind(Role::Patient.name())
            .fetch_optional(&mut *tx.transaction)
            .await?;
        row.map_or(Ok(None), |row| parsed_option(&row, "id"))
    }
}

impl Tx {
    /// At most `limit` entries like this before `before`, newest first.
    pub async fn audit_page(
        &mut self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let texts = [
            ("actor", &filter.actor),
            ("patient", &filter.patient),
            ("action", &filter.action),
            ("outcome", &filter.outcome),
            ("purpose", &filter.purpose),
        ];
        let numbers = [("seq <", before), ("at >=", filter.from), ("at <", filter.to)];
        // Only what is asked for stands in the statement: either engine then finds the index for it.
        let mut sql = format!("SELECT {LOG_COLUMNS} FROM audit WHERE tenant_id = $1");
        let mut place = 1;
        let mut condition = |sql: &mut String, what: &str| {
            place += 1;
            sql.push_str(&format!(" AND {what} ${place}"));
        };
        for (column, _) in texts.iter().filter(|(_, text)| text.is_some()) {
            condition(&mut sql, &format!("{column} ="));
        }
        for (comparison, _) in numbers.iter().filter(|(_, number)| number.is_some()) {
            condition(&mut sql, comparison);
        }
        sql.push_str(&format!(" ORDER BY seq DESC LIMIT {limit}"));
        // The text is made of constants and a number alone.
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(self.tenant.to_string());
        for text in texts.into_iter().filter_map(|(_, text)| text.as_ref()) {
            query = query.bind(text.clone());
        }
        for number in numbers.into_iter().filter_map(|(_, number)| number) {
            query = query.bind(number);
        }
        let rows = query.fetch_all(&mut *self.transaction).await?;
        rows.iter().map(|row| Ok(hashed_entry(row)?.entry)).collect()
    }

    /// How people are called; who is gone or erased has no name.
    pub async fn names(&mut self, people: BTreeSet<UserId>) -> Result<HashMap<UserId, String>, StoreError> {
        let mut names = HashMap::new();
        for person in people {
            match self.user(person).await {
                Ok(user) if !user.name.is_empty() => drop(names.insert(person, user.name)),
                Ok(_) | Err(StoreError::NotFound | StoreError::Erased) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(names)
    }
}
