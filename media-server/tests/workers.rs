//! Rooms are spread over workers; each worker has its own port and hears only its own rooms.

#[expect(dead_code, reason = "one person speaks here; there is no video")]
#[path = "support/client.rs"]
mod client;
#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use client::{Client, Network};
use media_server::{JoinTokenVerifier, MediaConfig, MediaError, MediaServer, Source, TrackId, WhisperConfig};
use prometheus::Registry;
use support::node::{Node, PATIENCE, config, participant_id, room_id};

const PACKETS: u64 = 50;

/// The one port that all candidates of the client's answer name.
fn port(client: &Client) -> u16 {
    let mut ports: Vec<u16> = client
        .candidates
        .iter()
        .map(|line| line.split(' ').nth(5).and_then(|port| port.parse().ok()).expect("a port"))
        .collect();
    ports.dedup();
    assert_eq!(ports.len(), 1, "{:?}", client.candidates);
    ports[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_rooms_live_on_two_workers_and_do_not_hear_each_other() {
    let node = Node::start(2);
    // The same people in both rooms: only the room tells their tracks apart.
    let mut calls = Vec::new();
    for room in [room_id(1), room_id(2)] {
        let speaker = Client::join(&node, room, participant_id(1), Network::Udp, &[]).await;
        let microphone = TrackId { participant: speaker.id, source: Source::Microphone };
        let listener = Client::join(&node, room, participant_id(2), Network::Udp, &[microphone]).await;
        assert_eq!(port(&speaker), port(&listener), "a room is on one worker");
        calls.push((speaker, listener));
    }
    let mut ports: Vec<u16> = calls.iter().map(|(speaker, _)| port(speaker)).collect();
    ports.sort_unstable();
    let mut expected = node.server.ports();
    expected.sort_unstable();
    assert_eq!(ports, expected, "each room has a worker of its own");
    for _ in 0..PACKETS {
        calls[0].0.send_audio().await;
    }
    // What the second room hears comes later than everything the first room was sent.
    let (last, _) = calls[0].0.sent();
    calls[0].1.until("heard", |seen| seen.audio.last().is_some_and(|packet| packet.number == last)).await;
    assert_eq!(calls[0].1.seen().audio.len() as u64, PACKETS);
    calls[1].0.send_audio().await;
    calls[1].1.until("heard", |seen| !seen.audio.is_empty()).await;
    assert_eq!(calls[1].1.seen().audio.len(), 1, "only the one packet of its own room");
    node.server.shutdown().await;
    let delays = node.registry.gather();
    let delays = delays.iter().find(|family| family.name() == "auscult_media_forward_delay_seconds");
    let delays = delays.expect("a histogram").get_metric()[0].get_histogram();
    assert!(delays.get_sample_count() > PACKETS, "the way through of every packet was measured");
    let mean = delays.get_sample_sum() / delays.get_sample_count() as f64;
    assert!((1e-7..5.0).contains(&mean), "against the clock that the kernel stamps with: {mean}");
}

/// Why a node with this port does not start.
fn refusal(first_port: u16) -> Option<MediaError> {
    let config = MediaConfig { first_port, ..config(1) };
    let whisper = WhisperConfig { enabled: false, ..WhisperConfig::default() };
    MediaServer::start(&config, &whisper, JoinTokenVerifier::new(&[0; 32]), &Registry::new(), 0).err()
}

#[tokio::test]
async fn a_port_that_is_taken_on_udp_or_on_tcp_is_an_error_that_names_it() {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let udp = UdpSocket::bind(any).expect("a port");
    let tcp = TcpListener::bind(any).expect("a port");
    for taken in [udp.local_addr(), tcp.local_addr()] {
        let taken = taken.expect("bound");
        let error = refusal(taken.port());
        assert!(matches!(&error, Some(MediaError::Bind { address, .. }) if *address == taken), "{error:?}");
        assert!(error.is_some_and(|error| error.to_string().contains(&taken.to_string())));
    }
}

#[tokio::test]
async fn a_node_that_is_dropped_gives_its_ports_back() {
    let node = Node::start(2);
    let ports = node.server.ports();
    drop(node);
    let free = |port: &u16| UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    for _ in 0..100 {
        if ports.iter().all(free) {
            return;
        }
        tokio::time::sleep(PATIENCE / 100).await;
    }
    panic!("a thread goes on");
}
