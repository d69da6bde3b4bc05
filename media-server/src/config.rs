//! Options of the media node. Documented for operators in `config/default.toml`.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The `[media]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaConfig {
    /// Address to bind, never advertised when unspecified.
    pub listen: IpAddr,
    /// Worker `i` uses UDP and TCP port `first_port + i`; 0 lets the system choose (tests).
    pub first_port: u16,
    /// Worker threads; 0 means one per core.
    pub workers: usize,
    /// Addresses browsers can reach us on besides the private one (NAT 1:1). The private one is always kept.
    pub public_addresses: Vec<IpAddr>,
    /// Only answer connectivity checks, never send them (RFC 8445 §2.5). Right for a server with a reachable address.
    pub ice_lite: bool,
    pub max_participants_per_room: usize,
    pub max_participants_per_worker: usize,
    /// Seconds without ICE connectivity before a session is given up.
    pub disconnect_timeout_s: u64,
    /// Two people with their microphones on who have not been sent each other's sound by then are reported.
    pub hearing_within_s: u64,
    /// A microphone that is on and sends nothing for this long is helped.
    pub silent_after_s: u64,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            listen: IpAddr::from([0, 0, 0, 0]),
            first_port: 3480,
            workers: 0,
            public_addresses: Vec::new(),
            ice_lite: true,
            max_participants_per_room: 8,
            max_participants_per_worker: 500,
            disconnect_timeout_s: 20,
            hearing_within_s: 15,
            silent_after_s: 5,
        }
    }
}

/// The `[whisper]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WhisperConfig {
    /// Turn captions off altogether.
    pub enabled: bool,
    /// A ggml Whisper model file. Empty: no model of your own.
    pub model: PathBuf,
    /// With no usable `model`, caption with the small bundled demonstration model (marked as such on screen).
    /// Never set this in production.
    pub demonstration_fallback: bool,
    /// Inference threads; 0 means one less than cores, at least one.
    pub threads: usize,
    /// Spoken language, ISO 639-1.
    pub language: String,
}

impl Default for WhisperConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            model: PathBuf::new(),
            demonstration_fallback: false,
            threads: 0,
            language: "en".into(),
        }
    }
}
