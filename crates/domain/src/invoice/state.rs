//! The state of an invoice, and what is derived from it.

use std::cmp::Ordering;

use super::{Declined, EscrowTerms, Line, NoTotal, PartyNames, Pricing, TaxTotal, Totals, Work, totals};
use crate::{
    Timestamp,
    event::{EventData, InvoiceStep},
    id::{InvoiceId, MilestoneId, ProjectId, UserId},
    ledger::{Billed, Counterparties},
    money::{Currency, Money},
    numbering::Series,
    party::Parties,
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
    /// The milestone of that project that it funds: no other invoice does, unless this one is void.
    pub milestone_id: Option<MilestoneId>,
    /// The currency of everything in it.
    pub currency: Currency,
    /// What it says.
    pub content: Content,
    /// Who issues and who pays it as they were when it was sent; none before, and where it was sent before parties were kept.
    pub parties: Option<Parties>,
    /// The state that it is in.
    pub status: InvoiceStatus,
    /// Where its money stands.
    pub escrow: EscrowStatus,
    /// Where its notarisation stands.
    pub anchor_status: AnchorStatus,
    /// What is paid by confirmed payments. As the five amounts that follow, it is the sum of its postings in the ledger.
    pub paid_minor: i64,
    /// What of it went back into the client's credit.
    pub refunded_minor: i64,
    /// What of it went out of escrow to the freelancer, the platform's fee taken off.
    pub released_minor: i64,
    /// What of it the freelancer received outside of the platform. It is negative where a credit note took more back.
    pub external_minor: i64,
    /// What of it the platform kept as its fee of releases.
    pub fee_minor: i64,
    /// What credit notes took off its claim.
    pub credited_minor: i64,
    /// The rules of its escrow, from sending on.
    pub terms: EscrowTerms,
    /// What is known of the work that it is for.
    pub work: Work,
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
    /// The version of that form; the first where there is none.
    pub canonical_version: Option<i64>,
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
    /// The issuer and the payer.
    #[must_use]
    pub const fn between(&self) -> Counterparties {
        Counterparties { freelancer: self.freelancer_id, client: self.client_id }
    }

    /// The event of a step that one of its parties takes.
    pub(super) fn step(&self, step: InvoiceStep, actor: UserId, amount: Money) -> EventData {
        let other = if actor == self.client_id { self.freelancer_id } else { self.client_id };
        EventData::Invoice { step, actor, other, invoice: self.id, project: self.project_id, amount }
    }

    /// What it claims once it is sent.
    #[must_use]
    pub const fn billed(&self) -> Billed {
        let totals = self.content.totals;
        Billed { payable: self.payable(), withheld: totals.withholding, deposited: totals.deposit }
    }

    /// What is still to be paid, once it is sent; negative only where a release before this one took more than was owed.
    #[must_use]
    pub const fn due(&self) -> Money {
        self.money(self.payable().minor - self.credited_minor - (self.paid_minor - self.refunded_minor))
    }

    /// What is held in escrow.
    #[must_use]
    pub const fn held(&self) -> Money {
        self.money(self.paid_minor - self.refunded_minor - self.released_minor - self.fee_minor - self.external_minor)
    }

    /// How much of it is paid.
    #[must_use]
    pub fn payment_status(&self) -> PaymentStatus {
        match self.due().minor.cmp(&0) {
            _ if self.paid_minor == 0 => PaymentStatus::Unpaid,
            Ordering::Greater => PaymentStatus::Partial,
            Ordering::Equal => PaymentStatus::Paid,
            Ordering::Less => PaymentStatus::Overpaid,
        }
    }

    /// The state of a sent invoice after its money has moved.
    pub(super) const fn settled(&self) -> InvoiceStatus {
        let kept = self.paid_minor - self.refunded_minor;
        match self.due().minor {
            1.. => InvoiceStatus::Sent,
            _ if kept > 0 && self.held().minor > 0 => InvoiceStatus::Paid,
            _ if kept > 0 => InvoiceStatus::Released,
            _ if self.refunded_minor > 0 => InvoiceStatus::Refunded,
            _ => InvoiceStatus::Void,
        }
    }

    /// Where its money stands after it has moved.
    #[must_use]
    pub const fn funded(&self) -> EscrowStatus {
        match (self.held().minor, self.released_minor + self.fee_minor) {
            (1.., 1..) => EscrowStatus::PartiallyReleased,
            (1.., _) if self.due().minor <= 0 => EscrowStatus::Held,
            (1.., _) => EscrowStatus::PartiallyFunded,
            (_, 1..) => EscrowStatus::Released,
            _ if self.refunded_minor > 0 && self.external_minor <= 0 => EscrowStatus::Refunded,
            _ => EscrowStatus::Unfunded,
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
    pub const fn total(&self) -> Money {
        self.money(self.content.totals.total)
    }

    /// What is to be paid of it in all: the total, less what is kept back for the tax office and what was paid in advance.
    #[must_use]
    pub const fn payable(&self) -> Money {
        Money { minor: self.content.totals.payable(), currency: self.currency }
    }

    /// What is still to be paid; nothing once it is void.
    #[must_use]
    pub fn balance_due(&self) -> Money {
        let open = if self.status == InvoiceStatus::Void { 0 } else { self.due().minor };
        self.money(open.max(0))
    }

    /// What is paid.
    #[must_use]
    pub const fn paid(&self) -> Money {
        self.money(self.paid_minor)
    }

    /// An amount in its currency.
    #[must_use]
    pub const fn money(&self, minor: i64) -> Money {
        Money { minor, currency: self.currency }
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
    /// What is agreed beside them.
    pub pricing: Pricing,
    /// What they come to.
    pub totals: Totals,
    /// What the lines of each tax rate come to.
    pub taxes: Vec<TaxTotal>,
}

/// The words of an invoice, beside its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Its title.
    pub title: String,
    /// Notes to the client.
    pub notes: Option<String>,
    /// The day until which it is to be paid (`YYYY-MM-DD`).
    pub due_date: Option<String>,
}

impl Content {
    /// The content of these lines, with what they come to.
    ///
    /// # Errors
    /// When they have no total.
    pub fn of(heading: Heading, lines: Vec<Line>, pricing: Pricing) -> Result<Self, NoTotal> {
        let Heading { title, notes, due_date } = heading;
        let (totals, taxes) = totals(&lines, &pricing)?;
        Ok(Self { title, notes, due_date, lines, pricing, totals, taxes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::Event,
        id::Id,
        invoice::{Invoice, MILLION, NewDraft, UnitPrice},
        states::TaxCategory,
        transition::{Created, Occasion},
    };

    fn id<K>(place: u8) -> Id<K> {
        Id::new(Timestamp::default(), [place; 10])
    }

    /// 100.00 and 22.00 of tax, of which 20.00 are kept back and 30.00 were paid in advance: 72.00 are to be paid.
    fn state(paid_minor: i64) -> InvoiceState {
        let line = Line {
            description: "work".to_owned(),
            unit: None,
            quantity_micro: MILLION,
            unit_price: UnitPrice::of_minor(10_000),
            discount: None,
            tax_category: TaxCategory::Standard,
            tax_rate_ppm: 220_000,
            tax_reason: None,
        };
        let pricing = Pricing { withholding_ppm: 200_000, deposit: 3000, ..Pricing::default() };
        let heading = Heading { title: "Work".to_owned(), notes: None, due_date: None };
        let new = NewDraft {
            id: id(1),
            freelancer_id: id(2),
            client_id: id(3),
            series: None,
            project_id: None,
            milestone_id: None,
            currency: "EUR".parse().expect("a currency"),
            content: Content::of(heading, vec![line], pricing).expect("it has a total"),
        };
        let Created { state, events } = Invoice::draft(new, Occasion { at: Timestamp::default(), event_id: id(4) });
        assert!(matches!(events.as_slice(), [Event { .. }]));
        InvoiceState { status: InvoiceStatus::Sent, paid_minor, ..state.into_state() }
    }

    #[test]
    fn what_is_kept_back_and_was_paid_in_advance_is_not_waited_for() {
        for (paid, status, escrow, due) in [
            (0, PaymentStatus::Unpaid, EscrowStatus::Unfunded, 7200),
            (7199, PaymentStatus::Partial, EscrowStatus::PartiallyFunded, 1),
            (7200, PaymentStatus::Paid, EscrowStatus::Held, 0),
            (7201, PaymentStatus::Overpaid, EscrowStatus::Held, 0),
        ] {
            let state = state(paid);
            assert_eq!((state.payment_status(), state.funded(), state.balance_due().minor), (status, escrow, due));
            assert_eq!((state.total().minor, state.payable().minor), (12_200, 7200));
        }
        let void = InvoiceState { status: InvoiceStatus::Void, ..state(0) };
        assert_eq!(void.balance_due().minor, 0);
    }
}
