#![doc = include_str!("../README.md")]

mod accounts;
mod anchor_check;
mod argon;
mod billing;
mod checkouts;
mod command;
mod content;
mod context;
mod credits;
mod disputes;
mod errors;
mod escrow;
mod hashes;
mod history;
mod idempotency;
mod invoice_life;
mod invoice_lists;
mod invoices;
pub mod jobs;
mod ledger;
mod matching;
mod mints;
mod paging;
mod password_rules;
mod passwords;
mod payments;
mod payouts;
mod planned;
mod projects;
mod proposals;
mod quotes;
mod recurrences;
mod reminders;
mod reputation;
mod reviews;
mod seal;
mod series;
mod sessions;
mod skills;
mod state;
mod turns;
mod validate;
mod verifications;
mod verifying;
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
pub use disputes::{
    AnswerDispute, AppealDispute, CastVote, DecideDispute, DisputeFilter, NewDisputeRequest, NewEvidence, NewLink,
    OfferSettlement,
};
pub use errors::{AppError, FieldError, Trouble};
pub use escrow::{ReleaseInvoice, SubmitWork};
pub use history::{FieldChange, HistoryEntry};
pub use invoice_life::DeclineInvoice;
pub use invoice_lists::InvoiceFilter;
pub use invoices::{NewDiscount, NewInvoice, NewLine, NewLineDiscount, PatchInvoice};
pub use ledger::{BalanceFilter, StatementFilter};
pub use matching::MatchedProject;
pub use mints::MintFilter;
pub use paging::{Page, PageRequest, UnreadableRow};
pub use passwords::{Passwords, Secret};
pub use payments::{NewPayment, NewTransfer, PaymentFilter, Reason};
pub use payouts::{NewPayout, PayoutDone, PayoutFilter};
pub use projects::{CancelProject, NewMilestone, NewProject, PatchMilestone, PatchProject, ProjectFilter};
pub use proposals::{NewApplication, NewInvitation, PatchProposal, ProposalFilter, StartProject};
pub use quotes::{NewQuote, PatchQuote, QuoteFilter};
pub use recurrences::{NewRecurrence, PatchRecurrence};
pub use reminders::ReminderRules;
pub use reputation::Recomputed;
pub use reviews::{NewReview, PatchReview};
pub use series::{NewSeries, PatchSeries};
pub use sessions::{Credentials, LoggedIn};
pub use skills::{MergeSkill, NewSkill, NewUserSkill, PatchSkill, SkillFilter};
pub use state::App;
pub use turns::Crowded;
pub use validate::present;
pub use verifications::{NewVerification, VerificationFilter};
pub use views::*;
