#![doc = include_str!("../README.md")]

pub mod embedded;
pub mod limits;
mod logs;
pub mod mongo;
mod names;
mod port;
mod room;
mod words;

pub use embedded::EmbeddedMirror;
pub use limits::Deadlines;
pub use logs::LogFilter;
pub use mongo::{MongoMirror, MongoSettings};
pub use port::*;
