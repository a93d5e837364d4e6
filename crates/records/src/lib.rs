#![doc = include_str!("../README.md")]

pub mod connect;
pub mod dialect;
pub mod entities;
pub mod jobs;
pub mod migrations;
pub mod outbox;
pub mod text;

mod certificates;
mod copies;
mod errors;
mod evidence;
mod faults;
mod handed;
mod leases;
mod parked;
mod retry;
mod runs;
mod snapshot;
mod store;
mod synced;
mod transaction;
mod unit;

pub use certificates::Tile;
pub use copies::{Copy, CopyState};
pub use errors::RecordsError;
pub use evidence::Evidence;
pub use faults::{FaultSource, ModelFault};
pub use leases::{Lease, LeaseView};
pub use parked::Parked;
pub use retry::{ATTEMPTS, Retryable, retry};
pub use runs::{Resume, Run};
/// The ORM, for those who read tables of their own.
pub use sea_orm;
pub use snapshot::{Pending, RowPage, Snapshot};
pub use store::{Commits, Records};
pub use synced::{Child, Synced};
pub use text::Text;
pub use transaction::Transaction;
pub use unit::{Committed, Unit};
