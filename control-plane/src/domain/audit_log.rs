//! The audit trail as a log that proves itself: what exactly of an entry is hashed, and the check that a sequence of
//! rows is the log that was written. See `merkle.rs` for the tree above the entries.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::merkle::{Frontier, Hash, Head, leaf_hash};

/// First byte of what is hashed. A new field means a new version; entries keep the one they were hashed with.
const VERSION: u8 = 1;

/// An entry as it is stored: the texts themselves, so that even one that no version of Auscult has written is hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogEntry {
    pub tenant: String,
    /// From 1, without gaps.
    pub seq: i64,
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// `usr_…`, `anonymous` or `server`.
    pub actor: String,
    pub role: String,
    pub action: String,
    pub subject: String,
    pub patient: String,
    pub purpose: String,
    pub outcome: String,
    pub address: String,
}

impl LogEntry {
    /// Every field, each after its length in bytes (4, big-endian); numbers as 8 bytes, big-endian.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let (seq, at) = (self.seq.to_be_bytes(), self.at.to_be_bytes());
        let fields: [&[u8]; 11] = [
            self.tenant.as_bytes(),
            &seq,
            &at,
            self.actor.as_bytes(),
            self.role.as_bytes(),
            self.action.as_bytes(),
            self.subject.as_bytes(),
            self.patient.as_bytes(),
            self.purpose.as_bytes(),
            self.outcome.as_bytes(),
            self.address.as_bytes(),
        ];
        let length = fields.iter().map(|field| field.len() + 4).sum::<usize>() + 1;
        let mut bytes = Vec::with_capacity(length);
        bytes.push(VERSION);
        for field in fields {
            bytes.extend_from_slice(&(field.len() as u32).to_be_bytes());
            bytes.extend_from_slice(field);
        }
        bytes
    }

    #[must_use]
    pub fn leaf(&self) -> Hash {
        leaf_hash(&self.canonical())
    }
}

/// An entry with the hashes that stand beside it.
#[derive(Debug, Clone)]
pub struct HashedEntry {
    pub entry: LogEntry,
    pub leaf: Option<Vec<u8>>,
    /// Of the tree that ends with this entry.
    pub root: Option<Vec<u8>>,
}

/// The first thing that is wrong with a log, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("entry {seq} is missing")]
    Missing { seq: i64 },
    #[error("entry {seq} is there although the log ends before it")]
    Surplus { seq: i64 },
    #[error("entry {seq} is not what was logged: its hash is another one")]
    Changed { seq: i64 },
    #[error("entry {seq}: the entries up to here are not those that were logged")]
    Root { seq: i64 },
    #[error("the head of the log does not fit its {size} entries")]
    Head { size: i64 },
    #[error("entry {seq} or one before it, after {after}, is not what was signed")]
    Fork { after: i64, seq: i64 },
}

impl Fault {
    /// The first entry that is wrong, or may be; for the head, the last one.
    #[must_use]
    pub const fn seq(&self) -> i64 {
        match self {
            Self::Missing { seq } | Self::Surplus { seq } | Self::Changed { seq } | Self::Root { seq } => {
                *seq
            }
            Self::Head { size } => *size,
            Self::Fork { after, .. } => *after + 1,
        }
    }
}

/// Follows a log entry by entry.
#[derive(Debug, Clone, Default)]
pub struct Follower {
    tree: Frontier,
}

impl Follower {
    /// From a tree that is known to be right.
    #[must_use]
    pub const fn from(tree: Frontier) -> Self {
        Self { tree }
    }

    #[must_use]
    pub const fn tree(&self) -> &Frontier {
        &self.tree
    }

    /// The `seq` of the next entry.
    #[must_use]
    pub const fn next(&self) -> i64 {
        self.tree.size() as i64 + 1
    }

