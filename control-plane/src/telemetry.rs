//! Logs: the subscriber, and one line per request that never holds a query, a body or a name.

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{ConfigError, LogFormat, TelemetryConfig};
use crate::metrics::Metrics;

/// Starts logging to standard error. Call it once.
pub fn start(config: &TelemetryConfig) -> Result<(), ConfigError> {
    let invalid = |why: String| ConfigError::Invalid { key: "telemetry.log", why };
    let filter = EnvFilter::try_new(&config.log).map_err(|error| invalid(error.to_string()))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => subscriber.finish().try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).finish().try_init(),
    }
    .map_err(|error| invalid(error.to_string()))
}

/// Counts every request and logs it: the route as declared (ids left out), never the path or the query.
pub async fn observe(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let begun = tokio::time::Instant::now();
    let response = next.run(request).await;
    let elapsed: Duration = begun.elapsed();
    let status = response.status();
    let class = match status.as_u16() {
        0..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    metrics.http_requests_total.with_label_values(&[class]).inc();
    metrics.http_request_seconds.observe(elapsed.as_secs_f64());
    let request_id =
        response.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or("-").to_owned();
    let (status, duration_ms) = (status.as_u16(), u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    if status >= 500 {
        tracing::warn!(%method, route, status, duration_ms, request_id, "http request");
    } else {
        tracing::debug!(%method, route, status, duration_ms, request_id, "http request");
    }
    response
}
