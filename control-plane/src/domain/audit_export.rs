//! An exported log: lines of JSON that prove themselves with a public key alone. The first holds the checkpoint, then
//! comes every entry up to it; a run of entries that were not asked for stands as the roots of the subtrees that it
//! fills, so that the signed root can be computed without them.
//!
//! It proves that what is in it stands in the log as it is shown. That nothing was left out which the filter should have
//! let through is proved by a full export only.

use serde::{Deserialize, Serialize};

use super::audit_filter::AuditFilter;
use super::audit_log::{Fault, LogEntry};
use super::merkle::{Frontier, HASH_LEN, Hash, Head, node_hash};

const FORMAT: u32 = 1;

/// One line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    Log(Header),
    Entry(LogEntry),
    Skipped(Skipped),
}

impl Line {
    /// With its line break.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string(self).expect("texts and numbers are JSON");
        text.push('\n');
        text
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub format: u32,
    /// C2SP signed note.
    pub checkpoint: String,
    pub filter: AuditFilter,
}

impl Header {
    #[must_use]
    pub const fn new(checkpoint: String, filter: AuditFilter) -> Self {
        Self { format: FORMAT, checkpoint, filter }
    }

    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.format == FORMAT
    }
}

/// Entries `first` to `first + count - 1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    pub first: u64,
    pub count: u64,
    /// In hexadecimal, of the largest subtrees that the run fills, from left to right.
    pub roots: Vec<String>,
}

/// Makes the lines from the entries, in order.
#[derive(Default)]
pub struct Condenser {
    /// Entries of the run so far; it ends with the entry that was taken last.
    count: u64,
    /// Leaves and root of each subtree in it.
    subtrees: Vec<(u64, Hash)>,
}

impl Condenser {
    /// At most two lines.
    pub fn take(&mut self, entry: LogEntry, is_wanted: bool, is_last: bool) -> Vec<Line> {
        let end = entry.seq.unsigned_abs();
        let mut lines = Vec::new();
        if is_wanted {
            lines.extend(self.flush(end));
            lines.push(Line::Entry(entry));
        } else {
            self.skip(end, entry.leaf());
            if is_last {
                lines.extend(self.flush(end + 1));
            }
        }
        lines
    }

    /// `end`: entries up to and with this one.
    fn skip(&mut self, end: u64, leaf: Hash) {
        let (mut leaves, mut root) = (1, leaf);
        // Two halves of a subtree become one.
        while let Some((_, left)) =
            self.subtrees.pop_if(|(size, _)| *size == leaves && end.is_multiple_of(2 * leaves))
        {
            root = node_hash(&left, &root);
            leaves *= 2;
        }
        self.subtrees.push((leaves, root));
        self.count += 1;
    }

    fn flush(&mut self, next: u64) -> Option<Line> {
        let count = std::mem::take(&mut self.count);
        let roots = self.subtrees.drain(..).map(|(_, root)| hex::encode(root)).collect();
        (count > 0).then(|| Line::Skipped(Skipped { first: next - count, count, roots }))
    }
}

/// Reads the lines after the header and computes what was signed.
pub struct Reader {
    tenant: String,
    tree: Frontier,
    head: Head,
    /// Other things that were signed, smallest last.
    signed: Vec<Head>,
    agreed: i64,
    entries: u64,
}

impl Reader {
    /// `head`: what the header's checkpoint states; `others`: more that was signed about the log, to narrow down what
    /// is wrong.
    #[must_use]
    pub fn new(tenant: String, head: Head, mut others: Vec<Head>) -> Self {
        others.sort_by_key(|head| std::cmp::Reverse(head.size));
        Self { tenant, tree: Frontier::default(), head, signed: others, agreed: 0, entries: 0 }
    }

    pub fn read(&mut self, line: Line) -> Result<(), Fault> {
        let next = self.tree.size() + 1;
        let seq = next as i64;
        match line {
            Line::Log(_) => return Err(Fault::Surplus { seq }),
            Line::Entry(entry) => {
                in_order(entry.seq, seq)?;
                if entry.tenant != self.tenant {
                    return Err(Fault::Changed { seq });
                }
                self.tree.append(entry.leaf());
                self.entries += 1;
            }
            Line::Skipped(skipped) => {
                in_order(i64::try_from(skipped.first).unwrap_or(i64::MAX), seq)?;
                self.skip(&skipped).ok_or(Fault::Changed { seq })?;
            }
        }
        if self.tree.size() > self.head.size {
            return Err(Fault::Surplus { seq: self.head.size as i64 + 1 });
        }
        self.compare()
    }

    /// After the last line. Returns how many entries the file shows.
    pub fn end(self) -> Result<u64, Fault> {
        if self.tree.size() < self.head.size {
            return Err(Fault::Missing { seq: self.tree.size() as i64 + 1 });
        }
        if self.tree.root() != self.head.root {
            return Err(Fault::Fork { after: self.agreed, seq: self.head.size as i64 });
        }
        Ok(self.entries)
    }

