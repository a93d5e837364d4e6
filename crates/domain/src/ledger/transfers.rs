//! Every way in which money and claims move.

use super::{Claim, Counterparties, Owner, Posting, Reference, Transfer, Unbalanced};
use crate::{
    id::{CreditNoteId, InvoiceId, PaymentId, PayoutId, RefundId, UserId},
    money::Money,
    states::{Custody, PaymentMethod},
};

/// Where the money of a payment comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From outside of the platform, into the custody of the platform or of the freelancer.
    World(PaymentMethod, Custody),
    /// From the client's credit.
    Credit(Custody),
}

impl Source {
    /// Who holds the money.
    #[must_use]
    pub const fn custody(self) -> Custody {
        match self {
            Self::World(_, custody) | Self::Credit(custody) => custody,
        }
    }

    const fn owner(self, parties: Counterparties) -> Owner {
        match self {
            Self::World(method, _) => Owner::World(method),
            Self::Credit(custody) => Owner::Credit(parties, custody),
        }
    }
}

/// What a sent invoice claims, in minor units: what is to be paid, and what of its total is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Billed {
    /// To be paid, and the currency of all.
    pub payable: Money,
    /// Kept back by the payer for the tax authority.
    pub withheld: i64,
    /// Paid before, and deducted.
    pub deposited: i64,
}

impl Transfer {
    /// Sending: what an invoice claims.
    ///
    /// # Errors
    /// When nothing is to be paid.
    pub fn billing(invoice: InvoiceId, parties: Counterparties, billed: Billed) -> Result<Self, Unbalanced> {
        Moves::of(Reference::Billing { invoice }, billed.payable)
            .claim(parties, Claim::Billed, Claim::Receivable, billed.payable.minor)?
            .claim_if_any(parties, Claim::Billed, Claim::Withheld, billed.withheld)?
            .claim_if_any(parties, Claim::Billed, Claim::Deposited, billed.deposited)?
            .finish()
    }

    /// Voiding: the claim of a sent invoice is taken back.
    ///
    /// # Errors
    /// When nothing was to be paid.
    pub fn voiding(invoice: InvoiceId, parties: Counterparties, billed: Billed) -> Result<Self, Unbalanced> {
        Moves::of(Reference::Voiding { invoice }, billed.payable)
            .claim(parties, Claim::Receivable, Claim::Billed, billed.payable.minor)?
            .claim_if_any(parties, Claim::Withheld, Claim::Billed, billed.withheld)?
            .claim_if_any(parties, Claim::Deposited, Claim::Billed, billed.deposited)?
            .finish()
    }

