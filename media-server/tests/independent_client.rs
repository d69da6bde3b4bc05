//! Two clients on webrtc-rs, a stack that shares no code with the server's, in a call over real loopback sockets.

#[path = "support/client.rs"]
mod client;
#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::time::Duration;

use client::{Arrived, Client, Network};
use media_server::MediaEvent;
use support::node::{Node, participant_id, room_id};
use tokio::time::MissedTickBehavior;

const TICK: Duration = Duration::from_millis(10);
const PACKETS: usize = 100;

/// Two clients who receive each other's microphone and camera.
async fn call(node: &Node, networks: [Network; 2]) -> [Client; 2] {
    let room = room_id(1);
    let mut first = Client::join(node, room, participant_id(1), networks[0], &[]).await;
    let second = Client::join(node, room, participant_id(2), networks[1], &first.tracks()).await;
    first.subscribe(node, &second.tracks()).await;
    [first, second]
}

/// Both send audio and delta frames; a camera that is asked for a keyframe sends one.
async fn talk(clients: &mut [Client; 2]) {
    let mut ticks = tokio::time::interval(TICK);
    // A burst after a busy moment would overrun the receive buffers of webrtc-rs, which are the system's default.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answered = [0; 2];
    for _ in 0..PACKETS {
        ticks.tick().await;
        for (client, answered) in clients.iter_mut().zip(&mut answered) {
            let asked = client.seen().keyframe_requests;
            client.send_audio().await;
            client.send_video(asked > *answered).await;
            *answered = asked;
        }
    }
}

fn numbers(arrived: &[Arrived]) -> Vec<u64> {
    arrived.iter().map(|packet| packet.number).collect()
}

/// Everything sent arrives, once, in order, up to the last packet.
async fn assert_complete(clients: &mut [Client; 2]) {
    for (receiver, sender) in [(0, 1), (1, 0)] {
        let (audio, video) = clients[sender].sent();
        let last = |packets: &[Arrived], number| packets.last().is_some_and(|packet| packet.number == number);
        clients[receiver].until("the last audio packet", |seen| last(&seen.audio, audio)).await;
        clients[receiver].until("the last video packet", |seen| last(&seen.video, video)).await;
        let seen = clients[receiver].seen();
        let expected: Vec<u64> = (audio + 1 - PACKETS as u64..=audio).collect();
        assert_eq!(numbers(&seen.audio), expected, "audio of {sender} at {receiver}");
        let first = seen.video[0];
        assert!(first.starts_keyframe, "video starts with a keyframe: {first:?}");
        assert_eq!(numbers(&seen.video), (first.number..=video).collect::<Vec<_>>(), "video of {sender}");
        assert!(seen.video.len() > PACKETS * 3 / 2, "the keyframe came soon: {}", seen.video.len());
        for packets in [&seen.audio, &seen.video] {
            let gapless = packets.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1));
            assert!(gapless, "RTP sequence numbers have no hole");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webrtc_rs_clients_hear_and_see_each_other_completely_over_udp() {
    let mut node = Node::start(2);
    let mut clients = call(&node, [Network::Udp; 2]).await;
    talk(&mut clients).await;
    assert_complete(&mut clients).await;
    let both = |event: &MediaEvent| matches!(event, MediaEvent::ActiveSpeakers { participants, .. } if participants.len() == 2);
    node.event(both).await;
    node.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_behind_a_firewall_that_blocks_udp_has_the_same_call_over_tcp() {
    let node = Node::start(1);
    let mut clients = call(&node, [Network::TcpOnly, Network::Udp]).await;
    let port = node.server.ports()[0];
    for offered in [" udp ", " tcp "] {
        let at_our_port =
            |line: &String| line.contains(offered) && line.contains(&format!(" 127.0.0.1 {port} typ host"));
        assert!(clients[0].candidates.iter().any(at_our_port), "{offered}: {:?}", clients[0].candidates);
    }
    talk(&mut clients).await;
    assert_complete(&mut clients).await;
    node.server.shutdown().await;
}

/// Issue: at most 1.5 s without media, and nobody sees anybody leave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_whose_address_changes_is_the_same_participant_with_media_both_ways_soon() {
    let mut node = Node::start(1);
    let mut clients = call(&node, [Network::Udp; 2]).await;
    talk(&mut clients).await;
    let before = clients[0].ports().await;
    let changed = tokio::time::Instant::now();
    clients[0].change_network(&node).await;
    let [mine, theirs] = [0, 1].map(|index: usize| clients[index].sent().0);
    let arrived =
        |client: &Client, number| client.seen().audio.last().is_some_and(|last| last.number > number);
    let mut ticks = tokio::time::interval(TICK);
    while !arrived(&clients[0], theirs) || !arrived(&clients[1], mine) {
        assert!(
            changed.elapsed() < Duration::from_millis(1_500),
            "{:?}: {:?}",
            changed.elapsed(),
            clients[0].seen()
        );
        ticks.tick().await;
        for client in &mut clients {
            client.send_audio().await;
        }
    }
    let after = clients[0].ports().await;
    assert!(after.iter().any(|port| !before.contains(port)), "{before:?}, {after:?}");
    let gone = |event: &MediaEvent| {
        matches!(event, MediaEvent::SessionEnded { .. } | MediaEvent::TrackUnpublished { .. })
    };
    assert!(!node.has_happened(gone), "the same participant goes on");
    node.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_viewer_gets_a_keyframe_asked_for_and_can_ask_again() {
    let node = Node::start(1);
    let [mut publisher, mut viewer] = call(&node, [Network::Udp; 2]).await;
    publisher.send_video(false).await;
    publisher.until("asked for a keyframe", |seen| seen.keyframe_requests > 0).await;
    assert!(viewer.seen().video.is_empty(), "nothing that cannot be decoded is forwarded");
    publisher.send_video(true).await;
    let (_, keyframe) = publisher.sent();
    viewer
        .until("the keyframe", |seen| seen.video.last().is_some_and(|packet| packet.number == keyframe))
        .await;
    assert_eq!(numbers(&viewer.seen().video), [keyframe - 2, keyframe - 1, keyframe]);
    let before = publisher.seen().keyframe_requests;
    viewer.request_keyframe().await;
    publisher.until("asked again", |seen| seen.keyframe_requests > before).await;
    node.server.shutdown().await;
}
