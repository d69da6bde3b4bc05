//! Master keys that this process holds itself, by version: files in the key folder, or values of the environment.
//!
//! The newest wraps, every one opens. A version that is not known yet is looked for in the folder again, so a running
//! server learns of a rotation without a restart.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::CryptoError;
use super::key_file::{KeyFileError, load, load_or_create};
use super::sealed::{KEY_LEN, WrappingKey};

type Versions = BTreeMap<u32, Arc<MasterKey>>;

/// One version.
pub(super) struct MasterKey {
    pub(super) wrapping: WrappingKey,
    /// 16 hex digits that tell two keys apart and say nothing else about them.
    pub(super) fingerprint: String,
}

impl MasterKey {
    fn new(version: u32, key: &[u8; KEY_LEN]) -> Result<Arc<Self>, CryptoError> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"auscult key fingerprint");
        let fingerprint = tag.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(Arc::new(Self { wrapping: WrappingKey::new(version, key)?, fingerprint }))
    }
}

/// Master keys by version.
pub(super) struct LocalKeys {
    /// `None`: they came from the environment and never change.
    folder: Option<PathBuf>,
    versions: RwLock<Versions>,
}

impl LocalKeys {
    /// Reads `master.key` (version 1) and `master-<version>.key` in `folder`; makes the first one when there is none.
    pub(super) fn open(folder: &Path) -> Result<Self, KeyFileError> {
        let mut versions = read_folder(folder)?;
        if versions.is_empty() {
            let key = load_or_create(folder, &file_name(1))?;
            versions.insert(1, MasterKey::new(1, &key)?);
        }
        Ok(Self { folder: Some(folder.to_owned()), versions: RwLock::new(versions) })
    }

    /// `keys`: by version, at least one.
    pub(super) fn given(keys: BTreeMap<u32, Zeroizing<[u8; KEY_LEN]>>) -> Result<Self, CryptoError> {
        let versions = keys
            .into_iter()
            .map(|(version, key)| Ok((version, MasterKey::new(version, &key)?)))
            .collect::<Result<Versions, CryptoError>>()?;
        Ok(Self { folder: None, versions: RwLock::new(versions) })
    }

    pub(super) fn get(&self, version: u32) -> Result<Arc<MasterKey>, CryptoError> {
        if let Some(key) = self.known(version) {
            return Ok(key);
        }
        if let Some(folder) = &self.folder {
            let read = read_folder(folder).map_err(|_| CryptoError::NoMasterKey(version))?;
            *self.versions.write().unwrap_or_else(PoisonError::into_inner) = read;
        }
        self.known(version).ok_or(CryptoError::NoMasterKey(version))
    }

    pub(super) fn newest(&self) -> u32 {
        let versions = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        versions.last_key_value().map_or(0, |(version, _)| *version)
    }

    /// Makes the file of a version that does not exist yet; keeps one that an interrupted rotation has made.
    /// `false`: the environment holds the keys, only an operator can add one.
    pub(super) fn create(&self, version: u32) -> Result<bool, KeyFileError> {
        let Some(folder) = &self.folder else { return Ok(false) };
        let key = load_or_create(folder, &file_name(version))?;
        let key = MasterKey::new(version, &key)?;
        self.versions.write().unwrap_or_else(PoisonError::into_inner).insert(version, key);
        Ok(true)
    }

    /// Forgets a version and deletes its file.
    pub(super) fn remove(&self, version: u32) -> Result<(), KeyFileError> {
        self.versions.write().unwrap_or_else(PoisonError::into_inner).remove(&version);
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = folder.join(file_name(version));
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(KeyFileError::Io { path, source }),
            _ => Ok(()),
        }
    }

    fn known(&self, version: u32) -> Option<Arc<MasterKey>> {
        self.versions.read().unwrap_or_else(PoisonError::into_inner).get(&version).cloned()
    }
}

fn file_name(version: u32) -> String {
    if version == 1 { "master.key".into() } else { format!("master-{version}.key") }
}

fn version_of(name: &str) -> Option<u32> {
    match name.strip_prefix("master")?.strip_suffix(".key")? {
        "" => Some(1),
        rest => rest.strip_prefix('-')?.parse().ok().filter(|version| *version > 1),
    }
}

fn read_folder(folder: &Path) -> Result<Versions, KeyFileError> {
    let at = |source| KeyFileError::Io { path: folder.into(), source };
    let mut versions = Versions::new();
    if !fs::exists(folder).map_err(at)? {
        return Ok(versions);
    }
    for entry in fs::read_dir(folder).map_err(at)? {
        let name = entry.map_err(at)?.file_name();
        let Some((name, version)) = name.to_str().and_then(|name| Some((name, version_of(name)?))) else {
            continue;
        };
        versions.insert(version, MasterKey::new(version, &*load(folder, name)?)?);
    }
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_finds_a_version_that_another_one_made() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("keys");
        let server = LocalKeys::open(&folder).unwrap();
        assert_eq!(server.newest(), 1);
        assert_eq!(server.get(2).err(), Some(CryptoError::NoMasterKey(2)));
        let command = LocalKeys::open(&folder).unwrap();
        assert!(command.create(2).unwrap());
        assert_eq!(server.get(2).unwrap().fingerprint, command.get(2).unwrap().fingerprint);
        assert_ne!(server.get(1).unwrap().fingerprint, server.get(2).unwrap().fingerprint);
        assert_eq!(server.newest(), 2);
        command.remove(1).unwrap();
        assert_eq!(LocalKeys::open(&folder).unwrap().newest(), 2, "no new first key is made");
        assert!(LocalKeys::open(&folder).unwrap().get(1).is_err());
    }

    #[test]
    fn files_of_other_names_are_no_master_keys() {
        for name in
            ["master-1.key", "master-0.key", "master-x.key", "signing.key", "master.key.bak", "master-.key"]
        {
            assert_eq!(version_of(name), None, "{name}");
        }
        assert_eq!((version_of("master.key"), version_of("master-17.key")), (Some(1), Some(17)));
    }
}
