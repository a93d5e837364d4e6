//! The program's entry: settings from the environment and `.env`, then one command.

use std::process::ExitCode;

use chainbill_server::cli::Cli;
use clap::Parser as _;

fn main() -> ExitCode {
    // Before any thread runs: the file only fills in what the environment leaves open.
    match dotenvy::from_path(".env") {
        Err(error) if !error.not_found() => {
            eprintln!("error: .env cannot be read: {error}");
            return ExitCode::from(2);
        }
        _ => {}
    }
    let cli = Cli::parse();
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(chainbill_server::run(cli)),
        Err(error) => {
            eprintln!("error: no threads to work with: {error}");
            ExitCode::from(2)
        }
    }
}
