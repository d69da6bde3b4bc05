//! Words that nobody says anywhere else go into the real program through every way in, and are looked for afterwards in
//! every byte it left: databases and their journals, logs at their most talkative, metrics, temporary files, backups.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use control_plane::app::open_store;
use control_plane::clock::Clock;
use control_plane::config::Config;
use control_plane::domain::transcript::{EntryState, NewCaption};
use futures::{SinkExt as _, StreamExt as _};
use media_server::transcription::CaptionText;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use support::cluster::Cluster;
use support::database::{Urls, in_cluster};
use support::program::{Browser, Server, auscult};
use support::smtp::MailServer;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{Connector, connect_async_tls_with_config};

/// About patients, or their secrets. None of them is part of another one.
const NAME: &str = "Quillemina Brixtoft";
const EMAIL: &str = "quilletta.vorn@example.org";
const STRANGER: &str = "nobody.brundelix@example.org";
const PASSWORD: &str = "fourteen wobblequint umbrellas";
const REASON: &str = "My zyrtembix knee hurts since Monday";
const WORDS: &str = "the florbinax started hurting";
const GUEST: &str = "Ottoline Kraspendle";
const MALFORMED: &str = "half a gwendolquax";
const EMERGENCY: &str = "Unconscious beside a plimbertrone";
/// What the doctor calls the guest.
const LABEL: &str = "Her vaxbeekling sister";
const CANARIES: [&str; 10] =
    [NAME, EMAIL, STRANGER, PASSWORD, REASON, WORDS, GUEST, MALFORMED, EMERGENCY, LABEL];
/// Is kept as it is, so it has to be found: a search that finds nothing would prove nothing.
const SPECIALTY: &str = "Plimsology";

/// How a text, of ASCII, or a key could stand in a file.
fn disguises(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all =
        vec![bytes.to_vec(), hex::encode(bytes).into_bytes(), hex::encode_upper(bytes).into_bytes()];
    all.push(bytes.iter().flat_map(|byte| [*byte, 0]).collect());
    for space in ["+", "%20"] {
        all.push(bytes.split(|byte| *byte == b' ').collect::<Vec<_>>().join(space.as_bytes()));
    }
    // In base64 the letters depend on where the text begins; what its neighbours change is cut off.
    for shift in 0..3 {
        let mut shifted = vec![0; shift];
        shifted.extend(bytes);
        let encoded = STANDARD_NO_PAD.encode(&shifted).into_bytes();
        all.push(encoded[4..encoded.len() - 4].to_vec());
    }
    all
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            files(&path, found);
        } else if kind.is_file() {
            found.push(path);
        }
    }
}

/// Texts in every disguise, by their first two bytes: files are large, and tests are compiled without optimisation.
struct Search {
    /// (index of the text, how it could stand there)
    needles: Vec<(usize, Vec<u8>)>,
    by_beginning: Vec<Vec<usize>>,
}

impl Search {
    fn new<T: AsRef<[u8]>>(texts: &[T]) -> Self {
        let disguised =
            |(index, text): (usize, &T)| disguises(text.as_ref()).into_iter().map(move |n| (index, n));
        let needles: Vec<_> = texts.iter().enumerate().flat_map(disguised).collect();
        let mut by_beginning = vec![Vec::new(); 1 << 16];
        for (number, (_, needle)) in needles.iter().enumerate() {
            by_beginning[beginning(needle)].push(number);
        }
        Self { needles, by_beginning }
    }

    /// The first text that stands in a file under the folders, and the file.
    fn find(&self, folders: &[&Path]) -> Option<(usize, PathBuf)> {
        self.find_outside(folders, None)
    }

    /// The same, without what is in a folder of them.
    fn find_outside(&self, folders: &[&Path], without: Option<&Path>) -> Option<(usize, PathBuf)> {
        let mut all = Vec::new();
        for folder in folders {
            files(folder, &mut all);
        }
        all.retain(|path| without.is_none_or(|without| !path.starts_with(without)));
        // A database may delete a file of its own meanwhile.
        all.into_iter()
            .find_map(|path| Some((self.find_in(&std::fs::read(&path).unwrap_or_default())?, path)))
    }

    fn find_in(&self, bytes: &[u8]) -> Option<usize> {
        (1..bytes.len()).map(|end| end - 1).find_map(|at| {
            let rest = &bytes[at..];
            let mut candidates =
                self.by_beginning[beginning(rest)].iter().map(|number| &self.needles[*number]);
            candidates.find(|(_, needle)| rest.starts_with(needle)).map(|(index, _)| *index)
        })
    }
}

