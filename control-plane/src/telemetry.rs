//! Logs go to standard error, as text for people or JSON for a collector. What is logged where it happens holds ids and
//! routes, never names, words, tokens or queries.

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{ConfigError, LogFormat, TelemetryConfig};

/// What is loud below this for reasons of its own; `telemetry.log` may ask for more.
const QUIETER: &str = "whisper_rs=warn";
/// Ours: what they log has been thought about.
const OWN: [&str; 4] = ["auscult", "control_plane", "media_server", "turn"];

/// Libraries do not know what is private: a WebSocket's logs every message at `trace`. Below `info` they are silent,
/// whatever `telemetry.log` asks for.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let from = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || OWN.contains(&from)
}

/// Starts logging to standard error. Call it once.
pub fn start(config: &TelemetryConfig) -> Result<(), ConfigError> {
    let invalid = |why: String| ConfigError::Invalid { key: "telemetry.log", why };
    let filter = EnvFilter::try_new(format!("{QUIETER},{}", config.log))
        .map_err(|error| invalid(error.to_string()))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.format {
        LogFormat::Text => subscriber.finish().with(filter_fn(may_be_logged)).try_init(),
        LogFormat::Json => {
            subscriber.json().flatten_event(true).finish().with(filter_fn(may_be_logged)).try_init()
        }
    }
    .map_err(|error| invalid(error.to_string()))
}
