<<<<<<< HEAD
//! Everything wired once: what handlers, sockets and tasks work with.

=======
//! What every handler can reach. Cheap to clone; nothing in the product is global.

use std::ops::Deref;
>>>>>>> ae48b6f (control-plane/http: Serve sign-in, consultations, invitations and transcripts)
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
<<<<<<< HEAD
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
=======
use crate::crypto::keyring::Keyring;
use crate::crypto::password::Passwords;
use crate::crypto::signer::Signer;
use crate::http::throttle::SignInThrottle;
use crate::signalling::tickets::Tickets;
use crate::store::Store;

#[derive(Clone)]
pub struct App(Arc<AppState>);

pub struct AppState {
    pub config: Config,
    pub clock: Clock,
    pub keys: Keyring,
    pub signer: Signer,
    pub store: Store,
    pub passwords: Passwords,
    pub tickets: Tickets,
    pub sign_ins: SignInThrottle,
}

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}

impl App {
    #[must_use]
    pub fn new(state: AppState) -> Self {
        Self(Arc::new(state))
    }
>>>>>>> ae48b6f (control-plane/http: Serve sign-in, consultations, invitations and transcripts)
}
