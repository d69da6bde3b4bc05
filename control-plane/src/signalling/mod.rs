//! What happens between a browser and a consultation while it is on: [`socket`] is one browser, [`hub`] is everybody,
//! `call` decides, [`pump`] brings what the media server and the clock have to say.

mod call;
mod convert;
pub mod hub;
pub mod protocol;
pub mod pump;
pub mod socket;
mod switchboard;
pub mod tickets;
