//! Backups: the whole database in one file, sealed under a key that lies elsewhere. The file holds wrapped keys only, so
//! reading a patient's words takes three things: the file, its key (`backup.key`) and the master key.
//!
//! `AUSCULT BACKUP 1\n | length of the header (4, big-endian) | header (JSON) | sealed chunks`; see `crypto/stream.rs` and
//! `store/dump.rs`. Everything before the chunks is authenticated with each of them.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::crypto::CryptoError;
use crate::crypto::stream::{SALT_LEN, SealedReader, SealedWriter};
use crate::domain::time::Timestamp;
use crate::store::{DumpError, Store, check_dump, schema_version};

const MAGIC: &[u8] = b"AUSCULT BACKUP 1\n";
/// Of the header; ours has about 200 bytes.
const MAX_HEADER: u32 = 64 * 1024;

/// The key of backups.
pub type BackupKey = Zeroizing<[u8; 32]>;

/// What anybody may read of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The release that made it.
    pub version: String,
    /// Of the database's schema.
    pub schema: i64,
    pub created_at: Timestamp,
    /// Hex; makes the file's own key.
    salt: String,
}

/// Why a backup was not made or not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{path}: {source}", path = .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: not a backup of Auscult", path = .path.display())]
    NoBackup { path: PathBuf },
    #[error("{path}: does not open: it was changed or cut off, or its backup.key is another one", path = .path.display())]
    DoesNotOpen { path: PathBuf },
    #[error(transparent)]
    Dump(DumpError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Writes the database, as it is at one moment, to a new file of mode 0600. Returns the number of rows; a file that was
/// not finished is removed.
pub async fn create(store: &Store, key: &BackupKey, path: &Path, now: Timestamp) -> Result<u64, BackupError> {
    let at = |source| BackupError::Io { path: path.to_owned(), source };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(at)?;
    let written = write(store, key, file, now).await;
    if written.is_err() {
        std::fs::remove_file(path).map_err(at)?;
    }
    written.map_err(|error| located(error, path))
}

async fn write(store: &Store, key: &BackupKey, file: File, now: Timestamp) -> Result<u64, DumpError> {
    let salt = crate::crypto::random::<SALT_LEN>().map_err(io::Error::other)?;
    let header = Header {
        version: env!("CARGO_PKG_VERSION").into(),
        schema: schema_version(),
        created_at: now,
        salt: hex::encode(salt),
    };
    let json = serde_json::to_vec(&header).map_err(io::Error::from)?;
    let head = [MAGIC, &(json.len() as u32).to_be_bytes(), &json].concat();
    let mut writer = SealedWriter::new(BufWriter::new(file), key, &salt, &head)?;
    let rows = store.dump(&mut writer).await?;
    writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(rows)
}

/// A backup whose key is there.
struct Opened {
    header: Header,
    body: BufReader<SealedReader<File>>,
}

fn open(path: &Path, key: &BackupKey) -> Result<Opened, BackupError> {
    let no_backup = || BackupError::NoBackup { path: path.to_owned() };
    let mut file = File::open(path).map_err(|source| BackupError::Io { path: path.to_owned(), source })?;
    let mut head = vec![0; MAGIC.len() + 4];
    file.read_exact(&mut head).map_err(|_| no_backup())?;
    let length = head.strip_prefix(MAGIC).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes);
    let length = length.filter(|length| *length <= MAX_HEADER).ok_or_else(no_backup)?;
    let mut json = vec![0; length as usize];
    file.read_exact(&mut json).map_err(|_| no_backup())?;
    let header: Header = serde_json::from_slice(&json).map_err(|_| no_backup())?;
    let mut salt = [0; SALT_LEN];
    hex::decode_to_slice(&header.salt, &mut salt).map_err(|_| no_backup())?;
    head.extend(json);
    let reader = SealedReader::new(file, key, &salt, &head)?;
    Ok(Opened { header, body: BufReader::new(reader) })
}

/// Opens all of it and keeps none of it. Returns its header and the number of rows.
pub fn verify(path: &Path, key: &BackupKey) -> Result<(Header, u64), BackupError> {
    let Opened { header, body } = open(path, key)?;
    let rows = check_dump(body).map_err(|error| located(error, path))?;
    Ok((header, rows))
}

/// Fills the empty database at `url`; nothing is written unless the whole file opens. `owner_url`: as in the configuration.
pub async fn restore(
    path: &Path,
    key: &BackupKey,
    url: &str,
    owner_url: &str,
) -> Result<(Header, u64), BackupError> {
    let (header, _) = verify(path, key)?;
    if header.schema != schema_version() {
        let error = DumpError::OtherSchema { found: header.schema, needed: schema_version() };
        return Err(BackupError::Dump(error));
    }
    let Opened { header, body } = open(path, key)?;
    let rows = Store::load(url, owner_url, body).await.map_err(|error| located(error, path))?;
    Ok((header, rows))
}

fn located(error: DumpError, path: &Path) -> BackupError {
    let path = path.to_owned();
    match error {
        DumpError::Io(source) if source.kind() == io::ErrorKind::InvalidData => {
            BackupError::DoesNotOpen { path }
        }
        DumpError::Io(source) => BackupError::Io { path, source },
        other => BackupError::Dump(other),
    }
}

/// Writes a copy of the key to a new file of mode 0600.
pub fn copy_key(key: &BackupKey, path: &Path) -> Result<(), BackupError> {
    let written =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
            file.write_all(&**key)?;
            file.sync_all()
        });
    written.map_err(|source| BackupError::Io { path: path.to_owned(), source })
}
