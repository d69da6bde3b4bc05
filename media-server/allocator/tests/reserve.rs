//! A process of its own: it counts what the kernel has given it.

use std::fs::read_to_string;

/// Resident memory in KiB (`proc(5)`, `VmRSS`).
fn resident() -> usize {
    let status = read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim_end_matches("kB").trim().parse().expect("a number")
}

#[test]
fn what_was_reserved_is_there_and_serves_small_pieces_of_every_thread() {
    let before = resident();
    allocator::reserve();
    let reserved = resident();
    assert!(reserved >= before + allocator::RESERVED / 1024, "{before} KiB before, {reserved} after");
    let other = std::thread::spawn(|| (0..12_000).map(|_| vec![1_u8; 1000]).collect::<Vec<_>>());
    let pieces: Vec<_> = (0..12_000).map(|_| vec![1_u8; 1000]).collect();
    let others = other.join().expect("no panic");
    let used = resident();
    assert!(used < reserved + (4 << 10), "{reserved} KiB reserved, {used} used");
    drop((pieces, others));
    assert!(resident() + (1 << 10) > used, "what was freed was given back");
}
