//! How money moves an invoice: payments settle it, reversals take them back, credit notes lower its claim.
//!
//! Every move changes amounts only; the state and where the money stands are derived of them afterwards, in one place.

use super::{Action, Invoice, InvoiceState};
use crate::{
    event::EventData,
    id::{CreditNoteId, PaymentId},
    ledger::{Source, Transfer},
    money::{Currency, Money},
    states::{AnchorStatus, Custody, EscrowStatus, InvoiceStatus},
    transition::{Occasion, Refusal, Transition},
};

/// Why money does not settle an invoice, or is not taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotSettle {
    /// The invoice is not in a state for it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The payment is in another currency than the invoice.
    #[error("is {0}: the invoice is in {1}")]
    Currency(Currency, Currency),
    /// The payment is of nothing, or of less.
    #[error("is not more than 0")]
    NotPositive,
    /// The invoice asks for less.
    #[error("is more than the {0} that is due")]
    TooMuch(Money),
}

/// Why a credit note is not issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotCredit {
    /// The invoice is not in a state for it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is in another currency than the invoice.
    #[error("is {0}: the invoice is in {1}")]
    Currency(Currency, Currency),
    /// It is of nothing, or of less.
    #[error("is not more than 0")]
    NotPositive,
    /// The invoice claims less.
    #[error("is more than the {0} that the invoice still claims")]
    TooMuch(Money),
}

impl Invoice {
    /// What credit notes may still take off: all that it claimed and that none took off yet.
    #[must_use]
    pub const fn creditable(&self) -> Money {
        self.0.money(self.0.payable().minor - self.0.credited_minor)
    }

    /// Takes money of a payment, at most what is due. Its source says who holds it from now on.
    ///
    /// # Errors
    /// When it is not to be paid, or not with this amount.
    pub fn settle(
        self,
        payment: PaymentId,
        source: Source,
        amount: Money,
        occasion: Occasion,
    ) -> Result<Transition<Self>, CannotSettle> {
        self.allows(Action::Pay)?;
        if amount.currency != self.currency {
            return Err(CannotSettle::Currency(amount.currency, self.currency));
        }
        if amount.minor > self.due().minor {
            return Err(CannotSettle::TooMuch(self.due()));
        }
        let transfer = Transfer::settlement(payment, self.id, self.between(), source, amount);
        let transfer = transfer.map_err(|_| CannotSettle::NotPositive)?;
        let event = occasion.event(EventData::PaymentReceived {
            payer: self.client_id,
            receiver: self.freelancer_id,
            invoice: self.id,
            project: self.project_id,
            amount,
        });
        let mut next = self.0.clone();
        // Who pays has not declined.
        next.declined = None;
        next.paid_minor += amount.minor;
        if source.custody() == Custody::Freelancer {
            next.external_minor += amount.minor;
        }
        Ok(self.moved(next, occasion, transfer).reporting(event))
    }

    /// Takes a payment's money back out of it, as if it had never come.
    ///
    /// # Errors
    /// When the money is not there any more: released, given back, or witnessed by a token.
    pub fn unsettle(
        self,
        payment: PaymentId,
        source: Source,
        amount: Money,
        occasion: Occasion,
    ) -> Result<Transition<Self>, CannotSettle> {
        self.allows(Action::Reverse)?;
        let there = match source.custody() {
            Custody::Platform => self.held(),
            Custody::Freelancer => self.money(self.external_minor),
        };
        if amount.minor > there.minor {
            let allowed = self.allowed().into_iter().filter(|action| *action != Action::Reverse).collect();
            let refusal =
                Refusal::unless_allowed("an invoice", self.standing(), Action::Reverse, allowed, super::names);
            return Err(refusal.expect_err("reversing is not among them").into());
        }
        let settled = Transfer::settlement(payment, self.id, self.between(), source, amount);
        let transfer = settled.map_err(|_| CannotSettle::NotPositive)?.reversed(payment);
        let mut next = self.0.clone();
        next.paid_minor -= amount.minor;
        if source.custody() == Custody::Freelancer {
            next.external_minor -= amount.minor;
        }
        Ok(self.moved(next, occasion, transfer))
    }

    /// Lowers its claim by a credit note. What was paid beyond the rest becomes the client's credit: first what is held, then
    /// what the freelancer has.
    ///
    /// # Errors
    /// When it claims less, or its money is frozen.
    pub fn credit(
        self,
        note: CreditNoteId,
        amount: Money,
        occasion: Occasion,
    ) -> Result<(Transition<Self>, Credits), CannotCredit> {
        self.allows(Action::Credit)?;
        if amount.currency != self.currency {
            return Err(CannotCredit::Currency(amount.currency, self.currency));
        }
        if amount.minor > self.creditable().minor {
            return Err(CannotCredit::TooMuch(self.creditable()));
        }
        if amount.minor <= 0 {
            return Err(CannotCredit::NotPositive);
        }
        let excess = (amount.minor - self.due().minor).max(0);
        let held = excess.min(self.held().minor);
        let credits = Credits { platform: self.money(held), freelancer: self.money(excess - held) };
        let transfer = Transfer::credit_note(note, self.id, self.between(), amount, (held, excess - held));
        let transfer = transfer.map_err(|_| CannotCredit::NotPositive)?;
        let event = occasion.event(EventData::CreditNoteIssued {
            freelancer: self.freelancer_id,
            client: self.client_id,
            invoice: self.id,
            amount,
        });
        let mut next = self.0.clone();
        next.credited_minor += amount.minor;
        next.refunded_minor += excess;
        next.external_minor -= excess - held;
        Ok((self.moved(next, occasion, transfer).reporting(event), credits))
    }

    /// The next state after amounts have changed: what they mean is derived here and nowhere else.
    pub(super) fn moved(self, mut next: InvoiceState, occasion: Occasion, transfer: Transfer) -> Transition<Self> {
        let at = Some(occasion.at);
        next.status = next.settled();
        // A frozen or submitted escrow stays so until its own rules let it go.
        if next.held().minor == 0 || !matches!(next.escrow, EscrowStatus::Disputed | EscrowStatus::InReview) {
            next.escrow = next.funded();
        }
        if let (0, Some(work)) = (next.held().minor, &mut next.work.submitted) {
            work.release_at = None;
        }
        let is_paid = !matches!(next.status, InvoiceStatus::Sent | InvoiceStatus::Void);
        next.paid_at = if is_paid { next.paid_at.or(at) } else { None };
        let is_released = matches!(next.status, InvoiceStatus::Released);
        next.released_at = if is_released { next.released_at.or(at) } else { None };
        next.voided_at = if next.status == InvoiceStatus::Void { at } else { None };
        if !is_paid && next.is_unanchored() {
            next.anchor_status = AnchorStatus::None;
        }
        debug_assert!(next.anchor_status == AnchorStatus::None || is_paid, "a token witnesses a payment");
        Transition { before: self, next: Self(next), transfers: vec![transfer], events: Vec::new() }
    }
}

/// What a credit note has made the client's credit, by who holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credits {
    /// Held by the platform.
    pub platform: Money,
    /// Held by the freelancer.
    pub freelancer: Money,
}

impl Credits {
    /// Both, with who holds them; none of nothing.
    pub fn each(self) -> impl Iterator<Item = (Custody, Money)> {
        let all = [(Custody::Platform, self.platform), (Custody::Freelancer, self.freelancer)];
        all.into_iter().filter(|(_, amount)| amount.minor > 0)
    }
}
