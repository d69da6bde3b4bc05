//! The test application behind its real port: TLS, HTTP and WebSockets as a browser speaks them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use control_plane::certificate;
use control_plane::config::HttpConfig;
use control_plane::gateway::{self, Gateway};
use control_plane::http::router::router;
use futures::{SinkExt, StreamExt};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use crate::support::{Client, Consultation, ORIGIN, TestApp};

/// Nothing here should take longer.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Live {
    pub(crate) app: TestApp,
    pub(crate) address: SocketAddr,
    /// Trusts the certificate that the server made for itself, and nothing else.
    pub(crate) tls: Arc<ClientConfig>,
}

impl Live {
    pub(crate) async fn start() -> Self {
        Self::start_with(HttpConfig::default()).await
    }

    pub(crate) async fn start_with(http: HttpConfig) -> Self {
        Self::of(TestApp::start().await, http).await
    }

    pub(crate) async fn of(app: TestApp, http: HttpConfig) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = HttpConfig { listen: ([127, 0, 0, 1], 0).into(), ..http };
        // A certificate lives in the time of its client, and that is now.
        let now = control_plane::clock::Clock::System.now();
        let tls = certificate::server_config(&http, app.folder.path(), now).unwrap();
        let (metrics, tasks) = (app.app.metrics.clone(), app.app.tasks.clone());
        let listener = gateway::listen(&http).await.unwrap();
        let address = listener.local_addr().unwrap();
        let gateway = Gateway::new(listener, tls, &http, metrics, tasks);
        app.app.tasks.spawn("gateway", gateway.serve(router(app.app.clone())));

        let tls = trusting(app.folder.path());
        Self { app, address, tls }
    }

    /// Opens the signalling socket as a page of `origin` would; the error is the HTTP status.
    pub(crate) async fn socket_from(&self, origin: Option<&str>) -> Result<Socket, u16> {
        self.socket_at("/api/v1/signal", origin).await
    }

    /// Opens the socket of another path.
    pub(crate) async fn socket_at(&self, path: &str, origin: Option<&str>) -> Result<Socket, u16> {
        Socket::open(self.address, path, origin, &self.tls).await
    }

    pub(crate) async fn socket(&self) -> Socket {
        self.socket_from(Some(ORIGIN)).await.unwrap()
    }

    /// A one-time ticket for this person.
    pub(crate) async fn ticket(&self, consultation: &Consultation, who: &Client) -> String {
        let view = who.post(&consultation.path("ticket"), json!({})).await.expect(200);
        view["ticket"].as_str().unwrap().to_owned()
    }

    /// A socket that has been welcomed, and the welcome.
    pub(crate) async fn join(&self, consultation: &Consultation, who: &Client) -> (Socket, Value) {
        let ticket = self.ticket(consultation, who).await;
        let mut socket = self.socket().await;
        socket.send(&authenticate(&ticket)).await;
        let welcome = socket.expect("welcome").await;
        (socket, welcome)
    }
}

/// Trusts the certificate that the server of this data folder made for itself.
pub(crate) fn trusting(folder: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("certificate.pem")).unwrap()).unwrap();
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

pub(crate) fn authenticate(ticket: &str) -> Value {
    json!({"type": "authenticate", "version": 1, "ticket": ticket})
}

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What a browser sees next.
#[derive(Debug, PartialEq)]
pub(crate) enum Frame {
    Message(Value),
    Closed(u16),
    /// The connection broke without a close frame.
    Lost,
}

impl Socket {
    /// As a page of `origin` would; the error is the HTTP status.
    pub(crate) async fn open(
        address: SocketAddr,
        path: &str,
        origin: Option<&str>,
        tls: &Arc<ClientConfig>,
    ) -> Result<Self, u16> {
        let url = format!("wss://localhost:{}{path}", address.port());
        let mut request = url.into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        let connector = Connector::Rustls(Arc::clone(tls));
        match client_async_tls_with_config(request, stream, None, Some(connector)).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        // The server may have closed already; what it said is what a test looks at.
        let _ = self.0.send(Message::text(text)).await;
    }

    pub(crate) async fn next(&mut self) -> Frame {
        loop {
            let next = timeout(PATIENCE, self.0.next()).await.expect("the server says something in time");
            match next {
                Some(Ok(Message::Text(text))) => return Frame::Message(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => return Frame::Closed(frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Frame::Lost,
            }
        }
    }

    /// The next message; it must be of this type.
    #[track_caller]
    pub(crate) fn expect<'a>(&'a mut self, kind: &'a str) -> impl Future<Output = Value> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            match self.next().await {
                Frame::Message(message) if message["type"] == kind => message,
                other => panic!("{caller}: expected {kind}, got {other:?}"),
            }
        }
    }

    /// Skips messages until the socket closes; returns the last error told and the close code.
    pub(crate) async fn closed(&mut self) -> (Option<String>, u16) {
        let mut code = None;
        loop {
            match self.next().await {
                Frame::Message(message) if message["type"] == "error" => {
                    code = message["code"].as_str().map(ToOwned::to_owned);
                }
                Frame::Message(_) => {}
                Frame::Closed(close) => return (code, close),
                Frame::Lost => panic!("lost without a close frame, after {code:?}"),
            }
        }
    }

    /// Goes away as a crashed browser does.
    pub(crate) fn vanish(self) {
        drop(self);
    }
}
