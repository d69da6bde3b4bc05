//! The certificate of the one public port: the operator's own, or one made here so that a first start needs nothing.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::HttpConfig;
use crate::domain::time::Timestamp;

/// Browsers accept at most 398 days.
const VALIDITY: Duration = Duration::from_hours(397 * 24);
/// Made anew when it has less than this left.
const RENEW_BEFORE: Duration = Duration::from_hours(30 * 24);

/// Why there is no usable certificate; names the option and the file.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("{option} {}: {why}", path.display())]
    Unusable { option: &'static str, path: PathBuf, why: String },
    #[error("certificate in {}: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("making a certificate: {0}")]
    Make(#[from] rcgen::Error),
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// TLS for the public port: the configured pair, else the one in `folder`, made or renewed when needed.
pub fn server_config(
    http: &HttpConfig,
    folder: &Path,
    now: Timestamp,
) -> Result<Arc<ServerConfig>, CertificateError> {
    let own = !http.certificate.as_os_str().is_empty();
    let (certificate, key) = if own {
        (http.certificate.clone(), http.private_key.clone())
    } else {
        keep_self_made(folder, &names(), now)?
    };
    let chain = read_chain(&certificate)?;
    let private_key = PrivateKeyDer::from_pem_file(&key)
        .map_err(|error| unusable("http.private_key", &key, pem_problem(&error, "private key")))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, private_key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                let why = format!("does not belong to the certificate {}", certificate.display());
                unusable("http.private_key", &key, why)
            }
            other => unusable("http.certificate", &certificate, other.to_string()),
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match chain {
        Ok(chain) if chain.is_empty() => {
            Err(unusable("http.certificate", path, "holds no certificate in PEM form".into()))
        }
        Ok(chain) => Ok(chain),
        Err(error) => Err(unusable("http.certificate", path, pem_problem(&error, "certificate"))),
    }
}

fn unusable(option: &'static str, path: &Path, why: String) -> CertificateError {
    CertificateError::Unusable { option, path: path.to_owned(), why }
}

fn pem_problem(error: &rustls::pki_types::pem::Error, what: &str) -> String {
    use rustls::pki_types::pem::Error;
    match error {
        Error::Io(error) => error.to_string(),
        Error::NoItemsFound => format!("holds no {what} in PEM form"),
        other => format!("holds no readable {what}: {other:?}"),
    }
}

/// The names people may type to reach this machine.
fn names() -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if let Ok(host) = fs::read_to_string("/proc/sys/kernel/hostname") {
        names.push(host.trim().to_ascii_lowercase());
    }
    names.extend(outgoing_address().map(|address| address.to_string()));
    names.retain(|name| !name.is_empty());
    names.dedup();
    names
}

/// The address that the default route would send from. Connecting a UDP socket sends nothing.
fn outgoing_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Paths of the certificate and its key in `folder`.
fn keep_self_made(
    folder: &Path,
    names: &[String],
    now: Timestamp,
) -> Result<(PathBuf, PathBuf), CertificateError> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("certificate-key.pem"));
    let kept = fs::read_to_string(&certificate).unwrap_or_default();
    if !is_good(&kept, names, now) || !key.is_file() {
        make(&certificate, &key, names, now)?;
        tracing::info!(path = %certificate.display(), "made a certificate; browsers will ask once whether to trust it");
    }
    Ok((certificate, key))
}

/// The text before the PEM block says what we need to know again, so that no certificate has to be parsed.
fn is_good(pem: &str, names: &[String], now: Timestamp) -> bool {
    let field = |name: &str| pem.lines().find_map(|line| line.strip_prefix(name));
    let ends = field("Ends: ").and_then(|millis| millis.parse().ok()).map(Timestamp::from_millis);
    let known: Vec<_> = field("Names: ").unwrap_or_default().split(' ').collect();
    ends.is_some_and(|ends| ends > now.plus(RENEW_BEFORE))
        && names.iter().all(|name| known.contains(&name.as_str()))
}

fn make(certificate: &Path, key: &Path, names: &[String], now: Timestamp) -> Result<(), CertificateError> {
    let folder = certificate.parent().unwrap_or(Path::new("."));
    let failed = |source| CertificateError::Folder { folder: folder.to_owned(), source };
    let usable: Vec<String> = names.iter().filter(|name| name.is_ascii()).cloned().collect();
    let mut params = CertificateParams::new(usable)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Auscult on this machine");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // An hour back: clocks of clients differ.
    let begins = time::OffsetDateTime::from_unix_timestamp(now.millis() / 1000 - 3600)
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    params.not_before = begins;
    params.not_after = begins + VALIDITY;
    let pair = KeyPair::generate()?;
    let pem = params.self_signed(&pair)?.pem();

    let mut text = String::from("Made by Auscult for itself.\n");
    let ends = params.not_after.unix_timestamp() * 1000;
    let _ = write!(text, "Ends: {ends}\nNames: {}\n{pem}", names.join(" "));
    // The key first: a certificate without its key would be taken for good at the next start.
    write_private(key, &pair.serialize_pem()).map_err(failed)?;
    write_private(certificate, &text).map_err(failed)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let part = path.with_extension("part");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000).plus(Duration::from_hours(day * 24))
    }

    fn provider() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }

    #[test]
    fn a_made_certificate_is_kept_until_it_nears_its_end() {
        provider();
        let folder = tempfile::tempdir().unwrap();
        let read = || fs::read_to_string(folder.path().join("certificate.pem")).unwrap();
        server_config(&HttpConfig::default(), folder.path(), day(0)).unwrap();
        let first = read();
        server_config(&HttpConfig::default(), folder.path(), day(300)).unwrap();
        assert_eq!(read(), first);
        server_config(&HttpConfig::default(), folder.path(), day(380)).unwrap();
        assert_ne!(read(), first);
    }

    #[test]
    fn a_new_address_of_the_machine_is_put_into_a_new_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let old = vec!["localhost".to_owned(), "10.0.0.1".to_owned()];
        keep_self_made(folder.path(), &old, day(0)).unwrap();
        let kept = fs::read_to_string(folder.path().join("certificate.pem")).unwrap();
        assert!(is_good(&kept, &old, day(1)));
        assert!(!is_good(&kept, &["10.0.0.2".to_owned()], day(1)));
    }

    #[test]
    fn the_key_is_readable_by_the_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        keep_self_made(folder.path(), &names(), day(0)).unwrap();
        let mode = fs::metadata(folder.path().join("certificate-key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn an_unusable_pair_is_refused_with_option_and_path() {
        provider();
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = keep_self_made(folder.path(), &names(), day(0)).unwrap();
        let other = folder.path().join("other.pem");
        fs::write(&other, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        let missing = folder.path().join("missing.pem");
        for (certificate, key, option, path) in [
            (&missing, &key, "http.certificate", &missing),
            (&certificate, &missing, "http.private_key", &missing),
            (&key, &key, "http.certificate", &key),
            (&certificate, &certificate, "http.private_key", &certificate),
            (&certificate, &other, "http.private_key", &other),
        ] {
            let http = HttpConfig {
                certificate: certificate.clone(),
                private_key: key.clone(),
                ..HttpConfig::default()
            };
            let error = server_config(&http, folder.path(), day(0)).unwrap_err().to_string();
            assert!(error.contains(option) && error.contains(path.to_str().unwrap()), "{error}");
        }
    }
}
