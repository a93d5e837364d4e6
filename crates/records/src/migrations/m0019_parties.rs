//! Billing profiles, and the parties that are frozen into an invoice.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, Statement};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0019_parties"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::add_column(db, "invoices", "parties", "{long} NULL").await?;
        super::run(db, &[PROFILES]).await
    }

    /// Refused where invoices were sent with their parties: their hashes would no longer verify.
    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        if super::has_column(db, "invoices", "parties").await? {
            refuse_frozen(db).await?;
            super::drop(db, "ALTER TABLE invoices DROP COLUMN parties").await?;
        }
        super::drop_tables(db, &["billing_profiles"]).await
    }
}

async fn refuse_frozen(db: &DatabaseTransaction) -> Result<(), DbErr> {
    let frozen = "SELECT COUNT(*) FROM invoices WHERE parties IS NOT NULL";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), frozen)).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    if count == 0 {
        return Ok(());
    }
    Err(DbErr::Custom(format!(
        "{count} invoices were sent with their parties, which their hashes contain: an earlier release has no column for them; \
         nothing was taken back"
    )))
}

/// The time zone of a user stands in `users`: the days of invoices follow it.
const PROFILES: &str = "CREATE TABLE IF NOT EXISTS billing_profiles (
        user_id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        legal_name VARCHAR(200) NULL,
        address_lines VARCHAR(500) NULL,
        postal_code VARCHAR(20) NULL,
        city VARCHAR(100) NULL,
        region VARCHAR(100) NULL,
        country VARCHAR(2) NULL,
        tax_id_kind VARCHAR(16) NULL,
        tax_id VARCHAR(50) NULL,
        account_holder VARCHAR(200) NULL,
        iban VARCHAR(34) NULL,
        bic VARCHAR(11) NULL,
        bank_text VARCHAR(1000) NULL,
        currency VARCHAR(3) NULL,
        payment_days BIGINT NULL CHECK (payment_days >= 0 AND payment_days <= 365),
        locale VARCHAR(16) NULL,
        rounding VARCHAR(16) NOT NULL,
        updated_at {time} NOT NULL
    ){options}";
