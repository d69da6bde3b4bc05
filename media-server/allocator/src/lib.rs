//! Where the programs of Auscult get their memory: jemalloc, in huge pages where the system has them. What the sessions of a
//! busy node touch is spread over more small pages than a processor remembers, in virtual machines above all.
//!
//! A media thread calls [`set_apart`]. Operators change the settings with `_RJEM_MALLOC_CONF`, for example
//! `_RJEM_MALLOC_CONF=thp:never`.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};

pub use tikv_jemalloc_ctl::Error;
use tikv_jemalloc_ctl::raw;
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Read by jemalloc when the program starts (its option `malloc_conf`); ends with a zero. One arena for all threads that are
/// not set apart, since each wastes half-empty huge pages; what is freed there goes back to the system after a while. The
/// smallest piece may be cut from the largest, or what was touched for it would not be used.
#[expect(unsafe_code, reason = "the name is jemalloc's own, and nothing else has it")]
#[unsafe(export_name = "_rjem_malloc_conf")]
pub static SETTINGS: &[u8; 69] = b"thp:always,metadata_thp:always,narenas:1,lg_extent_max_active_fit:40\0";

/// Memory that is there from the start for each thread that is set apart, in bytes: enough for some tens of
/// participants. With what jemalloc keeps for itself a media thread begins with about 20 MB.
pub const RESERVED: usize = PIECES * PIECE;
const PIECES: usize = 2;
/// The largest that jemalloc takes from a thread's own arena: pieces of 8 MiB and more have a place of their own.
const PIECE: usize = 7 << 20;

/// Arenas whose threads have ended, for the next to be set apart.
static FREE: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// An arena is the calling thread's for as long as this lives.
pub struct Apart(u32);

/// Gives the calling thread an arena of its own, so that it waits for no other thread's allocations, and touches
/// [`RESERVED`] bytes there: whoever touches a huge page first waits for the kernel, and on a media thread packets do.
/// The arena gives nothing back to the system, or its pages would have to be made again.
pub fn set_apart() -> Result<Apart, Error> {
    let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let arena = free.map_or_else(new_arena, Ok)?;
    set_arena(arena)?;
    let touched: Vec<Vec<u8>> = (0..PIECES).map(|_| vec![1; PIECE]).collect();
    drop(black_box(touched));
    Ok(Apart(arena))
}

impl Drop for Apart {
    fn drop(&mut self) {
        FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self.0);
    }
}

#[expect(unsafe_code, reason = "jemalloc takes what it is given for the option's type")]
fn new_arena() -> Result<u32, Error> {
    // SAFETY: `arenas.create` is read as `unsigned`, `arena.<i>.dirty_decay_ms` written as `ssize_t` (jemalloc's manual).
    unsafe {
        let arena: u32 = raw::read(b"arenas.create\0")?;
        raw::write(format!("arena.{arena}.dirty_decay_ms\0").as_bytes(), -1_isize)?;
        Ok(arena)
    }
}

#[expect(unsafe_code, reason = "jemalloc takes what it is given for the option's type")]
fn set_arena(arena: u32) -> Result<(), Error> {
    // SAFETY: `thread.arena` is written as `unsigned` (jemalloc's manual).
    unsafe { raw::write(b"thread.arena\0", arena) }
}
