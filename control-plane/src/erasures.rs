//! The list of people whose keys were destroyed, in a file outside the database: an older copy of the database that is
//! put back would bring their keys back, so whoever stands here is erased again whenever a database is opened.
//!
//! One line per person: `<clinic> <person> <milliseconds since 1970>`. Ids only. The file grows and is never rewritten.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::domain::time::Timestamp;
use crate::ids::{TenantId, UserId};

/// Somebody whose keys were destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    pub tenant: TenantId,
    pub person: UserId,
    pub at: Timestamp,
}

impl Erasure {
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split(' ');
        let (tenant, person) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let at = Timestamp::from_millis(parts.next()?.parse().ok()?);
        parts.next().is_none().then_some(Self { tenant, person, at })
    }
}

/// Why the list cannot be used. Without it nothing is erased, and no database is opened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("{path}: {source}", path = .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}, line {line}: not an erasure", path = .path.display())]
    Line { path: PathBuf, line: usize },
}

/// The file; cheap to clone. Several processes may share it.
#[derive(Debug, Clone)]
pub struct ErasureLedger {
    path: PathBuf,
}

impl ErasureLedger {
    /// The file is made with the first erasure.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Durable when this returns. Blocks for a flush to disk.
    pub fn append(&self, Erasure { tenant, person, at }: Erasure) -> Result<(), LedgerError> {
        let line = format!("{tenant} {person} {}\n", at.millis());
        let written = (|| {
            let is_new = !self.path.exists();
            let mut file =
                OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(&self.path)?;
            file.lock()?;
            drop_unfinished_line(&mut file)?;
            file.write_all(line.as_bytes())?;
            file.sync_all()?;
            match self.path.parent().filter(|_| is_new) {
                Some(folder) => {
                    File::open(if folder == Path::new("") { Path::new(".") } else { folder })?.sync_all()
                }
                None => Ok(()),
            }
        })();
        written.map_err(|source| self.failed(source))
    }

    /// Everybody, in the order of their erasure. A last line without an end is not counted: its erasure was cut off
    /// before anybody was told that it had happened.
    pub fn read(&self) -> Result<Vec<Erasure>, LedgerError> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file.map_err(|source| self.failed(source))?,
        };
        let (mut reader, mut line, mut erasures) = (BufReader::new(file), String::new(), Vec::new());
        for number in 1.. {
            line.clear();
            reader.read_line(&mut line).map_err(|source| self.failed(source))?;
            let Some(whole) = line.strip_suffix('\n') else { break };
            let erasure = Erasure::parse(whole);
            erasures
                .push(erasure.ok_or_else(|| LedgerError::Line { path: self.path.clone(), line: number })?);
        }
        Ok(erasures)
    }

    fn failed(&self, source: io::Error) -> LedgerError {
        LedgerError::Io { path: self.path.clone(), source }
    }
}

fn drop_unfinished_line(file: &mut File) -> io::Result<()> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        file.set_len(whole as u64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use uuid::Uuid;

    use super::*;

    fn erasure(person: u128) -> Erasure {
        Erasure {
            tenant: TenantId::from_uuid(Uuid::from_u128(1)),
            person: UserId::from_uuid(Uuid::from_u128(person)),
            at: Timestamp::from_millis(1_790_000_000_000),
        }
    }

    #[test]
    fn everybody_comes_back_in_order_and_a_cut_off_line_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ErasureLedger::new(folder.path().join("erasures.log"));
        assert_eq!(ledger.read().unwrap(), []);
        ledger.append(erasure(1)).unwrap();
        ledger.append(erasure(2)).unwrap();
        assert_eq!(ledger.read().unwrap(), [erasure(1), erasure(2)]);
        let mode = std::fs::metadata(&ledger.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let text = std::fs::read(&ledger.path).unwrap();
        for cut in text.len() / 2 + 1..text.len() {
            std::fs::write(&ledger.path, &text[..cut]).unwrap();
            assert_eq!(ledger.read().unwrap(), [erasure(1)], "{cut}");
            ledger.append(erasure(3)).unwrap();
            assert_eq!(ledger.read().unwrap(), [erasure(1), erasure(3)], "{cut}");
        }
    }

    #[test]
    fn a_damaged_list_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ErasureLedger::new(folder.path().join("erasures.log"));
        ledger.append(erasure(1)).unwrap();
        let text = std::fs::read_to_string(&ledger.path).unwrap();
        std::fs::write(&ledger.path, format!("{text}usr_nobody\n{text}")).unwrap();
        let error = ledger.read().unwrap_err().to_string();
        assert!(error.contains("erasures.log, line 2"), "{error}");
    }
}
