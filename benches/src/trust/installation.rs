//! A data folder and a database of one scenario's own.

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use control_plane::app::open_store;
use control_plane::clock::Clock;
use control_plane::config::Config;
use control_plane::crypto::password::Passwords;
use control_plane::domain::user::Role;
use control_plane::store::{NewUser, Store};
use serde::Serialize;
use sqlx::AnyPool;
use tempfile::TempDir;

use super::cluster::Cluster;
use super::database::{Urls, in_cluster};

/// Of everybody.
pub(super) const PASSWORD: &str = "correct horse battery";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    Sqlite,
    Postgres,
}

pub(super) struct Installation {
    pub(super) config: Config,
    pub(super) store: Store,
    pub(super) system: System,
    _folder: TempDir,
    _cluster: Option<Cluster>,
}

impl Installation {
    pub(super) async fn new(system: System) -> Result<Self> {
        let (folder, mut config) = (tempfile::tempdir()?, Config::default());
        let cluster = (system == System::Postgres).then(Cluster::start);
        let urls = match &cluster {
            Some(cluster) => in_cluster(&cluster.socket(), "auscult_owner").await,
            None => Urls::default(),
        };
        folder.path().clone_into(&mut config.data.folder);
        config.database.url = urls.serving;
        config.database.owner_url = urls.owner;
        let (store, _) = open_store(&config, &Clock::System).await?;
        let installation = Self { config, store, system, _folder: folder, _cluster: cluster };
        installation.check_durability().await?;
        Ok(installation)
    }

    /// The database as its superuser sees it.
    pub(super) async fn superuser(&self) -> Result<AnyPool> {
        Ok(AnyPool::connect(&self.config.database_url().replace("//auscult_app@", "//auscult_root@")).await?)
    }

    /// A commit that is not flushed to disk would be measured as a fast one. (`SQLite`'s setting is the store's own.)
    async fn check_durability(&self) -> Result<()> {
        if self.system == System::Postgres {
            let sql = "SELECT current_setting('fsync') || current_setting('synchronous_commit')";
            let settings: String = sqlx::query_scalar(sql).fetch_one(&self.superuser().await?).await?;
            ensure!(settings == "onon", "PostgreSQL does not flush: {settings}");
        }
        Ok(())
    }

    /// Accounts with [`PASSWORD`] and the addresses `<role><number>@example.org`.
    pub(super) async fn people(&self, role: Role, count: usize) -> Result<Vec<String>> {
        let hash = Passwords::new()?.hash(PASSWORD).await?;
        let mut addresses = Vec::with_capacity(count);
        for number in 0..count {
            let email = format!("{}{number}@example.org", role.name());
            let new = NewUser {
                email: Some(email.clone()),
                name: "A Name".into(),
                role,
                specialty: String::new(),
                password_hash: Some(hash.clone()),
                email_verified: true,
                approved: true,
            };
            self.store.create_user(&new, Clock::System.now()).await.context("account")?;
            addresses.push(email);
        }
        Ok(addresses)
    }
}
