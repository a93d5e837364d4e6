#![doc = include_str!("../README.md")]

mod disk_probe;
pub mod embedded;
mod id_codec;
pub mod limits;
pub mod mongo;
mod port;
mod search_terms;

pub use embedded::EmbeddedMirror;
pub use limits::Deadlines;
pub use mongo::{MongoMirror, MongoSettings};
pub use port::*;
