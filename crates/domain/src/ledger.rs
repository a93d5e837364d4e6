//! The ledger: double entry, append-only.
//!
//! An [`Account`] names its owner and its currency; the owner says which kind of account it is. A [`Transfer`] moves money
//! between accounts for a [`Reference`] and cannot be made unless it balances, so that no caller can create or lose money.
//!
//! A new kind of account is a variant of [`Owner`] and a word of [`AccountKind`]; a new reason to move money is a variant of
//! [`Reference`], a word of [`TransferKind`], and a constructor of [`Transfer`]. The tables have a column for each reference.

use crate::{
    id::{InvoiceId, PaymentId, UserId},
    money::{Currency, Money},
    states::{AccountKind, PaymentMethod, TransferKind},
};

/// Whose account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// The world outside of the platform, by the method that money comes and goes with.
    World(PaymentMethod),
    /// The escrow of an invoice.
    Escrow(InvoiceId),
    /// A user.
    User(UserId),
}

impl Owner {
    /// The kind of account that this owner has.
    #[must_use]
    pub const fn kind(self) -> AccountKind {
        match self {
            Self::World(_) => AccountKind::World,
            Self::Escrow(_) => AccountKind::Escrow,
            Self::User(_) => AccountKind::User,
        }
    }
}

/// An account of the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    /// Whose it is.
    pub owner: Owner,
    /// The currency of all its postings.
    pub currency: Currency,
}

/// What a transfer is for, with the keys of what it refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// A payment arrived for an invoice.
    Payment {
        /// The payment.
        payment: PaymentId,
        /// Its invoice.
        invoice: InvoiceId,
    },
    /// Held money of an invoice goes to its freelancer.
    Release {
        /// The invoice.
        invoice: InvoiceId,
    },
    /// Held money of an invoice goes back to where it came from.
    Refund {
        /// The invoice.
        invoice: InvoiceId,
    },
}

impl Reference {
    /// The kind of transfer.
    #[must_use]
    pub const fn kind(self) -> TransferKind {
        match self {
            Self::Payment { .. } => TransferKind::Payment,
            Self::Release { .. } => TransferKind::Release,
            Self::Refund { .. } => TransferKind::Refund,
        }
    }

    /// The invoice that it is about.
    #[must_use]
    pub const fn invoice(self) -> InvoiceId {
        match self {
            Self::Payment { invoice, .. } | Self::Release { invoice } | Self::Refund { invoice } => invoice,
        }
    }

    /// The payment that it is about.
    #[must_use]
    pub const fn payment(self) -> Option<PaymentId> {
        match self {
            Self::Payment { payment, .. } => Some(payment),
            Self::Release { .. } | Self::Refund { .. } => None,
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

    /// Money out of an account; none where the amount has no opposite.
    #[must_use]
    pub const fn out_of(owner: Owner, amount: Money) -> Option<Self> {
        match amount.checked_neg() {
            Some(amount) => Some(Self::of(owner, amount)),
            None => None,
        }
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
    /// The postings would create money, or lose it.
    #[error("the postings of a transfer sum to {sum} minor units of {currency} and not to 0")]
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

/// Money that moves between accounts: at least two postings in one currency that sum to zero.
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
        let mut sum = 0_i128;
        for posting in &postings {
            match posting.account.currency {
                other if other != currency => return Err(Unbalanced::Currencies(currency, other)),
                _ if posting.minor == 0 => return Err(Unbalanced::Nothing),
                _ => sum += i128::from(posting.minor),
            }
        }
        if sum == 0 { Ok(Self { reference, postings }) } else { Err(Unbalanced::Sum { currency, sum }) }
    }

    /// A payment: from the world into the invoice's escrow.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn payment(
        payment: PaymentId,
        invoice: InvoiceId,
        method: PaymentMethod,
        amount: Money,
    ) -> Result<Self, Unbalanced> {
        Self::between(Reference::Payment { payment, invoice }, Owner::World(method), Owner::Escrow(invoice), amount)
    }

    /// A release: out of the invoice's escrow to its freelancer.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn release(invoice: InvoiceId, freelancer: UserId, amount: Money) -> Result<Self, Unbalanced> {
        Self::between(Reference::Release { invoice }, Owner::Escrow(invoice), Owner::User(freelancer), amount)
    }

