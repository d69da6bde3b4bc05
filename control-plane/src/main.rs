//! The one binary of Auscult.

use std::process::ExitCode;

use clap::Parser;
use control_plane::cli::Cli;
use mimalloc::MiMalloc;

/// It asks the system for huge pages; the sessions of a busy node do not fit what a processor remembers of small ones.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("nothing has installed a provider before main");
    Cli::parse().run()
}
