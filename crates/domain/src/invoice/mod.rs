//! Invoices: their state, their transitions, their totals and their canonical hash.
//!
//! [`Invoice`] is the aggregate. What can be derived is derived here and nowhere else: how much is paid
//! ([`InvoiceState::payment_status`]), where the money stands after a payment, and whether it is overdue.

mod anchor;
mod canonical;
mod escrow;
mod life;
mod line;
mod settlement;
mod state;
mod totals;

use std::ops::Deref;

pub use self::{
    anchor::differences,
    canonical::{CANONICAL_VERSION, Frozen, Unverified, canonical, form, hash_of, verify},
    escrow::{CannotRelease, EscrowTerms, Returned, Submission, Work},
    life::{Declined, PartyNames},
    line::{BadPrice, Discount, Line, MILLION, UnitPrice},
    settlement::{CannotCredit, CannotSettle, Credits},
    state::{Content, Heading, InvoiceState},
    totals::{NoTotal, Pricing, TaxTotal, Totals, totals},
};
use crate::{
    event::{EventData, InvoiceStep},
    id::{InvoiceId, MilestoneId, ProjectId, UserId},
    ledger::Transfer,
    money::Currency,
    numbering::{Allocated, Series},
    party::Parties,
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
    /// The milestone that it funds.
    pub milestone_id: Option<MilestoneId>,
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
    /// Announce or record a payment for it.
    Pay,
    /// Cancel it.
    Void,
    /// Lower its claim by a credit note.
    Credit,
    /// Give back what was paid, with a credit note.
    Refund,
    /// Reverse a payment of it.
    Reverse,
    /// Remove the draft.
    Delete,
    /// Refuse to pay it.
    Decline,
    /// Draft another one that says the same.
    Duplicate,
    /// Submit the work that held money is for.
    Submit,
    /// Send submitted work back.
    Return,
    /// Approve submitted work: its money is released.
    Approve,
    /// Release held money to the freelancer.
    Release,
    /// Open a dispute over held money.
    Dispute,
}

