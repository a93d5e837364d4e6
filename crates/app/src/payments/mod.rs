//! Payments: announced by their payers, confirmed or rejected by who holds the money, reversed by counter-records.

mod asked;
mod list;
mod record;
mod reverse;
mod settle;

pub use self::{
    asked::{NewPayment, NewTransfer},
    list::PaymentFilter,
    reverse::Reason,
};
pub(crate) use self::{
    asked::{checked_method, checked_reference},
    settle::{Takes, refused},
};