/// Of at least two bytes.
fn beginning(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

fn is_found(folders: &[&Path], text: &str) -> bool {
    Search::new(&[text]).find(folders).is_some()
}

/// `secrets`: what opened something, and what for.
#[track_caller]
fn nothing_is_found(folders: &[&Path], secrets: &[(&str, String)], keys: &Path) {
    if let Some((index, path)) = Search::new(&CANARIES).find(folders) {
        panic!("{:?} is in {}", CANARIES[index], path.display());
    }
    let texts: Vec<_> = secrets.iter().map(|(_, secret)| secret).collect();
    if let Some((index, path)) = Search::new(&texts).find(folders) {
        panic!("the {} is in {}", secrets[index].0, path.display());
    }
    // Each file in the folder of the keys holds one, and nothing else does.
    let mut names = Vec::new();
    files(keys, &mut names);
    let bytes: Vec<_> = names.iter().map(|name| std::fs::read(name).unwrap()).collect();
    assert!(bytes.len() >= 3 && bytes.iter().all(|key| key.len() >= 32), "{names:?}");
    if let Some((index, path)) = Search::new(&bytes).find_outside(folders, Some(keys)) {
        panic!("{} is in {}", names[index].display(), path.display());
    }
}

/// A running server in a folder of its own, which holds everything that it writes.
struct Clinic {
    folder: TempDir,
    urls: Urls,
    mail: MailServer,
    /// Known before it starts, because the letters say it.
    origin: String,
    server: Option<Server>,
    secrets: Vec<(&'static str, String)>,
}

impl Clinic {
    async fn open(urls: Urls) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (folder, mail) = (tempfile::tempdir().unwrap(), MailServer::start().await);
        let mut clinic =
            Self { folder, urls, mail, origin: format!("https://{free}"), server: None, secrets: Vec::new() };
        std::fs::create_dir(clinic.path("tmp")).unwrap();
        clinic.start();
        clinic
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&mut self) {
        let mut command = self.command(&["serve"]);
        let log = File::options().create(true).append(true).open(self.path("server.log")).unwrap();
        self.server = Some(Server::start(command.env("AUSCULT_TELEMETRY__LOG", "trace").stderr(log)));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = auscult(self.folder.path(), &self.urls, arguments);
        command
            .env("TMPDIR", self.path("tmp"))
            .env("AUSCULT_MAIL__SMTP_URL", format!("smtp://{}", self.mail.address))
            .env("AUSCULT_MAIL__FROM", "Clinic <no-reply@care.example>")
            .env("AUSCULT_HTTP__LISTEN", self.origin.trim_start_matches("https://"))
            .env("AUSCULT_HTTP__PUBLIC_URL", &self.origin);
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).env("AUSCULT_TELEMETRY__LOG", "trace").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::write(self.path(&format!("{}.log", arguments[1])), output.stderr).unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    async fn send(&self, who: &Browser, post: Option<Value>, path: &str, status: u16) -> Value {
        let (got, view) = who.send(&self.origin, post, path).await.unwrap();
        assert_eq!(got, status, "{path}: {view}");
        view
    }

    /// Registered, with a proven address.
    async fn patient(&mut self) -> Browser {
        let body =
            json!({"role": "patient", "name": NAME, "email": EMAIL, "password": PASSWORD, "specialty": ""});
        self.send(&Browser::new(), Some(body), "registrations", 201).await;
        let letter = self.mail.next().await;
        assert_eq!(letter.to, EMAIL);
        self.secrets.push(("token of the letter", letter.secret().to_owned()));
        let body = json!({"token": letter.secret()});
        self.send(&Browser::new(), Some(body), "email-verification", 204).await;
        Browser::sign_in(&self.origin, EMAIL, PASSWORD).await
    }

    async fn doctor(&self) -> Browser {
        let (email, role) = ("doc@example.org", "doctor");
        let arguments = ["admin", "create-user", "--email", email, "--name", "D", "--role", role];
        let printed = self.run(&[&arguments[..], &["--specialty", SPECIALTY]].concat());
        Browser::sign_in(&self.origin, email, printed.trim().rsplit(' ').next().unwrap()).await
    }

    /// A consultation in which something is said and heard; returns its path.
    async fn consult(&mut self, patient: &Browser, doctor: &Browser) -> String {
        let body = json!({"reason": REASON, "specialty": ""});
        let view = self.send(patient, Some(body), "consultations", 201).await;
        let path = format!("consultations/{}", view["id"].as_str().unwrap());
        for step in ["accept", "start"] {
            self.send(doctor, Some(json!({})), &format!("{path}/{step}"), 200).await;
        }
        let view = self.send(patient, None, &path, 200).await;
        assert_eq!((&view["reason"], &view["patient"]["name"]), (&json!(REASON), &json!(NAME)));
        let body = json!({"label": LABEL});
        let invite = self.send(doctor, Some(body), &format!("{path}/invites"), 201).await;
        self.secrets.push(("invitation", invite["secret"].as_str().unwrap().to_owned()));
        let body = json!({"secret": invite["secret"], "name": GUEST});
        let guest = self.send(&Browser::new(), Some(body), "session/guest", 200).await;
        assert_eq!(guest["session"]["user"]["name"], GUEST);
        self.say(&view).await;
        self.listen(patient, &path).await;
        let record = format!("patients/{}/break-glass", view["patient"]["id"].as_str().unwrap());
        self.send(doctor, Some(json!({"reason": EMERGENCY})), &record, 201).await;
        self.send(doctor, Some(json!({})), &format!("{path}/end"), 200).await;
        path
    }

    /// What the captions' task does with a sentence that somebody has finished.
    async fn say(&self, consultation: &Value) {
        let mut config = Config::default();
        config.data.folder = self.path("data");
        config.data.keys = self.path("keys");
        self.urls.serving.clone_into(&mut config.database.url);
        let (store, _) = open_store(&config, &Clock::System).await.unwrap();
        let caption = NewCaption {
            participant: consultation["participant_id"].as_str().unwrap().parse().unwrap(),
            utterance: 0,
            state: EntryState::Final,
            start_ms: 0,
            end_ms: 1500,
            text: CaptionText::new(WORDS.into()),
            model: "test model".into(),
            demonstration: false,
        };
        let id = consultation["id"].as_str().unwrap().parse().unwrap();
        assert!(store.append_caption(store.tenant(), id, &caption, Clock::System.now()).await.unwrap());
        store.close().await;
    }

    /// Joins the call and is told what was said before.
    async fn listen(&self, patient: &Browser, path: &str) {
        let ticket = self.send(patient, Some(json!({})), &format!("{path}/ticket"), 200).await;
        let url = self.origin.replace("https://127.0.0.1", "wss://localhost");
        let mut request = format!("{url}/api/v1/signal").into_client_request().unwrap();
        let host = self.origin.trim_start_matches("https://");
        request.headers_mut().insert("origin", self.origin.parse().unwrap());
        request.headers_mut().insert("host", host.parse().unwrap());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("data/certificate.pem")).unwrap()).unwrap();
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let tls = Connector::Rustls(Arc::new(tls));
        let (mut socket, _) = connect_async_tls_with_config(request, None, false, Some(tls)).await.unwrap();
        let hello = json!({"type": "authenticate", "version": 1, "ticket": ticket["ticket"]});
        socket.send(Message::text(hello.to_string())).await.unwrap();
        let welcome = socket.next().await.unwrap().unwrap().into_text().unwrap();
        assert!(welcome.contains(WORDS) && welcome.contains(NAME), "{welcome}");
        let nonsense = json!({"type": MALFORMED, "name": NAME});
        socket.send(Message::text(nonsense.to_string())).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    }

    /// Ways in besides the password.
    async fn ways_in(&mut self, patient: &Browser) {
        let (_, cookie) = patient.cookie.split_once('=').unwrap();
        self.secrets.push(("session", cookie.to_owned()));
        let body = json!({"email": EMAIL, "password": PASSWORD});
        let tokens = self.send(&Browser::new(), Some(body), "tokens", 200).await;
        let totp = self.send(patient, Some(json!({})), "account/totp", 200).await;
        for (name, value) in [
            ("refresh token", &tokens["refresh_token"]),
            ("access token", &tokens["access_token"]),
            ("secret of the authenticator", &totp["secret"]),
        ] {
            self.secrets.push((name, value.as_str().unwrap().to_owned()));
        }
    }

    /// What is refused goes in as well.
    async fn blunder(&self, patient: &Browser) {
        let stranger = Browser::new();
        for (email, password) in [(STRANGER, PASSWORD), (EMAIL, MALFORMED)] {
            let body = json!({"email": email, "password": password});
            self.send(&stranger, Some(body), "session", 401).await;
        }
        self.send(&stranger, Some(json!({"email": STRANGER})), "password-reset", 204).await;
        self.send(patient, Some(json!({"reason": REASON, MALFORMED: 1})), "consultations", 422).await;
        self.send(patient, Some(json!({"reason": [WORDS], "specialty": NAME})), "consultations", 422).await;
        self.send(patient, Some(json!(REASON)), "consultations", 400).await;
        let named = REASON.replace(' ', "%20");
        self.send(patient, None, &format!("consultations/{named}"), 404).await;
        self.send(patient, None, &format!("consultations?search={named}"), 200).await;
        let again =
            json!({"role": "patient", "name": NAME, "email": EMAIL, "password": PASSWORD, "specialty": ""});
        self.send(&stranger, Some(again), "registrations", 201).await;
    }
}

