//! Very many documents: the server multiplies its own rows.

use chainbill_domain::models::INVOICES;
use chainbill_records::{
    Records,
    entities::{invoice_lines, invoices},
};
use chainbill_testkit::sea_orm::{ConnectionTrait as _, IdenStatic, Iterable};

/// Copies all bills with their lines until there are at least so many; how many there are then.
pub(crate) async fn multiply(records: &Records, bills: u64) -> anyhow::Result<u64> {
    let before = count(records).await?;
    let copies = bills.div_ceil(before.max(1));
    let statements = [
        copying("invoices", "id", columns::<invoices::Column>()),
        copying("invoice_lines", "invoice_id", columns::<invoice_lines::Column>()),
    ];
    // The copies have ids beside those of their originals, so each round takes the originals alone.
    let db = records;
    for table in ["invoices", "invoice_lines"] {
        db.execute_unprepared(&format!("CREATE TABLE original_{table} AS SELECT * FROM {table}")).await?;
    }
    for round in 1..=copies {
        for statement in &statements {
            db.execute_unprepared(&statement.replace("{round}", &format!("{round:04x}"))).await?;
        }
        eprint!("\r{} bills", before * (round + 1));
    }
    eprintln!();
    for table in ["invoices", "invoice_lines"] {
        db.execute_unprepared(&format!("DROP TABLE original_{table}")).await?;
    }
    count(records).await
}

async fn count(records: &Records) -> anyhow::Result<u64> {
    let snapshot = records.snapshot().await?;
    let count = snapshot.count(&INVOICES).await?;
    snapshot.close().await?;
    Ok(count)
}

fn columns<C: Iterable + IdenStatic>() -> Vec<&'static str> {
    C::iter().map(|column| column.as_str()).collect()
}

/// The statement that copies a table's originals: four digits of the key's random part are the round.
fn copying(table: &str, key: &str, columns: Vec<&'static str>) -> String {
    let value = |column: &&str| match *column {
        column if column == key => format!("CONCAT(SUBSTR({key},1,24),'{{round}}',SUBSTR({key},29))"),
        // What a copy must not share with its original.
        "number" => "CASE WHEN number IS NULL THEN NULL ELSE CONCAT(number,'{round}') END".to_owned(),
        "token_id" => "NULL".to_owned(),
        column => column.to_owned(),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    // An original whose own digits are the round's would be copied onto itself.
    format!(
        "INSERT INTO {table} ({}) SELECT {} FROM original_{table} WHERE SUBSTR({key},25,4)<>'{{round}}'",
        columns.join(","),
        values.join(",")
    )
}
