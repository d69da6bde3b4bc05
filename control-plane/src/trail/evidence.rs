//! What was signed about a clinic's log, from wherever it is kept.

use std::fs;
use std::io;
use std::path::Path;

use crate::crypto::note::{NoteError, Verifier};
use crate::domain::checkpoint::{Checkpoint, notes};
use crate::domain::merkle::Head;
use crate::store::SignedHead;

/// A note outside the database.
pub struct Outside {
    /// File and line.
    pub place: String,
    pub note: String,
}

impl Outside {
    /// Every note in a file of checkpoints, of whichever clinic.
    pub fn read(path: &Path) -> io::Result<Vec<Self>> {
        let file = fs::read_to_string(path)?;
        let place = |line| format!("{}, line {line}", path.display());
        Ok(notes(&file).map(|(line, note)| Self { place: place(line), note: note.to_owned() }).collect())
    }

    /// Every note in the `*.checkpoints` of a folder.
    pub fn read_folder(folder: &Path) -> io::Result<Vec<Self>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "checkpoints") {
                paths.push(path);
            }
        }
        paths.sort_unstable();
        let notes = paths.iter().map(|path| Self::read(path)).collect::<io::Result<Vec<_>>>()?;
        Ok(notes.into_iter().flatten().collect())
    }

    /// The log that it is about.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.note.lines().next().unwrap_or_default()
    }
}

/// Why a checkpoint is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    #[error("{0}")]
    Note(#[from] NoteError),
    #[error("states something else than the row that it is kept in")]
    OtherRow,
}

/// A checkpoint that is not ours, or not any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the checkpoint of {size} entries in {place} {doubt}")]
pub struct BadCheckpoint {
    pub place: String,
    /// As it says itself; 0 when it does not.
    pub size: i64,
    pub doubt: Doubt,
}

/// The checkpoints of one clinic's log.
pub struct Evidence {
    verifier: Verifier,
    pub(super) heads: Vec<Head>,
    pub(super) bad: Vec<BadCheckpoint>,
    /// Notes that a crash has cut off; they say nothing.
    pub cut_off: Vec<String>,
}

impl Evidence {
    /// Takes the notes about this log from `outside`.
    #[must_use]
    pub fn new(verifier: Verifier, outside: &[Outside]) -> Self {
        let mut evidence = Self { verifier, heads: Vec::new(), bad: Vec::new(), cut_off: Vec::new() };
        for outside in outside {
            let Outside { place, note } = outside;
            if outside.origin() != evidence.verifier.name() {
                continue;
            }
            match evidence.open(note) {
                Ok(head) => evidence.heads.push(head),
                Err(NoteError::Malformed) => evidence.cut_off.push(place.clone()),
                Err(error) => evidence.refuse(place, stated_size(note), error.into()),
            }
        }
        evidence
    }

    /// What the good ones state.
    #[must_use]
    pub fn into_heads(self) -> Vec<Head> {
        self.heads
    }

    /// One that is kept in the database.
    pub(super) fn kept(&mut self, signed: &SignedHead) {
        let checked = self.open(&signed.note).map_err(Doubt::from).and_then(|head| {
            let fits =
                head.size as i64 == signed.size && signed.tree().is_some_and(|tree| tree.root() == head.root);
            fits.then_some(head).ok_or(Doubt::OtherRow)
        });
        match checked {
            Ok(head) => self.heads.push(head),
            Err(doubt) => self.refuse("the database", signed.size, doubt),
        }
    }

    fn open(&self, note: &str) -> Result<Head, NoteError> {
        let checkpoint = Checkpoint::parse(self.verifier.open(note)?).ok_or(NoteError::Malformed)?;
        let is_ours = checkpoint.origin == self.verifier.name();
        is_ours.then_some(checkpoint.head).ok_or(NoteError::OtherKey)
    }

    fn refuse(&mut self, place: &str, size: i64, doubt: Doubt) {
        self.bad.push(BadCheckpoint { place: place.to_owned(), size, doubt });
    }
}

fn stated_size(note: &str) -> i64 {
    Checkpoint::parse(note).map_or(0, |checkpoint| checkpoint.head.size as i64)
}
