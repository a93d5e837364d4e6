#![doc = include_str!("../README.md")]

mod address;
mod api;
mod desk;
mod extract;
mod limits;
mod pages;
mod problem;
mod reading;
mod router;
mod serve;

pub use desk::{Copies, Desk, DeskError, Part, Row, SyncDesk, Verification};
pub use limits::Rates;
pub use problem::Problem;
pub use router::{Serving, State, openapi, router};
pub use serve::serve;
