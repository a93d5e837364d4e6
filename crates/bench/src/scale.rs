//! A large data set: the server multiplies its rows.

use chainbill_domain::models::INVOICES;
use chainbill_records::{
    Records,
    entities::{invoice_lines, invoices},
};
use chainbill_testkit::sea_orm::{ConnectionTrait as _, IdenStatic, Iterable};

/// Copies all invoices with their lines until there are at least `wanted`; their count.
pub(crate) async fn multiply(records: &Records, wanted: u64) -> anyhow::Result<u64> {
    let before = count(records).await?;
    let copies = wanted.div_ceil(before.max(1));
    let statements = [
        copying("invoices", "id", columns::<invoices::Column>()),
        copying("invoice_lines", "invoice_id", columns::<invoice_lines::Column>()),
    ];
    // Copies have ids beside their originals', so each round reads a table of originals alone.
    let db = records;
    for table in ["invoices", "invoice_lines"] {
        db.execute_unprepared(&format!("CREATE TABLE original_{table} AS SELECT * FROM {table}")).await?;
    }
    for round in 1..=copies {
        for statement in &statements {
            db.execute_unprepared(&statement.replace("{round}", &format!("{round:04x}"))).await?;
        }
        eprint!("\r{} invoices", before * (round + 1));
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
        // Unique columns.
        "number" => "CASE WHEN number IS NULL THEN NULL ELSE CONCAT(number,'{round}') END".to_owned(),
        "token_id" => "NULL".to_owned(),
        column => column.to_owned(),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    // An original with the round's digits would collide with its own copy.
    format!(
        "INSERT INTO {table} ({}) SELECT {} FROM original_{table} WHERE SUBSTR({key},25,4)<>'{{round}}'",
        columns.join(","),
        values.join(",")
    )
}
