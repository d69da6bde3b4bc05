//! A clinic without an administrator: the server prints a secret that makes the first one. There is no default password.

use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::domain::one_time::OneTimePurpose;
use crate::domain::time::Timestamp;
use crate::ids::TenantId;
use crate::store::{Store, StoreError};

/// A new secret for each clinic that has no administrator; earlier ones are worth nothing any more.
pub async fn offer(store: &Store, now: Timestamp) -> Result<Vec<(TenantId, String)>, StoreError> {
    let mut offers = Vec::new();
    for tenant in store.clinics() {
        if let Some(secret) = offer_to(store, tenant, now).await? {
            offers.push((tenant, secret));
        }
    }
    Ok(offers)
}

/// The same for one clinic; `None` when it has an administrator.
pub async fn offer_to(store: &Store, tenant: TenantId, now: Timestamp) -> Result<Option<String>, StoreError> {
    let mut tx = store.begin(tenant).await?;
    if tx.has_administrator().await? {
        return Ok(None);
    }
    tx.forget_all_one_times(OneTimePurpose::Bootstrap).await?;
    let secret = tx.insert_one_time(OneTimePurpose::Bootstrap, None, "", now).await?;
    tx.commit(AuditEntry::by(Agent::Server, Action::BootstrapOffered, "", now)).await?;
    Ok(Some(secret))
}
