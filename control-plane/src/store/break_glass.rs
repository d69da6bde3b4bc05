//! Emergency access to patients' records. Its reason may say something about the patient, so it is sealed for them.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{StoreError, Tx, changed_one, named, parsed, small, time, time_option};
use crate::crypto::sealed::Place;
use crate::domain::break_glass::{BreakGlass, Finding};
use crate::domain::consultation::Reason;
use crate::domain::time::Timestamp;
use crate::ids::{BreakGlassId, TenantId, UserId};

const INSERT: &str =
    "INSERT INTO break_glass (tenant_id, id, user_id, patient_id, reason, granted_at, expires_at)
                      VALUES ($1, $2, $3, $4, $5, $6, $7)";
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT b.id, b.user_id, u.identity AS user_identity, u.identity_version AS user_version, b.patient_id,
                    p.identity AS patient_identity, p.identity_version AS patient_version, b.reason, b.granted_at,
                    b.expires_at, b.ended_at, b.reviewed_at, b.finding
               FROM break_glass b
               JOIN users u ON u.tenant_id = b.tenant_id AND u.id = b.user_id
               JOIN users p ON p.tenant_id = b.tenant_id AND p.id = b.patient_id
              WHERE b.tenant_id = $1 AND ",
            $condition
        )
    };
}
const ONE: &str = select!("b.id = $2");
// `$2`: 1 for those that nobody has reviewed.
const ALL: &str =
    select!("($2 = 0 OR b.reviewed_at IS NULL) ORDER BY b.granted_at DESC, b.id DESC LIMIT 200");
const OPEN: &str = "SELECT id FROM break_glass WHERE tenant_id = $1 AND user_id = $2 AND patient_id = $3
                       AND ended_at IS NULL AND expires_at > $4 LIMIT 1";
const END: &str = "UPDATE break_glass SET ended_at = $4
                    WHERE tenant_id = $1 AND id = $2 AND user_id = $3 AND ended_at IS NULL AND expires_at > $4";
const REVIEW: &str = "UPDATE break_glass SET reviewed_by = $3, reviewed_at = $4, finding = $5
                       WHERE tenant_id = $1 AND id = $2 AND reviewed_at IS NULL AND user_id <> $3";
const OLDEST_UNREVIEWED: &str =
    "SELECT MIN(granted_at) AS at FROM break_glass WHERE tenant_id = $1 AND reviewed_at IS NULL";
const UNREVIEWED: &str = "SELECT COUNT(*) AS n FROM break_glass WHERE tenant_id = $1 AND reviewed_at IS NULL";

/// An emergency access as a reviewer sees it. Holds names and the reason, so it is not `Debug`.
pub struct BreakGlassRecord {
    pub access: BreakGlass,
    pub user_name: String,
    /// Empty when the patient was erased.
    pub patient_name: String,
    /// `None`: the patient was erased, and with them what was written about them.
    pub reason: Option<Reason>,
}

impl Tx {
    pub async fn insert_break_glass(
        &mut self,
        access: &BreakGlass,
        reason: &Reason,
    ) -> Result<(), StoreError> {
        let place = reason_place(self.tenant, access.id);
        let sealed = self.seal(access.patient, &place, reason.reveal(), access.granted_at).await?;
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(access.id.to_string())
            .bind(access.user.to_string())
            .bind(access.patient.to_string())
            .bind(sealed)
            .bind(access.granted_at.millis())
            .bind(access.expires_at.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// The emergency access that somebody has to a patient's record now.
    pub async fn open_break_glass(
        &mut self,
        user: UserId,
        patient: UserId,
        now: Timestamp,
    ) -> Result<Option<BreakGlassId>, StoreError> {
        let row = sqlx::query(OPEN)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .bind(patient.to_string())
            .bind(now.millis())
            .fetch_optional(&mut *self.transaction)
            .await?;
        row.map(|row| parsed(&row, "id")).transpose()
    }

    pub async fn break_glass(&mut self, id: BreakGlassId) -> Result<BreakGlassRecord, StoreError> {
        let row = sqlx::query(ONE)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        self.break_glass_of(&row).await
    }

    /// Newest first, at most 200.
    pub async fn break_glasses(&mut self, unreviewed: bool) -> Result<Vec<BreakGlassRecord>, StoreError> {
        let rows = sqlx::query(ALL)
            .bind(self.tenant.to_string())
            .bind(i64::from(unreviewed))
            .fetch_all(&mut *self.transaction)
            .await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.push(self.break_glass_of(row).await?);
        }
        Ok(found)
    }

    async fn break_glass_of(&mut self, row: &AnyRow) -> Result<BreakGlassRecord, StoreError> {
        let finding =
            row.try_get::<Option<String>, _>("finding")?.map(|_| named(row, "finding", Finding::from_name));
        let access = BreakGlass {
            id: parsed(row, "id")?,
            user: parsed(row, "user_id")?,
            patient: parsed(row, "patient_id")?,
            granted_at: time(row, "granted_at")?,
            expires_at: time(row, "expires_at")?,
            ended_at: time_option(row, "ended_at")?,
            review: time_option(row, "reviewed_at")?.zip(finding.transpose()?),
        };
        let body: Vec<u8> = row.try_get("reason")?;
        let reason = match self.open(access.patient, &reason_place(self.tenant, access.id), &body).await {
            Err(StoreError::Erased) => None,
            reason => Some(Reason::new(reason?)),
        };
        Ok(BreakGlassRecord {
            user_name: self.identity(access.user, row, "user_identity", "user_version").await?.name,
            patient_name: self
                .identity(access.patient, row, "patient_identity", "patient_version")
                .await?
                .name,
            access,
            reason,
        })
    }

    /// Its holder gives it back. [`StoreError::NotFound`] for anybody else's, and when it is over.
    pub async fn end_break_glass(
        &mut self,
        user: UserId,
        id: BreakGlassId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(END)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(user.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
    }

    /// [`StoreError::Conflict`] when it has been reviewed, or is the reviewer's own.
    pub async fn review_break_glass(
        &mut self,
        id: BreakGlassId,
        reviewer: UserId,
        finding: Finding,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(REVIEW)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(reviewer.to_string())
            .bind(now.millis())
            .bind(finding.name())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    /// When the oldest was opened that nobody has reviewed.
    pub async fn oldest_unreviewed_break_glass(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(OLDEST_UNREVIEWED)
            .bind(self.tenant.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        time_option(&row, "at")
    }

    /// How many nobody has reviewed.
    pub async fn unreviewed_break_glasses(&mut self) -> Result<u32, StoreError> {
        let row =
            sqlx::query(UNREVIEWED).bind(self.tenant.to_string()).fetch_one(&mut *self.transaction).await?;
        small(&row, "n")
    }
}

fn reason_place(tenant: TenantId, id: BreakGlassId) -> Place {
    Place { tenant, table: "break_glass", row: id.to_string(), version: 1 }
}
