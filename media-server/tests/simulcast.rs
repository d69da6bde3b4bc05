//! Every viewer gets the simulcast layer that its way carries and its screen can use, and never a picture that it
//! cannot decode.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::time::{Duration, Instant};

use media_server::{MediaCommand, Source, Tile};
use str0m::net::Protocol;
use support::peer::Peer;
use support::sim::{Bottleneck, Sim, config, room};

const AV: [Source; 2] = [Source::Microphone, Source::Camera];
const LOW: u8 = 0;
const MIDDLE: u8 = 1;
const HIGH: u8 = 2;

/// A publisher with three layers and `viewers` who receive its microphone and camera; peer 0 publishes.
fn broadcast(viewers: usize) -> Sim {
    let mut sim = Sim::new(config());
    sim.peers.push(Peer::new(sim.now, 1, Protocol::Udp));
    sim.peers[0].simulcast = true;
    sim.reconnect(0, &AV, &[]);
    let tracks = AV.map(|source| sim.peers[0].track(source));
    for _ in 0..viewers {
        sim.join(Protocol::Udp, &[], &tracks);
    }
    sim
}

/// A video packet as the viewer's decoder meets it.
struct Seen {
    at: Instant,
    sequence: u64,
    timestamp: u32,
    picture: u16,
    layer: u8,
    starts_frame: bool,
    keyframe: bool,
}

fn seen(sim: &Sim, viewer: usize) -> Vec<Seen> {
    let mid = sim.peers[viewer].line(sim.peers[0].track(Source::Camera)).expect("subscribed");
    let packet = |packet: &support::peer::Arrived| Seen {
        at: packet.at,
        sequence: packet.sequence,
        timestamp: packet.timestamp,
        picture: u16::from_be_bytes([packet.payload[2], packet.payload[3]]) & 0x7fff,
        starts_frame: packet.payload[0] & 0x10 != 0,
        keyframe: packet.payload[6] & 1 == 0,
        layer: packet.payload[15],
    };
    sim.peers[viewer].packets(mid).into_iter().map(packet).collect()
}

fn last_layer(sim: &Sim, viewer: usize) -> u8 {
    seen(sim, viewer).last().expect("a picture").layer
}

/// One RTP stream without holes; picture ids go on by one; the layer changes on keyframes only.
fn assert_decodable(packets: &[Seen]) {
    assert!(packets[0].starts_frame && packets[0].keyframe, "begins with a keyframe");
    for pair in packets.windows(2) {
        let [before, after] = pair else { unreachable!() };
        assert_eq!(after.sequence, before.sequence + 1, "no hole");
        let same_frame = after.picture == before.picture;
        assert_eq!(same_frame, !after.starts_frame);
        assert!(same_frame || after.picture == (before.picture + 1) & 0x7fff, "picture ids go on");
        assert_eq!(same_frame, after.timestamp == before.timestamp);
        assert!(after.timestamp.wrapping_sub(before.timestamp) < 90_000, "time goes on");
        if after.layer != before.layer {
            assert!(after.starts_frame && after.keyframe, "{} to {}", before.layer, after.layer);
        }
    }
}

fn show(sim: &mut Sim, viewer: usize, width: u32, height: u32) {
    let track = sim.peers[0].track(Source::Camera);
    let participant = sim.peers[viewer].id;
    let tiles = vec![Tile { track, width, height }];
    sim.command(MediaCommand::SetTiles { room: room(), participant, tiles });
}

/// The viewer's tile becomes large.
fn assert_sees_at_once(sim: &mut Sim, viewer: usize) {
    let shown = sim.now;
    show(sim, viewer, 1280, 720);
    sim.talk(Duration::from_secs(2));
    let packets = seen(sim, viewer);
    assert_decodable(&packets);
    assert!(packets[0].at - shown < Duration::from_millis(150), "{:?}", packets[0].at - shown);
}

#[test]
fn a_viewer_with_room_to_spare_gets_the_best_layer_and_decodes_everything_on_the_way() {
    let mut sim = broadcast(1);
    sim.talk(Duration::from_secs(8));
    let packets = seen(&sim, 1);
    assert_decodable(&packets);
    assert_eq!(packets.last().expect("a picture").layer, HIGH);
    let best = packets.iter().find(|packet| packet.layer == HIGH).expect("reached").at;
    assert!(best - packets[0].at < Duration::from_secs(5), "{:?}", best - packets[0].at);
}

/// The more packets a frame has, the more often one of them is missing.
#[test]
fn a_viewer_whose_way_loses_packets_is_shown_fewer_of_them_until_it_loses_none() {
    let mut sim = broadcast(2);
    sim.talk(Duration::from_secs(6));
    assert_eq!((last_layer(&sim, 1), last_layer(&sim, 2)), (HIGH, HIGH));
    sim.bad_network = Some(1);
    sim.network.loss_percent = 5;
    sim.talk(Duration::from_secs(8));
    assert_eq!((last_layer(&sim, 1), last_layer(&sim, 2)), (MIDDLE, HIGH));
    sim.network.loss_percent = 0;
    sim.talk(Duration::from_secs(40));
    assert_eq!(last_layer(&sim, 1), HIGH);
}

