//! The names of an invoice's parties, as they were when it was sent: it is found by them.
//!
//! Invoices from before get the names of today. Their versions stay: the model's description has another revision, so their documents
//! are outdated and are backfilled.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, Statement};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0022_party_names"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::add_column(db, "invoices", "freelancer_name", "VARCHAR(200) NULL").await?;
        super::add_column(db, "invoices", "client_name", "VARCHAR(200) NULL").await?;
        fill(db).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop(db, "ALTER TABLE invoices DROP COLUMN client_name").await?;
        super::drop(db, "ALTER TABLE invoices DROP COLUMN freelancer_name").await
    }
}

/// Rows that one statement changes: a cluster refuses transactions beyond a size.
const PART: u64 = 10_000;

async fn fill(db: &DatabaseTransaction) -> Result<(), DbErr> {
    let mut after = String::new();
    loop {
        let last = format!("SELECT MAX(id) FROM (SELECT id FROM invoices WHERE id > ? ORDER BY id LIMIT {PART}) part");
        let last = Statement::from_sql_and_values(db.get_database_backend(), last, [after.clone().into()]);
        let last: Option<String> = db.query_one_raw(last).await?.map_or(Ok(None), |row| row.try_get_by_index(0))?;
        let Some(last) = last else { return Ok(()) };
        let update = "UPDATE invoices SET freelancer_name = (SELECT name FROM users WHERE users.id = freelancer_id), \
                      client_name = (SELECT name FROM users WHERE users.id = client_id) WHERE id > ? AND id <= ?";
        let values = [after.into(), last.clone().into()];
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), update, values)).await?;
        after = last;
    }
}
