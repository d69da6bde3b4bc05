//! A session may be ended by another server on the same database, or by the command line: what it has open in this
//! process is closed soon after.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::domain::session::Revocation;
use crate::store::StoreError;

/// Half of the second within which everything is closed.
const EVERY: Duration = Duration::from_millis(500);

/// Asks the database for the sessions that have something open here, until the shutdown.
pub async fn watch(app: App) {
    let stopping = app.tasks.stopping().clone();
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_failing = false;
    while stopping.run_until_cancelled(interval.tick()).await.is_some() {
        let swept = close_ended(&app).await;
        match &swept {
            Err(error) if !is_failing => {
                tracing::warn!(%error, "cannot see which sessions were ended elsewhere, trying again");
            }
            Ok(()) if is_failing => tracing::info!("sessions that are ended elsewhere are seen again"),
            _ => {}
        }
        is_failing = swept.is_err();
    }
}

/// Asks nothing while nothing is open.
async fn close_ended(app: &App) -> Result<(), StoreError> {
    let mut open: HashMap<_, HashSet<_>> = HashMap::new();
    let everything = [app.tickets.sessions(app.clock.now()), app.live.sessions(), app.hub.sessions()];
    for (tenant, session) in everything.into_iter().flatten() {
        open.entry(tenant).or_default().insert(session);
    }
    for (tenant, sessions) in open {
        let sessions: Vec<_> = sessions.into_iter().collect();
        for session in app.store.ended_sessions(tenant, &sessions).await? {
            tracing::info!(%session, "ended elsewhere, closing what it has open");
            app.revoke(Revocation::Session(session)).await;
        }
    }
    Ok(())
}
