//! The sockets of one worker: a UDP port and the TCP port of the same number.

mod addresses;
mod alarm;
mod ports;
mod tcp;
mod udp;

pub(crate) use addresses::local_addresses;
pub(crate) use ports::Ports;
