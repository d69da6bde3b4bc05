//! The floor (see `floor/`) in a process of its own, for the load generator: the same requests as `mediahost`.

use std::sync::mpsc::{SyncSender, sync_channel};

use anyhow::{Context, Result};
use benches::floor::relay::{Command, Join, Relay};
use benches::host::{self, Arguments, Body};
use clap::Parser;
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// Commands waiting for the relay; full: requests wait.
const COMMANDS: usize = 256;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (commands, received) = sync_channel(COMMANDS);
    let relay = Relay::bind(arguments.listen, received)?;
    let thread = std::thread::Builder::new().name("relay".into()).spawn(move || {
        let _apart = allocator::set_apart();
        relay.run()
    })?;
    host::serve(arguments.listen, move |body| handle(commands.clone(), body)).await?;
    thread.join().ok().context("the relay panicked")?
}

async fn handle(commands: SyncSender<Command>, body: Body) -> Result<Value> {
    match body {
        Body::Join { token: _, room, seat, offer, publish, subscribe } => {
            let (reply, answer) = oneshot::channel();
            commands.send(Command::Join(Join { who: (room, seat), offer, publish, subscribe, reply }))?;
            Ok(json!({ "answer": answer.await?? }))
        }
        Body::Leave { room, seat } => {
            commands.send(Command::Leave((room, seat)))?;
            Ok(json!({}))
        }
        Body::Applied { .. } | Body::Captioned { .. } | Body::Close { .. } | Body::Metrics => Ok(json!({})),
    }
}
