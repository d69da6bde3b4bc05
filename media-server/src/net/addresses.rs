//! Which of our own addresses browsers may be told.

use std::net::IpAddr;

/// The bound address itself; when that is unspecified, every address of this machine that another machine could
/// reach. Loopback only when there is nothing else.
pub(crate) fn local_addresses(listen: IpAddr) -> Vec<IpAddr> {
    if !listen.is_unspecified() {
        return vec![listen];
    }
    let same_family = |address: &IpAddr| address.is_ipv4() == listen.is_ipv4();
    let all: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .iter()
        .map(if_addrs::Interface::ip)
        .filter(same_family)
        .collect();
    let reachable: Vec<IpAddr> =
        all.iter().copied().filter(|address| !address.is_loopback() && !is_link_local(address)).collect();
    if reachable.is_empty() {
        all.into_iter().filter(IpAddr::is_loopback).take(1).collect()
    } else {
        reachable
    }
}

fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}
