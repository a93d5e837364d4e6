#![doc = include_str!("../README.md")]

mod alerts;
pub mod cli;
mod commands;
pub mod demo;
mod desk;
mod logs;
pub mod mapping;
mod monitor;
mod open;
mod output;
mod private;
pub mod settings;

pub use commands::run;
pub use desk::ServerDesk;
pub use open::{Primary, Secondary, primary, secondary};
