//! Doctors' applications. Document and reason are sealed for the doctor.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{StoreError, Tx, changed_one, named, parsed, small, time, time_option};
use crate::crypto::sealed::Place;
use crate::domain::time::Timestamp;
use crate::domain::verification::{DocumentType, VerificationState};
use crate::ids::{TenantId, UserId, VerificationId};

const INSERT: &str =
    "INSERT INTO verifications (tenant_id, id, user_id, state, document, document_type, submitted_at)
                      VALUES ($1, $2, $3, 'pending', $4, $5, $6)";
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT v.id, v.user_id, u.identity, u.identity_version, u.specialty, v.state, v.document_type, v.reason,
                    v.submitted_at, v.decided_at
               FROM verifications v JOIN users u ON u.tenant_id = v.tenant_id AND u.id = v.user_id
              WHERE v.tenant_id = $1 AND ",
            $condition
        )
    };
}
const ONE: &str = select!("v.id = $2");
const LATEST: &str = select!("v.user_id = $2 ORDER BY v.submitted_at DESC, v.id DESC LIMIT 1");
const OF_USER: &str = select!("v.user_id = $2 ORDER BY v.submitted_at DESC, v.id DESC LIMIT 100");
// `$2`: a state, or empty for every one.
const PAGE: &str = select!("($2 = '' OR v.state = $2) ORDER BY v.submitted_at DESC, v.id DESC LIMIT 200");
const DOCUMENT: &str =
    "SELECT user_id, document, document_type FROM verifications WHERE tenant_id = $1 AND id = $2";
const DECIDE: &str = "UPDATE verifications SET state = $3, reason = $4, decided_by = $5, decided_at = $6
                       WHERE tenant_id = $1 AND id = $2 AND state = 'pending'";
const APPROVE: &str = "UPDATE users SET approved_at = $3
                        WHERE tenant_id = $1 AND id = $2 AND role = 'doctor' AND approved_at IS NULL
                          AND erased_at IS NULL";
const PENDING: &str = "SELECT COUNT(*) AS n FROM verifications WHERE tenant_id = $1 AND state = 'pending'";

/// An application without its document. Holds a name and the reason, so it is not `Debug`.
pub struct Verification {
    pub id: VerificationId,
    pub doctor: UserId,
    pub doctor_name: String,
    pub specialty: String,
    pub state: VerificationState,
    pub document_type: DocumentType,
    pub submitted_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    /// Why it was decided so.
    pub reason: Option<String>,
}

/// What a doctor handed in.
pub struct LicenceDocument {
    pub document_type: DocumentType,
    pub bytes: Vec<u8>,
}

impl Tx {
    /// [`StoreError::Conflict`] while another one of the doctor waits.
    pub async fn insert_verification(
        &mut self,
        doctor: UserId,
        document: &LicenceDocument,
        now: Timestamp,
    ) -> Result<VerificationId, StoreError> {
        let id = VerificationId::generate();
        let sealed = self.seal_bytes(doctor, &document_place(self.tenant, id), &document.bytes, now).await?;
        sqlx::query(INSERT)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .bind(doctor.to_string())
            .bind(sealed)
            .bind(document.document_type.media_type())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(id)
    }

    pub async fn verification(&mut self, id: VerificationId) -> Result<Verification, StoreError> {
        let row = sqlx::query(ONE)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        self.verification_of(&row).await
    }

    /// The doctor's last one.
    pub async fn latest_verification(&mut self, doctor: UserId) -> Result<Option<Verification>, StoreError> {
        let row = sqlx::query(LATEST)
            .bind(self.tenant.to_string())
            .bind(doctor.to_string())
            .fetch_optional(&mut *self.transaction)
            .await?;
        match row {
            Some(row) => self.verification_of(&row).await.map(Some),
            None => Ok(None),
        }
    }

