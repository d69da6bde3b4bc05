//! `auscult backup`: the database in one sealed file, and back.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use time::OffsetDateTime;

use super::say;
use crate::app::open_store;
use crate::backup::{self, BackupKey, Header};
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::key_file;
use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::domain::merkle::Frontier;
use crate::trail::{self, TrailError};

#[derive(Subcommand)]
pub(super) enum BackupCommand {
    /// Write the whole database to a new file, also while the server runs.
    Create {
        #[arg(long)]
        out: PathBuf,
        /// Also write a copy of the backups' key here; keep it elsewhere than the backups.
        #[arg(long, value_name = "FILE")]
        key_out: Option<PathBuf>,
    },
    /// Open a backup completely and keep nothing of it.
    Verify {
        file: PathBuf,
        /// The backups' key; `backup.key` in the folder of the keys otherwise.
        #[arg(long)]
        key: Option<PathBuf>,
    },
    /// Fill an empty database: a new folder's, or the PostgreSQL database of the configuration.
    Restore {
        file: PathBuf,
        /// The new data folder. Put the keys into its `keys` first, or set `data.keys`.
        #[arg(long)]
        to: PathBuf,
        #[arg(long)]
        key: Option<PathBuf>,
    },
}

pub(super) async fn run(config: &Config, command: BackupCommand) -> anyhow::Result<()> {
    match command {
        BackupCommand::Create { out, key_out } => create(config, &out, key_out.as_deref()).await,
        BackupCommand::Verify { file, key } => {
            let (header, rows) = backup::verify(&file, &key_of(config, key.as_deref())?)?;
            say(&format!("The backup is whole: {rows} rows, {}.", made(&header)?));
            Ok(())
        }
        BackupCommand::Restore { file, to, key } => restore(config, &file, to, key.as_deref()).await,
    }
}

async fn create(config: &Config, out: &Path, key_out: Option<&Path>) -> anyhow::Result<()> {
    let clock = Clock::System;
    let (store, _) = open_store(config, &clock).await?;
    let folder = config.data.keys_folder();
    let key = key_file::backup_key(&folder).with_context(|| format!("keys in {}", folder.display()))?;
    if let Some(path) = key_out {
        backup::copy_key(&key, path)?;
    }
    let rows = backup::create(&store, &key, out, clock.now()).await?;
    let entry = AuditEntry::by(Agent::Server, Action::BackupMade, "", clock.now());
    store.record(store.tenant(), entry).await?;
    store.close().await;
    say(&format!("{rows} rows in {}.", out.display()));
    say("It opens with backup.key and is readable with the master key. Keep both apart from it.");
    Ok(())
}

async fn restore(config: &Config, file: &Path, to: PathBuf, key: Option<&Path>) -> anyhow::Result<()> {
    let mut config = config.clone();
    let key = key_of(&config, key);
    config.data.folder = to;
    // A key beside the others in the new folder will do as well.
    let key = key.or_else(|_| key_of(&config, None))?;
    let path = config.database_file();
    if config.database.url.is_empty() && path.exists() {
        bail!("{} exists: restore into a new folder", path.display());
    }
    if !config.data.keys_folder().exists() {
        bail!("{} does not exist: put the keys there first", config.data.keys_folder().display());
    }
    crate::app::prepare_folder(&config)?;
    let restored = backup::restore(file, &key, &config.database_url(), &config.database.owner_url).await;
    if restored.is_err() && config.database.url.is_empty() {
        // Nothing half-done is left behind.
        let _ = std::fs::remove_file(&path);
    }
    let (header, rows) = restored?;
    // Opening it checks the master key and erases again whoever has been erased since.
    let (store, _) = open_store(&config, &Clock::System).await?;
    for tenant in store.clinics() {
        let mut tx = store.snapshot(tenant).await?;
        let log = trail::follow::<TrailError>(&mut tx, Frontier::default(), Vec::new()).await?;
        say(&format!("{tenant}: the audit log of {} entries is whole.", log.size()));
    }
    let entry = AuditEntry::by(Agent::Server, Action::BackupRestored, "", Clock::System.now());
    store.record(store.tenant(), entry).await?;
    store.close().await;
    say(&format!("Restored {rows} rows, {}. Everybody signs in anew.", made(&header)?));
    Ok(())
}

fn key_of(config: &Config, path: Option<&Path>) -> anyhow::Result<BackupKey> {
    let path = path.map_or_else(|| config.data.keys_folder().join("backup.key"), Path::to_owned);
    Ok(key_file::read(&path)?)
}

fn made(header: &Header) -> anyhow::Result<String> {
    let at = OffsetDateTime::from_unix_timestamp(header.created_at.millis() / 1000)?;
    let at = at.format(&time::format_description::well_known::Rfc3339)?;
    Ok(format!("made at {at} by version {}", header.version))
}
