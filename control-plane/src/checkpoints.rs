//! Signing the audit log: what was added since the last checkpoint is read back, followed, signed, appended to a file
//! outside the database, and only then kept in it. A log that does not go on where it was signed is never signed again.

use std::collections::HashMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::CryptoError;
use crate::crypto::note::{NoteSigner, Verifier};
use crate::domain::audit_log::Fault;
use crate::domain::checkpoint::{Checkpoint, origin};
use crate::domain::merkle::{Frontier, Head};
use crate::domain::security::{Alert, EventKind};
use crate::domain::time::Timestamp;
use crate::ids::TenantId;
use crate::metrics::AuditMetrics;
use crate::store::{SignedHead, Store, StoreError};
use crate::trail;

/// Verifier keys of every clinic's log, a line each; beside the checkpoints.
const PUBLIC_KEYS: &str = "audit.pub";
/// A busy server signs no more often than this.
const PAUSE: Duration = Duration::from_secs(1);

/// A mismatch that lasts is one event.
const AGAIN: Duration = Duration::from_hours(24);

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("the audit log is not what was signed: {0}")]
    Fault(#[from] Fault),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error("{path}: {source}", path = .path.display())]
    File { path: PathBuf, source: io::Error },
}

/// Signs for every clinic of an installation; cheap to clone.
#[derive(Clone)]
pub struct Checkpoints(Arc<Inner>);

struct Inner {
    store: Store,
    key: NoteSigner,
    folder: PathBuf,
    metrics: AuditMetrics,
    /// What this process has signed: it notices a database that was put back, too. Held while signing, one at a time.
    signed: Mutex<HashMap<TenantId, Frontier>>,
}

