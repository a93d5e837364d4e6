//! The ledger's rows: append-only, a row per posting; and what they come to.

use chainbill_domain::{
    Timestamp,
    id::{CreditNoteId, Id, InvoiceId, PaymentId, PayoutId, RefundId, UserId},
    ledger::{Owner, Posting, Transfer},
    money::{Currency, Money},
    states::{AccountKind, PaymentMethod, TransferKind},
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbBackend, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select, sea_query::Expr,
};

use crate::{
    RecordsError, Text, Unit,
    entities::ledger_postings::{Column, Entity, Model},
};

/// Posts a transfer in the unit of what it belongs to.
///
/// # Errors
/// When the primary does not answer.
pub async fn post(unit: &mut Unit, transfer: &Transfer) -> Result<(), RecordsError> {
    let (now, records) = (unit.now(), unit.records().clone());
    let rows = rows(transfer, now, &mut || Id::<()>::new(now, records.random().bytes()).to_string());
    unit.add_many::<Entity>(rows).await
}

/// The rows of a transfer at a moment, with ids from `new_id`.
#[must_use]
pub fn rows(transfer: &Transfer, at: Timestamp, new_id: &mut impl FnMut() -> String) -> Vec<Model> {
    let (reference, transfer_id) = (transfer.reference(), new_id());
    let row = |(posting, position): (&Posting, i64)| {
        let owner = posting.account.owner;
        let invoice = match owner {
            Owner::Escrow(invoice, _) => Some(invoice),
            _ => reference.invoice(),
        };
        Model {
            id: new_id(),
            transfer_id: transfer_id.clone(),
            position,
            kind: Text(reference.kind()),
            invoice_id: invoice.map(Text),
            payment_id: reference.payment().map(Text),
            credit_note_id: reference.credit_note().map(Text),
            refund_id: reference.refund().map(Text),
            payout_id: reference.payout().map(Text),
            account_kind: Text(owner.kind()),
            account_user_id: owner.user().map(Text),
            account_client_id: owner.client().map(Text),
            account_method: owner.method().map(Text),
            amount_minor: posting.minor,
            currency: Text(posting.account.currency),
            note: None,
            created_at: at,
        }
    };
    transfer.postings().iter().zip(0..).map(row).collect()
}

/// A selection of postings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection {
    /// Of accounts of this user, as their owner or as the client of a freelancer's.
    pub party: Option<UserId>,
    /// Of this kind of account.
    pub kind: Option<AccountKind>,
    /// In this currency.
    pub currency: Option<Currency>,
    /// Between the party and this user.
    pub counterparty: Option<UserId>,
    /// Of transfers about this invoice.
    pub invoice: Option<InvoiceId>,
    /// Posted until this moment, the moment included.
    pub until: Option<Timestamp>,
    /// Posted from this moment on.
    pub from: Option<Timestamp>,
}

impl Selection {
    fn of(&self, query: Select<Entity>) -> Select<Entity> {
        let of_user = |user: UserId| {
            sea_orm::Condition::any()
                .add(Column::AccountUserId.eq(Text(user)))
                .add(Column::AccountClientId.eq(Text(user)))
        };
        let mut query = query;
        for user in [self.party, self.counterparty].into_iter().flatten() {
            query = query.filter(of_user(user));
        }
        if let Some(kind) = self.kind {
            query = query.filter(Column::AccountKind.eq(Text(kind)));
        }
        if let Some(currency) = self.currency {
            query = query.filter(Column::Currency.eq(Text(currency)));
        }
        if let Some(invoice) = self.invoice {
            query = query.filter(Column::InvoiceId.eq(Text(invoice)));
        }
        if let Some(until) = self.until {
            query = query.filter(Column::CreatedAt.lte(until));
        }
        if let Some(from) = self.from {
            query = query.filter(Column::CreatedAt.gte(from));
        }
        query
    }
}

/// What the postings of an account come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The kind of account.
    pub kind: AccountKind,
    /// The user whose account it is.
    pub user: Option<UserId>,
    /// The client, of an account between two parties.
    pub client: Option<UserId>,
    /// The method, of an account of the world.
    pub method: Option<PaymentMethod>,
    /// The sum of its postings.
    pub balance: Money,
    /// How many they are.
    pub postings: i64,
}

