#![doc = include_str!("../README.md")]

mod characters;
pub mod clock;
mod currency;
pub mod document;
pub mod event;
pub mod freshness;
pub mod id;
pub mod invoice;
pub mod ledger;
pub mod mapping;
pub mod merkle;
pub mod models;
pub mod money;
pub mod numbering;
pub mod payment;
pub mod project;
pub mod proof;
pub mod quote;
pub mod random;
pub mod recurrence;
pub mod revision;
pub mod schedule;
pub mod span;
pub mod states;
pub mod text;
pub mod transition;
pub mod visibility;
pub mod wire;
pub mod words;
pub mod zone;

pub use clock::{Clock, SystemClock, TestClock, Timestamp};
pub use document::{Digest, Document, Row, Value};
pub use mapping::Model;
pub use random::{Random, SystemRandom};
pub use revision::Revision;