impl Checkpoints {
    /// Makes the key on the first start, and the folder; writes the public keys there.
    pub fn open(config: &Config, store: Store, metrics: AuditMetrics) -> anyhow::Result<Self> {
        let (keys, folder) = (config.data.keys_folder(), config.checkpoints_folder());
        let key = NoteSigner::open(&keys).with_context(|| format!("keys in {}", keys.display()))?;
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&folder);
        made.with_context(|| format!("audit.checkpoints {}", folder.display()))?;
        let inner = Inner { store, key, folder, metrics, signed: Mutex::default() };
        let checkpoints = Self(Arc::new(inner));
        let path = checkpoints.0.folder.join(PUBLIC_KEYS);
        let written = std::fs::write(&path, checkpoints.public_keys()?);
        written.with_context(|| path.display().to_string())?;
        Ok(checkpoints)
    }

    /// What the checkpoints of a clinic's log are checked with.
    pub fn verifier(&self, tenant: TenantId) -> Result<Verifier, CryptoError> {
        self.0.key.verifier(&origin(tenant))
    }

    /// A verifier key per clinic and line.
    pub fn public_keys(&self) -> Result<String, CryptoError> {
        let mut clinics = self.0.store.clinics();
        clinics.sort_unstable();
        clinics.into_iter().map(|tenant| Ok(format!("{}\n", self.verifier(tenant)?))).collect()
    }

    /// Where the checkpoints of a clinic's log stand, one after the other.
    #[must_use]
    pub fn file(&self, tenant: TenantId) -> PathBuf {
        self.0.folder.join(format!("{tenant}.checkpoints"))
    }

    /// Signs every interval, after many entries sooner, until the end.
    pub async fn keep_signing(self, clock: Clock, interval: Duration, stopping: CancellationToken) {
        let round = async {
            loop {
                let due = self.0.store.checkpoint_due();
                let _ = tokio::time::timeout(interval, due).await;
                self.sign_all(clock.now()).await;
                tokio::time::sleep(PAUSE).await;
            }
        };
        // A checkpoint that is half signed at the end is signed again by the last one.
        stopping.run_until_cancelled(round).await;
    }

    /// Signs what is not signed yet. A failure is told, and the other clinics' logs are signed all the same.
    pub async fn sign_all(&self, now: Timestamp) {
        for tenant in self.0.store.clinics() {
            if let Err(error) = self.sign(tenant, now).await {
                self.0.metrics.checkpoint_failures_total.inc();
                tracing::error!(%tenant, %error, "no checkpoint of the audit log");
                if matches!(error, CheckpointError::Fault(_)) {
                    self.tell(tenant, now).await;
                }
            }
        }
    }

    /// Whoever administers the clinic should know, too.
    async fn tell(&self, tenant: TenantId, now: Timestamp) {
        let alert = Alert { kind: EventKind::CheckpointMismatch, subject: String::new(), at: now };
        match self.0.store.keep_alert(tenant, &alert, AGAIN).await {
            Ok(true) => {
                self.0.metrics.security_events_total.with_label_values(&[alert.kind.name()]).inc();
            }
            Ok(false) => {}
            Err(error) => tracing::error!(%tenant, %error, "no security event about it"),
        }
    }

    /// The checkpoint of all that is in the log now; `None` while it is empty. Durable when this returns.
    pub async fn sign(
        &self,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<Option<SignedHead>, CheckpointError> {
        let mut signed = self.0.signed.lock().await;
        let mut tx = self.0.store.snapshot(tenant).await?;
        let newest = tx.newest_checkpoint().await?;
        let kept = match &newest {
            Some(newest) => newest.tree().ok_or(StoreError::Unreadable("frontier"))?,
            None => Frontier::default(),
        };
        let start = signed.get(&tenant).filter(|tree| tree.size() >= kept.size()).unwrap_or(&kept).clone();
        let expected = vec![Head { size: kept.size(), root: kept.root() }];
        let expected = if kept.size() == start.size() { expected } else { Vec::new() };
        let tree = trail::follow::<CheckpointError>(&mut tx, start, expected).await?;
        drop(tx);
        signed.insert(tenant, tree.clone());
        if tree.size() == kept.size() {
            return Ok(newest);
        }
        let new = self.signed_head(tenant, &tree, now)?;
        self.append(tenant, new.note.clone()).await?;
        let tx = self.0.store.begin(tenant).await?;
        match tx.keep_checkpoint(&new).await {
            // Another process was faster, and what it signed is in the file as well.
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        self.0.metrics.checkpoints_total.inc();
        Ok(Some(new))
    }

    fn signed_head(
        &self,
        tenant: TenantId,
        tree: &Frontier,
        now: Timestamp,
    ) -> Result<SignedHead, CryptoError> {
        let head = Head { size: tree.size(), root: tree.root() };
        let checkpoint = Checkpoint { origin: origin(tenant), head };
        let note = self.0.key.sign(&checkpoint.origin, &checkpoint.text())?;
        Ok(SignedHead { size: tree.size() as i64, note, frontier: tree.to_bytes(), at: now })
    }

    async fn append(&self, tenant: TenantId, note: String) -> Result<(), CheckpointError> {
        let path = self.file(tenant);
        let written = tokio::task::spawn_blocking({
            let path = path.clone();
            move || append(&path, &note)
        });
        let written = written.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|source| CheckpointError::File { path, source })
    }
}

/// On the disk when this returns. A note that a crash has cut off is left to stand alone.
fn append(path: &Path, note: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let end = file.seek(SeekFrom::End(0))?;
    let mut last = [b'\n'];
    if end > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    } else if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    let start = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(format!("{start}{note}").as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::checkpoint::notes;

    #[test]
    fn a_note_that_a_crash_cut_off_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        append(&path, "auscult/ten_1\n1\n\n— a\n").unwrap();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"auscult/ten_1\n2").unwrap();
        append(&path, "auscult/ten_1\n3\n\n— c\n").unwrap();
        let file = std::fs::read_to_string(&path).unwrap();
        let found: Vec<_> = notes(&file).map(|(_, note)| note).collect();
        assert_eq!(found, ["auscult/ten_1\n1\n\n— a\n", "auscult/ten_1\n2\n", "auscult/ten_1\n3\n\n— c\n"]);
    }
}