async fn every_way_in(urls: Urls, database: Option<&Path>) {
    let mut clinic = Clinic::open(urls).await;
    let (patient, doctor) = (clinic.patient().await, clinic.doctor().await);
    let path = clinic.consult(&patient, &doctor).await;
    clinic.ways_in(&patient).await;
    clinic.blunder(&patient).await;
    let transcript = clinic.send(&doctor, None, &format!("{path}/transcript"), 200).await;
    assert_eq!(transcript["entries"][0]["text"], WORDS);
    let export = clinic.send(&patient, None, "account/export", 200).await.to_string();
    assert!([NAME, EMAIL, REASON, WORDS].iter().all(|text| export.contains(text)), "{export}");
    let metrics = reqwest::Client::builder().danger_accept_invalid_certs(true).build().unwrap();
    let metrics = metrics.get(format!("{}/metrics", clinic.origin)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("auscult_http_requests_total"), "{metrics}");
    std::fs::write(clinic.path("metrics"), metrics).unwrap();
    let backup = clinic.path("today.backup").display().to_string();
    clinic.run(&["backup", "create", "--out", &backup]);

    let everything: Vec<PathBuf> =
        [Some(clinic.folder.path()), database].into_iter().flatten().map(Path::to_owned).collect();
    let everything: Vec<&Path> = everything.iter().map(PathBuf::as_path).collect();
    // While it runs, with its journal; then killed; then after a start that has read the journal.
    nothing_is_found(&everything, &clinic.secrets, &clinic.path("keys"));
    clinic.server.take().unwrap().kill();
    nothing_is_found(&everything, &clinic.secrets, &clinic.path("keys"));
    clinic.start();
    nothing_is_found(&everything, &clinic.secrets, &clinic.path("keys"));
    assert!(is_found(&everything, SPECIALTY), "the search finds nothing at all");
    let log = std::fs::read_to_string(clinic.path("server.log")).unwrap();
    assert!(log.contains("/consultations/{id}/transcript"), "the log was not talkative");
}