    /// `None`: the roots do not fill the run.
    fn skip(&mut self, skipped: &Skipped) -> Option<()> {
        let end = self.tree.size().checked_add(skipped.count)?;
        let mut roots = skipped.roots.iter();
        while self.tree.size() < end {
            let left = end - self.tree.size();
            let fitting = 1 << left.ilog2();
            // As far as the position is aligned; the very beginning is to any size.
            let aligned = 1_u64.checked_shl(self.tree.size().trailing_zeros()).unwrap_or(fitting);
            let root: [u8; HASH_LEN] = hex::decode(roots.next()?).ok()?.try_into().ok()?;
            self.tree.append_subtree(root, aligned.min(fitting))?;
        }
        roots.next().is_none().then_some(())
    }

    /// With what else was signed about exactly as many entries.
    fn compare(&mut self) -> Result<(), Fault> {
        let (size, after) = (self.tree.size(), self.agreed);
        while let Some(head) = self.signed.pop_if(|head| head.size <= size) {
            if head.size == size {
                if head.root != self.tree.root() {
                    return Err(Fault::Fork { after, seq: size as i64 });
                }
                self.agreed = size as i64;
            }
        }
        Ok(())
    }
}

fn in_order(found: i64, expected: i64) -> Result<(), Fault> {
    match found.cmp(&expected) {
        std::cmp::Ordering::Less => Err(Fault::Surplus { seq: expected }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(Fault::Missing { seq: expected }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(seq: i64, patient: &str) -> LogEntry {
        LogEntry {
            tenant: "ten_1".into(),
            seq,
            at: 1_790_000_000_000 + seq,
            actor: "usr_1".into(),
            role: "doctor".into(),
            action: "patient.read".into(),
            subject: "usr_2".into(),
            patient: patient.into(),
            purpose: "TREAT".into(),
            outcome: "done".into(),
            address: "192.0.2.1".into(),
        }
    }

    /// A log in which the `wanted` entries are about somebody: every head that it had, and the export of that somebody.
    fn export(wanted: &[bool]) -> (Vec<Head>, Vec<String>) {
        let (mut tree, mut heads, mut condenser) = (Frontier::default(), Vec::new(), Condenser::default());
        let mut lines = Vec::new();
        for (seq, is_wanted) in (1..).zip(wanted) {
            let entry = entry(seq, if *is_wanted { "usr_2" } else { "" });
            tree.append(entry.leaf());
            heads.push(Head { size: tree.size(), root: tree.root() });
            lines.extend(condenser.take(entry, *is_wanted, heads.len() == wanted.len()));
        }
        (heads, lines.iter().map(Line::text).collect())
    }

    fn read(lines: &[String], heads: &[Head], others: &[Head]) -> Result<u64, Fault> {
        let mut reader = Reader::new("ten_1".into(), *heads.last().unwrap(), others.to_vec());
        for line in lines {
            reader.read(serde_json::from_str(line).unwrap())?;
        }
        reader.end()
    }

    proptest! {
        #[test]
        fn whatever_is_left_out_the_signed_root_comes_out(wanted in prop::collection::vec(any::<bool>(), 1..200)) {
            let (heads, lines) = export(&wanted);
            let shown = wanted.iter().filter(|wanted| **wanted).count();
            prop_assert_eq!(read(&lines, &heads, &heads), Ok(shown as u64));
        }

        #[test]
        fn a_line_that_is_changed_removed_or_doubled_is_noticed(
            wanted in prop::collection::vec(any::<bool>(), 2..100),
            at in any::<prop::sample::Index>(),
        ) {
            let (heads, lines) = export(&wanted);
            let at = at.index(lines.len());
            let with = |change: &dyn Fn(&mut Vec<String>)| {
                let mut lines = lines.clone();
                change(&mut lines);
                read(&lines, &heads, &[])
            };
            prop_assert!(with(&|lines| drop(lines.remove(at))).is_err());
            prop_assert!(with(&|lines| lines.insert(at, lines[at].clone())).is_err());
            let changed = lines[at].replace("usr_2", "usr_3").replace("roots\":[\"", "roots\":[\"00");
            prop_assert!(changed != lines[at]);
            prop_assert!(with(&|lines| lines[at].clone_from(&changed)).is_err());
        }
    }

    #[test]
    fn a_changed_entry_is_found_between_the_checkpoints_around_it() {
        let (heads, mut lines) = export(&[true; 40]);
        lines[20] = lines[20].replace("TREAT", "BTG");
        let some: Vec<_> = heads.iter().step_by(8).copied().collect();
        assert_eq!(read(&lines, &heads, &[]), Err(Fault::Fork { after: 0, seq: 40 }));
        assert_eq!(read(&lines, &heads, &some), Err(Fault::Fork { after: 17, seq: 25 }));
    }

    #[test]
    fn a_run_is_as_few_subtrees_as_there_can_be() {
        let mut wanted = [false; 64];
        wanted[3] = true;
        let (_, lines) = export(&wanted);
        let Line::Skipped(run) = serde_json::from_str(&lines[2]).unwrap() else { panic!("{}", lines[2]) };
        assert_eq!((run.first, run.count, run.roots.len()), (5, 60, 4));
    }
}
