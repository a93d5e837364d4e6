//! Invoices: their state, their transitions, their totals and their canonical hash.
//!
//! [`Invoice`] is the aggregate. What can be derived is derived here and nowhere else: how much is paid
//! ([`InvoiceState::payment_status`]), where the money stands after a payment, and whether it is overdue.

mod canonical;
mod life;
mod state;
mod totals;

use std::ops::Deref;

pub use self::{
    canonical::{Frozen, canonical},
    life::{Declined, PartyNames},
    state::{Content, InvoiceState},
    totals::{Line, NoTotal, Totals, totals},
};
use crate::{
    Timestamp,
    event::EventData,
    id::{InvoiceId, ProjectId, UserId},
    money::Currency,
    numbering::{Allocated, Series},
    payment::Payment,
    states::{AnchorStatus, EscrowStatus, InvoiceStatus},
    transition::{Created, Deleted, Occasion, Refusal, Transition},
};

/// A draft that is to be made.
#[derive(Debug, Clone)]
pub struct NewDraft {
    /// Its id.
    pub id: InvoiceId,
    /// The issuer.
    pub freelancer_id: UserId,
    /// Who pays it.
    pub client_id: UserId,
    /// The project that it is for.
    pub project_id: Option<ProjectId>,
    /// The currency of everything in it.
    pub currency: Currency,
    /// The series that its number shall be of; the issuer's default where none is chosen.
    pub series: Option<Series>,
    /// What it says.
    pub content: Content,
}

/// What can be asked of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Change the draft.
    Edit,
    /// Number it and give it to the client.
    Send,
    /// Record money that arrived.
    Pay,
    /// Cancel it.
    Void,
    /// Remove the draft.
    Delete,
    /// Refuse to pay it.
    Decline,
    /// Draft another one that says the same.
    Duplicate,
}

/// The past participle in messages and the name in `allowed`.
const fn names(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Edit => ("edited", "edit"),
        Action::Send => ("sent", "send"),
        Action::Pay => ("paid", "pay"),
        Action::Void => ("voided", "void"),
        Action::Delete => ("deleted", "delete"),
        Action::Decline => ("declined", "decline"),
        Action::Duplicate => ("duplicated", "duplicate"),
    }
}

/// Why a draft cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotSend {
    /// It is not in a state to be sent.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be paid, or not in time.
    #[error("an invoice that cannot be paid cannot be sent")]
    Unpayable(Vec<Unpayable>),
}

/// Why an invoice could not be paid once it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpayable {
    /// It comes to nothing: it would wait for its payment for ever.
    Nothing,
    /// It would have been due before it was sent, on this day.
    Due(String),
}

/// Why a payment is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotPay {
    /// The invoice is not in a state to be paid.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The payment is in another currency than the invoice.
    #[error("is {0}: the invoice is in {1}")]
    Currency(Currency, Currency),
    /// The payment is of nothing, or of less.
    #[error("is not more than 0")]
    NotPositive,
    /// The sum of all payments would not fit.
    #[error("makes the sum too large")]
    TooLarge,
}

/// An invoice. Only its transitions change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice(InvoiceState);

impl Deref for Invoice {
    type Target = InvoiceState;

    fn deref(&self) -> &InvoiceState {
        &self.0
    }
}

impl Invoice {
    /// An invoice as the primary keeps it.
    #[must_use]
    pub const fn stored(state: InvoiceState) -> Self {
        Self(state)
    }

    /// Its state, for those who keep it.
    #[must_use]
    pub fn into_state(self) -> InvoiceState {
        self.0
    }

    /// Drafts an invoice.
    pub fn draft(new: NewDraft, occasion: Occasion) -> Created<Self> {
        let invoice = Self(InvoiceState {
            id: new.id,
            version: 0,
            freelancer_id: new.freelancer_id,
            client_id: new.client_id,
            project_id: new.project_id,
            currency: new.currency,
            content: new.content,
            status: InvoiceStatus::Draft,
            escrow: EscrowStatus::Unfunded,
            anchor_status: AnchorStatus::None,
            paid_minor: 0,
            number: None,
            number_seq: None,
            series: new.series,
            number_year: None,
            names: None,
            declined: None,
            canonical_hash: None,
            token_id: None,
            tx_hash: None,
            sent_at: None,
            paid_at: None,
            released_at: None,
            voided_at: None,
            created_at: occasion.at,
            updated_at: occasion.at,
        });
        let event = occasion.event(EventData::InvoiceCreated {
            freelancer: invoice.freelancer_id,
            invoice: invoice.id,
            project: invoice.project_id,
            total: invoice.total(),
        });
        Created { state: invoice, events: vec![event] }
    }

