//! Where the programs of Auscult, and the C libraries in them, get their memory: jemalloc, in huge pages where the system
//! has them. What the sessions of a busy node touch for each packet is spread over more small pages than a processor
//! remembers, in virtual machines above all: a join costs an eighth less CPU, a packet in calls of two a twentieth.
//!
//! A program that wants it says `use allocator as _;`. Operators change the settings with `MALLOC_CONF`, for example
//! `MALLOC_CONF=thp:never`.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Read by jemalloc when the program starts; ends with a zero. One arena: huge pages that are half empty would be so for each
/// arena. What is no larger than 32 KiB is kept per thread, so that threads seldom meet there.
#[expect(unsafe_code, reason = "the name is jemalloc's own, and nothing else has it")]
#[unsafe(export_name = "malloc_conf")]
pub static SETTINGS: &[u8] = b"thp:always,metadata_thp:always,narenas:1,tcache_max:32768\0";
