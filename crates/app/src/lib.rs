#![doc = include_str!("../README.md")]

mod accounts;
mod check;
mod command;
mod content;
mod context;
mod errors;
mod idempotency;
mod invoices;
pub mod jobs;
mod paging;
mod passwords;
mod payments;
mod projects;
mod sending;
mod sessions;
mod skills;
mod validate;
mod views;

pub use accounts::{AdminOutcome, Expected, PatchProfile, Registration};
pub use check::{INVARIANTS, Invariant};
pub use command::App;
pub use context::{Actor, Context, Done, Settings};
pub use errors::{AppError, FieldError, Trouble};
pub use invoices::{InvoiceFilter, NewInvoice, NewLine, PatchInvoice};
pub use paging::{Page, PageRequest};
pub use passwords::{Passwords, Secret};
pub use payments::NewPayment;
pub use projects::{NewProject, PatchProject, ProjectFilter, StartProject};
pub use sessions::{Credentials, LoggedIn};
pub use skills::{NewSkill, NewUserSkill};
pub use validate::present;
pub use views::*;
