//! The audit log read back: followed to its end, compared with what was signed, proved entry by entry, exported.

pub mod evidence;
pub mod export;
pub mod proof;

use crate::domain::audit_log::{Fault, Inspection};
use crate::domain::merkle::{Frontier, Head};
use crate::ids::TenantId;
use crate::store::{Store, StoreError, Tx};

pub use evidence::{BadCheckpoint, Evidence, Outside};

/// Entries that are read at once.
pub(crate) const ENTRIES_AT_A_TIME: i64 = 1000;

/// Why the log was not followed to its end.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    #[error("the audit log is not what was signed: {0}")]
    Fault(#[from] Fault),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads what comes after `from` to the end of the log, and compares it with what was signed. `tx`: a snapshot.
pub async fn follow<E: From<Fault> + From<StoreError>>(
    tx: &mut Tx,
    from: Frontier,
    signed: Vec<Head>,
) -> Result<Frontier, E> {
    let head = tx.log_head().await?;
    let mut inspection = Inspection::new(from, signed);
    loop {
        let page = tx.log_page(inspection.next() - 1, ENTRIES_AT_A_TIME).await?;
        for row in &page {
            inspection.follow(row)?;
        }
        if (page.len() as i64) < ENTRIES_AT_A_TIME {
            return Ok(inspection.end(head.size, &head.frontier)?);
        }
    }
}

/// Something that is not as it was written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    #[error(transparent)]
    Log(#[from] Fault),
    #[error(transparent)]
    Checkpoint(#[from] BadCheckpoint),
}

impl Finding {
    /// The first entry that is wrong, or may be.
    #[must_use]
    pub const fn seq(&self) -> i64 {
        match self {
            Self::Log(fault) => fault.seq(),
            Self::Checkpoint(bad) => bad.size,
        }
    }
}

/// What came out of comparing a clinic's log with itself and with everything that was signed about it.
pub struct Verdict {
    /// As the head says.
    pub entries: i64,
    /// Good checkpoints, in the database and outside.
    pub inside: usize,
    pub outside: usize,
    /// Entries that the largest of them covers.
    pub signed: u64,
    /// First wrong entry first; empty: the log is whole.
    pub findings: Vec<Finding>,
}

/// Recomputes everything. `evidence`: from outside the database, read before this is called, so that none of it is
/// newer than the log that it is compared with.
pub async fn verify(store: &Store, tenant: TenantId, mut evidence: Evidence) -> Result<Verdict, StoreError> {
    let outside = evidence.heads.len();
    let mut tx = store.snapshot(tenant).await?;
    let mut after = 0;
    loop {
        let page = tx.checkpoints(after).await?;
        let Some(last) = page.last() else { break };
        after = last.size;
        for signed in &page {
            evidence.kept(signed);
        }
    }
    let entries = tx.log_head().await?.size;
    let inside = evidence.heads.len() - outside;
    let signed = evidence.heads.iter().map(|head| head.size).max().unwrap_or(0);
    let mut findings: Vec<Finding> = evidence.bad.into_iter().map(Finding::from).collect();
    match follow::<TrailError>(&mut tx, Frontier::default(), evidence.heads).await {
        Ok(_) => {}
        Err(TrailError::Fault(fault)) => findings.push(fault.into()),
        Err(TrailError::Store(error)) => return Err(error),
    }
    findings.sort_by_key(Finding::seq);
    Ok(Verdict { entries, inside, outside, signed, findings })
}
