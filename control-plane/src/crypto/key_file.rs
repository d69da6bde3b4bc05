//! Key files: `master.key` and its later versions, `signing.key`, `audit.key`, `backup.key`. 32 raw bytes each, mode 0600, in a
//! folder of mode 0700. Made when first needed, never overwritten.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::CryptoError;

const LENGTH: usize = 32;

/// Why a key file cannot be used; names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("{path}: {source}", path = .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: a key file has {LENGTH} bytes, this one has another length", path = .path.display())]
    Length { path: PathBuf },
    #[error("{path}: others may read this key (mode {mode:03o}); run `chmod go= {path}`", path = .path.display())]
    TooOpen { path: PathBuf, mode: u32 },
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Reads the key at `folder/name`, or makes one when there is none.
pub(super) fn load_or_create(folder: &Path, name: &str) -> Result<Zeroizing<[u8; LENGTH]>, KeyFileError> {
    let path = folder.join(name);
    let at = |source| KeyFileError::Io { path: path.clone(), source };
    if !folder.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at)?;
    }
    refuse_access_by_others(folder)?;
    if !fs::exists(&path).map_err(at)? {
        create(folder, &path)?;
    }
    load(folder, name)
}

/// The key of backups in `folder`, made when there is none.
pub fn backup_key(folder: &Path) -> Result<Zeroizing<[u8; LENGTH]>, KeyFileError> {
    load_or_create(folder, "backup.key")
}

/// Reads the key at `folder/name`.
pub(super) fn load(folder: &Path, name: &str) -> Result<Zeroizing<[u8; LENGTH]>, KeyFileError> {
    refuse_access_by_others(folder)?;
    read(&folder.join(name))
}

/// Reads a key that lies anywhere, readable by its owner alone.
pub fn read(path: &Path) -> Result<Zeroizing<[u8; LENGTH]>, KeyFileError> {
    let at = |source| KeyFileError::Io { path: path.to_owned(), source };
    let wrong_length = || KeyFileError::Length { path: path.to_owned() };
    refuse_access_by_others(path)?;
    let mut file = File::open(path).map_err(at)?;
    let mut key = Zeroizing::new([0; LENGTH]);
    if file.metadata().map_err(at)?.len() != LENGTH as u64 {
        return Err(wrong_length());
    }
    file.read_exact(&mut *key).map_err(|_| wrong_length())?;
    Ok(key)
}

fn refuse_access_by_others(path: &Path) -> Result<(), KeyFileError> {
    let metadata = fs::metadata(path).map_err(|source| KeyFileError::Io { path: path.into(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::TooOpen { path: path.into(), mode });
    }
    Ok(())
}

/// Appears whole or not at all, and never replaces a key that another process made meanwhile.
fn create(folder: &Path, path: &Path) -> Result<(), KeyFileError> {
    let key = Zeroizing::new(super::random::<LENGTH>()?);
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = (|| {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(&*key)?;
        file.sync_all()?;
        fs::hard_link(&unfinished, path).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(error),
        })?;
        fs::remove_file(&unfinished)?;
        File::open(folder)?.sync_all()
    })();
    written.map_err(|source| KeyFileError::Io { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("keys");
        let first = load_or_create(&folder, "master.key").unwrap();
        let again = load_or_create(&folder, "master.key").unwrap();
        assert_eq!(*first, *again);
        assert_ne!(*first, *load_or_create(&folder, "signing.key").unwrap());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("master.key"))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing unfinished is left behind");
    }

    #[test]
    fn unusable_key_files_are_refused_with_their_name() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("keys");
        load_or_create(&folder, "master.key").unwrap();
        let path = folder.join("master.key");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = load_or_create(&folder, "master.key").unwrap_err().to_string();
        assert!(error.contains("master.key") && error.contains("640") && error.contains("chmod"), "{error}");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [7; 31]).unwrap();
        let error = load_or_create(&folder, "master.key").unwrap_err().to_string();
        assert!(error.contains("master.key") && error.contains("32 bytes"), "{error}");

        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(load_or_create(&folder, "master.key").is_err(), "a folder is no key");
    }
}
