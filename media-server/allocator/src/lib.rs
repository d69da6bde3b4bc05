//! Where the programs of Auscult get their memory: jemalloc, in huge pages where the system has them. What the sessions of a
//! busy node touch is spread over more small pages than a processor remembers, in virtual machines above all.
//!
//! A program calls [`reserve`] before its first call: while the kernel makes a huge page, whoever touches it waits, and on a
//! media thread packets do. Operators change the settings with `_RJEM_MALLOC_CONF`, for example `_RJEM_MALLOC_CONF=thp:never`.

use std::hint::black_box;

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Read by jemalloc when the program starts (its option `malloc_conf`); ends with a zero. One arena, so that all threads take
/// from what was reserved. What was freed is not given back (but for pieces of 8 MiB and more), or it would have to be made
/// again; and the smallest piece may be cut from the largest.
#[expect(unsafe_code, reason = "the name is jemalloc's own, and nothing else has it")]
#[unsafe(export_name = "_rjem_malloc_conf")]
pub static SETTINGS: &[u8; 87] =
    b"thp:always,metadata_thp:always,narenas:1,dirty_decay_ms:-1,lg_extent_max_active_fit:40\0";

/// Memory that is there from the start, in bytes: enough for about a hundred participants.
pub const RESERVED: usize = PIECES * PIECE;
const PIECES: usize = 4;
/// The largest that jemalloc keeps with the rest: pieces of 8 MiB and more have a place of their own.
const PIECE: usize = 7 << 20;

/// Touches [`RESERVED`] bytes and keeps them for all later allocations of the process.
pub fn reserve() {
    let touched: Vec<Vec<u8>> = (0..PIECES).map(|_| vec![1; PIECE]).collect();
    drop(black_box(touched));
}
