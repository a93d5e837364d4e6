//! The ledger: what an action posts, what accounts come to, and statements.

use chainbill_domain::{
    ledger::{Posting, Transfer},
    money::Money,
    states::{AccountKind, PaymentMethod, TransferKind},
};
use chainbill_records::repo::ledger::{Balance, Entry};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MoneyView, moment};

/// What an action on money has posted, or would post.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Movement {
    /// Its transfers, in their order; absent where nothing moved, and where a thing is only read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postings: Vec<TransferView>,
    /// Whether this only shows what would be done; absent where it was done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// A transfer: its postings sum to zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferView {
    /// BILLING, VOIDING, PAYMENT, REVERSAL, CREDIT_NOTE, RELEASE or REFUND.
    #[schema(value_type = String)]
    pub kind: TransferKind,
    /// The invoice that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice_id: Option<String>,
    /// Its sides.
    pub entries: Vec<PostingView>,
}

/// One side of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostingView {
    /// The kind of account.
    #[schema(value_type = String)]
    pub account: AccountKind,
    /// The user whose account it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The client, of an account between two parties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Into the account where it is positive, out of it where it is negative.
    pub amount: MoneyView,
}

impl TransferView {
    /// A transfer as it is shown.
    #[must_use]
    pub fn of(transfer: &Transfer) -> Self {
        let reference = transfer.reference();
        let entry = |posting: &Posting| PostingView {
            account: posting.account.owner.kind(),
            user_id: posting.account.owner.user().map(|id| id.to_string()),
            client_id: posting.account.owner.client().map(|id| id.to_string()),
            amount: Money { minor: posting.minor, currency: posting.account.currency }.into(),
        };
        Self {
            kind: reference.kind(),
            invoice_id: reference.invoice().map(|id| id.to_string()),
            entries: transfer.postings().iter().map(entry).collect(),
        }
    }
}

/// What the postings of an account come to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    /// The kind of account.
    #[schema(value_type = String)]
    pub account: AccountKind,
    /// The user whose account it is.
    pub user_id: Option<String>,
    /// The client, of an account between two parties.
    pub client_id: Option<String>,
    /// The method, of an account of the world.
    #[schema(value_type = Option<String>)]
    pub method: Option<PaymentMethod>,
    /// The sum of its postings.
    pub balance: MoneyView,
    /// How many they are.
    pub postings: i64,
}

impl AccountView {
    /// A balance as it is shown.
    #[must_use]
    pub fn of(balance: Balance) -> Self {
        Self {
            account: balance.kind,
            user_id: balance.user.map(|id| id.to_string()),
            client_id: balance.client.map(|id| id.to_string()),
            method: balance.method,
            balance: balance.balance.into(),
            postings: balance.postings,
        }
    }
}

/// Balances of accounts at a moment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountsView {
    /// Postings until this moment are counted.
    pub as_of: String,
    /// The accounts.
    pub accounts: Vec<AccountView>,
}

/// The trial balance: all accounts by kind, and the sums that have to be zero.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialBalance {
    /// Postings until this moment are counted.
    pub as_of: String,
    /// Accounts of a kind and a currency, as one.
    pub accounts: Vec<KindView>,
    /// By currency and book.
    pub sums: Vec<BookView>,
    /// Whether every sum is zero.
    pub balanced: bool,
}

/// All accounts of a kind in a currency.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KindView {
    /// The kind of account.
    #[schema(value_type = String)]
    pub account: AccountKind,
    /// The sum of their postings.
    pub balance: MoneyView,
    /// How many postings they have.
    pub postings: i64,
}

/// A book in a currency.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BookView {
    /// MONEY or CLAIMS.
    pub book: String,
    /// Its sum.
    pub sum: MoneyView,
}

/// A posting of a statement, with the balance after it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatementEntry {
    /// Its id.
    pub id: String,
    /// The transfer that it is a side of.
    pub transfer_id: String,
    /// What the transfer is for.
    #[schema(value_type = String)]
    pub kind: TransferKind,
    /// The kind of account.
    #[schema(value_type = String)]
    pub account: AccountKind,
    /// The user whose account it is.
    pub user_id: Option<String>,
    /// The client, of an account between two parties.
    pub client_id: Option<String>,
    /// The invoice that the transfer is about,
    pub invoice_id: Option<String>,
    /// the payment,
    pub payment_id: Option<String>,
    /// the credit note,
    pub credit_note_id: Option<String>,
    /// the refund,
    pub refund_id: Option<String>,
    /// and the payout.
    pub payout_id: Option<String>,
    /// Into the account where it is positive, out of it where it is negative.
    pub amount: MoneyView,
    /// The balance of what was asked for, after this posting.
    pub balance: MoneyView,
    /// When.
    pub at: String,
}

impl StatementEntry {
    /// A posting as a statement shows it.
    #[must_use]
    pub fn of(entry: Entry, balance: i64) -> Self {
        let currency = entry.amount.currency;
        Self {
            id: entry.id,
            transfer_id: entry.transfer_id,
            kind: entry.kind,
            account: entry.account,
            user_id: entry.user.map(|id| id.to_string()),
            client_id: entry.client.map(|id| id.to_string()),
            invoice_id: entry.invoice.map(|id| id.to_string()),
            payment_id: entry.payment.map(|id| id.to_string()),
            credit_note_id: entry.credit_note.map(|id| id.to_string()),
            refund_id: entry.refund.map(|id| id.to_string()),
            payout_id: entry.payout.map(|id| id.to_string()),
            amount: entry.amount.into(),
            balance: Money { minor: balance, currency }.into(),
            at: moment(entry.at),
        }
    }
}