    /// Newest first, at most 200; `None`: in every state.
    pub async fn verifications(
        &mut self,
        state: Option<VerificationState>,
    ) -> Result<Vec<Verification>, StoreError> {
        let state = state.map_or("", VerificationState::name);
        let rows = sqlx::query(PAGE)
            .bind(self.tenant.to_string())
            .bind(state)
            .fetch_all(&mut *self.transaction)
            .await?;
        self.verifications_of(&rows).await
    }

    /// The doctor's own, newest first, at most 100.
    pub async fn own_verifications(&mut self, doctor: UserId) -> Result<Vec<Verification>, StoreError> {
        let rows = sqlx::query(OF_USER)
            .bind(self.tenant.to_string())
            .bind(doctor.to_string())
            .fetch_all(&mut *self.transaction)
            .await?;
        self.verifications_of(&rows).await
    }

    async fn verifications_of(&mut self, rows: &[AnyRow]) -> Result<Vec<Verification>, StoreError> {
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.push(self.verification_of(row).await?);
        }
        Ok(found)
    }

    async fn verification_of(&mut self, row: &AnyRow) -> Result<Verification, StoreError> {
        let (id, doctor): (VerificationId, UserId) = (parsed(row, "id")?, parsed(row, "user_id")?);
        let reason = match row.try_get::<Option<Vec<u8>>, _>("reason")? {
            Some(sealed) => Some(self.open(doctor, &reason_place(self.tenant, id), &sealed).await?),
            None => None,
        };
        Ok(Verification {
            id,
            doctor,
            doctor_name: self.identity(doctor, row, "identity", "identity_version").await?.name,
            specialty: row.try_get("specialty")?,
            state: named(row, "state", VerificationState::from_name)?,
            document_type: named(row, "document_type", DocumentType::from_media_type)?,
            submitted_at: time(row, "submitted_at")?,
            decided_at: time_option(row, "decided_at")?,
            reason,
        })
    }

    pub async fn verification_document(&mut self, id: VerificationId) -> Result<LicenceDocument, StoreError> {
        let row = sqlx::query(DOCUMENT)
            .bind(self.tenant.to_string())
            .bind(id.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        let sealed: Vec<u8> = row.try_get::<Option<_>, _>("document")?.ok_or(StoreError::NotFound)?;
        let doctor = parsed(&row, "user_id")?;
        let bytes = self.open_bytes(doctor, &document_place(self.tenant, id), &sealed).await?;
        Ok(LicenceDocument {
            document_type: named(&row, "document_type", DocumentType::from_media_type)?,
            bytes,
        })
    }

    /// [`StoreError::Conflict`] when it has been decided already.
    pub async fn decide_verification(
        &mut self,
        application: &Verification,
        decision: VerificationState,
        reason: &str,
        by: UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let place = reason_place(self.tenant, application.id);
        let sealed = self.seal(application.doctor, &place, reason, now).await?;
        let done = sqlx::query(DECIDE)
            .bind(self.tenant.to_string())
            .bind(application.id.to_string())
            .bind(decision.name())
            .bind(sealed)
            .bind(by.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        changed_one(done.rows_affected())
    }

    /// From now on the doctor may see patients; nothing happens when they may already.
    pub async fn approve_doctor(&mut self, doctor: UserId, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(APPROVE)
            .bind(self.tenant.to_string())
            .bind(doctor.to_string())
            .bind(now.millis())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    pub async fn pending_verifications(&mut self) -> Result<u32, StoreError> {
        let row =
            sqlx::query(PENDING).bind(self.tenant.to_string()).fetch_one(&mut *self.transaction).await?;
        small(&row, "n")
    }
}

fn document_place(tenant: TenantId, id: VerificationId) -> Place {
    Place { tenant, table: "verifications", row: id.to_string(), version: 1 }
}

/// Another place than the document's, so that neither can stand for the other.
fn reason_place(tenant: TenantId, id: VerificationId) -> Place {
    Place { tenant, table: "verifications.reason", row: id.to_string(), version: 1 }
}
