//! Lines with units, finer quantities, prices and rates, categories of tax and discounts; invoices with prices that include
//! their tax, a rule of rounding, a withholding, a deposit, and the version of the form that their hash is of.
//!
//! What is taken back makes a negative line, and at its rate a negative tax: the constraints that refused both are gone. Nothing
//! that was invoiced before changes its amount.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, Statement};

use super::reshape::{rebuilt, replaced};
use crate::dialect::Dialect;

pub struct Migration;

const LINES: &str = "invoice_lines";
const INVOICES: &str = "invoices";

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0018_lines"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        for (name, kind) in OF_INVOICES {
            super::add_column(db, INVOICES, name, kind).await?;
        }
        if super::of(db).await? == Dialect::Sqlite {
            rebuilt(db, INVOICES, |sql| {
                let sql = replaced(sql, &format!("{UNSIGNED_TAX},"), &format!("{SIGNED_TAX},"))?;
                replaced(&sql, OLD_TOTAL, &format!("{NEW_TOTAL}, {KEPT_BACK}"))
            })
            .await?;
            return lines_anew(db, "quantity_milli", FINE, FINE_COLUMNS, FINE_VALUES).await;
        }
        if !super::reshape::checks(db, INVOICES, "invoices_kept_back").await? {
            super::reshape::uncheck(db, INVOICES, &["tax_minor", "invoices_total"]).await?;
            let alter = format!("ALTER TABLE invoices MODIFY COLUMN {SIGNED_TAX}, ADD {NEW_TOTAL}, ADD {KEPT_BACK}");
            super::run(db, &[&alter]).await?;
        }
        if !super::has_column(db, LINES, "quantity_micro").await? {
            super::run(db, &[ADD_FINE]).await?;
        }
        if super::has_column(db, LINES, "quantity_milli").await? {
            in_parts(db, FINE_SET).await?;
            super::reshape::uncheck(db, LINES, &["quantity_milli", "tax_rate_bp", "amount_minor"]).await?;
            super::drop(db, KEEP_FINE).await?;
        }
        Ok(())
    }

    /// Refused where an earlier release has no columns for what is invoiced: its amounts would change.
    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        if super::has_column(db, LINES, "quantity_micro").await? {
            refuse_finer(db).await?;
        }
        if super::of(db).await? == Dialect::Sqlite {
            lines_anew(db, "quantity_micro", COARSE, COARSE_COLUMNS, COARSE_VALUES).await?;
            rebuilt(db, INVOICES, |sql| {
                let sql = replaced(sql, &format!("{SIGNED_TAX},"), &format!("{UNSIGNED_TAX},"))?;
                replaced(&sql, &format!("{NEW_TOTAL}, {KEPT_BACK}"), OLD_TOTAL)
            })
            .await?;
        } else {
            if !super::has_column(db, LINES, "quantity_milli").await? {
                super::run(db, &[ADD_COARSE]).await?;
            }
            if super::has_column(db, LINES, "quantity_micro").await? {
                in_parts(db, COARSE_SET).await?;
                let named = ["invoice_lines_quantity", "invoice_lines_price", "invoice_lines_rate"];
                super::reshape::uncheck(db, LINES, &named).await?;
                super::drop(db, KEEP_COARSE).await?;
            }
            if super::reshape::checks(db, INVOICES, "invoices_kept_back").await? {
                super::reshape::uncheck(db, INVOICES, &["invoices_totals", "invoices_kept_back"]).await?;
            }
            if !super::reshape::checks(db, INVOICES, "invoices_total").await? {
                super::run(db, &[&format!("ALTER TABLE invoices MODIFY COLUMN {UNSIGNED_TAX}, ADD {OLD_TOTAL}")])
                    .await?;
            }
        }
        for (name, _) in OF_INVOICES {
            if super::has_column(db, INVOICES, name).await? {
                super::drop(db, &format!("ALTER TABLE invoices DROP COLUMN {name}")).await?;
            }
        }
        Ok(())
    }
}

const OF_INVOICES: &[(&str, &str)] = &[
    ("prices_include_tax", "{flag} NOT NULL DEFAULT FALSE"),
    ("rounding", "VARCHAR(16) NOT NULL DEFAULT 'PER_RATE'"),
    ("discount_ppm", "BIGINT NULL"),
    ("withholding_ppm", "BIGINT NOT NULL DEFAULT 0"),
    ("withholding_minor", "BIGINT NOT NULL DEFAULT 0"),
    ("deposit_minor", "BIGINT NOT NULL DEFAULT 0"),
    ("canonical_version", "BIGINT NULL"),
];

