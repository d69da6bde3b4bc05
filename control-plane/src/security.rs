//! Watching the audit log for what looks wrong, a few seconds after it was written: the requests themselves do not wait
//! for it. What is noticed becomes a security event, a metric and a line of the server's log.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::security::{Thresholds, Watch};
use crate::domain::time::Timestamp;
use crate::ids::TenantId;
use crate::metrics::AuditMetrics;
use crate::store::{Store, StoreError};
use crate::trail::ENTRIES_AT_A_TIME;

const EVERY: Duration = Duration::from_secs(5);

/// Follows every clinic's log; cheap to clone.
#[derive(Clone)]
pub struct SecurityWatch(Arc<Inner>);

struct Inner {
    store: Store,
    metrics: AuditMetrics,
    thresholds: Thresholds,
    /// What was seen lately, and the last entry that was followed.
    clinics: Mutex<HashMap<TenantId, (Watch, i64)>>,
}

impl SecurityWatch {
    #[must_use]
    pub fn new(store: Store, metrics: AuditMetrics, thresholds: Thresholds) -> Self {
        Self(Arc::new(Inner { store, metrics, thresholds, clinics: Mutex::default() }))
    }

    /// Looks every few seconds, until the end.
    pub async fn keep_looking(self, clock: Clock, stopping: CancellationToken) {
        let round = async {
            loop {
                tokio::time::sleep(EVERY).await;
                self.look(clock.now()).await;
            }
        };
        // What was not looked at is looked at after the next start.
        stopping.run_until_cancelled(round).await;
    }

    /// Follows what is new in each log. A failure is told, and made up for the next time.
    pub async fn look(&self, now: Timestamp) {
        for tenant in self.0.store.clinics() {
            if let Err(error) = self.follow(tenant, now).await {
                tracing::warn!(%tenant, %error, "the audit log was not watched");
            }
        }
        match self.longest_unreviewed(now).await {
            Ok(waiting) => {
                let seconds = i64::try_from(waiting.as_secs()).unwrap_or(i64::MAX);
                self.0.metrics.break_glass_unreviewed_seconds.set(seconds);
            }
            Err(error) => tracing::warn!(%error, "reviews of emergency access were not watched"),
        }
    }

    /// How long the oldest emergency access of any clinic has waited for its review.
    async fn longest_unreviewed(&self, now: Timestamp) -> Result<Duration, StoreError> {
        let mut longest = Duration::ZERO;
        for tenant in self.0.store.clinics() {
            let oldest = self.0.store.read(tenant).await?.oldest_unreviewed_break_glass().await?;
            longest = longest.max(oldest.map_or(Duration::ZERO, |at| now.since(at)));
        }
        Ok(longest)
    }

    async fn follow(&self, tenant: TenantId, now: Timestamp) -> Result<(), StoreError> {
        let Inner { store, metrics, thresholds, clinics } = &*self.0;
        let mut clinics = clinics.lock().await;
        let (watch, last) = match clinics.entry(tenant) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let last = store.seq_before(tenant, now.minus(thresholds.window)).await?;
                new.insert((Watch::new(*thresholds), last))
            }
        };
        loop {
            let page = store.read(tenant).await?.log_page(*last, ENTRIES_AT_A_TIME).await?;
            for row in &page {
                if let Some(alert) = watch.follow(&row.entry) {
                    let is_new = store.keep_alert(tenant, &alert, thresholds.window).await?;
                    if is_new {
                        let (kind, subject) = (alert.kind.name(), &alert.subject);
                        metrics.security_events_total.with_label_values(&[kind]).inc();
                        tracing::warn!(%tenant, kind, %subject, "the audit log looks wrong: somebody should look");
                    }
                }
                *last = row.entry.seq;
            }
            if (page.len() as i64) < ENTRIES_AT_A_TIME {
                return Ok(());
            }
        }
    }
}
