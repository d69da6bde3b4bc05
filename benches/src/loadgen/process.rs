//! A process as /proc shows it.

use anyhow::{Context, Result};

/// What a process has used so far.
pub struct Usage {
    /// Processor time of all threads, user and system, seconds.
    cpu: f64,
    /// Resident memory, MiB.
    pub rss_mb: f64,
    /// Datagrams that found a UDP socket of its network full.
    pub dropped: u64,
}

impl Usage {
    pub fn of(pid: u32) -> Result<Self> {
        let read = |file: &str| {
            std::fs::read_to_string(format!("/proc/{pid}/{file}"))
                .with_context(|| format!("process {pid} is gone"))
        };
        Ok(Self {
            cpu: cpu(&read("stat")?)?,
            rss_mb: rss_mb(&read("status")?)?,
            dropped: dropped(&read("net/udp")?),
        })
    }

    /// Seconds of processor time.
    pub fn cpu_since(&self, before: &Self) -> f64 {
        self.cpu - before.cpu
    }
}

fn cpu(stat: &str) -> Result<f64> {
    // The second field is a name in parentheses that may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| -> Result<u64> { Ok(fields.get(index).context("short stat")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn rss_mb(status: &str) -> Result<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// The last column of every socket.
fn dropped(udp: &str) -> u64 {
    udp.lines().skip(1).filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_says_is_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 3 0 100 1 1";
        assert!(
            (cpu(stat).expect("fields") * rustix::param::clock_ticks_per_second() as f64 - 200.0).abs()
                < 1e-9
        );
        assert_eq!(rss_mb("Name:\tx\nVmRSS:\t    2048 kB\n").expect("a line").to_bits(), 2.0_f64.to_bits());
        let udp = "  sl  local_address rem_address   st drops\n 1: 0100007F:0D98 0 07 3\n 2: 0100007F:0D99 0 07 4\n";
        assert_eq!(dropped(udp), 7);
    }
}
