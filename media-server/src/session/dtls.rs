//! DTLS of every session, with what is the same for all of them made once: one certificate per worker, one checked
//! configuration. str0m's own provider tries all algorithms out again for each session, which costs a join more than the
//! handshake does.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls};
use str0m::config::CryptoProvider;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use zeroize::Zeroizing;

use crate::egress::Agreed;

/// A lost message of ours is repeated after this long, and after twice as long each further time. ICE has proved the way, so
/// that the second of RFC 6347 §4.2.4.1 would only keep people waiting on bad networks; browsers begin with 50 ms.
const REPEAT_AFTER: Duration = Duration::from_millis(250);
/// The first message is there before ICE has found a way, which may take half a minute.
const REPEATS: usize = 7;

/// str0m wants a provider that lives forever; this one holds nothing but constants.
static PROVIDER: SharedConfig = SharedConfig { config: OnceLock::new() };

/// What the sessions of a worker share.
pub(crate) struct Identity {
    pub(super) crypto: Arc<CryptoProvider>,
    pub(super) certificate: DtlsCert,
}

impl Identity {
    pub(crate) fn generate() -> Self {
        let mut crypto = str0m::crypto::from_feature_flags();
        let certificate = crypto.dtls_provider.generate_certificate();
        crypto.dtls_provider = &PROVIDER;
        Self { crypto: Arc::new(crypto), certificate: certificate.expect("aws-lc-rs makes certificates") }
    }
}

#[derive(Debug)]
struct SharedConfig {
    config: OnceLock<Arc<Config>>,
}

impl SharedConfig {
    /// No cookie: only addresses that have proved themselves by ICE get as far as DTLS (`demux.rs`).
    fn config(&self, mtu: Option<usize>) -> Result<Arc<Config>, CryptoError> {
        if let Some(config) = self.config.get().filter(|config| mtu.is_none_or(|mtu| mtu == config.mtu())) {
            return Ok(Arc::clone(config));
        }
        let builder =
            Config::builder().use_server_cookie(false).flight_start_rto(REPEAT_AFTER).flight_retries(REPEATS);
        let builder = if let Some(mtu) = mtu { builder.mtu(mtu) } else { builder };
        let config = builder.build().map_err(|error| CryptoError::Other(format!("DTLS: {error}")))?;
        let config = Arc::new(config);
        // Another worker may have been first; both made the same.
        drop(self.config.set(Arc::clone(&config)));
        Ok(config)
    }
}

impl DtlsProvider for SharedConfig {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        str0m::crypto::from_feature_flags().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        if version != DtlsVersion::Dtls12 {
            return Err(CryptoError::Other(format!("DTLS {version} is not set up")));
        }
        let dtls = Dtls::new_12(self.config(mtu)?, certificate.clone(), now);
        Ok(Box::new(Instance { dtls, settled: None }))
    }
}

struct Instance {
    dtls: Dtls,
    /// Nothing is left to poll before this time, unless something is done with it. str0m polls it for each packet of a
    /// session, long after it has anything to say.
    settled: Option<Instant>,
}

impl Instance {
    fn changed(&mut self) -> &mut Dtls {
        self.settled = None;
        &mut self.dtls
    }
}

thread_local! {
    /// str0m keeps what DTLS agreed on to itself. Whoever drives an `Rtc` finds it here afterwards.
    static AGREED: RefCell<Option<Agreed>> = const { RefCell::new(None) };
}

/// What the handshake that ended last on this thread has agreed on; once.
pub(super) fn take_agreed() -> Option<Agreed> {
    AGREED.with_borrow_mut(Option::take)
}

impl fmt::Debug for Instance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Instance")
    }
}

impl DtlsInstance for Instance {
    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        if let Some(at) = self.settled {
            return DtlsOutput::Timeout(at);
        }
        let active = self.dtls.is_active();
        let output = self.dtls.poll_output(buffer);
        match &output {
            DtlsOutput::KeyingMaterial(material, profile) => {
                let material = Zeroizing::new(material.as_ref().to_vec());
                AGREED.set(Some(Agreed { profile: *profile, material, active }));
            }
            DtlsOutput::Timeout(at) => self.settled = Some(*at),
            _ => {}
        }
        output
    }

    fn set_active(&mut self, active: bool) {
        self.changed().set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        if self.dtls.is_active() && is_client_hello(packet) {
            return Ok(());
        }
        self.changed().handle_packet(packet)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.changed().handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.changed().send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.dtls.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.dtls.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.dtls.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.dtls.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.changed().close()
    }
}

/// Does the datagram begin with a `ClientHello`? A handshake record of epoch 0 (RFC 6347 §4.1), whose message is of type 1
/// (§4.3.2). A client has no use for it, and dimpl would keep it in place of the server's answer.
fn is_client_hello(datagram: &[u8]) -> bool {
    datagram.first() == Some(&22) && datagram.get(3..5) == Some(&[0, 0]) && datagram.get(13) == Some(&1)
}
