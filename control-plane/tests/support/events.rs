//! What somebody is told as server-sent events, as their page follows them.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::Method;
use futures::StreamExt as _;
use serde_json::Value;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::Client;

/// An event arrives within this.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// One `EventSource`.
pub(crate) struct Events {
    pub(crate) body: BodyDataStream,
    text: String,
}

impl Events {
    pub(crate) async fn of(client: &Client) -> Self {
        let request = client.request(Method::GET, "/api/v1/events", Body::empty());
        let response = client.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Self { body: response.into_body().into_data_stream(), text: String::new() };
        assert_eq!(events.block().await.as_deref(), Some(": following"));
        events
    }

    /// Up to the next empty line; `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = timeout(SOON, self.body.next()).await.expect("an event comes in time")?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event and its data; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        let block = self.block().await?;
        let field = |name: &str| {
            block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap().to_owned()
        };
        Some((field("event"), serde_json::from_str(&field("data")).unwrap()))
    }

    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        let (event, data) = self.next().await.unwrap();
        assert_eq!(event, name);
        data
    }
}