    /// A refund: out of the invoice's escrow back into the world.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn refund(invoice: InvoiceId, method: PaymentMethod, amount: Money) -> Result<Self, Unbalanced> {
        Self::between(Reference::Refund { invoice }, Owner::Escrow(invoice), Owner::World(method), amount)
    }

    fn between(reference: Reference, from: Owner, to: Owner, amount: Money) -> Result<Self, Unbalanced> {
        match Posting::out_of(from, amount).filter(|_| amount.minor > 0) {
            Some(out) => Self::new(reference, vec![out, Posting::of(to, amount)]),
            None => Err(Unbalanced::NotPositive),
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
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn id<K>(place: u8) -> crate::id::Id<K> {
        crate::id::Id::new(crate::Timestamp::default(), [place; 10])
    }

    fn currency(place: u8) -> Currency {
        ["EUR", "JPY", "BHD"][usize::from(place) % 3].parse().expect("a currency")
    }

    fn owner(place: u8) -> Owner {
        match place % 3 {
            0 => Owner::World(PaymentMethod::Card),
            1 => Owner::Escrow(id(place)),
            _ => Owner::User(id(place)),
        }
    }

    fn reference() -> Reference {
        Reference::Release { invoice: id(1) }
    }

    #[test]
    fn what_does_not_balance_is_no_transfer() {
        let euros = |minor| Money { minor, currency: currency(0) };
        let posting = |place, minor| Posting::of(owner(place), euros(minor));
        let new = |postings| Transfer::new(reference(), postings);
        assert_eq!(new(vec![]), Err(Unbalanced::TooFew));
        assert_eq!(new(vec![posting(0, 0)]), Err(Unbalanced::TooFew));
        assert_eq!(new(vec![posting(0, 0), posting(1, 0)]), Err(Unbalanced::Nothing));
        assert_eq!(new(vec![posting(0, -5), posting(1, 4)]), Err(Unbalanced::Sum { currency: currency(0), sum: -1 }));
        let most = new(vec![posting(0, i64::MAX), posting(1, i64::MAX)]);
        assert_eq!(most, Err(Unbalanced::Sum { currency: currency(0), sum: 2 * i128::from(i64::MAX) }));
        let yen = Posting::of(owner(1), Money { minor: 5, currency: currency(1) });
        assert_eq!(new(vec![posting(0, -5), yen]), Err(Unbalanced::Currencies(currency(0), currency(1))));
        for amount in [0, -1, i64::MIN] {
            assert_eq!(Transfer::release(id(1), id(2), euros(amount)), Err(Unbalanced::NotPositive));
        }
        assert_eq!(new(vec![posting(0, -5), posting(1, 3), posting(2, 2)]).map(|it| it.postings().len()), Ok(3));
    }

    #[test]
    fn a_transfer_names_what_it_is_for() {
        let amount = Money { minor: 7, currency: currency(0) };
        let payment = Transfer::payment(id(1), id(2), PaymentMethod::Crypto, amount).expect("it balances");
        let reference = payment.reference();
        assert_eq!((reference.kind(), reference.payment()), (TransferKind::Payment, Some(id(1))));
        assert_eq!(reference.invoice(), id(2));
        let refund = Transfer::refund(id(2), PaymentMethod::Crypto, amount).expect("it balances");
        let kinds: Vec<_> = refund.postings().iter().map(|it| (it.account.owner.kind(), it.minor)).collect();
        assert_eq!(kinds, [(AccountKind::Escrow, -7), (AccountKind::World, 7)]);
    }

    proptest! {
        #[test]
        fn whatever_is_a_transfer_sums_to_zero_and_whatever_sums_to_zero_is_one(
            parts in prop::collection::vec((any::<u8>(), -1000_i64..1000, 0_u8..2), 0..6),
        ) {
            let postings: Vec<Posting> = parts
                .iter()
                .map(|&(place, minor, code)| Posting::of(owner(place), Money { minor, currency: currency(code) }))
                .collect();
            let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
            for posting in &postings {
                *sums.entry(posting.account.currency).or_default() += i128::from(posting.minor);
            }
            let balances = postings.len() > 1
                && sums.len() == 1
                && sums.values().all(|sum| *sum == 0)
                && postings.iter().all(|posting| posting.minor != 0);
            prop_assert_eq!(Transfer::new(reference(), postings).is_ok(), balances);
        }
    }
}
