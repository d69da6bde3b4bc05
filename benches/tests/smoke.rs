//! The load generator against the media server and the bare relay on loopback, for two seconds each.

use std::process::Command;

use serde_json::Value;

/// Two calls of two with sound alone: 200 packets per second arrive.
#[test]
fn every_packet_of_two_calls_arrives_once_through_the_server_and_through_the_relay() {
    let output = Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(["--system", "auscult,floor", "--scenario", "audio-only", "--rooms", "2"])
        .args(["--seconds", "2", "--warmup", "0.5", "--threads", "1"])
        .output()
        .expect("the generator runs");
    let printed = String::from_utf8(output.stdout).expect("text");
    let rows: Vec<Value> = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(rows.len(), 2, "{printed}{errors}");
    for row in &rows {
        assert_eq!((row["lost"].as_u64(), row["duplicated"].as_u64()), (Some(0), Some(0)), "{row}");
        let per_second = row["forwarded_pps"].as_f64().expect("a number");
        assert!((150.0..250.0).contains(&per_second), "{row}");
    }
}