const UNSIGNED_TAX: &str = "tax_minor BIGINT NOT NULL CHECK (tax_minor >= 0)";
const SIGNED_TAX: &str = "tax_minor BIGINT NOT NULL";
const OLD_TOTAL: &str = "CONSTRAINT invoices_total CHECK (total_minor = subtotal_minor - discount_minor + tax_minor)";
const NEW_TOTAL: &str = "CONSTRAINT invoices_totals CHECK (total_minor = subtotal_minor - discount_minor + CASE WHEN \
                         prices_include_tax THEN 0 ELSE tax_minor END)";
const KEPT_BACK: &str = "CONSTRAINT invoices_kept_back CHECK (withholding_minor >= 0 AND deposit_minor >= 0 AND \
                         withholding_minor + deposit_minor <= total_minor)";

/// What an earlier release cannot hold.
async fn refuse_finer(db: &DatabaseTransaction) -> Result<(), DbErr> {
    let finer = "SELECT COUNT(*) FROM invoices i WHERE i.prices_include_tax OR i.rounding <> 'PER_RATE' OR \
                 i.withholding_ppm <> 0 OR i.deposit_minor <> 0 OR i.tax_minor < 0 OR i.canonical_version > 1 OR EXISTS \
                 (SELECT 1 FROM invoice_lines l WHERE l.invoice_id = i.id AND (l.quantity_micro < 0 OR l.quantity_micro % \
                 1000 <> 0 OR l.unit_price_micro <> 0 OR l.tax_rate_ppm % 100 <> 0 OR l.discount_minor <> 0 OR l.discount_ppm \
                 IS NOT NULL OR l.unit IS NOT NULL OR l.tax_category NOT IN ('STANDARD','ZERO')))";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), finer)).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    if count == 0 {
        return Ok(());
    }
    Err(DbErr::Custom(format!(
        "{count} invoices hold what an earlier release has no columns for (finer quantities, prices or rates, categories of tax, \
         discounts of lines, or a hash of the second form): they would change; nothing was taken back"
    )))
}

const FINE: &str = "CREATE TABLE invoice_lines_new (
        invoice_id VARCHAR(36) NOT NULL,
        position BIGINT NOT NULL,
        description VARCHAR(500) NOT NULL,
        unit VARCHAR(50) NULL,
        quantity_micro BIGINT NOT NULL,
        unit_price_minor BIGINT NOT NULL,
        unit_price_micro BIGINT NOT NULL,
        currency VARCHAR(3) NOT NULL,
        discount_minor BIGINT NOT NULL,
        discount_ppm BIGINT NULL,
        tax_category VARCHAR(16) NOT NULL,
        tax_rate_ppm BIGINT NOT NULL,
        tax_reason VARCHAR(500) NULL,
        amount_minor BIGINT NOT NULL,
        PRIMARY KEY (invoice_id, position),
        CONSTRAINT invoice_lines_quantity CHECK (quantity_micro <> 0),
        CONSTRAINT invoice_lines_price CHECK (unit_price_minor >= 0 AND unit_price_micro >= 0 AND unit_price_micro < 1000000),
        CONSTRAINT invoice_lines_rate CHECK (tax_rate_ppm >= 0 AND tax_rate_ppm <= 1000000)
    )";
const FINE_COLUMNS: &str = "quantity_micro, unit_price_micro, discount_minor, tax_category, tax_rate_ppm";
const FINE_VALUES: &str =
    "quantity_milli * 1000, 0, 0, CASE WHEN tax_rate_bp = 0 THEN 'ZERO' ELSE 'STANDARD' END, tax_rate_bp * 100";
const FINE_SET: &str = "quantity_micro = quantity_milli * 1000, tax_rate_ppm = tax_rate_bp * 100, tax_category = CASE WHEN \
                        tax_rate_bp = 0 THEN 'ZERO' ELSE 'STANDARD' END";
const ADD_FINE: &str = "ALTER TABLE invoice_lines
    ADD COLUMN unit VARCHAR(50) NULL,
    ADD COLUMN quantity_micro BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN unit_price_micro BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN discount_minor BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN discount_ppm BIGINT NULL,
    ADD COLUMN tax_category VARCHAR(16) NOT NULL DEFAULT 'ZERO',
    ADD COLUMN tax_rate_ppm BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN tax_reason VARCHAR(500) NULL";
