//! The real binary: how it starts, refuses to start, and stops.

#![expect(clippy::disallowed_methods, reason = "waits for another process")]

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// As operators start it, with everything on free ports of the loopback address.
fn auscult(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auscult"));
    command
        .args(arguments)
        .env("AUSCULT_DATA__FOLDER", folder.join("data"))
        .env("AUSCULT_HTTP__LISTEN", "127.0.0.1:0")
        .env("AUSCULT_MEDIA__LISTEN", "127.0.0.1")
        .env("AUSCULT_MEDIA__FIRST_PORT", "0")
        .env("AUSCULT_MEDIA__WORKERS", "1")
        .env("AUSCULT_WHISPER__ENABLED", "false")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// A running server; killed when dropped.
struct Running {
    child: Child,
    printed: String,
}

impl Running {
    /// Waits until it says where it can be reached.
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let mut stdout = child.stdout.take().expect("piped");
        let mut printed = String::new();
        let mut buffer = [0; 1024];
        while !printed.contains("Auscult is ready: https://127.0.0.1:") {
            let read = stdout.read(&mut buffer).expect("readable");
            assert!(read > 0, "it ended: {printed}");
            printed += &String::from_utf8_lossy(&buffer[..read]);
        }
        Self { child, printed }
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(done.is_ok_and(|status| status.success()));
    }

    fn address(&self) -> String {
        let url = self.printed.split("https://").nth(1).expect("it said where");
        url.split_whitespace().next().expect("an address").to_owned()
    }

    /// The exit code, within this time.
    fn exit_within(&mut self, patience: Duration) -> Option<i32> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("our child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("still running");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn sigterm_and_sigint_end_it_with_success_within_the_grace_period() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Running::start(&mut auscult(folder.path(), &["serve"]));
        server.signal(signal);
        assert_eq!(server.exit_within(Duration::from_secs(10)), Some(0), "SIG{signal}");
    }
}

#[test]
fn a_handshake_under_way_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Running::start(&mut auscult(folder.path(), &["serve"]));
    let _silent = std::net::TcpStream::connect(server.address()).unwrap();
    server.signal("TERM");
    assert_eq!(server.exit_within(Duration::from_secs(5)), Some(0));
}

#[test]
fn a_stuck_client_is_cut_off_after_the_grace_period_and_that_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = auscult(folder.path(), &["serve"]);
    let mut server = Running::start(command.env("AUSCULT_HTTP__SHUTDOWN_GRACE_S", "1"));
    let _stuck = stuck_request(&server.address(), &folder.path().join("data/certificate.pem"));
    server.signal("TERM");
    assert_eq!(server.exit_within(Duration::from_secs(5)), Some(0));
}

/// A request whose body never comes keeps the server waiting, as long as nobody insists.
#[test]
fn a_second_signal_ends_it_at_once_and_with_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Running::start(&mut auscult(folder.path(), &["serve"]));
    let _stuck = stuck_request(&server.address(), &folder.path().join("data/certificate.pem"));
    server.signal("TERM");
    std::thread::sleep(Duration::from_secs(1));
    assert!(server.child.try_wait().expect("our child").is_none(), "it waits for the request");
    server.signal("TERM");
    assert_eq!(server.exit_within(Duration::from_secs(3)), Some(1));
}

/// Half a request over TLS; the connection stays open as long as the stream lives.
fn stuck_request(
    address: &str,
    certificate: &Path,
) -> rustls::StreamOwned<rustls::ClientConnection, std::net::TcpStream> {
    use rustls::pki_types::pem::PemObject;
    use std::io::Write;
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut roots = rustls::RootCertStore::empty();
    let own = rustls::pki_types::CertificateDer::from_pem_file(certificate).expect("a certificate");
    roots.add(own).expect("usable");
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = "127.0.0.1".try_into().expect("a name");
    let session = rustls::ClientConnection::new(config.into(), name).expect("a session");
    let socket = std::net::TcpStream::connect(address).expect("connects");
    let mut stream = rustls::StreamOwned::new(session, socket);
    let head = format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("written");
    stream.flush().expect("flushed");
    // The handshake is complete once the server's first bytes after it have been read.
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).expect("TLS");
    }
    std::thread::sleep(Duration::from_millis(300));
    stream
}

