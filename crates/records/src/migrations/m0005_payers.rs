//! A payment's name is its payer's own: two payers may call their payments alike, and neither hears of the other's.

use sea_orm::{DatabaseTransaction, DbErr};

use crate::dialect::Dialect;

pub struct Migration;

/// Constraints: of a payer's own names, and of names over all payers.
const OWN: &str = "payments_payer_ref";
const SHARED: &str = "payments_external_ref";

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0005_payers"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        replace(db, (OWN, "payer_id, external_ref"), SHARED).await
    }

    /// Fails where two payers have called payments alike meanwhile: nothing is lost then.
    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        replace(db, (SHARED, "external_ref"), OWN).await
    }
}

/// Makes what is to be unique so, and gives up what was.
async fn replace(db: &DatabaseTransaction, new: (&str, &str), old: &str) -> Result<(), DbErr> {
    let (name, columns) = new;
    // A later migration has made the table anew.
    if !super::has_column(db, "payments", "invoice_id").await? {
        return Ok(());
    }
    if super::of(db).await? == Dialect::Sqlite {
        return rebuild(db, name, columns).await;
    }
    super::run(db, &[&format!("ALTER TABLE payments ADD CONSTRAINT {name} UNIQUE ({columns})")]).await?;
    super::drop(db, &format!("ALTER TABLE payments DROP INDEX {old}")).await
}

/// SQLite cannot take a constraint away: the table is made anew, in the transaction of all migrations.
async fn rebuild(db: &DatabaseTransaction, name: &str, columns: &str) -> Result<(), DbErr> {
    let table = format!(
        "CREATE TABLE payments_new (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        invoice_id VARCHAR(36) NOT NULL,
        payer_id VARCHAR(36) NOT NULL,
        external_ref VARCHAR(200) NOT NULL,
        method VARCHAR(16) NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        currency VARCHAR(3) NOT NULL,
        received_at {{time}} NOT NULL,
        recorded_by VARCHAR(36) NOT NULL,
        created_at {{time}} NOT NULL,
        CONSTRAINT {name} UNIQUE ({columns})
    )"
    );
    let copy = [
        table.as_str(),
        "INSERT INTO payments_new SELECT * FROM payments",
        "DROP TABLE payments",
        "ALTER TABLE payments_new RENAME TO payments",
        "CREATE INDEX payments_invoice ON payments (invoice_id, id)",
    ];
    super::run(db, &copy).await
}