    /// The next row: it must be the next entry, and its hashes must be its own.
    pub fn follow(&mut self, row: &HashedEntry) -> Result<(), Fault> {
        let (seq, expected) = (row.entry.seq, self.next());
        if seq != expected {
            return Err(if seq < expected {
                Fault::Surplus { seq }
            } else {
                Fault::Missing { seq: expected }
            });
        }
        let leaf = row.entry.leaf();
        if row.leaf.as_deref() != Some(&leaf) {
            return Err(Fault::Changed { seq });
        }
        self.tree.append(leaf);
        if row.root.as_deref() != Some(&self.tree.root()) {
            return Err(Fault::Root { seq });
        }
        Ok(())
    }

    /// After the last row: the head's `size` and frontier must say the same.
    pub fn end(&self, size: i64, frontier: &[u8]) -> Result<(), Fault> {
        let followed = self.tree.size() as i64;
        match followed.cmp(&size) {
            std::cmp::Ordering::Less => Err(Fault::Missing { seq: followed + 1 }),
            std::cmp::Ordering::Greater => Err(Fault::Surplus { seq: size + 1 }),
            std::cmp::Ordering::Equal if frontier != self.tree.to_bytes() => Err(Fault::Head { size }),
            std::cmp::Ordering::Equal => Ok(()),
        }
    }
}

/// Follows a log and compares it with everything that was signed about it.
pub struct Inspection {
    follower: Follower,
    /// What is left to compare, smallest last.
    signed: Vec<Head>,
    /// Entries up to here are those that were signed.
    agreed: i64,
}

impl Inspection {
    /// From an entry of which everything before is known to be right; `signed` in any order.
    #[must_use]
    pub fn new(from: Frontier, mut signed: Vec<Head>) -> Self {
        signed.sort_by_key(|head| std::cmp::Reverse(head.size));
        let agreed = from.size() as i64;
        Self { follower: Follower::from(from), signed, agreed }
    }

    #[must_use]
    pub const fn tree(&self) -> &Frontier {
        self.follower.tree()
    }

    /// The `seq` of the next entry.
    #[must_use]
    pub const fn next(&self) -> i64 {
        self.follower.next()
    }

    pub fn follow(&mut self, row: &HashedEntry) -> Result<(), Fault> {
        self.compare()?;
        self.follower.follow(row)
    }

    /// After the last row: as [`Follower::end`], and nothing was signed beyond it.
    pub fn end(mut self, size: i64, frontier: &[u8]) -> Result<Frontier, Fault> {
        self.compare()?;
        self.follower.end(size, frontier)?;
        match self.signed.pop() {
            Some(_) => Err(Fault::Missing { seq: self.next() }),
            None => Ok(self.follower.tree),
        }
    }

