//! Writing events, in the transaction of their cause.

use chainbill_domain::{Timestamp, event::EventRecord};
use sea_orm::{ConnectionTrait as _, DbErr, Statement, Value};

use crate::{
    Transaction,
    dialect::Dialect,
    outbox::{literal, moment},
};

const INSERT: &str = "INSERT INTO events (id,kind,at,user_id,receiver_id,invoice_id,project_id,amount_minor,currency,details,\
                      recorded_at) VALUES ";
const COLUMNS: usize = 11;
const PER_STATEMENT: usize = 1000;

/// The statement that writes events, as a text.
pub(crate) fn literals(events: &[EventRecord], now: Timestamp) -> String {
    let rows: Vec<String> = events.iter().map(|event| row(event, now)).collect();
    format!("{INSERT}{}", rows.join(","))
}

fn row(event: &EventRecord, now: Timestamp) -> String {
    let optional = |text: &Option<String>| text.as_deref().map_or_else(|| "NULL".to_owned(), literal);
    let columns: [String; COLUMNS] = [
        literal(&event.id),
        literal(&event.kind),
        moment(event.at),
        optional(&event.user_id),
        optional(&event.receiver_id),
        optional(&event.invoice_id),
        optional(&event.project_id),
        event.amount_minor.map_or_else(|| "NULL".to_owned(), |minor| minor.to_string()),
        optional(&event.currency),
        literal(&event.details),
        moment(now),
    ];
    format!("({})", columns.join(","))
}

/// Writes events.
pub(crate) async fn write(
    tx: &Transaction,
    dialect: Dialect,
    events: &[EventRecord],
    now: Timestamp,
) -> Result<(), DbErr> {
    for batch in events.chunks(PER_STATEMENT) {
        let values: Vec<Value> = batch.iter().flat_map(|event| bound(event, now)).collect();
        let marks = format!("({})", ["?"; COLUMNS].join(","));
        let sql = format!("{INSERT}{}", vec![marks; batch.len()].join(","));
        let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
        tx.execute_raw(dialect.timeless(statement)).await?;
    }
    Ok(())
}

fn bound(event: &EventRecord, now: Timestamp) -> [Value; COLUMNS] {
    [
        event.id.clone().into(),
        event.kind.clone().into(),
        event.at.into(),
        event.user_id.clone().into(),
        event.receiver_id.clone().into(),
        event.invoice_id.clone().into(),
        event.project_id.clone().into(),
        event.amount_minor.into(),
        event.currency.clone().into(),
        event.details.clone().into(),
        now.into(),
    ]
}
