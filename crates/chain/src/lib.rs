#![doc = include_str!("../README.md")]

mod error;
mod notary;
mod port;

pub use crate::{
    error::{ChainError, ErrorClass},
    notary::{Entry, Fault, LocalNotary, Report, verify},
    port::{Chain, Notarisation, Notarised, Status},
};
