#![doc = include_str!("../README.md")]

mod accounts;
mod argon;
mod command;
mod content;
mod context;
mod errors;
mod hashes;
mod idempotency;
mod invoices;
pub mod jobs;
mod paging;
mod password_rules;
mod passwords;
mod payments;
mod projects;
mod seal;
mod sessions;
mod skills;
mod state;
mod turns;
mod validate;
mod views;
mod zones;

/// A stored value that cannot be read.
pub use chainbill_records::Unreadable;

pub use accounts::{AdminOutcome, PatchProfile, Registration};
/// What always holds.
pub use chainbill_records::repo::invariants::{INVARIANTS, Invariant};
pub use context::{Actor, Answered, Context, Done, Expected, Reader, Settings, Stored, network_of};
pub use errors::{AppError, FieldError, Trouble};
pub use invoices::{InvoiceFilter, NewInvoice, NewLine, PatchInvoice};
pub use paging::{Page, PageRequest, UnreadableRow};
pub use passwords::{Passwords, Secret};
pub use payments::NewPayment;
pub use projects::{NewProject, PatchProject, ProjectFilter, StartProject};
pub use sessions::{Credentials, LoggedIn};
pub use skills::{NewSkill, NewUserSkill};
pub use state::App;
pub use turns::Crowded;
pub use validate::present;
pub use views::*;
