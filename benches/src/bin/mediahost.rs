//! The media server alone in a process, for the load generator: no accounts, no database, no browser. Every join has a token
//! that is verified as in production; who signs them is the generator, in the control plane's place.
//!
//! Prints the address of its WebSocket. Requests there: `join`, `applied`, `captioned`, `leave`, `close`, `metrics`.
#![expect(clippy::disallowed_methods, reason = "the clock of a command-line tool")]

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use benches::host::{self, Arguments, Body, Line, participant, room_id};
use clap::Parser;
use media_server::{
    JoinTokenVerifier, MediaConfig, MediaServer, Negotiation, Publication, Subscription, TrackId,
    WhisperConfig,
};
use prometheus::{Registry, TextEncoder};
use serde_json::{Value, json};

struct Host {
    server: MediaServer,
    registry: Registry,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let public = BASE64_URL_SAFE_NO_PAD.decode(&arguments.join_key).context("--join-key")?;
    let public: [u8; 32] = public.as_slice().try_into().context("--join-key")?;
    let config = MediaConfig {
        listen: arguments.listen,
        first_port: 0,
        workers: arguments.workers,
        max_participants_per_room: 200,
        max_participants_per_worker: 5000,
        ..MediaConfig::default()
    };
    let whisper = WhisperConfig {
        enabled: arguments.captions,
        demonstration_fallback: true,
        ..WhisperConfig::default()
    };
    let registry = Registry::new();
    let verifier = JoinTokenVerifier::new(&public);
    let (server, mut events) = MediaServer::start(&config, &whisper, verifier, &registry, unix_ms()?)?;
    let host = Arc::new(Host { server, registry });
    let served = host::serve(arguments.listen, move |body| {
        let host = Arc::clone(&host);
        async move { host.handle(body).await }
    });
    tokio::select! {
        served = served => served,
        () = async { while events.recv().await.is_some() {} } => bail!("the media server has ended"),
    }
}

impl Host {
    async fn handle(&self, body: Body) -> Result<Value> {
        match body {
            Body::Join { token, room, seat: _, offer, publish, subscribe } => {
                let publish: Vec<Publication> = publish
                    .into_iter()
                    .map(|line| Publication { mid: line.mid, source: line.source })
                    .collect();
                let track =
                    |line: &Line| TrackId { participant: participant(room, line.seat), source: line.source };
                let subscribe = subscribe
                    .into_iter()
                    .map(|line| Subscription { track: track(&line), mid: line.mid })
                    .collect();
                let negotiation = Negotiation { request: 1, offer, publish, subscribe };
                Ok(json!({ "answer": self.server.connect(&token, negotiation).await?.0 }))
            }
            Body::Applied { room, seat } => {
                self.server.negotiated(room_id(room), participant(room, seat), 1).await;
                Ok(json!({}))
            }
            Body::Captioned { room, seat, captioned } => {
                self.server.set_captioned(room_id(room), participant(room, seat), captioned).await;
                Ok(json!({}))
            }
            Body::Leave { room, seat } => {
                self.server.leave(room_id(room), participant(room, seat)).await;
                Ok(json!({}))
            }
            Body::Close { room } => {
                self.server.close_room(room_id(room)).await;
                Ok(json!({}))
            }
            Body::Metrics => {
                Ok(json!({ "metrics": TextEncoder::new().encode_to_string(&self.registry.gather())? }))
            }
        }
    }
}

fn unix_ms() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}
