//! Auscult's media server in `mediahost`: the same code as in `auscult serve`, without accounts and database, as Janus
//! has none either. Joins go through signed tokens.

use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use str0m::media::MediaKind;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::rpc::Rpc;
use super::{Ask, Line, Tell};
use crate::loadgen::participant::Who;

pub struct Auscult {
    pub pid: u32,
    rpc: Rpc,
    _process: Child,
}

impl Auscult {
    /// Starts `mediahost`, which lies beside this program, with `workers` media threads (0: one per core).
    pub async fn start(workers: usize) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("mediahost");
        let mut process = Command::new(&program)
            .args(["--workers", &workers.to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{}: build it first", program.display()))?;
        let output = process.stdout.take().context("mediahost prints")?;
        let address = BufReader::new(output).lines().next_line().await?.context("mediahost has ended")?;
        let rpc = Rpc::connect(&format!("ws://{address}"), "mediahost").await?;
        Ok(Self { pid: process.id().context("mediahost has ended")?, rpc, _process: process })
    }

    pub async fn handle(&self, ask: Ask) -> Result<Vec<Tell>> {
        match ask {
            Ask::Join(join) => {
                let who = join.who;
                let lines = |lines: &[Line]| -> Vec<Value> { lines.iter().map(line).collect() };
                let request = json!({
                    "request": "join", "room": who.room, "seat": who.seat, "offer": join.offer,
                    "publish": lines(&join.publish), "subscribe": lines(&join.subscribe),
                });
                let reply = self.rpc.call(request).await?;
                let sdp = reply["answer"].as_str().context("no answer")?.to_owned();
                Ok(vec![Tell::Answer { who, sdp }])
            }
            Ask::Applied(who) => self.tell("applied", who).await,
            Ask::Leave(who) => self.tell("leave", who).await,
            Ask::Close(room) => self.tell("close", Who { room, seat: 0 }).await,
            Ask::Answer { .. } => Ok(Vec::new()),
        }
    }

    async fn tell(&self, request: &str, who: Who) -> Result<Vec<Tell>> {
        self.rpc.call(json!({ "request": request, "room": who.room, "seat": who.seat })).await?;
        Ok(Vec::new())
    }

    /// Everything that the media server counts, as Prometheus reads it.
    pub async fn metrics(&self) -> Result<String> {
        let reply = self.rpc.call(json!({ "request": "metrics" })).await?;
        Ok(reply["metrics"].as_str().context("no metrics")?.to_owned())
    }
}

fn line(line: &Line) -> Value {
    let source = if line.kind == MediaKind::Audio { "microphone" } else { "camera" };
    json!({ "mid": line.mid, "seat": line.seat, "source": source })
}
