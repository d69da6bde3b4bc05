//! A process of its own, and one test: it counts what the kernel has given it.

use std::fs::read_to_string;
use std::thread;

const MIB: usize = 1 << 10;

/// Resident memory in KiB (`proc(5)`, `VmRSS`).
fn resident() -> usize {
    let status = read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim_end_matches("kB").trim().parse().expect("a number")
}

fn small_pieces(mib: usize) -> Vec<Vec<u8>> {
    (0..mib << 10).map(|_| vec![1; 1000]).collect()
}

/// Uses what its thread was given: (before, reserved, in use, freed).
fn a_thread_apart() -> (usize, usize, usize, usize) {
    let before = resident();
    let apart = allocator::set_apart().expect("jemalloc has arenas");
    let reserved = resident();
    let pieces = small_pieces(10);
    let used = resident();
    drop(pieces);
    let freed = resident();
    drop(apart);
    (before, reserved, used, freed)
}

#[test]
fn what_is_reserved_serves_its_thread_and_is_given_back_when_it_ends() {
    for _ in 0..5 {
        let (before, reserved, used, freed) = thread::spawn(a_thread_apart).join().expect("no panic");
        assert!(before < 24 * MIB, "{before} KiB are left of a thread that has ended");
        assert!(reserved >= before + allocator::RESERVED / 1024, "{before} KiB before, {reserved} reserved");
        assert!(used < reserved + 4 * MIB, "{reserved} KiB reserved, {used} in use");
        assert!(freed + MIB > reserved, "{reserved} KiB reserved, {freed} left");
    }

    let large = vec![1_u8; 64 << 20];
    let with = resident();
    drop(large);
    assert!(resident() + 60 * MIB < with, "64 MiB were kept of {with} KiB");
}