#[test]
fn a_demonstration_clinic_is_made_once_with_random_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data/demo-credentials.txt");
    let mut first = Running::start(&mut auscult(folder.path(), &["serve", "--demo"]));
    let accounts = std::fs::read_to_string(&file).unwrap();
    for role in ["doctor  ", "patient  "] {
        let line = accounts.lines().find(|line| line.starts_with(role)).unwrap();
        assert!(first.printed.contains(line), "{}", first.printed);
    }
    first.signal("TERM");
    assert_eq!(first.exit_within(Duration::from_secs(10)), Some(0));

    let second = Running::start(&mut auscult(folder.path(), &["serve", "--demo"]));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), accounts);
    assert!(second.printed.contains(file.to_str().unwrap()), "{}", second.printed);

    let elsewhere = tempfile::tempdir().unwrap();
    let _other = Running::start(&mut auscult(elsewhere.path(), &["serve", "--demo"]));
    let others = std::fs::read_to_string(elsewhere.path().join("data/demo-credentials.txt")).unwrap();
    assert_ne!(others, accounts);
}

#[test]
fn what_is_kept_is_readable_by_the_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let _server = Running::start(&mut auscult(folder.path(), &["serve", "--demo"]));
    let mode = |path: &str| std::fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("data"), 0o700);
    assert_eq!(mode("data/demo-credentials.txt"), 0o600);
    assert_eq!(mode("data/certificate-key.pem"), 0o600);
}

#[test]
fn a_port_in_use_is_said_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(auscult(folder.path(), &["serve"]).env("AUSCULT_HTTP__LISTEN", &address));
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains(&format!("http.listen {address} is already in use")), "{}", said(&output));
}

#[test]
fn a_bad_certificate_is_said_with_its_key_and_path() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(auscult(folder.path(), &["serve"])
        .env("AUSCULT_HTTP__CERTIFICATE", "/no/such/chain.pem")
        .env("AUSCULT_HTTP__PRIVATE_KEY", "/no/such/key.pem"));
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("http.certificate /no/such/chain.pem"), "{}", said(&output));
}

#[test]
fn check_config_says_good_or_names_the_key_and_the_file() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&mut auscult(folder.path(), &["check-config"])).status.code(), Some(0));
    let file = folder.path().join("bad.toml");
    std::fs::write(&file, "[http]\nlisten_on = \"127.0.0.1:1\"\n").unwrap();
    let path = file.to_str().unwrap();
    let output = run(&mut auscult(folder.path(), &["check-config", "--config", path]));
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("http.listen_on"), "{}", said(&output));
    assert!(said(&output).contains(path), "{}", said(&output));
}

#[test]
fn an_account_is_made_once_and_its_password_shown() {
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        ["admin", "create-user", "--email", "ada@clinic.example", "--name", "Ada", "--role", "admin"];
    let made = run(&mut auscult(folder.path(), &arguments));
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    assert!(String::from_utf8_lossy(&made.stdout).contains("Password, shown this once: "));
    let again = run(&mut auscult(folder.path(), &arguments));
    assert_eq!(again.status.code(), Some(1), "{}", said(&again));
    assert_eq!(run(&mut auscult(folder.path(), &["migrate"])).status.code(), Some(0));
}

#[test]
fn a_model_that_cannot_be_fetched_is_said_and_does_not_stop_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let mut fetch = auscult(folder.path(), &["model", "fetch", "tiny.en"]);
    let output = run(fetch.env("AUSCULT_MODELS__BASE_URL", "http://127.0.0.1:1"));
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("cannot reach http://127.0.0.1:1/ggml-tiny.en.bin"), "{}", said(&output));

    let mut serve = auscult(folder.path(), &["serve", "--fetch-model", "tiny.en"]);
    let mut server = Running::start(serve.env("AUSCULT_MODELS__BASE_URL", "http://127.0.0.1:1"));
    server.signal("TERM");
    assert_eq!(server.exit_within(Duration::from_secs(10)), Some(0));
}

/// Captions never decide whether a call can take place.
#[test]
fn a_missing_or_broken_model_is_reported_and_calls_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let broken = folder.path().join("broken.bin");
    std::fs::write(&broken, [7; 5000]).expect("written");
    for model in [folder.path().join("missing.bin"), broken] {
        let mut command = auscult(folder.path(), &["serve"]);
        command.env("AUSCULT_WHISPER__ENABLED", "true").env("AUSCULT_WHISPER__MODEL", &model);
        let mut server = Running::start(&mut command);
        server.signal("TERM");
        assert_eq!(server.exit_within(Duration::from_secs(20)), Some(0));
        let mut log = String::new();
        server.child.stderr.take().expect("piped").read_to_string(&mut log).expect("readable");
        assert!(
            log.contains("captions are unavailable") && log.contains(&model.display().to_string()),
            "{log}"
        );
    }
    let mut check = auscult(folder.path(), &["check-config"]);
    let refused = run(check.env("AUSCULT_WHISPER__MODEL", folder.path().join("missing.bin")));
    assert!(!refused.status.success() && said(&refused).contains("whisper.model"));
}
