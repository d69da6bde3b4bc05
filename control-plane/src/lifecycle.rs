//! From start to stop: the port opens, signals arrive, calls are told, captions are flushed, an exit code comes out.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, timeout, timeout_at};

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::gateway::{self, Gateway};
use crate::model::Model;
use crate::{bootstrap, certificate, demo, http, model};

/// How soon the last goodbye is noticed while the calls come to their end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What the command line adds to the configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServeOptions {
    /// Seed a demonstration clinic into an empty database, caption with the demonstration model.
    pub demo: bool,
    /// Download this model in the background and caption with it once it is there.
    pub fetch_model: Option<&'static Model>,
}

/// A server that accepts connections.
pub struct Server {
    pub app: App,
    /// With the port that the system chose, if it was asked to.
    pub address: SocketAddr,
}

impl Server {
    /// `listener`: from [`gateway::listen`]. Serves from here on.
    pub fn start(app: App, listener: TcpListener) -> anyhow::Result<Self> {
        let address = listener.local_addr().context("http.listen")?;
        let (http, folder) = (&app.config.http, &app.config.data.folder);
        let tls = certificate::server_config(http, folder, app.clock.now())?;
        let gateway = Gateway::new(listener, tls, http, app.metrics.clone(), app.tasks.clone());
        app.tasks.spawn("gateway", gateway.serve(http::router::router(app.clone())));
        Ok(Self { app, address })
    }

    /// Lets the calls that are on come to their end, within the configured time; nobody new comes in, everyone is told.
    pub async fn drain(&self) {
        let (hub, within) = (&self.app.hub, Duration::from_secs(self.app.config.http.drain_s));
        hub.drain(within);
        let over = async {
            while !hub.is_idle() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            ended = timeout(within, over) => if ended.is_err() {
                tracing::warn!("the time for calls to end is over, cutting off those that are on");
            },
            () = self.app.tasks.stopping().cancelled() => {}
        }
    }

    /// Stops within the grace period: people are told, the last captions are kept, requests finish. `false` when
    /// captions may be missing; a client that is still busy by then is cut off, which is its own affair.
    pub async fn stop(self) -> bool {
        let Self { app, .. } = self;
        let deadline = Instant::now() + Duration::from_secs(app.config.http.shutdown_grace_s);
        app.tasks.stopping().cancel();
        app.hub.close_all();
        let kept = timeout_at(deadline, async {
            app.media.shutdown().await;
            app.tasks.wait_for_services().await;
        });
        let is_kept = kept.await.is_ok();
        let finished = timeout_at(deadline, async {
            app.tasks.wait().await;
            app.close().await;
        });
        if finished.await.is_err() {
            tracing::warn!("the grace period is over, cutting off what is left");
        }
        is_kept
    }
}

/// Runs until a signal or a failed task. `Ok(true)` after an orderly stop that was asked for.
pub async fn serve(mut config: Config, options: ServeOptions) -> anyhow::Result<bool> {
    // Before anything starts, so that no early signal kills half a server.
    let mut signals = Signals::new().context("signals")?;
    tracing::info!(configuration = %config.redacted(), "starting");
    config.whisper.demonstration_fallback |= options.demo;
    let fetch = options.fetch_model.filter(|_| config.whisper.model.as_os_str().is_empty());
    let model_path = fetch.map(|model| model.path_in(&config.data.models_folder()));
    let present = model_path.clone().filter(|path| path.is_file());
    if let Some(path) = &present {
        config.whisper.model.clone_from(path);
    }
    // First, so that a second start says so before it loads a model; whoever connects meanwhile waits.
    let listener = gateway::listen(&config.http).await?;
    let app = App::build(config, Clock::System).await?;
    if options.demo {
        demo::prepare(&app).await.context("demonstration clinic")?;
    }
    let server = Server::start(app, listener)?;
    crate::cli::say(&format!("\nAuscult is ready: {}\n", url_of(&server)));
    offer_bootstrap(&server).await.context("first administrator")?;
    if let (Some(model), None) = (fetch, present) {
        server.app.tasks.spawn_job(fetch_in_background(server.app.clone(), model));
    }
    tokio::select! {
        name = signals.next() => tracing::info!(signal = name, "stopping"),
        () = server.app.tasks.stopping().cancelled() => {}
    }
    let tasks = server.app.tasks.clone();
    let ended = async {
        server.drain().await;
        server.stop().await
    };
    let orderly = tokio::select! {
        orderly = ended => orderly,
        name = signals.next() => {
            tracing::warn!(signal = name, "second signal, stopping at once");
            tasks.stopping().cancel();
            false
        }
    };
    tracing::info!(orderly, "stopped");
    Ok(orderly && !tasks.has_failed())
}

/// Says how to make the first administrator, for each clinic that has none.
async fn offer_bootstrap(server: &Server) -> anyhow::Result<()> {
    let url = url_of(server);
    for (clinic, secret) in bootstrap::offer(&server.app.store, server.app.clock.now()).await? {
        let origin = server.app.store.origin_of(clinic, &url);
        crate::cli::say(&format!(
            "There is no administrator yet. Make one here, within 7 days (the next start prints another address):\n\
             {origin}/setup#{secret}\n"
        ));
    }
    Ok(())
}

/// What to type into a browser on this machine.
fn url_of(server: &Server) -> String {
    let (configured, port) = (&server.app.config.http.public_url, server.address.port());
    match server.address.ip() {
        _ if !configured.is_empty() => configured.clone(),
        ip if ip.is_unspecified() => format!("https://localhost:{port}"),
        _ => format!("https://{}", server.address),
    }
}

/// Captions go on with what is there until the download is complete; a failure is one line.
async fn fetch_in_background(app: App, model: &'static Model) {
    let folder = app.config.data.models_folder();
    let download = model::fetch(model, &app.config.models.base_url, &folder, log_progress(model.name));
    let fetched = app.tasks.stopping().run_until_cancelled(download).await;
    let replaced = match fetched {
        None => return,
        Some(Err(error)) => Err(error.to_string()),
        Some(Ok(path)) => replace_model(&app, path).await,
    };
    if let Err(why) = replaced {
        tracing::warn!(model = model.name, why, "captions go on without the model that was to be fetched");
    }
}

async fn replace_model(app: &App, path: PathBuf) -> Result<(), String> {
    let status = app.media.replace_model(path).await?;
    tracing::info!(?status, "captions use the fetched model");
    app.hub.caption_service_changed();
    Ok(())
}

fn log_progress(name: &'static str) -> impl FnMut(u64, Option<u64>) + Send {
    let mut steps = model::Steps::default();
    move |done, total| {
        if let Some(percent) = steps.next(done, total) {
            tracing::info!(model = name, percent, "fetching a model");
        }
    }
}

/// SIGTERM (systemd, containers) and SIGINT (Ctrl-C).
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
