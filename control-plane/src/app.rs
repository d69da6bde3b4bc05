//! Everything wired once: what handlers, sockets and tasks work with. Nothing in the product is global.

use std::fs::{DirBuilder, OpenOptions};
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use media_server::{JoinTokenVerifier, MediaServer};
use tokio_util::sync::CancellationToken;

use crate::checkpoints::Checkpoints;
use crate::clock::Clock;
use crate::config::{Config, KeyProvider, master_keys_in_environment};
use crate::crypto::keyring::{Keyring, VaultSettings};
use crate::crypto::password::Passwords;
use crate::crypto::signer::Signer;
use crate::crypto::token::AccessTokens;
use crate::domain::password::PasswordPolicy;
use crate::domain::session::Revocation;
use crate::erasures::ErasureLedger;
use crate::http::routes::oidc::Departures;
use crate::http::routes::passkeys::Ceremonies;
use crate::http::throttle::SignInThrottle;
use crate::live::{self, Live};
use crate::mail::Post;
use crate::media::MediaNodes;
use crate::metrics::Metrics;
use crate::oidc::Oidc;
use crate::open_sessions;
use crate::picture::Pictures;
use crate::security::SecurityWatch;
use crate::signalling::hub::Hub;
use crate::signalling::pump;
use crate::signalling::socket::Lobby;
use crate::signalling::tickets::Tickets;
use crate::store::Store;
use crate::tasks::Tasks;

/// How soon a new clinic is noticed.
const CLINICS_EVERY: Duration = Duration::from_secs(5);

/// The state of every handler. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<AppState>);

pub struct AppState {
    pub config: Config,
    pub clock: Clock,
    pub store: Store,
    pub checkpoints: Checkpoints,
    pub security: SecurityWatch,
    pub passwords: Passwords,
    pub password_policy: PasswordPolicy,
    pub sign_ins: SignInThrottle,
    pub access_tokens: AccessTokens,
    pub ceremonies: Ceremonies,
    pub oidc: Oidc,
    pub departures: Departures,
    pub pictures: Pictures,
    pub post: Post,
    pub media: MediaNodes,
    pub metrics: Metrics,
    pub tasks: Tasks,
    pub tickets: Tickets,
    pub hub: Hub,
    pub live: Live,
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
        let access_tokens = AccessTokens::new(&signer);
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
        let stopping = tasks.stopping().clone();
        tasks.spawn("audit", store.clone().write_audit(metrics.audit.clone(), stopping));
        let checkpoints = Checkpoints::open(&config, store.clone(), metrics.audit.clone())?;
        // What a crash has left unsigned, and the word that the log is still what was signed.
        checkpoints.sign_all(clock.now()).await;
        let interval = Duration::from_secs(config.audit.checkpoint_interval_s);
        let stopping = tasks.stopping().clone();
        tasks.spawn("checkpoints", checkpoints.clone().keep_signing(clock.clone(), interval, stopping));
        let security = SecurityWatch::new(store.clone(), metrics.audit.clone(), config.thresholds());
        let stopping = tasks.stopping().clone();
        tasks.spawn("security", security.clone().keep_looking(clock.clone(), stopping));
        tasks.spawn("storage", watch_disk(store.clone(), tasks.stopping().clone()));
        let stopping = tasks.stopping().clone();
        tasks.spawn("clinics", watch_clinics(store.clone(), clock.clone(), stopping));
        let live = Live::new(clock.clone());
        live::expect_doctors(&live, &store).await.context("availability")?;
        let stopping = tasks.stopping().clone();
        tasks.spawn("presence", live::watch_presence(live.clone(), store.clone(), stopping));
        let post = Post::start(&config, metrics.letters_total.clone(), &tasks)?;
        let hub =
            pump::start(store.clone(), signer, media.clone(), clock.clone(), metrics.clone(), events, &tasks);
        let app = Self(Arc::new(AppState {
            passwords: Passwords::new().context("passwords")?,
            password_policy: PasswordPolicy::new(config.accounts.password_rules()),
            sign_ins: SignInThrottle::default(),
            access_tokens,
            ceremonies: Ceremonies::default(),
            oidc: Oidc::new(&config.oidc).context("single sign-on")?,
            departures: Departures::default(),
            pictures: Pictures::default(),
            post,
            tickets: Tickets::default(),
            lobby: Lobby::default(),
            config,
            clock,
            store,
            checkpoints,
            security,
            media,
            metrics,
            tasks,
            hub,
            live,
        }));
        app.tasks.spawn("open sessions", open_sessions::watch(app.clone()));
        Ok(app)
    }

    /// The last of all, when nobody writes any more: a checkpoint of what was written, and the connections.
    pub async fn close(&self) {
        self.checkpoints.sign_all(self.clock.now()).await;
        self.store.close().await;
    }

    /// Closes what an ended session, or all of a person's sessions, still has open: signalling sockets and their
    /// media, live events, and tickets for more. The sessions themselves have been ended in the database before.
    pub async fn revoke(&self, ended: Revocation) {
        self.tickets.void(ended);
        self.live.revoke(ended);
        self.hub.revoke(ended).await;
    }
}

