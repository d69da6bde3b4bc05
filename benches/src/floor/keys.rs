//! DTLS of str0m, with the SRTP keying material copied out on its way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use str0m::config::CryptoProvider;
use str0m::config::DtlsCert;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion, SrtpProfile,
};

/// Keying material of the handshake that was finished last; one thread drives all of them.
type Latest = Mutex<Option<Handshake>>;

/// What a handshake agreed on.
#[derive(Debug)]
pub(super) struct Handshake {
    /// RFC 5764 §4.2: client key, server key, client salt, server salt.
    pub(super) material: Vec<u8>,
    pub(super) profile: SrtpProfile,
    /// We were the DTLS client.
    pub(super) client: bool,
}

#[derive(Debug)]
struct Tapped {
    inner: &'static dyn DtlsProvider,
    latest: &'static Latest,
}

#[derive(Debug)]
struct TappedInstance {
    inner: Box<dyn DtlsInstance>,
    latest: &'static Latest,
}

/// Every handshake made with `provider` leaves its keys in [`KeyTap::take`].
pub(super) struct KeyTap {
    pub(super) provider: Arc<CryptoProvider>,
    latest: &'static Latest,
}

impl KeyTap {
    /// One per process: str0m wants providers that live forever.
    pub(super) fn new() -> Self {
        let mut provider = str0m::crypto::from_feature_flags();
        let latest: &'static Latest = Box::leak(Box::default());
        provider.dtls_provider = Box::leak(Box::new(Tapped { inner: provider.dtls_provider, latest }));
        Self { provider: Arc::new(provider), latest }
    }

    pub(super) fn take(&self) -> Option<Handshake> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl DtlsProvider for Tapped {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.inner.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = self.inner.new_dtls(certificate, now, version, mtu)?;
        Ok(Box::new(TappedInstance { inner, latest: self.latest }))
    }
}

impl DtlsInstance for TappedInstance {
    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let client = self.inner.is_active();
        let output = self.inner.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            let handshake = Handshake { material: material.to_vec(), profile: *profile, client };
            *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(handshake);
        }
        output
    }

    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.inner.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.inner.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.inner.close()
    }
}
