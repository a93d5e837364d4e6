#![doc = include_str!("../README.md")]

mod alerts;
pub mod chain;
pub mod cli;
mod commands;
pub mod demo;
mod descriptors;
pub mod dotenv;
mod first_password;
mod help;
mod logs;
pub mod mapping;
mod metrics;
mod monitor;
mod open;
mod output;
mod private;
mod provider;
mod redact;
pub mod settings;
mod slot;
mod sync_admin;
mod test_mode;

pub use commands::run;
pub use open::{Primary, Secondary, primary, secondary};
pub use output::complain;
pub use sync_admin::ServerSyncAdmin;
