//! Signing in with a password: what it costs besides Argon2id, and how much memory many at once take.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use control_plane::crypto::password::Passwords;
use control_plane::domain::user::Role;
use tokio::task::JoinSet;

use super::installation::{Installation, PASSWORD, System};
use super::program::{Browser, Server};
use super::{Arguments, Measured, quantile};
use crate::loadgen::process;

/// At once from one address; more would be slowed down.
const AT_ONCE: usize = 24;
/// Of the measurement with many at once.
const ROUNDS: usize = 4;
/// Four computations of 19 MiB, and what two dozen connections and sessions take.
const MEMORY_MIB: f64 = 4.0 * 19.0 + 40.0;

/// One after another: `p99_ms` is what a person waits on an idle server.
pub(super) async fn run(system: System, arguments: &Arguments) -> Result<Measured> {
    let installation = Installation::new(system).await?;
    let emails = installation.people(Role::Patient, AT_ONCE).await?;
    let server = Server::start(&installation)?;
    let mut browsers = Vec::new();
    for email in emails {
        browsers.push((Browser::sign_in(&server, &email).await?, email));
    }
    let at_rest = process::Usage::of(server.pid())?.rss_mb;
    let began = Instant::now();
    let mut milliseconds = Vec::new();
    while began.elapsed() < arguments.duration() {
        for (browser, email) in &mut browsers {
            let began = Instant::now();
            browser.sign_in_again(email).await?;
            milliseconds.push(began.elapsed().as_secs_f64() * 1000.0);
        }
    }
    let took = began.elapsed();
    let peak = flood(&server, browsers).await?;
    let (argon2, whole) = (argon2_alone().await?, median(milliseconds.clone()));
    println!("median {whole:.1} ms, of which Argon2id {argon2:.1} ms; memory {at_rest:.0} -> {peak:.0} MiB");
    ensure!(peak - at_rest < MEMORY_MIB, "{AT_ONCE} at once took {:.0} MiB", peak - at_rest);
    Ok(Measured::of(milliseconds, took))
}

/// Everybody at once, again and again; the most resident memory meanwhile, in MiB.
async fn flood(server: &Server, browsers: Vec<(Browser, String)>) -> Result<f64> {
    let mut tasks = JoinSet::new();
    for (mut browser, email) in browsers {
        tasks.spawn(async move {
            for _ in 0..ROUNDS {
                browser.sign_in_again(&email).await?;
            }
            anyhow::Ok(())
        });
    }
    let mut peak = 0.0_f64;
    while !tasks.is_empty() {
        peak = peak.max(process::Usage::of(server.pid())?.rss_mb);
        while let Some(done) = tasks.try_join_next() {
            done??;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(peak)
}

/// Milliseconds that the same computation takes without a server.
async fn argon2_alone() -> Result<f64> {
    let passwords = Passwords::new()?;
    let hash = passwords.hash(PASSWORD).await?;
    let mut milliseconds = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        ensure!(passwords.verify(PASSWORD, Some(&hash), false).await?, "the right password is wrong");
        milliseconds.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(median(milliseconds))
}

fn median(mut milliseconds: Vec<f64>) -> f64 {
    milliseconds.sort_unstable_by(f64::total_cmp);
    quantile(&milliseconds, 0.5)
}
