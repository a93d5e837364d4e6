//! The chart of accounts: who owns an account, and which kind of account it is.
//!
//! There are two books. The book of **money** says where money is: outside of the platform, in escrow, at a user's disposal.
//! The book of **claims** says what became of what was billed. Each book sums to zero by itself, in every transfer.

use crate::{
    id::{InvoiceId, UserId},
    money::Currency,
    states::{AccountKind, Custody, PaymentMethod},
};

/// A freelancer and a client of theirs: claims and credits are between two parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Counterparties {
    /// The issuer of the invoices.
    pub freelancer: UserId,
    /// Who pays.
    pub client: UserId,
}

/// What became of what was billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Claim {
    /// Billed in all; its balance is negative, for claims come from it.
    Billed,
    /// Billed, and still to be paid.
    Receivable,
    /// Paid.
    Settled,
    /// Taken back by credit notes.
    Credited,
    /// Kept back by the payer for the tax authority.
    Withheld,
    /// Paid before the invoice, and deducted from it.
    Deposited,
}

/// Whose account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// The world outside of the platform, by the method that money comes and goes with.
    World(PaymentMethod),
    /// The escrow of an invoice between two parties.
    Escrow(InvoiceId, Counterparties),
    /// Money on the platform that a user may have paid out.
    Available(UserId),
    /// Money that a user received outside of the platform; negative where more went back than came.
    External(UserId),
    /// What a client has paid a freelancer beyond what was owed, by who holds it.
    Credit(Counterparties, Custody),
    /// Money of refunds that a provider is carrying out.
    Refunds,
    /// Money of payouts that are being carried out.
    Payouts,
    /// The platform's fees.
    Fees,
    /// Claims of a freelancer on a client.
    Claim(Counterparties, Claim),
}

impl Owner {
    /// The kind of account that this owner has.
    #[must_use]
    pub const fn kind(self) -> AccountKind {
        match self {
            Self::World(_) => AccountKind::World,
            Self::Escrow(..) => AccountKind::Escrow,
            Self::Available(_) => AccountKind::Available,
            Self::External(_) => AccountKind::External,
            Self::Credit(_, Custody::Platform) => AccountKind::Credit,
            Self::Credit(_, Custody::Freelancer) => AccountKind::CreditExternal,
            Self::Refunds => AccountKind::Refunds,
            Self::Payouts => AccountKind::Payouts,
            Self::Fees => AccountKind::Fees,
            Self::Claim(_, claim) => claim.kind(),
        }
    }

    /// The user whose account it is, where it is a user's: of two parties, the freelancer.
    #[must_use]
    pub const fn user(self) -> Option<UserId> {
        match self {
            Self::Available(user) | Self::External(user) => Some(user),
            Self::Escrow(_, parties) | Self::Credit(parties, _) | Self::Claim(parties, _) => Some(parties.freelancer),
            Self::World(_) | Self::Refunds | Self::Payouts | Self::Fees => None,
        }
    }

    /// The client, where it is an account between two parties.
    #[must_use]
    pub const fn client(self) -> Option<UserId> {
        match self {
            Self::Escrow(_, parties) | Self::Credit(parties, _) | Self::Claim(parties, _) => Some(parties.client),
            _ => None,
        }
    }

    /// The method, where it is an account of the world.
    #[must_use]
    pub const fn method(self) -> Option<PaymentMethod> {
        match self {
            Self::World(method) => Some(method),
            _ => None,
        }
    }
}

impl Claim {
    const fn kind(self) -> AccountKind {
        match self {
            Self::Billed => AccountKind::Billed,
            Self::Receivable => AccountKind::Receivable,
            Self::Settled => AccountKind::Settled,
            Self::Credited => AccountKind::Credited,
            Self::Withheld => AccountKind::Withheld,
            Self::Deposited => AccountKind::Deposited,
        }
    }
}

impl AccountKind {
    /// Whether accounts of this kind are in the book of claims; the others are in the book of money.
    #[must_use]
    pub const fn is_claim(self) -> bool {
        matches!(
            self,
            Self::Billed | Self::Receivable | Self::Settled | Self::Credited | Self::Withheld | Self::Deposited
        )
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
