//! The proof that one entry stands in a signed log, checked without the database.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ENTRIES_AT_A_TIME, TrailError};
use crate::crypto::note::{NoteError, Verifier};
use crate::domain::audit_log::{Fault, LogEntry};
use crate::domain::checkpoint::Checkpoint;
use crate::domain::merkle::{Frontier, Hash, Prover, inclusion_ranges, is_included};
use crate::store::{StoreError, Tx};

/// An inclusion proof (RFC 9162 §2.1.3), to be read by programs of other people too.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AuditProofView)]
pub struct Proof {
    pub entry: LogEntry,
    /// Hash of the entry in hexadecimal, as the others.
    pub leaf: String,
    /// From 0.
    pub index: u64,
    /// Entries that the checkpoint covers.
    pub size: u64,
    /// From the leaf up.
    pub path: Vec<String>,
    /// C2SP signed note.
    pub checkpoint: String,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    #[error("its checkpoint {0}")]
    Checkpoint(#[from] NoteError),
    #[error("the entry is not the one that was logged")]
    OtherEntry,
    #[error("its path does not lead to the signed root")]
    OtherRoot,
}

impl Proof {
    pub fn check(&self, verifier: &Verifier) -> Result<(), BadProof> {
        let checkpoint = Checkpoint::parse(verifier.open(&self.checkpoint)?).ok_or(NoteError::Malformed)?;
        let leaf = self.entry.leaf();
        let place = u64::try_from(self.entry.seq).ok().and_then(|seq| seq.checked_sub(1));
        let in_log = verifier.name().ends_with(&format!("/{}", self.entry.tenant));
        if hex::encode(leaf) != self.leaf || place != Some(self.index) || !in_log {
            return Err(BadProof::OtherEntry);
        }
        let hash = |text: &String| hex::decode(text).ok()?.try_into().ok();
        let path: Option<Vec<Hash>> = self.path.iter().map(hash).collect();
        let path = path.ok_or(BadProof::OtherRoot)?;
        let head = checkpoint.head;
        let leads = head.size == self.size && is_included(&leaf, self.index, head.size, &path, &head.root);
        leads.then_some(()).ok_or(BadProof::OtherRoot)
    }
}

/// Proves an entry by the first checkpoint that covers it: only what was added between it and the checkpoint before is
/// read. `None`: there is no such entry, or it is not signed yet.
pub async fn prove(tx: &mut Tx, seq: i64) -> Result<Option<Proof>, TrailError> {
    let Some(covering) = tx.checkpoint_covering(seq).await? else { return Ok(None) };
    let Some(index) = u64::try_from(seq).ok().and_then(|seq| seq.checked_sub(1)) else { return Ok(None) };
    let before = match tx.checkpoint_before(seq).await? {
        Some(before) => before.tree().ok_or(StoreError::Unreadable("frontier"))?,
        None => Frontier::default(),
    };
    let tree = covering.tree().ok_or(StoreError::Unreadable("frontier"))?;
    let forked = Fault::Fork { after: before.size() as i64, seq: covering.size };
    let ranges = inclusion_ranges(index, tree.size());
    let (mut last, mut found) = (before.size() as i64, None);
    let mut prover = Prover::after(before, ranges.iter().cloned());
    while last < covering.size {
        let page = tx.log_page(last, ENTRIES_AT_A_TIME.min(covering.size - last)).await?;
        let Some(end) = page.last() else { return Err(Fault::Missing { seq: last + 1 }.into()) };
        last = end.entry.seq;
        for row in page {
            prover.append(row.entry.leaf());
            if row.entry.seq == seq {
                found = Some(row.entry);
            }
        }
    }
    let path = prover.hashes(&ranges).filter(|_| prover.root() == tree.root());
    let (entry, path) = found.zip(path).ok_or(forked)?;
    Ok(Some(Proof {
        leaf: hex::encode(entry.leaf()),
        entry,
        index,
        size: tree.size(),
        path: path.iter().map(hex::encode).collect(),
        checkpoint: covering.note,
    }))
}
