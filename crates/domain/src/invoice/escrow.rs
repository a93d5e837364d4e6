//! Held money of an invoice: work is submitted, sent back or approved, and money is released to the freelancer, less the
//! platform's fee, or frozen by a dispute.
//!
//! Both parties see the terms before they act: what the platform takes of releases, and after how many days without an answer
//! submitted work is paid by itself, are frozen when the invoice is sent.

use super::{Action, Invoice, InvoiceState};
use crate::{
    Timestamp,
    event::InvoiceStep,
    ledger::Transfer,
    money::{Currency, Money, split},
    states::EscrowStatus,
    transition::{Occasion, Refusal, Transition},
};

/// The rules of an invoice's escrow, frozen at sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EscrowTerms {
    /// What the platform takes of what is released, in hundredths of a percent, 0 to 9999.
    pub fee_bp: i64,
    /// After how many days without an answer submitted work is released by itself, 1 to 365.
    pub release_days: i64,
}

impl Default for EscrowTerms {
    fn default() -> Self {
        Self { fee_bp: 0, release_days: 14 }
    }
}

/// Work that the freelancer submitted for held money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// When.
    pub at: Timestamp,
    /// What the freelancer says of it.
    pub note: Option<String>,
    /// When the money is released by itself; none where it was released or given back since.
    pub release_at: Option<Timestamp>,
}

/// Work that the client sent back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// What is known of the work that an invoice is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// The work as it was submitted last, if it was not sent back since.
    pub submitted: Option<Submission>,
    /// That it was sent back, if it was not submitted since.
    pub returned: Option<Returned>,
}

/// Why held money is not released.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotRelease {
    /// The invoice is not in a state for it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is in another currency than the invoice.
    #[error("is {0}: the invoice is in {1}")]
    Currency(Currency, Currency),
    /// It is of nothing, or of less.
    #[error("is not more than 0")]
    NotPositive,
    /// Less is held.
    #[error("is more than the {0} that is held")]
    TooMuch(Money),
}

impl InvoiceState {
    /// Actions of this file that the present state allows.
    pub(super) fn allowed_in_escrow(&self) -> Vec<Action> {
        match self.escrow {
            _ if self.held().minor <= 0 => Vec::new(),
            EscrowStatus::Disputed => Vec::new(),
            EscrowStatus::InReview => vec![Action::Approve, Action::Return, Action::Release, Action::Dispute],
            _ => vec![Action::Submit, Action::Release, Action::Dispute],
        }
    }

    /// What the platform takes when so much more is released. All that was released is charged together, so that parts of a release
    /// cost what the whole would. Half a minor unit is the freelancer's.
    #[must_use]
    pub fn fee_of(&self, released: Money) -> Money {
        let before = self.released_minor + self.fee_minor;
        let weights = [10_000 - self.terms.fee_bp, self.terms.fee_bp];
        let parts = before.checked_add(released.minor).and_then(|all| split(all, &weights));
        let due = parts.map_or(0, |parts| parts[1]);
        self.money((due - self.fee_minor).clamp(0, released.minor))
    }

    /// When submitted work is paid by itself; none where it is not waiting for an answer.
    #[must_use]
    pub fn release_at(&self) -> Option<Timestamp> {
        let waits = self.escrow == EscrowStatus::InReview;
        self.work.submitted.as_ref().filter(|_| waits).and_then(|work| work.release_at)
    }
}

impl Invoice {
    /// The same under these terms, which a draft has from its sending on.
    #[must_use]
    pub fn under(self, terms: EscrowTerms) -> Self {
        Self(InvoiceState { terms, ..self.0 })
    }

