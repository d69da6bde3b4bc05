//! Everything wired once: what handlers, sockets and tasks work with.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::media::MediaNodes;
use crate::metrics::Metrics;
use crate::signalling::hub::Hub;
use crate::signalling::socket::Lobby;
use crate::signalling::tickets::Tickets;
use crate::store::Store;
use crate::tasks::Tasks;

/// The state of every handler. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub store: Store,
    pub media: MediaNodes,
    pub metrics: Metrics,
    pub tasks: Tasks,
    pub tickets: Tickets,
    pub hub: Hub,
    pub lobby: Lobby,
}
