#![doc = include_str!("../README.md")]

mod address;
mod api;
mod body;
mod description;
mod desk;
mod extract;
mod framing;
mod limits;
mod objects;
mod pages;
mod problem;
mod query;
mod reading;
mod router;
mod schemas;
mod serve;
mod tags;
mod words;

pub use desk::{Copies, Desk, DeskError, Part, Row, SyncDesk, Verification};
pub use limits::Rates;
pub use problem::Problem;
pub use router::{Serving, State, metrics_router, openapi, router};
pub use serve::{ConnectionLimits, serve};
