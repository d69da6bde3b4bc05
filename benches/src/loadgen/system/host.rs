//! Programs of ours that lie beside the generator: `mediahost`, Auscult's media server as in `auscult serve` but without
//! accounts and database, as Janus has none either (joins go through signed tokens); and `floorhost`, the bare relay.

use std::process::Stdio;

use anyhow::{Context, Result};
use media_server::Source;
use serde_json::{Value, json};
use str0m::media::MediaKind;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use super::rpc::Rpc;
use super::tokens::Signer;
use super::{Ask, Line, Place, Tell};
use crate::loadgen::participant::Who;

pub struct Host {
    pub pid: u32,
    rpc: Rpc,
    signer: Signer,
    _process: Child,
}

impl Host {
    /// `workers`: media threads, 0 for one per core. `options`: what else its command line says.
    pub async fn start(place: &Place, program: &str, workers: usize, options: &[&str]) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name(program);
        let signer = Signer::generate()?;
        let mut process = place
            .command(&program.to_string_lossy())
            .args(["--workers", &workers.to_string(), "--listen", &place.server.to_string()])
            // In one word: a key may begin with a hyphen.
            .arg(format!("--join-key={}", signer.public))
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}: build it first", program.display()))?;
        let output = process.stdout.take().context("it prints its address")?;
        let address = BufReader::new(output).lines().next_line().await?.context("the server has ended")?;
        let rpc = Rpc::connect(&format!("ws://{address}"), "mediahost", |_| ()).await?;
        Ok(Self { pid: process.id().context("the server has ended")?, rpc, signer, _process: process })
    }

    pub async fn handle(&self, ask: Ask) -> Result<Vec<Tell>> {
        match ask {
            Ask::Join(join) => {
                let who = join.who;
                let lines = |lines: &[Line]| -> Vec<Value> { lines.iter().map(line).collect() };
                let token = self.signer.sign(who, join.publish.iter().map(source).collect())?;
                let join = json!({
                    "token": token, "room": who.room, "seat": who.seat, "offer": join.offer,
                    "publish": lines(&join.publish), "subscribe": lines(&join.subscribe),
                });
                let reply = self.rpc.call(json!({ "request": { "join": join } })).await?;
                let sdp = reply["answer"].as_str().context("no answer")?.to_owned();
                Ok(vec![Tell::Answer { who, sdp }])
            }
            Ask::Applied(who) => self.tell("applied", who).await,
            Ask::Captioned(Who { room, seat }, captioned) => {
                let captioned = json!({ "room": room, "seat": seat, "captioned": captioned });
                self.rpc.call(json!({ "request": { "captioned": captioned } })).await?;
                Ok(Vec::new())
            }
            Ask::Leave(who) => self.tell("leave", who).await,
            Ask::Close(room) => self.tell("close", Who { room, seat: 0 }).await,
            Ask::Answer { .. } => Ok(Vec::new()),
        }
    }

    async fn tell(&self, request: &str, who: Who) -> Result<Vec<Tell>> {
        self.rpc.tell(&json!({ "request": { request: { "room": who.room, "seat": who.seat } } })).await?;
        Ok(Vec::new())
    }

    /// Everything that it counts, as Prometheus reads it; nothing, if it does not count.
    pub async fn metrics(&self) -> Result<String> {
        let reply = self.rpc.call(json!({ "request": "metrics" })).await?;
        Ok(reply["metrics"].as_str().unwrap_or_default().to_owned())
    }
}

fn source(line: &Line) -> Source {
    if line.kind == MediaKind::Audio { Source::Microphone } else { Source::Camera }
}

fn line(line: &Line) -> Value {
    json!({ "mid": line.mid, "seat": line.seat, "source": source(line) })
}