#[test]
fn every_viewer_gets_what_its_tile_can_use() {
    let mut sim = broadcast(3);
    show(&mut sim, 1, 320, 180);
    show(&mut sim, 2, 640, 360);
    sim.talk(Duration::from_secs(8));
    assert_eq!([1, 2, 3].map(|viewer| last_layer(&sim, viewer)), [LOW, MIDDLE, HIGH]);
    show(&mut sim, 3, 160, 90);
    show(&mut sim, 1, 1280, 720);
    sim.talk(Duration::from_secs(4));
    assert_eq!([1, 2, 3].map(|viewer| last_layer(&sim, viewer)), [HIGH, MIDDLE, LOW]);
    for viewer in 1..4 {
        assert_decodable(&seen(&sim, viewer));
    }
}

#[test]
fn a_hidden_tile_gets_no_picture_but_all_the_sound_and_comes_back_with_a_keyframe() {
    let mut sim = broadcast(1);
    sim.talk(Duration::from_secs(3));
    show(&mut sim, 1, 0, 0);
    sim.run_for(Duration::from_millis(100));
    sim.peers[1].arrived.clear();
    sim.talk(Duration::from_secs(2));
    assert_eq!(seen(&sim, 1).len(), 0);
    let heard = sim.peers[1].numbers(sim.peers[0].track(Source::Microphone)).len();
    assert!(heard >= 98, "{heard} of 100");
    assert_sees_at_once(&mut sim, 1);
}

/// The way is narrow meanwhile, and wide again.
#[test]
fn a_page_that_was_hidden_sees_at_once_whatever_became_of_the_estimate() {
    let mut sim = broadcast(1);
    sim.bottlenecks.insert(1, Bottleneck::new(4_000_000));
    sim.talk(Duration::from_secs(8));
    show(&mut sim, 1, 0, 0);
    sim.bottlenecks.insert(1, Bottleneck::new(60_000));
    sim.talk(Duration::from_secs(10));
    sim.bottlenecks.insert(1, Bottleneck::new(4_000_000));
    sim.peers[1].arrived.clear();
    assert_sees_at_once(&mut sim, 1);
}

#[test]
fn a_drop_from_4_to_1_megabit_is_followed_within_a_second_and_a_rise_within_five() {
    let mut sim = broadcast(1);
    sim.bottlenecks.insert(1, Bottleneck::new(4_000_000));
    sim.talk(Duration::from_secs(8));
    assert_eq!(last_layer(&sim, 1), HIGH);
    let dropped = sim.now;
    sim.bottlenecks.insert(1, Bottleneck::new(1_000_000));
    sim.peers[1].arrived.clear();
    sim.talk(Duration::from_secs(10));
    let packets = seen(&sim, 1);
    let down = packets.iter().find(|packet| packet.layer < HIGH).expect("a lower layer").at - dropped;
    let heard = sim.peers[1].numbers(sim.peers[0].track(Source::Microphone)).len();
    let raised = sim.now;
    sim.bottlenecks.insert(1, Bottleneck::new(4_000_000));
    sim.peers[1].arrived.clear();
    sim.talk(Duration::from_secs(10));
    let up = seen(&sim, 1).iter().find(|packet| packet.layer == HIGH).map(|packet| packet.at - raised);
    assert!(down <= Duration::from_secs(1), "{down:?}");
    assert!(up.is_some_and(|up| up <= Duration::from_secs(5)), "{up:?}");
    assert!(heard >= 485, "{heard} of 500");
}

#[test]
fn a_layer_that_the_browser_stops_is_replaced_by_the_next_one() {
    let mut sim = broadcast(1);
    sim.talk(Duration::from_secs(6));
    assert_eq!(last_layer(&sim, 1), HIGH);
    sim.peers[0].layers[2].paused = true;
    sim.peers[1].arrived.clear();
    sim.talk(Duration::from_secs(3));
    assert_eq!(last_layer(&sim, 1), MIDDLE);
    sim.peers[0].layers[2].paused = false;
    sim.talk(Duration::from_secs(4));
    assert_eq!(last_layer(&sim, 1), HIGH);
    assert_decodable(&seen(&sim, 1));
}

/// Nobody waits for the round in which everybody's layers are looked at.
#[test]
fn a_camera_that_begins_is_asked_for_a_keyframe_on_the_next_tick() {
    for phase in (0..120).step_by(10) {
        let mut sim = broadcast(1);
        for layer in &mut sim.peers[0].layers {
            layer.paused = true;
        }
        sim.talk(Duration::from_secs(2) + Duration::from_millis(phase));
        // The viewer aims at the lowest layer, which does not come.
        sim.peers[0].layers[2].paused = false;
        let begins = sim.now;
        sim.talk(Duration::from_millis(500));
        let waited = seen(&sim, 1)[0].at - begins;
        assert!(waited < Duration::from_millis(110), "{waited:?} at {phase} ms");
    }
}