    /// Submits the work that held money is for: the client looks at it, until it is released by itself.
    ///
    /// # Errors
    /// When nothing is held, or it is submitted or frozen already.
    pub fn submit(self, note: Option<String>, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Submit)?;
        let release_at = Some(occasion.at + chrono::Duration::days(self.terms.release_days));
        let submitted = Some(Submission { at: occasion.at, note, release_at });
        let mut next = self.0.clone();
        next.work = Work { submitted, returned: None };
        next.escrow = EscrowStatus::InReview;
        let event = occasion.event(next.step(InvoiceStep::WorkSubmitted, next.freelancer_id, next.held()));
        Ok(Transition::quiet(self, Self(next)).reporting(event))
    }

    /// Sends submitted work back: its money stays held, and is not released by itself.
    ///
    /// # Errors
    /// When none is submitted.
    pub fn send_back(self, reason: String, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Return)?;
        let mut next = self.0.clone();
        next.work = Work { submitted: None, returned: Some(Returned { at: occasion.at, reason }) };
        next.escrow = next.funded();
        let event = occasion.event(next.step(InvoiceStep::WorkReturned, next.client_id, next.held()));
        Ok(Transition::quiet(self, Self(next)).reporting(event))
    }

    /// Approves submitted work: all that is held goes to the freelancer, less the platform's fee.
    ///
    /// # Errors
    /// When none is submitted.
    pub fn approve(self, occasion: Occasion) -> Result<Transition<Self>, CannotRelease> {
        self.allows(Action::Approve)?;
        let held = self.held();
        self.release(held, occasion)
    }

    /// Releases held money to the freelancer, less the platform's fee.
    ///
    /// # Errors
    /// When so much is not held, or it is frozen.
    pub fn release(self, amount: Money, occasion: Occasion) -> Result<Transition<Self>, CannotRelease> {
        self.allows(Action::Release)?;
        if amount.currency != self.currency {
            return Err(CannotRelease::Currency(amount.currency, self.currency));
        }
        if amount.minor <= 0 {
            return Err(CannotRelease::NotPositive);
        }
        if amount.minor > self.held().minor {
            return Err(CannotRelease::TooMuch(self.held()));
        }
        let fee = self.fee_of(amount);
        let net = self.money(amount.minor - fee.minor);
        let transfer = Transfer::release(self.id, self.between(), net, fee).map_err(|_| CannotRelease::NotPositive)?;
        let event = occasion.event(self.step(InvoiceStep::Released, self.client_id, amount));
        let mut next = self.0.clone();
        next.released_minor += net.minor;
        next.fee_minor += fee.minor;
        Ok(self.moved(next, occasion, transfer).reporting(event))
    }

    /// Freezes held money for a dispute.
    ///
    /// # Errors
    /// When nothing is held, or it is frozen already.
    pub fn freeze(self) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Dispute)?;
        let next = Self(InvoiceState { escrow: EscrowStatus::Disputed, ..self.0.clone() });
        Ok(Transition::quiet(self, next))
    }

    /// Ends the freezing of a dispute that began then: money that waited for an answer waits for the rest of its time.
    pub fn thaw(self, frozen_at: Timestamp, occasion: Occasion) -> Transition<Self> {
        let mut next = self.0.clone();
        if self.escrow == EscrowStatus::Disputed {
            let waiting = next.work.submitted.as_mut().and_then(|work| work.release_at.as_mut());
            next.escrow = match waiting {
                Some(release_at) => {
                    *release_at += (occasion.at - frozen_at).max(chrono::Duration::zero());
                    EscrowStatus::InReview
                }
                None => next.funded(),
            };
        }
        Transition::quiet(self, Self(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{invoice::tests::paid, states::InvoiceStatus};

    fn occasion(days: i64) -> Occasion {
        let at = Timestamp::default() + chrono::Duration::days(days);
        Occasion { at, event_id: crate::id::Id::new(Timestamp::default(), [9; 10]) }
    }

    fn under(fee_bp: i64, minor: i64) -> Invoice {
        paid(minor).under(EscrowTerms { fee_bp, ..EscrowTerms::default() })
    }

    #[test]
    fn parts_of_a_release_cost_what_the_whole_would() {
        for (fee_bp, parts, fee) in [
            (0, vec![30, 70], 0),
            (250, vec![33, 33, 34], 2),
            (333, vec![1; 100], 3),
            (9999, vec![1, 99], 100),
            (1, vec![50, 50], 0),
        ] {
            let mut invoice = under(fee_bp, 100);
            let whole = invoice.fee_of(invoice.held()).minor;
            for part in parts {
                let amount = invoice.money(part);
                invoice = invoice.release(amount, occasion(0)).expect("it is held").next;
            }
            assert_eq!((invoice.fee_minor, whole), (fee, fee), "{fee_bp}");
            assert_eq!((invoice.status, invoice.held().minor), (InvoiceStatus::Released, 0));
            assert_eq!(invoice.released_minor + invoice.fee_minor, 100);
        }
    }

    #[test]
    fn submitted_work_waits_for_an_answer_and_is_released_or_sent_back() {
        let submitted = under(0, 100).submit(Some("Done".to_owned()), occasion(0)).expect("it is held").next;
        assert_eq!((submitted.escrow, submitted.release_at()), (EscrowStatus::InReview, Some(occasion(14).at)));
        assert!(submitted.clone().submit(None, occasion(1)).is_err(), "it is submitted");
        let back = submitted.clone().send_back("Half is missing".to_owned(), occasion(3)).expect("submitted").next;
        assert_eq!((back.escrow, back.release_at()), (EscrowStatus::Held, None));
        let part = submitted.clone().release(back.money(40), occasion(3)).expect("it is held").next;
        assert_eq!(
            (part.escrow, part.release_at()),
            (EscrowStatus::InReview, submitted.release_at()),
            "the rest waits"
        );
        let approved = part.approve(occasion(4)).expect("it is submitted").next;
        assert_eq!((approved.escrow, approved.release_at()), (EscrowStatus::Released, None));
        assert!(under(0, 100).approve(occasion(0)).is_err(), "nothing is submitted");
    }

    #[test]
    fn frozen_money_moves_by_nothing_and_waits_for_the_rest_of_its_time() {
        let submitted = under(0, 100).submit(None, occasion(0)).expect("it is held").next;
        let frozen = submitted.clone().freeze().expect("it is held").next;
        let refusal = frozen.clone().release(frozen.money(1), occasion(1)).expect_err("it is frozen");
        let CannotRelease::Refused(refusal) = refusal else { panic!("{refusal}") };
        assert_eq!((refusal.current, refusal.allowed), ("DISPUTED", vec!["duplicate"]));
        assert!(frozen.clone().freeze().is_err() && frozen.clone().submit(None, occasion(1)).is_err());
        let thawed = frozen.thaw(occasion(2).at, occasion(12)).next;
        assert_eq!((thawed.escrow, thawed.release_at()), (EscrowStatus::InReview, Some(occasion(24).at)));
        let held = under(0, 100).freeze().expect("it is held").next.thaw(occasion(0).at, occasion(1)).next;
        assert_eq!((held.escrow, held.release_at()), (EscrowStatus::Held, None));
    }
}
