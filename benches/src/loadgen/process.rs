//! The system under test as /proc shows it.

use std::time::Duration;

use anyhow::{Context, Result};

/// Processor time that all threads of `pid` have used, user and system.
pub fn cpu(pid: u32) -> Result<Duration> {
    let stat =
        std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the system under test is gone")?;
    // The second field is a name in parentheses that may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| -> Result<u64> { Ok(fields.get(index).context("short stat")?.parse()?) };
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64((ticks(11)? + ticks(12)?) as f64 / per_second as f64))
}

/// Resident memory in MiB.
pub fn rss_mb(pid: u32) -> Result<f64> {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).context("the system under test is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
