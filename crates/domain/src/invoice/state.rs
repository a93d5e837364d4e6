//! The state of an invoice, and what is derived from it.

use std::cmp::Ordering;

use super::{Declined, Line, PartyNames, Totals};
use crate::{
    Timestamp,
    id::{InvoiceId, ProjectId, UserId},
    money::{Currency, Money},
    numbering::Series,
    states::{AnchorStatus, EscrowStatus, InvoiceStatus, PaymentStatus},
};

/// Everything that is known of an invoice. Amounts are in minor units of its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceState {
    /// Its id.
    pub id: InvoiceId,
    /// The version that it was read at; 0 before it is saved.
    pub version: i64,
    /// The issuer.
    pub freelancer_id: UserId,
    /// Who pays it.
    pub client_id: UserId,
    /// The project that it is for.
    pub project_id: Option<ProjectId>,
    /// The currency of everything in it.
    pub currency: Currency,
    /// What it says.
    pub content: Content,
    /// The state that it is in.
    pub status: InvoiceStatus,
    /// Where its money stands.
    pub escrow: EscrowStatus,
    /// Where its notarisation stands.
    pub anchor_status: AnchorStatus,
    /// What is paid.
    pub paid_minor: i64,
    /// Its number, from sending on.
    pub number: Option<String>,
    /// The place of its number in the sequence of its series.
    pub number_seq: Option<i64>,
    /// The series of its number; of a draft the one that was chosen, if one was.
    pub series: Option<Series>,
    /// The year of that sequence, where the series restarts yearly.
    pub number_year: Option<i32>,
    /// The names of its parties: those at sending, of a draft those at drafting.
    pub names: Option<PartyNames>,
    /// That its client declined it, until a payment takes that back.
    pub declined: Option<Declined>,
    /// The hash of its canonical form, from sending on.
    pub canonical_hash: Option<String>,
    /// Its token on the chain.
    pub token_id: Option<String>,
    /// The transaction that made the token.
    pub tx_hash: Option<String>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// When it was paid in full.
    pub paid_at: Option<Timestamp>,
    /// When its money went to the freelancer.
    pub released_at: Option<Timestamp>,
    /// When it was voided.
    pub voided_at: Option<Timestamp>,
    /// When it was drafted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl InvoiceState {
    /// How much of it is paid.
    #[must_use]
    pub fn payment_status(&self) -> PaymentStatus {
        match self.paid_minor.cmp(&self.content.totals.total) {
            _ if self.paid_minor == 0 => PaymentStatus::Unpaid,
            Ordering::Less => PaymentStatus::Partial,
            Ordering::Equal => PaymentStatus::Paid,
            Ordering::Greater => PaymentStatus::Overpaid,
        }
    }

    /// Where its money stands while all of what is paid is held.
    #[must_use]
    pub fn funded(&self) -> EscrowStatus {
        match self.payment_status() {
            PaymentStatus::Unpaid => EscrowStatus::Unfunded,
            PaymentStatus::Partial => EscrowStatus::PartiallyFunded,
            PaymentStatus::Paid | PaymentStatus::Overpaid => EscrowStatus::Held,
        }
    }

    /// Whether it is due and not paid, on a day of its issuer's (`YYYY-MM-DD`).
    #[must_use]
    pub fn is_overdue(&self, today: &str) -> bool {
        self.awaits_payment() && self.content.due_date.as_deref().is_some_and(|due| due < today)
    }

    /// Whether the client is still to pay it.
    #[must_use]
    pub fn awaits_payment(&self) -> bool {
        self.status == InvoiceStatus::Sent
    }

    /// What it comes to.
    #[must_use]
    pub fn total(&self) -> Money {
        Money { minor: self.content.totals.total, currency: self.currency }
    }

    /// What is paid.
    #[must_use]
    pub fn paid(&self) -> Money {
        Money { minor: self.paid_minor, currency: self.currency }
    }
}

/// What an invoice says. It is frozen when the invoice is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its title.
    pub title: String,
    /// Notes to the client.
    pub notes: Option<String>,
    /// The day until which it is to be paid (`YYYY-MM-DD`).
    pub due_date: Option<String>,
    /// Its lines.
    pub lines: Vec<Line>,
    /// What they come to.
    pub totals: Totals,
}
