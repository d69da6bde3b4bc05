//! The one binary of Auscult.

use std::process::ExitCode;

use clap::Parser;
use control_plane::cli::Cli;

fn main() -> ExitCode {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("nothing has installed a provider before main");
    Cli::parse().run()
}
