#![doc = include_str!("../README.md")]

pub mod embedded;
pub mod limits;
mod port;
mod words;

pub use embedded::EmbeddedMirror;
pub use port::*;
