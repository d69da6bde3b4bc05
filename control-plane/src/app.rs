//! Everything wired once: what handlers, sockets and tasks work with. Nothing in the product is global.

use std::fs::{DirBuilder, OpenOptions};
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::sync::Arc;

use anyhow::Context;
use media_server::{JoinTokenVerifier, MediaServer};

use crate::clock::Clock;
use crate::config::{Config, DATABASE_FILE};
use crate::crypto::keyring::Keyring;
use crate::crypto::password::Passwords;
use crate::crypto::signer::Signer;
use crate::http::throttle::SignInThrottle;
use crate::media::MediaNodes;
use crate::metrics::Metrics;
use crate::signalling::hub::Hub;
use crate::signalling::pump;
use crate::signalling::socket::Lobby;
use crate::signalling::tickets::Tickets;
use crate::store::Store;
use crate::tasks::Tasks;

/// The state of every handler. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<AppState>);

pub struct AppState {
    pub config: Config,
    pub clock: Clock,
    pub keys: Keyring,
    pub store: Store,
    pub passwords: Passwords,
    pub sign_ins: SignInThrottle,
    pub media: MediaNodes,
    pub metrics: Metrics,
    pub tasks: Tasks,
    pub tickets: Tickets,
    pub hub: Hub,
    pub lobby: Lobby,
}

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}

impl App {
    /// Makes the data folder and the keys on the first start, opens the database, starts the media node and the hub.
    pub async fn build(config: Config, clock: Clock) -> anyhow::Result<Self> {
        let (store, signer) = open_store(&config, &clock).await?;
        let (metrics, tasks) = (Metrics::new(), Tasks::default());
        let verifier = JoinTokenVerifier::new(&signer.public_key());
        let (media, events) = MediaServer::start(
            &config.media,
            &config.whisper,
            verifier,
            metrics.registry(),
            clock.now().millis(),
        )
        .context("media server")?;
        let media = MediaNodes::Local(Arc::new(media));
        let hub =
            pump::start(store.clone(), signer, media.clone(), clock.clone(), metrics.clone(), events, &tasks);
        Ok(Self(Arc::new(AppState {
            keys: store.keys().clone(),
            passwords: Passwords::new().context("passwords")?,
            sign_ins: SignInThrottle::default(),
            tickets: Tickets::default(),
            lobby: Lobby::default(),
            config,
            clock,
            store,
            media,
            metrics,
            tasks,
            hub,
        })))
    }
}

/// The part that commands without a server need too.
pub async fn open_store(config: &Config, clock: &Clock) -> anyhow::Result<(Store, Signer)> {
    let (folder, keys) = (&config.data.folder, config.data.keys_folder());
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("data.folder {}", folder.display()))?;
    if config.database.url.is_empty() {
        // SQLite gives its journals the mode of the database file.
        let path = folder.join(DATABASE_FILE);
        let created = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        created.with_context(|| format!("database {}", path.display()))?;
    }
    let keyring = Keyring::open(&keys).with_context(|| format!("keys in {}", keys.display()))?;
    let signer = Signer::open(&keys).with_context(|| format!("keys in {}", keys.display()))?;
    let store = Store::open(&config.database_url(), keyring, clock.now()).await.context("database")?;
    Ok((store, signer))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn nobody_else_on_the_machine_can_read_the_database() {
        let parent = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.data.folder = parent.path().join("data");
        let (_store, _) = open_store(&config, &Clock::System).await.unwrap();
        let mode = |name: &str| {
            let path = config.data.folder.join(name);
            path.metadata().unwrap().permissions().mode() & 0o777
        };
        assert_eq!((mode(""), mode(DATABASE_FILE), mode("auscult.db-wal")), (0o700, 0o600, 0o600));
    }
}