/// Balances by account, those of the selection.
///
/// # Errors
/// When the primary does not answer, or a sum does not fit.
pub async fn balances(db: &impl ConnectionTrait, selection: Selection) -> Result<Vec<Balance>, RecordsError> {
    type Row = (
        Text<AccountKind>,
        Option<Text<UserId>>,
        Option<Text<UserId>>,
        Option<Text<PaymentMethod>>,
        Text<Currency>,
        i64,
        i64,
    );
    let by =
        [Column::AccountKind, Column::AccountUserId, Column::AccountClientId, Column::AccountMethod, Column::Currency];
    let query = selection.of(Entity::find().select_only());
    let query = by.into_iter().fold(query, |query, column| query.column(column).group_by(column).order_by_asc(column));
    let rows: Vec<Row> = query.expr(sum(db)).expr(Expr::cust("COUNT(*)")).into_tuple().all(db).await?;
    let balance = |(kind, user, client, method, currency, minor, postings): Row| Balance {
        kind: kind.0,
        user: user.map(|id| id.0),
        client: client.map(|id| id.0),
        method: method.map(|method| method.0),
        balance: Money { minor, currency: currency.0 },
        postings,
    };
    Ok(rows.into_iter().map(balance).collect())
}

/// Sums by kind of account and currency, those of the selection, and how many postings each has.
///
/// # Errors
/// When the primary does not answer, or a sum does not fit.
pub async fn by_kind(
    db: &impl ConnectionTrait,
    selection: Selection,
) -> Result<Vec<(AccountKind, Money, i64)>, RecordsError> {
    let query = selection.of(Entity::find().select_only());
    let by = [Column::Currency, Column::AccountKind];
    let query = by.into_iter().fold(query, |query, column| query.column(column).group_by(column).order_by_asc(column));
    let rows: Vec<(Text<Currency>, Text<AccountKind>, i64, i64)> =
        query.expr(sum(db)).expr(Expr::cust("COUNT(*)")).into_tuple().all(db).await?;
    let kind = |(currency, kind, minor, postings): (Text<Currency>, Text<AccountKind>, i64, i64)| {
        (kind.0, Money { minor, currency: currency.0 }, postings)
    };
    Ok(rows.into_iter().map(kind).collect())
}

/// MySQL's sums of integers are decimals.
fn sum(db: &impl ConnectionTrait) -> Expr {
    Expr::cust(match db.get_database_backend() {
        DbBackend::Sqlite => "COALESCE(SUM(amount_minor), 0)",
        _ => "CAST(COALESCE(SUM(amount_minor), 0) AS SIGNED)",
    })
}

/// The sum of the selection.
///
/// # Errors
/// When the primary does not answer, or the sum does not fit.
pub async fn total(db: &impl ConnectionTrait, selection: Selection, until: Option<&str>) -> Result<i64, RecordsError> {
    let mut query = selection.of(Entity::find().select_only());
    if let Some(id) = until {
        query = query.filter(Column::Id.lte(id));
    }
    let sum: Option<i64> = query.expr(sum(db)).into_tuple().one(db).await?;
    Ok(sum.unwrap_or(0))
}

/// One posting of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id: entries are in the order of their ids, which begin with their moment.
    pub id: String,
    /// The transfer that it is a side of.
    pub transfer_id: String,
    /// What the transfer is for.
    pub kind: TransferKind,
    /// The kind of account.
    pub account: AccountKind,
    /// The user whose account it is.
    pub user: Option<UserId>,
    /// The client, of an account between two parties.
    pub client: Option<UserId>,
    /// The invoice that the transfer is about,
    pub invoice: Option<InvoiceId>,
    /// the payment,
    pub payment: Option<PaymentId>,
    /// the credit note,
    pub credit_note: Option<CreditNoteId>,
    /// the refund,
    pub refund: Option<RefundId>,
    /// and the payout.
    pub payout: Option<PayoutId>,
    /// Into the account where it is positive, out of it where it is negative.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
}

/// Postings of the selection, oldest first, and one more than asked for where there are more.
///
/// # Errors
/// When the primary does not answer.
pub async fn entries(
    db: &impl ConnectionTrait,
    selection: Selection,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Entry>, RecordsError> {
    let mut query = selection.of(Entity::find()).order_by_asc(Column::Id).limit(u64::from(limit) + 1);
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    let entry = |row: Model| Entry {
        id: row.id,
        transfer_id: row.transfer_id,
        kind: row.kind.0,
        account: row.account_kind.0,
        user: row.account_user_id.map(|id| id.0),
        client: row.account_client_id.map(|id| id.0),
        invoice: row.invoice_id.map(|id| id.0),
        payment: row.payment_id.map(|id| id.0),
        credit_note: row.credit_note_id.map(|id| id.0),
        refund: row.refund_id.map(|id| id.0),
        payout: row.payout_id.map(|id| id.0),
        amount: Money { minor: row.amount_minor, currency: row.currency.0 },
        at: row.created_at,
    };
    Ok(query.all(db).await?.into_iter().map(entry).collect())
}