/// All of it at once: what is left after an interruption is one form or both.
const KEEP_FINE: &str = "ALTER TABLE invoice_lines
    DROP COLUMN quantity_milli,
    DROP COLUMN tax_rate_bp,
    MODIFY COLUMN amount_minor BIGINT NOT NULL,
    ALTER COLUMN quantity_micro DROP DEFAULT,
    ALTER COLUMN tax_category DROP DEFAULT,
    ALTER COLUMN tax_rate_ppm DROP DEFAULT,
    ADD CONSTRAINT invoice_lines_quantity CHECK (quantity_micro <> 0),
    ADD CONSTRAINT invoice_lines_price CHECK (unit_price_minor >= 0 AND unit_price_micro >= 0 AND unit_price_micro < 1000000),
    ADD CONSTRAINT invoice_lines_rate CHECK (tax_rate_ppm >= 0 AND tax_rate_ppm <= 1000000)";

const COARSE: &str = "CREATE TABLE invoice_lines_new (
        invoice_id VARCHAR(36) NOT NULL,
        position BIGINT NOT NULL,
        description VARCHAR(500) NOT NULL,
        quantity_milli BIGINT NOT NULL CHECK (quantity_milli > 0),
        unit_price_minor BIGINT NOT NULL CHECK (unit_price_minor >= 0),
        currency VARCHAR(3) NOT NULL,
        tax_rate_bp BIGINT NOT NULL CHECK (tax_rate_bp >= 0 AND tax_rate_bp <= 10000),
        amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
        PRIMARY KEY (invoice_id, position)
    )";
const COARSE_COLUMNS: &str = "quantity_milli, tax_rate_bp";
const COARSE_VALUES: &str = "quantity_micro / 1000, tax_rate_ppm / 100";
/// MySQL divides integers to decimals: these are whole.
const COARSE_SET: &str = "quantity_milli = quantity_micro DIV 1000, tax_rate_bp = tax_rate_ppm DIV 100";
const ADD_COARSE: &str = "ALTER TABLE invoice_lines
    ADD COLUMN quantity_milli BIGINT NOT NULL DEFAULT 1 CHECK (quantity_milli > 0),
    ADD COLUMN tax_rate_bp BIGINT NOT NULL DEFAULT 0 CHECK (tax_rate_bp >= 0 AND tax_rate_bp <= 10000)";
const KEEP_COARSE: &str = "ALTER TABLE invoice_lines
    DROP COLUMN unit,
    DROP COLUMN quantity_micro,
    DROP COLUMN unit_price_micro,
    DROP COLUMN discount_minor,
    DROP COLUMN discount_ppm,
    DROP COLUMN tax_category,
    DROP COLUMN tax_rate_ppm,
    DROP COLUMN tax_reason,
    MODIFY COLUMN amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
    ALTER COLUMN quantity_milli DROP DEFAULT,
    ALTER COLUMN tax_rate_bp DROP DEFAULT";

/// Columns of both forms.
const KEPT: &str = "invoice_id, position, description, unit_price_minor, currency, amount_minor";

/// SQLite has the table made anew. `old` is a column that only the old form has.
async fn lines_anew(
    db: &DatabaseTransaction,
    old: &str,
    table: &str,
    columns: &str,
    values: &str,
) -> Result<(), DbErr> {
    if !super::has_column(db, LINES, old).await? {
        return Ok(());
    }
    let copy = format!(
        "INSERT INTO invoice_lines_new ({KEPT}, {columns}) SELECT {KEPT}, {values} FROM invoice_lines ORDER BY invoice_id, \
         position"
    );
    let rename = "ALTER TABLE invoice_lines_new RENAME TO invoice_lines";
    super::run(db, &[table, &copy, "DROP TABLE invoice_lines", rename]).await
}

/// Invoices whose lines one statement changes: a cluster refuses transactions beyond a size.
const PART: u64 = 5000;

/// Fills columns, some invoices at a time in the order of their ids; filling again is right.
async fn in_parts(db: &DatabaseTransaction, set: &str) -> Result<(), DbErr> {
    let mut after = String::new();
    loop {
        let ids = format!(
            "SELECT DISTINCT invoice_id FROM invoice_lines WHERE invoice_id > ? ORDER BY invoice_id LIMIT {PART}"
        );
        let last = format!("SELECT MAX(invoice_id) FROM ({ids}) part");
        let last = Statement::from_sql_and_values(db.get_database_backend(), last, [after.clone().into()]);
        let last: Option<String> = db.query_one_raw(last).await?.map_or(Ok(None), |row| row.try_get_by_index(0))?;
        let Some(last) = last else { return Ok(()) };
        let update = format!("UPDATE invoice_lines SET {set} WHERE invoice_id > ? AND invoice_id <= ?");
        let values = [after.into(), last.clone().into()];
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), update, values)).await?;
        after = last;
    }
}
