//! What is signed about a clinic's log: the text of a checkpoint (C2SP tlog-checkpoint). `crypto/note.rs` signs it.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use super::merkle::Head;
use crate::ids::TenantId;

const ORIGIN: &str = "auscult/";

/// The name of a clinic's log, and of the key that signs for it.
#[must_use]
pub fn origin(tenant: TenantId) -> String {
    format!("{ORIGIN}{tenant}")
}

/// The head of the log of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub head: Head,
}

impl Checkpoint {
    /// Three lines: origin, size, root in base64.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.head.size, BASE64.encode(self.head.root))
    }

    /// From the text of a note. Lines after the third are other people's extensions.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let plain = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
        let size = size.parse().ok().filter(|_| plain && (size == "0" || !size.starts_with('0')))?;
        let root = BASE64.decode(root).ok()?.try_into().ok()?;
        (!origin.is_empty()).then(|| Self { origin: origin.to_owned(), head: Head { size, root } })
    }
}

/// A file that notes were appended to, cut where each begins: its line (from 1) and its text. What a crash left half
/// written stands alone.
pub fn notes(file: &str) -> impl Iterator<Item = (usize, &str)> {
    let starts = std::iter::successors(Some(0), |start| Some(start + file.get(*start..)?.find('\n')? + 1))
        .filter(|start| file.get(*start..).is_some_and(|rest| rest.starts_with(ORIGIN)))
        .collect::<Vec<_>>();
    let first = starts.first().copied().filter(|start| *start > 0).map(|_| 0);
    let starts: Vec<_> = first.into_iter().chain(starts).collect();
    let ends: Vec<_> = starts.iter().skip(1).copied().chain([file.len()]).collect();
    starts.into_iter().zip(ends).filter_map(|(start, end)| {
        let line = file.get(..start)?.matches('\n').count() + 1;
        Some((line, file.get(start..end)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "auscult/ten_1".into(), head: Head { size: 7, root: [9; 32] } }
    }

    #[test]
    fn a_checkpoint_reads_back_and_nothing_else_does() {
        let text = checkpoint().text();
        assert_eq!(text, "auscult/ten_1\n7\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n");
        assert_eq!(Checkpoint::parse(&text), Some(checkpoint()));
        assert_eq!(Checkpoint::parse(&(text.clone() + "extension\n")), Some(checkpoint()));
        for bad in ["\n7x", "\n07", "\n+7", "\n-7", "\n", "\n7\nCQk="] {
            assert_eq!(Checkpoint::parse(&text.replacen("\n7", bad, 1)), None, "{bad:?}");
        }
    }

    #[test]
    fn a_file_is_cut_where_notes_begin_also_after_a_crash() {
        let file = "auscult/ten_1\n1\nA=\n\n— x\nauscult/te\nauscult/ten_1\n2\nB=\n\n— y\n";
        let cut: Vec<_> = notes(file).collect();
        assert_eq!(
            cut,
            [(1, "auscult/ten_1\n1\nA=\n\n— x\n"), (6, "auscult/te\n"), (7, "auscult/ten_1\n2\nB=\n\n— y\n")]
        );
        assert_eq!(
            notes("junk\nauscult/ten_1\n").collect::<Vec<_>>(),
            [(1, "junk\n"), (2, "auscult/ten_1\n")]
        );
        assert_eq!(notes("").count(), 0);
    }
}
