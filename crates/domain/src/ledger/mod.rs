//! The ledger: double entry, append-only.
//!
//! An [`Account`] names its owner and its currency; the owner says which kind of account it is. A [`Transfer`] moves money
//! or claims between accounts for a [`Reference`] and cannot be made unless each of the two books balances, so that no caller
//! can create or lose money.
//!
//! A new kind of account is a variant of [`Owner`] and a word of [`AccountKind`](crate::states::AccountKind); a new reason to
//! move money is a variant of [`Reference`], a word of [`TransferKind`], and a constructor of [`Transfer`]. The tables have a
//! column for each reference.

mod chart;
mod transfers;

pub use self::{
    chart::{Account, Claim, Counterparties, Owner},
    transfers::{Billed, Source},
};
use crate::{
    id::{CreditNoteId, InvoiceId, PaymentId, PayoutId, RefundId},
    money::{Currency, Money},
    states::TransferKind,
};

/// What a transfer is for, with the keys of what it refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// An invoice was sent.
    Billing {
        /// The invoice.
        invoice: InvoiceId,
    },
    /// A sent invoice was cancelled.
    Voiding {
        /// The invoice.
        invoice: InvoiceId,
    },
    /// A payment was confirmed.
    Payment {
        /// The payment.
        payment: PaymentId,
        /// The invoice that this part of it is for; none for what exceeds all of them.
        invoice: Option<InvoiceId>,
    },
    /// A confirmed payment was reversed.
    Reversal {
        /// The payment.
        payment: PaymentId,
        /// The invoice that this part of it was for.
        invoice: Option<InvoiceId>,
    },
    /// A credit note was issued.
    CreditNote {
        /// The credit note.
        note: CreditNoteId,
        /// Its invoice.
        invoice: InvoiceId,
    },
    /// Held money of an invoice goes to its freelancer.
    Release {
        /// The invoice.
        invoice: InvoiceId,
    },
    /// A client's credit goes back to the client.
    Refund {
        /// The refund.
        refund: RefundId,
    },
    /// Money at a user's disposal leaves the platform.
    Payout {
        /// The payout.
        payout: PayoutId,
    },
}

impl Reference {
    /// The kind of transfer.
    #[must_use]
    pub const fn kind(self) -> TransferKind {
        match self {
            Self::Billing { .. } => TransferKind::Billing,
            Self::Voiding { .. } => TransferKind::Voiding,
            Self::Payment { .. } => TransferKind::Payment,
            Self::Reversal { .. } => TransferKind::Reversal,
            Self::CreditNote { .. } => TransferKind::CreditNote,
            Self::Release { .. } => TransferKind::Release,
            Self::Refund { .. } => TransferKind::Refund,
            Self::Payout { .. } => TransferKind::Payout,
        }
    }

    /// The invoice that it is about.
    #[must_use]
    pub const fn invoice(self) -> Option<InvoiceId> {
        match self {
            Self::Billing { invoice }
            | Self::Voiding { invoice }
            | Self::CreditNote { invoice, .. }
            | Self::Release { invoice } => Some(invoice),
            Self::Payment { invoice, .. } | Self::Reversal { invoice, .. } => invoice,
            Self::Refund { .. } | Self::Payout { .. } => None,
        }
    }

    /// The payment that it is about.
    #[must_use]
    pub const fn payment(self) -> Option<PaymentId> {
        match self {
            Self::Payment { payment, .. } | Self::Reversal { payment, .. } => Some(payment),
            _ => None,
        }
    }

    /// The credit note that it is about.
    #[must_use]
    pub const fn credit_note(self) -> Option<CreditNoteId> {
        match self {
            Self::CreditNote { note, .. } => Some(note),
            _ => None,
        }
    }

    /// The refund that it is about.
    #[must_use]
    pub const fn refund(self) -> Option<RefundId> {
        match self {
            Self::Refund { refund } => Some(refund),
            _ => None,
        }
    }

    /// The payout that it is about.
    #[must_use]
    pub const fn payout(self) -> Option<PayoutId> {
        match self {
            Self::Payout { payout } => Some(payout),
            _ => None,
        }
    }
}

/// One side of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// The account.
    pub account: Account,
    /// Minor units of the account's currency: positive into it, negative out of it.
    pub minor: i64,
}

impl Posting {
    /// Money into an account; out of it where the amount is negative.
    #[must_use]
    pub const fn of(owner: Owner, amount: Money) -> Self {
        Self { account: Account { owner, currency: amount.currency }, minor: amount.minor }
    }
}

/// Why postings are no transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unbalanced {
    /// Money has to come from somewhere and go somewhere.
    #[error("a transfer has at least two postings")]
    TooFew,
    /// A posting of nothing says nothing.
    #[error("a posting of a transfer is of nothing")]
    Nothing,
    /// Amounts of two currencies cannot be compared.
    #[error("a transfer is of one currency: these postings are in {0} and in {1}")]
    Currencies(Currency, Currency),
    /// The postings would create money or claims, or lose them.
    #[error("the postings of a transfer in one book sum to {sum} minor units of {currency} and not to 0")]
    Sum {
        /// The currency.
        currency: Currency,
        /// The sum in minor units.
        sum: i128,
    },
    /// A transfer from one owner to another moves a positive amount.
    #[error("a transfer moves more than nothing")]
    NotPositive,
}

/// Money or claims that move between accounts: at least two postings in one currency that sum to zero in each book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    reference: Reference,
    postings: Vec<Posting>,
}

impl Transfer {
    /// A transfer of any number of postings.
    ///
    /// # Errors
    /// When they do not balance.
    pub fn new(reference: Reference, postings: Vec<Posting>) -> Result<Self, Unbalanced> {
        let [first, _, ..] = postings.as_slice() else { return Err(Unbalanced::TooFew) };
        let currency = first.account.currency;
        let mut sums = [0_i128; 2];
        for posting in &postings {
            match posting.account.currency {
                other if other != currency => return Err(Unbalanced::Currencies(currency, other)),
                _ if posting.minor == 0 => return Err(Unbalanced::Nothing),
                _ => sums[usize::from(posting.account.owner.kind().is_claim())] += i128::from(posting.minor),
            }
        }
        match sums.into_iter().find(|sum| *sum != 0) {
            None => Ok(Self { reference, postings }),
            Some(sum) => Err(Unbalanced::Sum { currency, sum }),
        }
    }

    /// What it is for.
    #[must_use]
    pub const fn reference(&self) -> Reference {
        self.reference
    }

    /// Its postings in their order.
    #[must_use]
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }
}

#[cfg(test)]
mod tests;
