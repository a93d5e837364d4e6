//! Every column of a synchronised table is mapped to a field or left out with a reason: nothing can be forgotten.

use std::collections::BTreeSet;

use chainbill_domain::{
    mapping::{Column, Omitted},
    models,
};
use chainbill_records::{Records, dialect::Dialect};
use chainbill_testkit::sea_orm::{ConnectionTrait as _, Statement};
use chainbill_testkit::{EMBEDDED, Fresh, primaries};

async fn columns_of(records: &Records, table: &str) -> BTreeSet<String> {
    let sql = match records.dialect() {
        Dialect::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
        Dialect::MySql | Dialect::TiDb | Dialect::MariaDb => format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}'"
        ),
    };
    let db = records;
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

fn named(columns: &[Column], omitted: &[Omitted], own: &[&str]) -> BTreeSet<String> {
    let mapped = columns.iter().flat_map(Column::selected).map(|(name, _)| name);
    let omitted = omitted.iter().map(|omitted| omitted.column);
    mapped.chain(omitted).chain(own.iter().copied()).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_column_is_mapped_or_left_out_with_a_reason() {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let records = fresh.records().await;
        for model in models::ALL {
            let expected = named(model.columns, model.omitted, &["id", "version"]);
            assert_eq!(columns_of(&records, model.name).await, expected, "{} on {}", model.name, records.dialect());
            for embed in model.embeds {
                let expected = named(embed.columns, embed.omitted, &[embed.parent]);
                assert_eq!(
                    columns_of(&records, embed.table).await,
                    expected,
                    "{} on {}",
                    embed.table,
                    records.dialect()
                );
            }
        }
        records.close().await;
        fresh.remove().await;
    }
}
