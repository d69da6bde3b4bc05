//! A clinic without an administrator: the server prints a secret that makes the first one. There is no default password.

use crate::app::App;
use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::domain::one_time::OneTimePurpose;
use crate::ids::TenantId;
use crate::store::StoreError;

/// A new secret for each clinic that has no administrator; earlier ones are worth nothing any more.
pub async fn offer(app: &App) -> Result<Vec<(TenantId, String)>, StoreError> {
    let (now, mut offers) = (app.clock.now(), Vec::new());
    for tenant in app.store.clinics() {
        let mut tx = app.store.begin(tenant).await?;
        if tx.has_administrator().await? {
            continue;
        }
        tx.forget_all_one_times(OneTimePurpose::Bootstrap).await?;
        let secret = tx.insert_one_time(OneTimePurpose::Bootstrap, None, "", now).await?;
        tx.commit(AuditEntry::by(Agent::Server, Action::BootstrapOffered, "", now)).await?;
        offers.push((tenant, secret));
    }
    Ok(offers)
}
