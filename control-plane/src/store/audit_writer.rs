//! Entries that go with no other write (reads, refusals) are written many at a time: one transaction, one flush to
//! disk, for everybody who waits. Whoever waits is answered when the entry is durable.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::audit::Appended;
use super::{Store, StoreError};
use crate::domain::audit::AuditEntry;
use crate::domain::merkle::Frontier;
use crate::ids::TenantId;
use crate::metrics::AuditMetrics;

/// Entries in one transaction.
const BATCH: usize = 256;
/// Entries that wait for the writer. When it is full, callers wait for [`PATIENCE`] and are then refused: nothing is
/// shown without its entry. `auscult_audit_queue_entries` shows how full it is.
const CAPACITY: usize = 4096;
const PATIENCE: Duration = Duration::from_secs(2);
/// New entries that ask for a checkpoint before its time.
const CHECKPOINT_EVERY: u64 = 1000;

struct Pending {
    tenant: TenantId,
    entry: AuditEntry,
    written: oneshot::Sender<Result<(), StoreError>>,
}

/// What the log has to do with the tasks of a server. Idle on the command line.
#[derive(Default)]
pub(super) struct AuditLink {
    queue: OnceLock<(mpsc::Sender<Pending>, AuditMetrics)>,
    /// Where this process left each clinic's log.
    ends: Mutex<HashMap<TenantId, Frontier>>,
    /// Entries since the last [`Store::checkpoint_due`].
    uncovered: AtomicU64,
    due: Notify,
}

impl AuditLink {
    /// Where this process left the log; others may have written since.
    pub(super) fn end(&self, tenant: TenantId) -> Option<Frontier> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned()
    }

    /// Entries have become durable.
    pub(super) fn grew(&self, tenant: TenantId, Appended { entries, tree }: Appended) {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant, tree);
        if let Some((_, metrics)) = self.queue.get() {
            metrics.entries_total.inc_by(entries);
        }
        if self.uncovered.fetch_add(entries, Ordering::Relaxed) + entries >= CHECKPOINT_EVERY {
            self.due.notify_one();
        }
    }
}

impl Store {
    /// An entry that goes with no other write. Durable when this returns; [`StoreError::Busy`] when it could not be
    /// written in time. Without a writer (the command line, the last moments of a shutdown) it is written at once.
    pub async fn record(&self, tenant: TenantId, entry: AuditEntry) -> Result<(), StoreError> {
        let Some((queue, _)) = self.audit.queue.get() else {
            return self.record_all(tenant, &[entry]).await;
        };
        let (written, durable) = oneshot::channel();
        match queue.send_timeout(Pending { tenant, entry, written }, PATIENCE).await {
            Ok(()) => durable.await.unwrap_or(Err(StoreError::Busy)),
            Err(SendTimeoutError::Timeout(_)) => Err(StoreError::Busy),
            Err(SendTimeoutError::Closed(Pending { tenant, entry, .. })) => {
                self.record_all(tenant, &[entry]).await
            }
        }
    }

    /// Returns when [`CHECKPOINT_EVERY`] entries have come since it returned last.
    pub async fn checkpoint_due(&self) {
        self.audit.due.notified().await;
        self.audit.uncovered.store(0, Ordering::Relaxed);
    }

    /// The writer; there is one. Ends after `stopping`, when everything that was waiting is written.
    pub async fn write_audit(self, metrics: AuditMetrics, stopping: CancellationToken) {
        let (sender, mut queue) = mpsc::channel(CAPACITY);
        assert!(self.audit.queue.set((sender, metrics.clone())).is_ok(), "one writer writes the log");
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled(), if !queue.is_closed() => queue.close(),
                count = queue.recv_many(&mut batch, BATCH) => if count == 0 { return },
            }
            if !batch.is_empty() {
                metrics.batch_entries.observe(batch.len() as f64);
                metrics.queue_entries.set(queue.len() as i64);
                self.write_batch(&mut batch).await;
            }
        }
    }

    /// One transaction per tenant: row-level security knows one at a time.
    async fn write_batch(&self, batch: &mut Vec<Pending>) {
        let mut tenants: HashMap<TenantId, (Vec<AuditEntry>, Vec<_>)> = HashMap::new();
        for Pending { tenant, entry, written } in batch.drain(..) {
            let (entries, waiting) = tenants.entry(tenant).or_default();
            entries.push(entry);
            waiting.push(written);
        }
        for (tenant, (entries, waiting)) in tenants {
            let result = self.record_all(tenant, &entries).await;
            if let Err(error) = &result {
                tracing::error!(%error, entries = entries.len(), "the audit log took no entries");
            }
            for written in waiting {
                // Whoever gave up meanwhile needs no answer.
                let _ = written.send(match &result {
                    Ok(()) => Ok(()),
                    Err(StoreError::DiskFull) => Err(StoreError::DiskFull),
                    Err(StoreError::DiskFailed) => Err(StoreError::DiskFailed),
                    Err(_) => Err(StoreError::Busy),
                });
            }
        }
    }
}
