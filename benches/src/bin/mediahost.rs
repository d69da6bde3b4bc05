//! The media server alone in a process, for the load generator: no accounts, no database, no browser. It signs its own
//! join tokens, so that every join is verified as in production.
//!
//! Prints the address of its WebSocket. Requests there: `join`, `applied`, `captioned`, `leave`, `close`, `metrics`.
#![expect(clippy::disallowed_methods, reason = "the clock of a command-line tool")]

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use benches::host::{self, Arguments, Body, Line};
use clap::Parser;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use media_server::{
    ISSUER, JOIN_AUDIENCE, JoinClaims, JoinTokenVerifier, MediaConfig, MediaServer, Negotiation,
    ParticipantId, Publication, RoomId, Subscription, TrackId, WhisperConfig,
};
use prometheus::{Registry, TextEncoder};
use serde_json::{Value, json};
use uuid::Uuid;

struct Host {
    server: MediaServer,
    key: EncodingKey,
    registry: Registry,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let key = Ed25519KeyPair::generate()?;
    let public: [u8; 32] = key.public_key().as_ref().try_into()?;
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
    let host = Arc::new(Host { server, key: EncodingKey::from_ed_der(key.to_pkcs8()?.as_ref()), registry });
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
            Body::Join { room, seat, offer, publish, subscribe } => {
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
                let token = self.token(room, seat, &publish)?;
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

    fn token(&self, room: u32, seat: u16, publish: &[Publication]) -> Result<String> {
        let now = unix_ms()?.unsigned_abs() / 1000;
        let claims = JoinClaims {
            iss: ISSUER.into(),
            aud: JOIN_AUDIENCE.into(),
            sub: participant(room, seat),
            room: room_id(room),
            publish: publish.iter().map(|line| line.source).collect(),
            subscribe: true,
            iat: now,
            nbf: now.saturating_sub(1),
            exp: now + 60,
        };
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.key)?)
    }
}

fn room_id(room: u32) -> RoomId {
    RoomId::from_uuid(Uuid::from_u128(u128::from(room)))
}

fn participant(room: u32, seat: u16) -> ParticipantId {
    ParticipantId::from_uuid(Uuid::from_u128(u128::from(room) << 16 | u128::from(seat)))
}

fn unix_ms() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}