#[tokio::test]
async fn what_patients_say_is_in_no_file_with_sqlite() {
    every_way_in(Urls::default(), None).await;
}

#[tokio::test]
async fn what_patients_say_is_in_no_file_with_postgresql() {
    let cluster = Cluster::start();
    let urls = in_cluster(&cluster.socket(), "auscult_owner").await;
    // It writes every statement and its parameters into its log.
    let root = format!("postgres://auscult_root@localhost/postgres?host={}", cluster.socket());
    let root = sqlx::AnyPool::connect(&root).await.unwrap();
    for role in ["auscult_app", "auscult_owner"] {
        let sql = format!("ALTER ROLE {role} SET log_statement = 'all'");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&root).await.unwrap();
    }
    root.close().await;
    every_way_in(urls, Some(Path::new(&cluster.socket()))).await;
}

#[test]
fn the_search_sees_through_disguises() {
    let folder = tempfile::tempdir().unwrap();
    let encoded = |text: String| STANDARD_NO_PAD.encode(text);
    for text in [
        format!("{{\"name\":\"{NAME}\"}}"),
        hex::encode(format!("x{NAME}")),
        encoded(format!("x{NAME}y")),
        encoded(format!("xy{NAME}z")),
        encoded(format!("xyz{NAME}")),
        format!("/search?name={}", NAME.replace(' ', "%20")),
    ] {
        std::fs::write(folder.path().join("file"), &text).unwrap();
        assert!(is_found(&[folder.path()], NAME), "{text}");
    }
    std::fs::write(folder.path().join("file"), "Quillemina, Brixtoft").unwrap();
    assert!(!is_found(&[folder.path()], NAME));
}
