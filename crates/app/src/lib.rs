#![doc = include_str!("../README.md")]

mod accounts;
mod argon;
mod billing;
mod checkouts;
mod command;
mod content;
mod context;
mod credits;
mod errors;
mod hashes;
mod history;
mod idempotency;
mod invoice_life;
mod invoice_lists;
mod invoices;
pub mod jobs;
mod ledger;
mod paging;
mod password_rules;
mod passwords;
mod payments;
mod planned;
mod projects;
mod quotes;
mod recurrences;
mod reminders;
mod seal;
mod series;
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
pub use billing::PutBillingProfile;
/// What always holds.
pub use chainbill_records::repo::invariants::{INVARIANTS, Invariant};
pub use checkouts::NewCheckout;
pub use context::{Actor, Answered, Context, Done, Expected, Reader, Settings, Stored, network_of};
pub use credits::{ApplyCredit, CreditPage, NewCreditNote, NewRefund, PartyFilter, RefundDone, RefundInvoice};
pub use errors::{AppError, FieldError, Trouble};
pub use history::{FieldChange, HistoryEntry};
pub use invoice_life::DeclineInvoice;
pub use invoice_lists::InvoiceFilter;
pub use invoices::{NewDiscount, NewInvoice, NewLine, NewLineDiscount, PatchInvoice};
pub use ledger::{BalanceFilter, StatementFilter};
pub use paging::{Page, PageRequest, UnreadableRow};
pub use passwords::{Passwords, Secret};
pub use payments::{NewPayment, NewTransfer, PaymentFilter, Reason};
pub use projects::{NewProject, PatchProject, ProjectFilter, StartProject};
pub use quotes::{NewQuote, PatchQuote, QuoteFilter};
pub use recurrences::{NewRecurrence, PatchRecurrence};
pub use reminders::ReminderRules;
pub use series::{NewSeries, PatchSeries};
pub use sessions::{Credentials, LoggedIn};
pub use skills::{NewSkill, NewUserSkill};
pub use state::App;
pub use turns::Crowded;
pub use validate::present;
pub use views::*;
