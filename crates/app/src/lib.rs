#![doc = include_str!("../README.md")]

mod accounts;
mod argon;
mod check;
mod command;
mod content;
mod context;
mod errors;
mod idempotency;
mod identity;
mod invoices;
pub mod jobs;
mod paging;
mod password_rules;
mod passwords;
mod payments;
mod portion;
mod projects;
mod seal;
mod sending;
mod sessions;
mod skills;
mod turns;
mod validate;
mod views;
mod zones;

/// A stored value that cannot be read.
pub use chainbill_records::Unreadable;

pub use accounts::{AdminOutcome, Expected, PatchProfile, Registration};
pub use check::{INVARIANTS, Invariant};
pub use command::App;
pub use context::{Actor, Context, Done, Settings, network_of};
pub use errors::{AppError, FieldError, Trouble};
pub use invoices::{InvoiceFilter, NewInvoice, NewLine, PatchInvoice};
pub use paging::{Page, PageRequest, UnreadableRow};
pub use passwords::{Passwords, Secret};
pub use payments::NewPayment;
pub use projects::{NewProject, PatchProject, ProjectFilter, StartProject};
pub use sessions::{Credentials, LoggedIn};
pub use skills::{NewSkill, NewUserSkill};
pub use turns::Crowded;
pub use validate::present;
pub use views::*;
