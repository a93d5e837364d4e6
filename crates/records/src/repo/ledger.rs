//! The ledger's rows: append-only, a row per posting.

use chainbill_domain::{
    Timestamp,
    id::Id,
    ledger::{Owner, Posting, Transfer},
};

use crate::{
    RecordsError, Text, Unit,
    entities::ledger_postings::{Entity, Model},
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
        let (invoice, user, method) = match owner {
            Owner::World(method) => (reference.invoice(), None, Some(method)),
            Owner::Escrow(invoice) => (invoice, None, None),
            Owner::User(user) => (reference.invoice(), Some(user), None),
        };
        Model {
            id: new_id(),
            transfer_id: transfer_id.clone(),
            position,
            kind: Text(reference.kind()),
            invoice_id: Some(Text(invoice)),
            payment_id: reference.payment().map(Text),
            account_kind: Text(owner.kind()),
            account_user_id: user.map(Text),
            account_method: method.map(Text),
            amount_minor: posting.minor,
            currency: Text(posting.account.currency),
            note: None,
            created_at: at,
        }
    };
    transfer.postings().iter().zip(0..).map(row).collect()
}
