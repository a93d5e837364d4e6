#![doc = include_str!("../README.md")]

pub mod embedded;
pub mod limits;
pub mod mongo;
mod names;
mod port;
mod room;
mod words;

pub use embedded::EmbeddedMirror;
pub use limits::Deadlines;
pub use mongo::{MongoMirror, MongoSettings};
pub use port::*;
