//! The one public port: TLS, then HTTP. What a connection speaks is decided once: its first byte says whether it is TLS
//! at all (plain HTTP is told where we are, and nothing else), and after the handshake [`Gateway::speak`] goes on. So far
//! everything is HTTP (1.1 and 2, with WebSocket upgrades).

mod forwarded;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::http::uri::Authority;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::config::HttpConfig;
use crate::metrics::Metrics;
use crate::tasks::Tasks;

/// Requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// A pause after the kernel refused to accept (out of file descriptors): retrying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error("http.listen {address} is already in use: stop the other program or choose another port")]
    InUse { address: SocketAddr },
    #[error("http.listen {address}: {source}")]
    Bind { address: SocketAddr, source: io::Error },
}

/// The bound port, ready to serve.
pub struct Gateway {
    listener: TcpListener,
    tls: TlsAcceptor,
    connections: Arc<Semaphore>,
    handshake_timeout: Duration,
    header_timeout: Duration,
    trusted_proxies: Vec<IpAddr>,
    metrics: Metrics,
    tasks: Tasks,
}

/// Takes the public port. Port 0 lets the system choose.
pub async fn listen(http: &HttpConfig) -> Result<TcpListener, GatewayError> {
    let address = http.listen;
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => GatewayError::InUse { address },
        _ => GatewayError::Bind { address, source },
    })
}

impl Gateway {
    #[must_use]
    pub fn new(
        listener: TcpListener,
        tls: Arc<rustls::ServerConfig>,
        http: &HttpConfig,
        metrics: Metrics,
        tasks: Tasks,
    ) -> Self {
        Self {
            listener,
            tls: TlsAcceptor::from(tls),
            connections: Arc::new(Semaphore::new(http.max_connections.min(Semaphore::MAX_PERMITS))),
            handshake_timeout: Duration::from_secs(http.handshake_timeout_s),
            header_timeout: Duration::from_secs(http.header_timeout_s),
            trusted_proxies: http.trusted_proxies.clone(),
            metrics,
            tasks,
        }
    }

    /// Accepts until the shutdown; connections then finish what they are doing. A connection beyond the limit waits
    /// in the kernel's queue.
    pub async fn serve(self, router: Router) {
        let gateway = Arc::new(self);
        loop {
            let accepted = tokio::select! {
                () = gateway.tasks.stopping().cancelled() => return,
                accepted = gateway.accept() => accepted,
            };
            let Some((stream, peer, permit)) = accepted else { continue };
            let (gateway, router) = (Arc::clone(&gateway), router.clone());
            gateway.tasks.clone().spawn_job(async move {
                gateway.metrics.gateway_connections.inc();
                gateway.connection(stream, peer, router).await;
                gateway.metrics.gateway_connections.dec();
                drop(permit);
            });
        }
    }

    async fn accept(&self) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.connections).acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((stream, peer)) => Some((stream, peer, permit)),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }

    async fn connection(&self, stream: TcpStream, peer: SocketAddr, router: Router) {
        // Signalling messages are small and urgent.
        let _ = stream.set_nodelay(true);
        let opening = tokio::time::timeout(self.handshake_timeout, self.open(stream));
        match self.tasks.stopping().run_until_cancelled(opening).await {
            Some(Ok(Ok(Some(stream)))) => self.speak(stream, peer, router).await,
            Some(Ok(Err(_)) | Err(_)) => self.metrics.gateway_handshake_failures_total.inc(),
            Some(Ok(Ok(None))) | None => {}
        }
    }

    /// The TLS handshake; `None` for somebody who spoke plain HTTP and has been answered.
    async fn open(&self, stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
        let mut first = [0];
        let count = stream.peek(&mut first).await?;
        // A method begins with a capital letter, no TLS record does (RFC 9110 section 9.1, RFC 8446 section 5.1).
        if count == 1 && first[0].is_ascii_uppercase() {
            send_to_https(stream).await;
            return Ok(None);
        }
        self.tls.accept(stream).await.map(Some)
    }

    async fn speak(&self, stream: TlsStream<TcpStream>, peer: SocketAddr, router: Router) {
        let asked = CancellationToken::new();
        let first = asked.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            first.cancel();
            let client = forwarded::client_address(peer, request.headers(), &self.trusted_proxies);
            request.extensions_mut().insert(ConnectInfo(client));
            router.clone().call(request)
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.header_timeout);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .keep_alive_interval(self.header_timeout);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        tokio::pin!(connection);
        // Errors here are the client's: it went away or spoke no HTTP.
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = self.tasks.stopping().cancelled() => None,
            // hyper waits without end for the first bytes, which say which version of HTTP it is.
            () = silence(self.header_timeout, &asked) => return,
        };
        if ended.is_none() {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Returns when nothing was asked for so long; never once something was.
async fn silence(patience: Duration, asked: &CancellationToken) {
    if tokio::time::timeout(patience, asked.cancelled()).await.is_ok() {
        std::future::pending::<()>().await;
    }
}

/// Answers one plain HTTP request with our address over TLS. Nothing else in it is looked at.
async fn send_to_https(stream: TcpStream) {
    let service = service_fn(async |request: Request<Incoming>| Ok::<_, Infallible>(redirect(&request)));
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().keep_alive(false);
    // The client's errors, as above.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

/// 308 (RFC 9110 section 15.4.9): the same method again, over TLS. No `Strict-Transport-Security`, which counts over TLS
/// only (RFC 6797 section 7.2).
fn redirect<B>(request: &Request<B>) -> Response<Body> {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    if let Some(authority) = authority.filter(|authority| !authority.as_str().contains('@'))
        && let Ok(location) = format!("https://{authority}{path}").parse()
    {
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
