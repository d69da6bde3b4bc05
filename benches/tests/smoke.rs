//! The load generator against the media server and the bare relay on loopback, for some seconds each.

use std::process::Command;

use serde_json::Value;

/// The rows that the generator prints.
fn rows(arguments: &[&str]) -> Vec<Value> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_loadgen")).args(arguments).output().expect("the generator runs");
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Two calls of two with sound alone: 200 packets per second arrive.
#[test]
fn every_packet_of_two_calls_arrives_once_through_the_server_and_through_the_relay() {
    let size =
        ["--scenario", "audio-only", "--rooms", "2", "--seconds", "2", "--warmup", "0.5", "--threads", "1"];
    let rows = rows(&[&["--system", "auscult,floor"][..], &size].concat());
    assert_eq!(rows.len(), 2, "{rows:?}");
    for row in &rows {
        assert_eq!((row["lost"].as_u64(), row["duplicated"].as_u64()), (Some(0), Some(0)), "{row}");
        let per_second = row["forwarded_pps"].as_f64().expect("a number");
        assert!((150.0..250.0).contains(&per_second), "{row}");
    }
}

/// 1 000 packets of sound, of which 50 are lost on the way; without redundancy all of them would be missed.
#[test]
fn over_an_imitated_network_that_loses_packets_the_sound_stays_whole() {
    let size = ["--rooms", "2", "--layers", "3", "--seconds", "5", "--warmup", "2", "--threads", "1"];
    let rows = rows(&[&["--profile", "lossy"][..], &size].concat());
    let quality = &rows.first().expect("a row")["quality"];
    assert!(quality["audio_lost_percent"].as_f64().is_some_and(|lost| lost < 2.0), "{quality}");
    assert_eq!(quality["undecodable"].as_u64(), Some(0), "{quality}");
}