    /// What the present state allows.
    #[must_use]
    pub fn allowed(&self) -> Vec<Action> {
        let mut allowed = match self.status {
            InvoiceStatus::Draft => vec![Action::Edit, Action::Send, Action::Delete],
            InvoiceStatus::Sent if self.paid_minor == 0 => vec![Action::Pay, Action::Void],
            InvoiceStatus::Sent => vec![Action::Pay],
            InvoiceStatus::Paid | InvoiceStatus::Released | InvoiceStatus::Void | InvoiceStatus::Refunded => Vec::new(),
        };
        allowed.extend(self.allowed_in_life());
        allowed
    }

    /// Whether the present state allows an action.
    ///
    /// # Errors
    /// A refusal with what it allows.
    pub fn allows(&self, action: Action) -> Result<(), Refusal> {
        Refusal::unless_allowed("an invoice", self.status.word(), action, self.allowed(), names)
    }

    /// Gives a draft another content, and the series that its number shall be of.
    ///
    /// # Errors
    /// When it is no draft any more.
    pub fn edit(self, content: Content, series: Option<Series>) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Edit)?;
        let next = Self(InvoiceState { content, series, ..self.0.clone() });
        Ok(Transition::quiet(self, next))
    }

    /// Removes a draft.
    ///
    /// # Errors
    /// When it is no draft any more.
    pub fn delete(self) -> Result<Deleted<Self>, Refusal> {
        self.allows(Action::Delete)?;
        Ok(Deleted { before: self })
    }

    /// Whether it can be sent on a day of its issuer's. Asked before a number is taken for it.
    ///
    /// # Errors
    /// When it is no draft any more, or could not be paid.
    pub fn can_be_sent(&self, today: &str) -> Result<(), CannotSend> {
        self.allows(Action::Send)?;
        let nothing = (self.content.totals.total <= 0).then_some(Unpayable::Nothing);
        let due = self.content.due_date.clone().filter(|due| due.as_str() < today).map(Unpayable::Due);
        let reasons: Vec<Unpayable> = nothing.into_iter().chain(due).collect();
        if reasons.is_empty() { Ok(()) } else { Err(CannotSend::Unpayable(reasons)) }
    }

    /// Sends a draft: it gets the number that was allocated for it, and its content is frozen.
    ///
    /// # Errors
    /// As [`Self::can_be_sent`].
    pub fn send(self, allocated: Allocated, today: &str, at: Timestamp) -> Result<Transition<Self>, CannotSend> {
        self.can_be_sent(today)?;
        let mut next = self.0.clone();
        let Allocated { number, sequence, series, year } = allocated;
        next.status = InvoiceStatus::Sent;
        next.sent_at = Some(at);
        next.canonical_hash = Some(Frozen::of(&next, &number).canonical_hash());
        next.number = Some(number);
        next.number_seq = Some(sequence);
        next.series = Some(series);
        next.number_year = year;
        Ok(Transition::quiet(self, Self(next)))
    }

    /// Takes a payment: its money goes into escrow. What is paid in full waits for its release.
    ///
    /// # Errors
    /// When it is not to be paid, or not with this payment.
    pub fn pay(self, payment: &Payment, occasion: Occasion) -> Result<Transition<Self>, CannotPay> {
        self.allows(Action::Pay)?;
        if payment.amount.currency != self.currency {
            return Err(CannotPay::Currency(payment.amount.currency, self.currency));
        }
        let transfer = payment.transfer().map_err(|_| CannotPay::NotPositive)?;
        let paid = self.paid().checked_add(payment.amount).ok_or(CannotPay::TooLarge)?;
        let mut next = self.0.clone();
        next.paid_minor = paid.minor;
        next.escrow = next.funded();
        next.declined = None;
        if paid.minor >= next.content.totals.total {
            next.status = InvoiceStatus::Paid;
            next.paid_at = Some(occasion.at);
        }
        let event = occasion.event(EventData::PaymentReceived {
            payer: self.client_id,
            receiver: self.freelancer_id,
            invoice: self.id,
            project: self.project_id,
            amount: payment.amount,
        });
        Ok(Transition { before: self, next: Self(next), transfers: vec![transfer], events: vec![event] })
    }

    /// Cancels a sent invoice of which nothing is paid. Its number stays taken.
    ///
    /// # Errors
    /// When it is not sent, or something is paid.
    pub fn void(self, at: Timestamp) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Void)?;
        let next = Self(InvoiceState { status: InvoiceStatus::Void, voided_at: Some(at), ..self.0.clone() });
        Ok(Transition::quiet(self, next))
    }
}

#[cfg(test)]
mod tests;