/// Clinics that another process makes (`auscult clinic create`) are served without a restart.
async fn watch_clinics(store: Store, clock: Clock, stopping: CancellationToken) {
    let mut interval = tokio::time::interval(CLINICS_EVERY);
    while stopping.run_until_cancelled(interval.tick()).await.is_some() {
        if let Err(error) = store.load_clinics(clock.now()).await {
            tracing::warn!(%error, "cannot look for new clinics, trying again");
        }
    }
}

/// Ends when the disk fails, which stops the process: a service manager starts it again from what is really written.
async fn watch_disk(store: Store, stopping: CancellationToken) {
    tokio::select! {
        () = store.disk_failed() => {}
        () = stopping.cancelled() => {}
    }
}

/// The part that commands without a server need too.
pub async fn open_store(config: &Config, clock: &Clock) -> anyhow::Result<(Store, Signer)> {
    prepare_folder(config)?;
    let keys = config.data.keys_folder();
    let keyring = open_keyring(config).await?;
    let signer = Signer::open(&keys).with_context(|| format!("keys in {}", keys.display()))?;
    let erasures = ErasureLedger::new(config.data.erasure_ledger());
    let store =
        Store::open(&config.database_url(), &config.database.owner_url, keyring, erasures, clock.now())
            .await
            .context("database")?;
    Ok((store, signer))
}

/// Makes the data folder and an empty database file, for their owner alone.
pub fn prepare_folder(config: &Config) -> anyhow::Result<()> {
    let folder = &config.data.folder;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("data.folder {}", folder.display()))?;
    if config.database.url.is_empty() {
        // SQLite gives its journals the mode of the database file.
        let path = config.database_file();
        let created = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        created.with_context(|| format!("database {}", path.display()))?;
    }
    Ok(())
}

/// The master keys, from where the configuration says.
async fn open_keyring(config: &Config) -> anyhow::Result<Keyring> {
    let (keys, folder) = (&config.keys, config.data.keys_folder());
    match keys.provider {
        KeyProvider::File => Keyring::open(&folder).with_context(|| format!("keys in {}", folder.display())),
        KeyProvider::Environment => {
            Keyring::given(master_keys_in_environment()?).context("master keys in the environment")
        }
        KeyProvider::Vault => {
            let settings = VaultSettings {
                url: keys.vault_url.clone(),
                namespace: keys.vault_namespace.clone(),
                mount: keys.vault_mount.clone(),
                key: keys.vault_key.clone(),
                token_file: keys.vault_token_file.clone(),
            };
            Keyring::connect(settings).await.with_context(|| format!("key service {}", keys.vault_url))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::DATABASE_FILE;

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
