//! What trust costs: durable audit entries, reading what is sealed, changing the master key, signing in. Everything runs
//! against the real program or its store, on a real SQLite file or a PostgreSQL cluster that flushes to disk.
#![expect(clippy::print_stdout, reason = "a command-line tool says what it does")]
#![expect(clippy::disallowed_methods, reason = "measures real time, counts rows")]

mod audit_append;
#[path = "../../../control-plane/tests/support/cluster.rs"]
#[expect(clippy::unwrap_used, dead_code, reason = "shared with the tests")]
mod cluster;
#[path = "../../../control-plane/tests/support/database.rs"]
#[expect(clippy::unwrap_used, dead_code, reason = "shared with the tests")]
mod database;
mod installation;
mod login;
#[path = "../../../control-plane/tests/support/many_keys.rs"]
#[expect(clippy::unwrap_used, reason = "shared with the tests")]
mod many_keys;
mod program;
mod rotate;
mod sealed_read;

use std::time::Duration;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use serde::Serialize;

pub use installation::System;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Audit entries, each waited for until it is durable.
    AuditAppend,
    /// A transcript through HTTP, at a fixed rate.
    SealedRead,
    /// A new master key for many people's keys while patients work.
    #[value(name = "rotate-1m")]
    #[serde(rename = "rotate-1m")]
    Rotate,
    /// Signing in with a password.
    Login,
}

#[derive(Parser)]
pub struct Arguments {
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Scenario::value_variants().to_vec())]
    pub scenario: Vec<Scenario>,
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = System::value_variants().to_vec())]
    pub system: Vec<System>,
    /// Of the measurement, without the preparation; a rotation takes as long as it takes.
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
    /// Keys that a rotation re-wraps.
    #[arg(long, default_value_t = 1_000_000)]
    pub records: usize,
    /// Reads per second.
    #[arg(long, default_value_t = 500)]
    pub rate: u32,
}

impl Arguments {
    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// What a scenario measured on one system.
#[derive(Serialize)]
pub struct Measured {
    pub per_second: f64,
    /// From when something was due to when it was answered.
    pub p99_ms: f64,
    pub seconds: f64,
}

impl Measured {
    /// `milliseconds`: of every single one, in any order.
    fn of(mut milliseconds: Vec<f64>, took: Duration) -> Self {
        milliseconds.sort_unstable_by(f64::total_cmp);
        let seconds = took.as_secs_f64();
        let per_second = milliseconds.len() as f64 / seconds;
        Self { per_second, p99_ms: quantile(&milliseconds, 0.99), seconds }
    }
}

/// Of sorted values; 0 without any.
fn quantile(sorted: &[f64], quantile: f64) -> f64 {
    let index = (sorted.len() as f64 * quantile) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

pub async fn measure(scenario: Scenario, system: System, arguments: &Arguments) -> Result<Measured> {
    match scenario {
        Scenario::AuditAppend => audit_append::run(system, arguments).await,
        Scenario::SealedRead => sealed_read::run(system, arguments).await,
        Scenario::Rotate => rotate::run(system, arguments).await,
        Scenario::Login => login::run(system, arguments).await,
    }
}
