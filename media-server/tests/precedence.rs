//! Media threads go before the rest of the machine where the system allows it. A process of its own: policies are read
//! from all its threads.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::time::Duration;

use support::node::Node;
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

const ROUND_ROBIN: u32 = 2;

/// Scheduling policies of this process' media threads: field 41 of proc_pid_stat(5).
fn policies_of_media_threads() -> Vec<u32> {
    let threads = std::fs::read_dir("/proc/self/task").expect("procfs");
    let stats = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    let media = stats.filter(|stat| stat.contains("(media-"));
    media
        .map(|stat| {
            let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
            let policy = after_name.split_whitespace().nth(41 - 3).expect("a field");
            policy.parse().expect("a policy")
        })
        .collect()
}

fn workers_first(node: &Node) -> f64 {
    let families = node.registry.gather();
    let family = families.iter().find(|family| family.name() == "auscult_media_workers_first");
    family.expect("a gauge").get_metric()[0].get_gauge().get_value()
}

async fn within_seconds(what: &str, mut holds: impl FnMut() -> bool) {
    let holding = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), holding).await.expect(what);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_threads_go_first_unless_they_may_not_or_are_too_many() {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let attempt = move || set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    let allowed = std::thread::spawn(attempt).join().expect("no panic").is_ok();
    let node = Node::start(1);
    if allowed {
        within_seconds("round robin", || policies_of_media_threads() == [ROUND_ROBIN]).await;
        within_seconds("counted", || workers_first(&node) > 0.5).await;
    } else {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_ne!(policies_of_media_threads(), [ROUND_ROBIN]);
    }
    assert!((workers_first(&node) - f64::from(u8::from(allowed))).abs() < 0.1);
    node.server.shutdown().await;
    assert!(workers_first(&node).abs() < 0.1, "nobody is left");

    let processors = std::thread::available_parallelism().expect("a number").get();
    let node = Node::start(processors + 1);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(workers_first(&node).abs() < 0.1, "more threads than processors take turns");
    assert!(!policies_of_media_threads().contains(&ROUND_ROBIN));
    node.server.shutdown().await;
}
