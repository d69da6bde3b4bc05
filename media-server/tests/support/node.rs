//! A real media node on loopback sockets, and the control plane's half of it: join tokens and events.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jsonwebtoken::{Algorithm, EncodingKey, Header, get_current_timestamp};
use media_server::{
    ISSUER, JOIN_AUDIENCE, JoinClaims, JoinTokenVerifier, MediaConfig, MediaEvent, MediaServer,
    ParticipantId, RoomId, Source, WhisperConfig,
};
use prometheus::Registry;
use tokio::sync::mpsc;
use uuid::Uuid;

/// Whatever is awaited happens long before, or never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Node {
    pub(crate) server: MediaServer,
    pub(crate) registry: Registry,
    key: Ed25519KeyPair,
    events: mpsc::Receiver<MediaEvent>,
}

impl Node {
    pub(crate) fn start(workers: usize) -> Self {
        let key = signing_key();
        let public: [u8; 32] = key.public_key().as_ref().try_into().expect("32 bytes");
        let config = config(workers);
        let whisper = WhisperConfig { enabled: false, ..WhisperConfig::default() };
        let verifier = JoinTokenVerifier::new(&public);
        let registry = Registry::new();
        let (server, events) = MediaServer::start(&config, &whisper, verifier, &registry, 0).expect("starts");
        Self { server, registry, key, events }
    }

    pub(crate) fn public_key(&self) -> [u8; 32] {
        self.key.public_key().as_ref().try_into().expect("32 bytes")
    }

    pub(crate) fn token(&self, claims: &JoinClaims) -> String {
        sign(claims, &self.key)
    }

    /// Waits for an event; those before it are dropped.
    pub(crate) async fn event(&mut self, wanted: impl Fn(&MediaEvent) -> bool) {
        let found = async {
            while let Some(event) = self.events.recv().await {
                if wanted(&event) {
                    return;
                }
            }
            panic!("the node has ended");
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the event happens");
    }
}

impl Node {
    /// Whether such an event is among those that nobody has taken yet.
    pub(crate) fn has_happened(&mut self, wanted: impl Fn(&MediaEvent) -> bool) -> bool {
        std::iter::from_fn(|| self.events.try_recv().ok()).any(|event| wanted(&event))
    }
}

/// A node on ports that the system chooses.
pub(crate) fn config(workers: usize) -> MediaConfig {
    MediaConfig { listen: IpAddr::V4(Ipv4Addr::LOCALHOST), first_port: 0, workers, ..MediaConfig::default() }
}

pub(crate) fn signing_key() -> Ed25519KeyPair {
    Ed25519KeyPair::generate().expect("a key")
}

pub(crate) fn sign(claims: &JoinClaims, key: &Ed25519KeyPair) -> String {
    let pkcs8 = key.to_pkcs8().expect("encodable");
    let key = EncodingKey::from_ed_der(pkcs8.as_ref());
    jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), claims, &key).expect("signed")
}

/// May publish microphone and camera and receive, for a minute.
pub(crate) fn claims(room: RoomId, participant: ParticipantId) -> JoinClaims {
    let now = get_current_timestamp();
    JoinClaims {
        iss: ISSUER.into(),
        aud: JOIN_AUDIENCE.into(),
        sub: participant,
        room,
        publish: vec![Source::Microphone, Source::Camera],
        subscribe: true,
        iat: now,
        nbf: now,
        exp: now + 60,
    }
}

pub(crate) fn room_id(number: u128) -> RoomId {
    RoomId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn participant_id(number: u128) -> ParticipantId {
    ParticipantId::from_uuid(Uuid::from_u128(number))
}
