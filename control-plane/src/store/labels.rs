//! What a doctor calls an invited guest ("Interpreter", "Her sister"): it may say something about the patient, so it is
//! sealed for them. Rows of version 0002 had it in a plain column.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Store, StoreError, Tx, parsed};
use crate::crypto::sealed::Place;
use crate::domain::time::Timestamp;
use crate::ids::{ConsultationId, TenantId, UserId};

/// Of an invitation, and of the participant that its guest became.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Labelled {
    Invite,
    Participant,
}

macro_rules! plain {
    ($table:literal) => {
        concat!(
            "SELECT l.id, l.label, l.consultation_id FROM ",
            $table,
            " l WHERE l.tenant_id = $1 AND l.label <> '' LIMIT 500"
        )
    };
}
macro_rules! set {
    ($table:literal) => {
        concat!("UPDATE ", $table, " SET label = '', sealed_label = $3 WHERE tenant_id = $1 AND id = $2")
    };
}

impl Labelled {
    const fn table(self) -> &'static str {
        match self {
            Self::Invite => "invites",
            Self::Participant => "participants",
        }
    }

    const fn plain(self) -> &'static str {
        match self {
            Self::Invite => plain!("invites"),
            Self::Participant => plain!("participants"),
        }
    }

    const fn set(self) -> &'static str {
        match self {
            Self::Invite => set!("invites"),
            Self::Participant => set!("participants"),
        }
    }

    fn place(self, tenant: TenantId, row: String) -> Place {
        Place { tenant, table: self.table(), row, version: 1 }
    }
}

impl Tx {
    pub(super) async fn seal_label(
        &mut self,
        consultation: ConsultationId,
        of: Labelled,
        row: String,
        label: &str,
        now: Timestamp,
    ) -> Result<Vec<u8>, StoreError> {
        let patient = self.patient_of(consultation).await?;
        self.seal(patient, &of.place(self.tenant, row), label, now).await
    }

    /// From the column `sealed_label`; empty when there is none, or its patient was erased.
    pub(super) async fn label(
        &mut self,
        patient: UserId,
        of: Labelled,
        row_id: String,
        row: &AnyRow,
    ) -> Result<String, StoreError> {
        let Some(body) = row.try_get::<Option<Vec<u8>>, _>("sealed_label")? else {
            return Ok(String::new());
        };
        match self.open(patient, &of.place(self.tenant, row_id), &body).await {
            Err(StoreError::Erased) => Ok(String::new()),
            label => label,
        }
    }
}

impl Store {
    /// Seals what earlier versions left plain, a batch at a time. Returns how many there were.
    pub(super) async fn seal_labels(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut sealed = 0;
        for tenant in self.clinics() {
            for of in [Labelled::Invite, Labelled::Participant] {
                // Nearly always there is none, and to find that out must not keep writers waiting.
                while self.read(tenant).await?.has_plain_labels(of).await? {
                    sealed += self.seal_some_labels(tenant, of, now).await?;
                }
            }
        }
        Ok(sealed)
    }

    async fn seal_some_labels(
        &self,
        tenant: TenantId,
        of: Labelled,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut tx = self.begin(tenant).await?;
        let rows = sqlx::query(of.plain()).bind(tenant.to_string()).fetch_all(&mut *tx.transaction).await?;
        for row in &rows {
            let (id, label): (String, String) = (row.try_get("id")?, row.try_get("label")?);
            let consultation = parsed(row, "consultation_id")?;
            let body = match tx.seal_label(consultation, of, id.clone(), &label, now).await {
                Err(StoreError::Erased) => None,
                body => Some(body?),
            };
            let query = sqlx::query(of.set()).bind(tenant.to_string()).bind(id).bind(body);
            query.execute(&mut *tx.transaction).await?;
        }
        tx.keep().await?;
        Ok(rows.len())
    }
}

impl Tx {
    async fn has_plain_labels(&mut self, of: Labelled) -> Result<bool, StoreError> {
        let query = sqlx::query(of.plain()).bind(self.tenant.to_string());
        Ok(query.fetch_optional(&mut *self.transaction).await?.is_some())
    }
}
