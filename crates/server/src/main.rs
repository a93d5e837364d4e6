//! The program's entry: settings from the environment and `.env`, then one command.

use std::{path::Path, process::ExitCode};

use chainbill_server::{cli, complain, dotenv};

/// Each connection to an embedded database works on a thread of its own and hands what it has read to others. The allocator of
/// Linux' C library keeps a heap for every thread and gives little of it back. jemalloc has two for all and gives back what is
/// free within a second, also what SQLite has allocated; its settings stand in `.cargo/config.toml`.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Before any thread runs: the file only fills in what the environment leaves open.
    match dotenv::load(Path::new(".env"), &cli::setting_names()) {
        Ok(warnings) => warnings.iter().for_each(|warning| complain(&format!("warning: {warning}"))),
        Err(error) => {
            complain(&format!("error: {error}"));
            return ExitCode::from(2);
        }
    }
    let mut cli = cli::parse();
    if let Err(error) = cli.settings.take_secrets(|name| std::env::var_os(name)) {
        complain(&format!("error: {error}"));
        return ExitCode::from(2);
    }
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(chainbill_server::run(cli)),
        Err(error) => {
            complain(&format!("error: no threads to work with: {error}"));
            ExitCode::from(2)
        }
    }
}
