//! The saving path beside raw inserts: the demo's rows, and the same rows as prepared statements of a thousand rows,
//! in transactions as large, into separate tables of the same database server.

use std::time::Instant;

use chainbill_records::{
    Records,
    dialect::Dialect,
    entities::{
        dispute_votes, disputes, invoice_counters, invoice_lines, invoices, ledger_postings, payments, project_skills,
        projects, reputations, reviews, skills, stored_files, user_skills, users,
    },
};
use chainbill_testkit::Fresh;
use chainbill_testkit::sea_orm::{ConnectionTrait as _, EntityTrait, IntoActiveModel, QueryTrait as _, Statement};

use crate::rate;

/// Rows per statement, as in the saving path.
const ROWS: usize = 1000;

/// Rows per second of raw inserts of the demo's rows, without the outbox and later rows.
pub(crate) async fn raw_inserts(fresh: &Fresh, records: &Records) -> anyhow::Result<f64> {
    let mut statements = Vec::new();
    macro_rules! all {
        ($($entity:ident),*) => {$(
            inserts::<$entity::Entity>(records, &mut statements).await?;
        )*};
    }
    all!(
        users,
        user_skills,
        skills,
        projects,
        project_skills,
        reviews,
        invoices,
        invoice_lines,
        invoice_counters,
        payments,
        ledger_postings,
        disputes,
        dispute_votes,
        stored_files,
        reputations
    );
    let rows: usize = statements.iter().map(|(_, rows)| rows).sum();
    let server = if records.dialect() == Dialect::Sqlite { chainbill_testkit::EMBEDDED } else { &fresh.primary };
    let other = Fresh::make(server, chainbill_testkit::EMBEDDED).await;
    let raw = other.records().await;
    let started = Instant::now();
    for (statement, _) in statements {
        let transaction = raw.begin().await?;
        transaction.execute_raw(statement).await?;
        transaction.commit().await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    raw.close().await;
    other.remove().await;
    Ok(rate(rows as u64, seconds))
}

/// Count of the demo's rows, with children, money and counters.
pub(crate) async fn rows(records: &Records) -> anyhow::Result<u64> {
    let mut count = 0;
    for table in [
        "users",
        "user_skills",
        "skills",
        "projects",
        "project_skills",
        "reviews",
        "invoices",
        "invoice_lines",
        "invoice_counters",
        "payments",
        "ledger_postings",
        "disputes",
        "dispute_votes",
        "stored_files",
        "reputations",
    ] {
        let db = records;
        let sql = format!("SELECT COUNT(*) FROM {table}");
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        count += row.map_or(Ok(0), |row| row.try_get_by_index::<i64>(0))?.unsigned_abs();
    }
    Ok(count)
}

/// Insert statements of a table, with their row counts.
async fn inserts<E>(records: &Records, statements: &mut Vec<(Statement, usize)>) -> anyhow::Result<()>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel> + Sync,
    E::ActiveModel: Send,
{
    use chainbill_testkit::sea_orm::{ActiveModelTrait as _, Iterable as _};
    let per_statement = (30_000 / E::Column::iter().count()).clamp(1, ROWS);
    let mut rows = E::find().all(records).await?.into_iter().peekable();
    while rows.peek().is_some() {
        let batch: Vec<E::ActiveModel> =
            rows.by_ref().take(per_statement).map(|row| row.into_active_model().reset_all()).collect();
        let count = batch.len();
        let statement = E::insert_many(batch).build(records.get_database_backend());
        statements.push((statement, count));
    }
    Ok(())
}
