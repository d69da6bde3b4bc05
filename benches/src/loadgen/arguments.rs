//! The load generator's command line, and the systems that it names.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use super::link::Profile;
use super::scenario::Scenario;
use super::system::host::Host;
use super::system::janus::Janus;
use super::system::{Place, System};

#[derive(Clone, Copy, ValueEnum)]
pub enum Kind {
    Auscult,
    Janus,
    Floor,
}

impl Kind {
    /// In rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auscult => "auscult",
            Self::Janus => "janus",
            Self::Floor => "floor",
        }
    }
}

#[derive(Parser)]
pub struct Arguments {
    #[arg(long, value_enum, value_delimiter = ',', default_value = "auscult")]
    pub system: Vec<Kind>,
    /// One or more of one-to-one, three-party, five-party, audio-only, one-to-many, join-storm, churn.
    #[arg(long, value_delimiter = ',', default_value = "one-to-one")]
    pub scenario: Vec<String>,
    /// Rooms, a row for each number; for join-storm and churn rooms per second. Default: the scenario's.
    #[arg(long, value_delimiter = ',')]
    pub rooms: Vec<usize>,
    /// Simulcast layers of every camera: 1 or 3.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub layers: u8,
    /// What the clients' networks are like: clean, lossy, lossy-everyone, reordering, step. Default: the machine's own.
    #[arg(long, value_delimiter = ',', value_parser = Profile::named)]
    pub profile: Vec<Profile>,
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Runs of each; the median one is reported. With `--speakers`: turns of each.
    #[arg(long, default_value_t = 1)]
    pub repeat: usize,
    /// Before the measurement, with everything flowing.
    #[arg(long, default_value_t = 3.0)]
    pub warmup: f64,
    /// Generator threads.
    #[arg(long, default_value_t = 2)]
    pub threads: u8,
    /// Threads of the system under test, where it can be told; 0: its own choice.
    #[arg(long, default_value_t = 0)]
    pub workers: usize,
    /// Address of the system under test.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub server: IpAddr,
    /// Words before the command line of the system under test, `nsenter` into its network for one.
    #[arg(long, default_value = "")]
    pub launcher: String,
    /// Junk datagrams per second from strangers while the measurement lasts.
    #[arg(long, default_value_t = 0)]
    pub junk: u32,
    /// Raise the rooms from `--rooms` until packets are lost or the generator falls behind, then hold what went well.
    #[arg(long)]
    pub find_limit: bool,
    /// Speakers beside the calls of Auscult, in turn without and with captions of what they say.
    #[arg(long, default_value_t = 0, conflicts_with_all = ["find_limit", "junk", "system"])]
    pub speakers: usize,
    /// Of the phases between participants.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write the rows here too.
    #[arg(long)]
    pub output: Option<PathBuf>,
}

/// `captions`: it could caption.
pub async fn start(kind: Kind, scenario: Scenario, arguments: &Arguments, captions: bool) -> Result<System> {
    let launcher = arguments.launcher.split_whitespace().map(str::to_owned).collect();
    let place = Place { server: arguments.server, launcher };
    let options: &[&str] = if captions { &["--captions"] } else { &[] };
    Ok(match kind {
        Kind::Auscult => System::Host(Host::start(&place, "mediahost", arguments.workers, options).await?),
        Kind::Floor => System::Host(Host::start(&place, "floorhost", arguments.workers, &[]).await?),
        Kind::Janus => System::Janus(Janus::start(&place, scenario).await?),
    })
}