    /// The part of a payment that settles an invoice: into its escrow, or to the freelancer who received it.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn settlement(
        payment: PaymentId,
        invoice: InvoiceId,
        parties: Counterparties,
        source: Source,
        amount: Money,
    ) -> Result<Self, Unbalanced> {
        let reference = Reference::Payment { payment, invoice: Some(invoice) };
        Moves::of(reference, amount)
            .money(source.owner(parties), holder(invoice, parties, source.custody()), amount.minor)?
            .claim(parties, Claim::Receivable, Claim::Settled, amount.minor)?
            .finish()
    }

    /// The part of a payment that exceeds what was owed: the client's credit.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn excess(
        payment: PaymentId,
        parties: Counterparties,
        method: PaymentMethod,
        custody: Custody,
        amount: Money,
    ) -> Result<Self, Unbalanced> {
        Moves::of(Reference::Payment { payment, invoice: None }, amount)
            .money(Owner::World(method), Owner::Credit(parties, custody), amount.minor)?
            .finish()
    }

    /// The counter-record of a payment's transfer: every posting the other way round.
    #[must_use]
    pub fn reversed(&self, payment: PaymentId) -> Self {
        let reference = Reference::Reversal { payment, invoice: self.reference.invoice() };
        let postings = self.postings.iter().map(|it| Posting { account: it.account, minor: -it.minor }).collect();
        Self { reference, postings }
    }

    /// A credit note: the claim is lowered by its amount, and what was paid beyond the rest becomes the client's credit, first
    /// from what is held, then from the freelancer.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn credit_note(
        note: CreditNoteId,
        invoice: InvoiceId,
        parties: Counterparties,
        amount: Money,
        (held, external): (i64, i64),
    ) -> Result<Self, Unbalanced> {
        let credit = |custody| Owner::Credit(parties, custody);
        Moves::of(Reference::CreditNote { note, invoice }, amount)
            .claim_if_any(parties, Claim::Receivable, Claim::Credited, amount.minor - held - external)?
            .claim_if_any(parties, Claim::Settled, Claim::Credited, held + external)?
            .money_if_any(Owner::Escrow(invoice, parties), credit(Custody::Platform), held)?
            .money_if_any(Owner::External(parties.freelancer), credit(Custody::Freelancer), external)?
            .finish()
    }

    /// A release: out of the invoice's escrow to its freelancer, and the platform's fee of it.
    ///
    /// # Errors
    /// When an amount is negative, or both are 0.
    pub fn release(invoice: InvoiceId, parties: Counterparties, amount: Money, fee: Money) -> Result<Self, Unbalanced> {
        if amount.minor == 0 && fee.minor == 0 {
            return Err(Unbalanced::NotPositive);
        }
        let escrow = Owner::Escrow(invoice, parties);
        Moves::of(Reference::Release { invoice }, amount)
            .money_if_any(escrow, Owner::Available(parties.freelancer), amount.minor)?
            .money_if_any(escrow, Owner::Fees, fee.minor)?
            .finish()
    }

    /// A payout that was asked for: its money can be used for nothing else.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn payout_requested(payout: PayoutId, user: UserId, amount: Money) -> Result<Self, Unbalanced> {
        Moves::of(Reference::Payout { payout }, amount)
            .money(Owner::Available(user), Owner::Payouts, amount.minor)?
            .finish()
    }

    /// A payout whose money has left the platform.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn payout_paid(payout: PayoutId, method: PaymentMethod, amount: Money) -> Result<Self, Unbalanced> {
        Moves::of(Reference::Payout { payout }, amount)
            .money(Owner::Payouts, Owner::World(method), amount.minor)?
            .finish()
    }

    /// A payout that was refused or taken back: its money is at its user's disposal again.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn payout_rejected(payout: PayoutId, user: UserId, amount: Money) -> Result<Self, Unbalanced> {
        Moves::of(Reference::Payout { payout }, amount)
            .money(Owner::Payouts, Owner::Available(user), amount.minor)?
            .finish()
    }

    /// A refund of a client's credit by its holder, at once.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn refund(
        refund: RefundId,
        parties: Counterparties,
        custody: Custody,
        method: PaymentMethod,
        amount: Money,
    ) -> Result<Self, Unbalanced> {
        Moves::of(Reference::Refund { refund }, amount)
            .money(Owner::Credit(parties, custody), Owner::World(method), amount.minor)?
            .finish()
    }

    /// A refund that a provider is to carry out: its money can be used for nothing else.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn refund_requested(refund: RefundId, parties: Counterparties, amount: Money) -> Result<Self, Unbalanced> {
        Moves::of(Reference::Refund { refund }, amount)
            .money(Owner::Credit(parties, Custody::Platform), Owner::Refunds, amount.minor)?
            .finish()
    }

    /// A refund that a provider has carried out.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn refund_done(refund: RefundId, method: PaymentMethod, amount: Money) -> Result<Self, Unbalanced> {
        Moves::of(Reference::Refund { refund }, amount)
            .money(Owner::Refunds, Owner::World(method), amount.minor)?
            .finish()
    }

    /// A refund that a provider has refused: its money is the client's credit again.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn refund_failed(refund: RefundId, parties: Counterparties, amount: Money) -> Result<Self, Unbalanced> {
        Moves::of(Reference::Refund { refund }, amount)
            .money(Owner::Refunds, Owner::Credit(parties, Custody::Platform), amount.minor)?
            .finish()
    }
}

const fn holder(invoice: InvoiceId, parties: Counterparties, custody: Custody) -> Owner {
    match custody {
        Custody::Platform => Owner::Escrow(invoice, parties),
        Custody::Freelancer => Owner::External(parties.freelancer),
    }
}

/// The moves of a transfer, in one currency.
struct Moves {
    reference: Reference,
    amount: Money,
    postings: Vec<Posting>,
}

impl Moves {
    const fn of(reference: Reference, amount: Money) -> Self {
        Self { reference, amount, postings: Vec::new() }
    }

    fn money(mut self, from: Owner, to: Owner, minor: i64) -> Result<Self, Unbalanced> {
        let out = minor.checked_neg().filter(|_| minor > 0).ok_or(Unbalanced::NotPositive)?;
        let money = |minor| Money { minor, ..self.amount };
        self.postings.extend([Posting::of(from, money(out)), Posting::of(to, money(minor))]);
        Ok(self)
    }

    fn money_if_any(self, from: Owner, to: Owner, minor: i64) -> Result<Self, Unbalanced> {
        if minor == 0 { Ok(self) } else { self.money(from, to, minor) }
    }

    fn claim(self, parties: Counterparties, from: Claim, to: Claim, minor: i64) -> Result<Self, Unbalanced> {
        self.money(Owner::Claim(parties, from), Owner::Claim(parties, to), minor)
    }

    fn claim_if_any(self, parties: Counterparties, from: Claim, to: Claim, minor: i64) -> Result<Self, Unbalanced> {
        if minor == 0 { Ok(self) } else { self.claim(parties, from, to, minor) }
    }

    fn finish(self) -> Result<Transfer, Unbalanced> {
        Transfer::new(self.reference, self.postings)
    }
}
