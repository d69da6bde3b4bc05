//! Audit entries that go with no other write: many callers, each of whom waits until its entry is durable and then has
//! the next one. Afterwards the log must hold exactly what was acknowledged.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use control_plane::clock::Clock;
use control_plane::domain::audit::{Action, Agent, AuditEntry};
use control_plane::ids::{ConsultationId, UserId};
use control_plane::metrics::Metrics;
use control_plane::store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::installation::{Installation, System};
use super::{Arguments, Measured};

/// Callers at once: as many as the rate that is promised needs.
const fn callers(system: System) -> usize {
    match system {
        System::Sqlite => 100,
        System::Postgres => 200,
    }
}

pub(super) async fn run(system: System, arguments: &Arguments) -> Result<Measured> {
    let installation = Installation::new(system).await?;
    let store = &installation.store;
    let (metrics, stopping) = (Metrics::new(), CancellationToken::new());
    let mut writer = JoinSet::new();
    writer.spawn(store.clone().write_audit(metrics.audit.clone(), stopping.clone()));
    // The first entries meet a cold database.
    append(store, callers(system), Duration::from_secs(2)).await?;
    let before = size(store).await?;
    let began = Instant::now();
    let milliseconds = append(store, callers(system), arguments.duration()).await?;
    let took = began.elapsed();
    let (written, acknowledged) = (size(store).await? - before, milliseconds.len() as i64);
    ensure!(written == acknowledged, "{acknowledged} acknowledged, {written} written");
    println!(
        "{} callers, {:.0} entries in a transaction",
        callers(system),
        metrics.audit.batch_entries.get_sample_sum() / metrics.audit.batch_entries.get_sample_count() as f64
    );
    stopping.cancel();
    writer.join_all().await;
    Ok(Measured::of(milliseconds, took))
}

/// Milliseconds from call to answer, of every entry.
async fn append(store: &Store, callers: usize, duration: Duration) -> Result<Vec<f64>> {
    let deadline = Instant::now() + duration;
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let store = store.clone();
        tasks.spawn(async move {
            let (user, mut milliseconds) = (UserId::generate(), Vec::new());
            while Instant::now() < deadline {
                let (agent, subject) = (Agent::User(user), ConsultationId::generate());
                let entry = AuditEntry::by(agent, Action::TranscriptRead, subject, Clock::System.now());
                let began = Instant::now();
                store.record(store.tenant(), entry).await?;
                milliseconds.push(began.elapsed().as_secs_f64() * 1000.0);
            }
            anyhow::Ok(milliseconds)
        });
    }
    let mut all = Vec::new();
    while let Some(milliseconds) = tasks.join_next().await {
        all.extend(milliseconds??);
    }
    Ok(all)
}

async fn size(store: &Store) -> Result<i64> {
    Ok(store.snapshot(store.tenant()).await?.log_head().await?.size)
}
