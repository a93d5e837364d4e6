#![doc = include_str!("../README.md")]

mod api;
mod desk;
mod extract;
mod limits;
mod pages;
mod problem;
mod router;
mod serve;

pub use desk::{Copies, Desk, DeskError, SyncDesk, Verification};
pub use limits::Rates;
pub use problem::Problem;
pub use router::{State, openapi, router};
pub use serve::serve;
