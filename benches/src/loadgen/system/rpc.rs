//! Requests and replies as JSON over a WebSocket, matched by `transaction`: what Janus speaks, and `mediahost` too.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// A reply that takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Requests waiting for the socket; full: the caller waits.
const REQUESTS: usize = 256;

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Value>>>>;

pub struct Rpc {
    requests: mpsc::Sender<Message>,
    waiting: Waiting,
    next: AtomicU64,
    /// Ends with this value.
    _tasks: JoinSet<()>,
}

impl Rpc {
    /// `event` sees every message that is no reply.
    pub async fn connect(
        url: &str,
        protocol: &'static str,
        event: impl Fn(&Value) + Send + 'static,
    ) -> Result<Self> {
        let mut request = url.into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse()?);
        let (socket, _) = tokio_tungstenite::connect_async_with_config(request, None, true)
            .await
            .with_context(|| url.to_owned())?;
        let (mut sink, mut stream) = socket.split();
        let (requests, mut queue) = mpsc::channel(REQUESTS);
        let waiting = Waiting::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Some(message) = queue.recv().await {
                if sink.send(message).await.is_err() {
                    return;
                }
            }
        });
        let replies = Arc::clone(&waiting);
        tasks.spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                let Ok(text) = message.into_text() else { continue };
                let Ok(reply) = serde_json::from_str::<Value>(&text) else { continue };
                deliver(&replies, reply, &event);
            }
        });
        Ok(Self { requests, waiting, next: AtomicU64::new(1), _tasks: tasks })
    }

    /// Sends what nobody replies to.
    pub async fn tell(&self, request: &Value) -> Result<()> {
        self.requests.send(Message::text(request.to_string())).await.context("the connection has ended")
    }

    /// Sends `request`, an object, and awaits its reply.
    pub async fn call(&self, mut request: Value) -> Result<Value> {
        let transaction = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        request["transaction"] = transaction.clone().into();
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(transaction, sender);
        self.requests.send(Message::text(request.to_string())).await.context("the connection has ended")?;
        let reply = tokio::time::timeout(PATIENCE, receiver).await.context("no reply")??;
        if let Some(error) = reply.get("error") {
            bail!("refused: {error}");
        }
        Ok(reply)
    }
}

/// An acknowledgement is not yet the reply (Janus).
fn deliver(waiting: &Waiting, reply: Value, event: impl Fn(&Value)) {
    let Some(transaction) = reply["transaction"].as_str() else { return event(&reply) };
    if reply["janus"] == "ack" {
        return;
    }
    let caller = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(transaction);
    if let Some(caller) = caller {
        // The caller may have given up.
        drop(caller.send(reply));
    }
}
