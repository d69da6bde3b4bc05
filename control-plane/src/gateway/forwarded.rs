//! Who is really connected when proxies stand between: `X-Forwarded-For`, believed of proxies that the operator names.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;

/// Each proxy appends the address that connected to it; anybody may send the header with something in it already. So it
/// is read from its end, for as long as the one who wrote that part is trusted. What is no address ends it.
pub(super) fn client_address(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> SocketAddr {
    let mut address = peer.ip().to_canonical();
    if !trusted.contains(&address) {
        return peer;
    }
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let hops = lines.flat_map(|line| line.to_str().unwrap_or("unreadable").rsplit(','));
    for hop in hops {
        let Some(before) = parse(hop.trim()) else { break };
        address = before;
        if !trusted.contains(&address) {
            break;
        }
    }
    SocketAddr::new(address, peer.port())
}

/// With or without a port.
fn parse(hop: &str) -> Option<IpAddr> {
    let address = hop.parse::<IpAddr>().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|hop| hop.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, lines: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let trusted = ["10.0.0.1", "10.0.0.2"].map(|proxy| proxy.parse().unwrap());
        client_address(format!("{peer}:443").parse().unwrap(), &headers, &trusted).ip().to_string()
    }

    #[test]
    fn a_stranger_names_nobody_else() {
        assert_eq!(seen("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1", "203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["10.0.0.2, 203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn proxies_may_stand_in_a_row() {
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.2", &["203.0.113.9", "10.0.0.1"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9:50412"]), "203.0.113.9");
        assert_eq!(seen("[::ffff:10.0.0.1]", &["::ffff:203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn what_is_no_address_is_not_passed_over() {
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, unknown"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9,"]), "10.0.0.1");
    }
}
