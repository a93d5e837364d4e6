//! What a client has paid beyond what was owed: where it comes from besides payments (credit notes), and where it goes
//! (other invoices, refunds).

mod apply;
mod notes;
mod refunds;

pub(crate) use self::refunds::Back;
pub use self::{
    apply::{ApplyCredit, CreditPage},
    notes::{NewCreditNote, PartyFilter},
    refunds::{NewRefund, RefundDone, RefundInvoice},
};
