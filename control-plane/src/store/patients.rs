//! Whose doctor somebody is, and whose record is open to them in an emergency.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{StoreError, Tx, parsed, parsed_option, small, time_option};
use crate::domain::time::Timestamp;
use crate::ids::{BreakGlassId, UserId};

/// `$2`: who asks; `$3`: now.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT * FROM (
               SELECT p.id AS patient_id, p.identity, p.identity_version,
                      (SELECT COUNT(*) FROM consultations c
                        WHERE c.tenant_id = p.tenant_id AND c.patient_id = p.id AND c.doctor_id = $2
                          AND c.state <> 'cancelled') AS assigned,
                      (SELECT MAX(c.requested_at) FROM consultations c
                        WHERE c.tenant_id = p.tenant_id AND c.patient_id = p.id AND c.doctor_id = $2
                          AND c.state <> 'cancelled') AS last_consultation_at,
                      (SELECT MAX(b.id) FROM break_glass b
                        WHERE b.tenant_id = p.tenant_id AND b.patient_id = p.id AND b.user_id = $2
                          AND b.ended_at IS NULL AND b.expires_at > $3) AS break_glass,
                      (SELECT MAX(b.expires_at) FROM break_glass b
                        WHERE b.tenant_id = p.tenant_id AND b.patient_id = p.id AND b.user_id = $2
                          AND b.ended_at IS NULL AND b.expires_at > $3) AS access_until
                 FROM users p
                WHERE p.tenant_id = $1 AND p.role = 'patient' AND p.erased_at IS NULL) AS a
              WHERE (a.assigned > 0 OR a.break_glass IS NOT NULL) AND ",
            $condition
        )
    };
}
const ONE: &str = select!("a.patient_id = $4");
const ALL: &str =
    select!("1 = 1 ORDER BY COALESCE(a.last_consultation_at, 0) DESC, a.patient_id DESC LIMIT 500");

/// A patient whom somebody may know of. Holds a name, so it is not `Debug`.
pub struct KnownPatient {
    pub id: UserId,
    pub name: String,
    /// With the one who asks.
    pub last_consultation_at: Option<Timestamp>,
    /// Their doctor, not only in an emergency.
    pub assigned: bool,
    pub break_glass: Option<BreakGlassId>,
    /// When the emergency access ends.
    pub access_until: Option<Timestamp>,
}

impl Tx {
    /// [`StoreError::NotFound`] for patients of others.
    pub async fn known_patient(
        &mut self,
        by: UserId,
        patient: UserId,
        now: Timestamp,
    ) -> Result<KnownPatient, StoreError> {
        let row = sqlx::query(ONE)
            .bind(self.tenant.to_string())
            .bind(by.to_string())
            .bind(now.millis())
            .bind(patient.to_string())
            .fetch_one(&mut *self.transaction)
            .await?;
        self.known_patient_of(&row).await
    }

    /// Whoever somebody is the doctor of, and whose record is open to them now; the last seen first, at most 500.
    pub async fn known_patients(
        &mut self,
        by: UserId,
        now: Timestamp,
    ) -> Result<Vec<KnownPatient>, StoreError> {
        let rows = sqlx::query(ALL)
            .bind(self.tenant.to_string())
            .bind(by.to_string())
            .bind(now.millis())
            .fetch_all(&mut *self.transaction)
            .await?;
        let mut patients = Vec::with_capacity(rows.len());
        for row in &rows {
            patients.push(self.known_patient_of(row).await?);
        }
        Ok(patients)
    }

    async fn known_patient_of(&mut self, row: &AnyRow) -> Result<KnownPatient, StoreError> {
        let id = parsed(row, "patient_id")?;
        Ok(KnownPatient {
            id,
            name: self.identity(id, row, "identity", "identity_version").await?.name,
            last_consultation_at: time_option(row, "last_consultation_at")?,
            assigned: row.try_get::<i64, _>("assigned")? > 0,
            break_glass: parsed_option(row, "break_glass")?,
            access_until: time_option(row, "access_until")?,
        })
    }
}

const TOTALS: &str = "SELECT
    (SELECT COUNT(*) FROM users WHERE tenant_id = $1 AND role = 'patient' AND deactivated_at IS NULL) AS patients,
    (SELECT COUNT(*) FROM users WHERE tenant_id = $1 AND role = 'doctor' AND deactivated_at IS NULL) AS doctors,
    (SELECT COUNT(*) FROM users WHERE tenant_id = $1 AND role = 'admin' AND deactivated_at IS NULL) AS admins,
    (SELECT COUNT(*) FROM users
      WHERE tenant_id = $1 AND role <> 'guest' AND deactivated_at IS NOT NULL AND erased_at IS NULL) AS deactivated,
    (SELECT COUNT(*) FROM sessions WHERE tenant_id = $1 AND created_at > $2) AS sessions,
    (SELECT COUNT(*) FROM security_events WHERE tenant_id = $1 AND acknowledged_at IS NULL) AS security_events,
    (SELECT COUNT(*) FROM consultations WHERE tenant_id = $1 AND state = 'requested') AS queue";

/// The clinic in numbers.
pub struct ClinicTotals {
    pub patients: u32,
    pub doctors: u32,
    pub admins: u32,
    pub deactivated: u32,
    pub sessions: u32,
    /// That no administrator has seen.
    pub security_events: u32,
    /// Consultations that wait for a doctor.
    pub queue: u32,
}

impl Tx {
    /// Sessions that began after `sessions_since` may be alive.
    pub async fn totals(&mut self, sessions_since: Timestamp) -> Result<ClinicTotals, StoreError> {
        let row = sqlx::query(TOTALS)
            .bind(self.tenant.to_string())
            .bind(sessions_since.millis())
            .fetch_one(&mut *self.transaction)
            .await?;
        Ok(ClinicTotals {
            patients: small(&row, "patients")?,
            doctors: small(&row, "doctors")?,
            admins: small(&row, "admins")?,
            deactivated: small(&row, "deactivated")?,
            sessions: small(&row, "sessions")?,
            security_events: small(&row, "security_events")?,
            queue: small(&row, "queue")?,
        })
    }
}