    fn compare(&mut self) -> Result<(), Fault> {
        let (size, after) = (self.tree().size(), self.agreed);
        while let Some(head) = self.signed.pop_if(|head| head.size <= size) {
            let seq = head.size as i64;
            if head.size < size || head.root != self.tree().root() {
                return Err(Fault::Fork { after, seq });
            }
            self.agreed = seq;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: i64) -> LogEntry {
        LogEntry {
            tenant: "ten_1".into(),
            seq,
            at: 1_790_000_000_000,
            actor: "usr_1".into(),
            role: "doctor".into(),
            action: "patient.read".into(),
            subject: "usr_2".into(),
            patient: "usr_2".into(),
            purpose: "TREAT".into(),
            outcome: "done".into(),
            address: "192.0.2.1".into(),
        }
    }

    /// Frozen: entries that were hashed once must verify for ever.
    #[test]
    fn what_is_hashed_never_changes() {
        let expected = "01\
            0000000574656e5f31\
            000000080000000000000007\
            00000008000001a0c4506c00\
            000000057573725f31\
            00000006646f63746f72\
            0000000c70617469656e742e72656164\
            000000057573725f32\
            000000057573725f32\
            000000055452454154\
            00000004646f6e65\
            000000093139322e302e322e31";
        assert_eq!(hex::encode(entry(7).canonical()), expected);
    }

    #[test]
    fn moving_a_letter_from_one_field_to_the_next_changes_the_hash() {
        let moved = LogEntry { actor: "usr_".into(), role: "1doctor".into(), ..entry(7) };
        assert_ne!(moved.leaf(), entry(7).leaf());
    }

    fn log(size: i64) -> Vec<HashedEntry> {
        let mut tree = Frontier::default();
        let hashed = |seq| {
            let entry = entry(seq);
            let leaf = entry.leaf();
            tree.append(leaf);
            HashedEntry { entry, leaf: Some(leaf.to_vec()), root: Some(tree.root().to_vec()) }
        };
        (1..=size).map(hashed).collect()
    }

    fn follow(rows: &[HashedEntry]) -> Result<(), Fault> {
        let mut follower = Follower::default();
        rows.iter().try_for_each(|row| follower.follow(row))
    }

    #[test]
    fn a_log_is_followed_to_its_end_and_a_wrong_entry_is_named() {
        let good = log(9);
        assert_eq!(follow(&good), Ok(()));
        let mut changed = good.clone();
        changed[3].entry.outcome = "denied".into();
        assert_eq!(follow(&changed), Err(Fault::Changed { seq: 4 }));
        let mut rehashed = changed.clone();
        rehashed[3].leaf = Some(rehashed[3].entry.leaf().to_vec());
        assert_eq!(follow(&rehashed), Err(Fault::Root { seq: 4 }));
        let mut shorter = good.clone();
        shorter.remove(5);
        assert_eq!(follow(&shorter), Err(Fault::Missing { seq: 6 }));
        let mut twice = good;
        twice.insert(5, twice[4].clone());
        assert_eq!(follow(&twice), Err(Fault::Surplus { seq: 5 }));
    }

    #[test]
    fn the_head_must_fit_the_entries() {
        let mut follower = Follower::default();
        log(3).iter().try_for_each(|row| follower.follow(row)).unwrap();
        let frontier = follower.tree().to_bytes();
        assert_eq!(follower.end(3, &frontier), Ok(()));
        assert_eq!(follower.end(4, &frontier), Err(Fault::Missing { seq: 4 }));
        assert_eq!(follower.end(2, &frontier), Err(Fault::Surplus { seq: 3 }));
        assert_eq!(follower.end(3, &frontier[1..]), Err(Fault::Head { size: 3 }));
    }

    fn inspect(rows: &[HashedEntry], signed: Vec<Head>) -> Result<(), Fault> {
        let mut inspection = Inspection::new(Frontier::default(), signed);
        rows.iter().try_for_each(|row| inspection.follow(row))?;
        let (size, frontier) = (inspection.tree().size() as i64, inspection.tree().to_bytes());
        inspection.end(size, &frontier).map(|_| ())
    }

    #[test]
    fn a_log_that_was_written_anew_is_found_between_the_checkpoints_around_the_change() {
        let head = |size: usize| {
            let root = log(9)[size - 1].root.clone().unwrap();
            Head { size: size as u64, root: root.try_into().unwrap() }
        };
        let signed = || vec![head(6), head(2), head(9), head(6)];
        assert_eq!(inspect(&log(9), signed()), Ok(()));
        assert_eq!(inspect(&log(12), signed()), Ok(()));
        let mut tree = Frontier::default();
        let rewritten = |seq| {
            let outcome = if seq == 4 { "denied" } else { "done" };
            let entry = LogEntry { outcome: outcome.into(), ..entry(seq) };
            let leaf = entry.leaf();
            tree.append(leaf);
            HashedEntry { entry, leaf: Some(leaf.to_vec()), root: Some(tree.root().to_vec()) }
        };
        let other: Vec<_> = (1..=12).map(rewritten).collect();
        assert_eq!(inspect(&other, Vec::new()), Ok(()), "nothing but a checkpoint can tell");
        assert_eq!(inspect(&other, signed()), Err(Fault::Fork { after: 2, seq: 6 }));
        assert_eq!(inspect(&log(7), signed()), Err(Fault::Missing { seq: 8 }));
        let two_roots = vec![head(6), Head { root: [7; 32], ..head(6) }];
        assert_eq!(inspect(&log(9), two_roots), Err(Fault::Fork { after: 0, seq: 6 }));
    }
}