/// The past participle in messages and the name in `allowed`.
const fn names(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Edit => ("edited", "edit"),
        Action::Send => ("sent", "send"),
        Action::Pay => ("paid", "pay"),
        Action::Void => ("voided", "void"),
        Action::Credit => ("credited", "credit-notes"),
        Action::Refund => ("refunded", "refund"),
        Action::Reverse => ("unpaid", "reverse"),
        Action::Delete => ("deleted", "delete"),
        Action::Decline => ("declined", "decline"),
        Action::Duplicate => ("duplicated", "duplicate"),
        Action::Submit => ("submitted", "submit-work"),
        Action::Return => ("sent back", "return-work"),
        Action::Approve => ("approved", "approve"),
        Action::Release => ("released", "release"),
        Action::Dispute => ("disputed", "dispute"),
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
            milestone_id: new.milestone_id,
            currency: new.currency,
            content: new.content,
            parties: None,
            status: InvoiceStatus::Draft,
            escrow: EscrowStatus::Unfunded,
            anchor_status: AnchorStatus::None,
            paid_minor: 0,
            refunded_minor: 0,
            released_minor: 0,
            external_minor: 0,
            fee_minor: 0,
            credited_minor: 0,
            terms: EscrowTerms::default(),
            work: Work::default(),
            number: None,
            number_seq: None,
            series: new.series,
            number_year: None,
            names: None,
            declined: None,
            canonical_hash: None,
            canonical_version: None,
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
        let is_kept = self.paid_minor > self.refunded_minor;
        let mut allowed = match self.status {
            InvoiceStatus::Draft => vec![Action::Edit, Action::Send, Action::Delete],
            // What a dispute froze is moved by the dispute alone.
            _ if self.escrow == EscrowStatus::Disputed => {
                let pay = (self.due().minor > 0).then_some(Action::Pay);
                return pay.into_iter().chain(self.allowed_in_life()).collect();
            }
            InvoiceStatus::Sent if self.paid_minor == 0 && self.credited_minor == 0 => {
                vec![Action::Pay, Action::Void, Action::Credit]
            }
            InvoiceStatus::Sent => vec![Action::Pay, Action::Credit],
            InvoiceStatus::Paid | InvoiceStatus::Released => vec![Action::Credit],
            InvoiceStatus::Void | InvoiceStatus::Refunded => Vec::new(),
        };
        if is_kept && !allowed.is_empty() {
            allowed.push(Action::Refund);
        }
        // A token on the chain says that the invoice was paid, and what was submitted may be there.
        if is_kept && !allowed.is_empty() && self.is_unanchored() {
            allowed.push(Action::Reverse);
        }
        allowed.extend(self.allowed_in_escrow());
        allowed.extend(self.allowed_in_life());
        allowed
    }

    /// Whether the present state allows an action.
    ///
    /// # Errors
    /// A refusal with what it allows.
    pub fn allows(&self, action: Action) -> Result<(), Refusal> {
        Refusal::unless_allowed("an invoice", self.standing(), action, self.allowed(), names)
    }

    /// The state that a refusal names: a dispute's where one froze its money.
    fn standing(&self) -> &'static str {
        if self.escrow == EscrowStatus::Disputed { self.escrow.word() } else { self.status.word() }
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
        let nothing = (self.payable().minor <= 0).then_some(Unpayable::Nothing);
        let due = self.content.due_date.clone().filter(|due| due.as_str() < today).map(Unpayable::Due);
        let reasons: Vec<Unpayable> = nothing.into_iter().chain(due).collect();
        if reasons.is_empty() { Ok(()) } else { Err(CannotSend::Unpayable(reasons)) }
    }

    /// A draft with what its sending takes from outside: the parties as they are now, and the due day that the issuer's terms
    /// give it where it names none.
    #[must_use]
    pub fn addressed(self, parties: Parties, due_date: Option<String>) -> Self {
        let mut state = self.0;
        state.content.due_date = state.content.due_date.or(due_date);
        Self(InvoiceState { parties: Some(parties), ..state })
    }

    /// Sends a draft: it gets the number that was allocated for it, and its content is frozen.
    ///
    /// # Errors
    /// As [`Self::can_be_sent`].
    pub fn send(self, allocated: Allocated, today: &str, occasion: Occasion) -> Result<Transition<Self>, CannotSend> {
        self.can_be_sent(today)?;
        let mut next = self.0.clone();
        let Allocated { number, sequence, series, year } = allocated;
        next.status = InvoiceStatus::Sent;
        next.sent_at = Some(occasion.at);
        next.canonical_hash = Some(Frozen::of(&next, &number).canonical_hash());
        next.canonical_version = Some(CANONICAL_VERSION);
        next.number = Some(number);
        next.number_seq = Some(sequence);
        next.series = Some(series);
        next.number_year = year;
        let billing = Transfer::billing(next.id, next.between(), next.billed());
        let billing = billing.expect("an invoice over nothing is not sent");
        let event = occasion.event(next.step(InvoiceStep::Sent, next.freelancer_id, next.total()));
        Ok(Transition { before: self, next: Self(next), transfers: vec![billing], events: vec![event] })
    }

    /// Cancels a sent invoice of which nothing is paid. Its number stays taken.
    ///
    /// # Errors
    /// When it is not sent, or something is paid.
    pub fn void(self, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Void)?;
        let voided_at = Some(occasion.at);
        let next = Self(InvoiceState { status: InvoiceStatus::Void, voided_at, ..self.0.clone() });
        let voiding = Transfer::voiding(next.id, next.between(), next.billed());
        let voiding = voiding.expect("an invoice over nothing is not sent");
        let event = occasion.event(next.step(InvoiceStep::Voided, next.freelancer_id, next.total()));
        Ok(Transition { before: self, next, transfers: vec![voiding], events: vec![event] })
    }
}

#[cfg(test)]
mod tests;
