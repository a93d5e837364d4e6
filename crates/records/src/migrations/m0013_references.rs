//! The ledger's references are columns with keys: what a transfer is for, which payment, whose account. They were texts
//! (`payment <id>`, `escrow:<invoice>`, `user:<id>`, `world:<method>`) that every question took apart again. And lists that
//! filter by state have indexes of their own.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, Statement};

use crate::dialect::Dialect;

pub struct Migration;

const LEDGER: &str = "ledger_postings";

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0013_references"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        replace(db, BY_STATE, BY_PARTY).await?;
        if of(db).await? == Dialect::Sqlite {
            return rebuild(db, "account", TYPED, read()).await;
        }
        if !super::has_column(db, LEDGER, "kind").await? {
            super::run(db, &[ADD_TYPED]).await?;
        }
        if super::has_column(db, LEDGER, "account").await? {
            in_parts(db, read()).await?;
            // Both at once: what is left after an interruption is one form or the other.
            let drop = "ALTER TABLE ledger_postings DROP INDEX ledger_postings_account, DROP COLUMN account, \
                        DROP COLUMN reason, ALTER COLUMN kind DROP DEFAULT, ALTER COLUMN account_kind DROP DEFAULT";
            super::drop(db, drop).await?;
        }
        Ok(())
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        replace(db, BY_PARTY, BY_STATE).await?;
        if of(db).await? == Dialect::Sqlite {
            return rebuild(db, "kind", TEXTS, written()).await;
        }
        if !super::has_column(db, LEDGER, "account").await? {
            super::run(db, &[ADD_TEXTS]).await?;
        }
        if super::has_column(db, LEDGER, "kind").await? {
            in_parts(db, written()).await?;
            let drop = "ALTER TABLE ledger_postings DROP CONSTRAINT ledger_postings_escrow, \
                        DROP CONSTRAINT ledger_postings_user, DROP CONSTRAINT ledger_postings_payment_id, \
                        DROP INDEX ledger_postings_payment, DROP COLUMN kind, DROP COLUMN payment_id, \
                        DROP COLUMN account_kind, DROP COLUMN account_user_id, DROP COLUMN account_method, \
                        DROP COLUMN note, ALTER COLUMN account DROP DEFAULT, ALTER COLUMN reason DROP DEFAULT";
            super::drop(db, drop).await?;
        }
        Ok(())
    }
}

async fn of(db: &DatabaseTransaction) -> Result<Dialect, DbErr> {
    super::of(db).await
}

/// Indexes: name, table, columns.
type Index = (&'static str, &'static str, &'static str);

const BY_STATE: &[Index] = &[
    ("invoices_freelancer_status", "invoices", "freelancer_id, status, id"),
    ("invoices_client_status", "invoices", "client_id, status, id"),
    ("invoices_project_status", "invoices", "project_id, status, id"),
    ("projects_client_status", "projects", "client_id, status, id"),
    ("projects_freelancer_status", "projects", "freelancer_id, status, id"),
];

const BY_PARTY: &[Index] = &[
    ("invoices_freelancer", "invoices", "freelancer_id, id"),
    ("invoices_client", "invoices", "client_id, id"),
    ("invoices_project", "invoices", "project_id, id"),
    ("projects_client", "projects", "client_id, id"),
    ("projects_freelancer", "projects", "freelancer_id, id"),
];

async fn replace(db: &DatabaseTransaction, new: &[Index], old: &[Index]) -> Result<(), DbErr> {
    for (name, table, columns) in new {
        super::run(db, &[&format!("CREATE INDEX {name} ON {table} ({columns})")]).await?;
    }
    let sqlite = of(db).await? == Dialect::Sqlite;
    for (name, table, _) in old {
        let (when, on) = if sqlite { (" IF EXISTS", String::new()) } else { ("", format!(" ON {table}")) };
        super::drop(db, &format!("DROP INDEX{when} {name}{on}")).await?;
    }
    Ok(())
}

const TYPED: &[&str] = &[
    "CREATE TABLE ledger_postings_new (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        transfer_id VARCHAR(36) NOT NULL,
        position BIGINT NOT NULL,
        kind VARCHAR(16) NOT NULL,
        invoice_id VARCHAR(36) NULL,
        payment_id VARCHAR(36) NULL,
        account_kind VARCHAR(16) NOT NULL,
        account_user_id VARCHAR(36) NULL,
        account_method VARCHAR(16) NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor <> 0),
        currency VARCHAR(3) NOT NULL,
        note VARCHAR(201) NULL,
        created_at {time} NOT NULL,
        CONSTRAINT ledger_postings_place UNIQUE (transfer_id, position),
        CONSTRAINT ledger_postings_escrow CHECK (account_kind <> 'ESCROW' OR invoice_id IS NOT NULL),
        CONSTRAINT ledger_postings_user CHECK (account_kind <> 'USER' OR account_user_id IS NOT NULL),
        CONSTRAINT ledger_postings_payment_id CHECK (kind <> 'PAYMENT' OR payment_id IS NOT NULL)
    )",
    "CREATE INDEX ledger_postings_invoice ON ledger_postings (invoice_id, id)",
    "CREATE INDEX ledger_postings_payment ON ledger_postings (payment_id)",
];

const TEXTS: &[&str] = &[
    "CREATE TABLE ledger_postings_new (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        transfer_id VARCHAR(36) NOT NULL,
        position BIGINT NOT NULL,
        account VARCHAR(100) NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor <> 0),
        currency VARCHAR(3) NOT NULL,
        invoice_id VARCHAR(36) NULL,
        reason VARCHAR(100) NOT NULL,
        created_at {time} NOT NULL,
        CONSTRAINT ledger_postings_place UNIQUE (transfer_id, position)
    )",
    "CREATE INDEX ledger_postings_invoice ON ledger_postings (invoice_id, id)",
    "CREATE INDEX ledger_postings_account ON ledger_postings (account, currency, id)",
];

const ADD_TYPED: &str = "ALTER TABLE ledger_postings
    ADD COLUMN kind VARCHAR(16) NOT NULL DEFAULT 'UNKNOWN',
    ADD COLUMN payment_id VARCHAR(36) NULL,
    ADD COLUMN account_kind VARCHAR(16) NOT NULL DEFAULT 'UNKNOWN',
    ADD COLUMN account_user_id VARCHAR(36) NULL,
    ADD COLUMN account_method VARCHAR(16) NULL,
    ADD COLUMN note VARCHAR(201) NULL,
    ADD INDEX ledger_postings_payment (payment_id),
    ADD CONSTRAINT ledger_postings_escrow CHECK (account_kind <> 'ESCROW' OR invoice_id IS NOT NULL),
    ADD CONSTRAINT ledger_postings_user CHECK (account_kind <> 'USER' OR account_user_id IS NOT NULL),
    ADD CONSTRAINT ledger_postings_payment_id CHECK (kind <> 'PAYMENT' OR payment_id IS NOT NULL)";

const ADD_TEXTS: &str = "ALTER TABLE ledger_postings
    ADD COLUMN account VARCHAR(100) NOT NULL DEFAULT '',
    ADD COLUMN reason VARCHAR(100) NOT NULL DEFAULT '',
    ADD INDEX ledger_postings_account (account, currency, id)";

const READ_KIND: &str = "CASE WHEN reason LIKE 'payment %' THEN 'PAYMENT' WHEN reason IN ('release', 'refund') THEN \
                         UPPER(reason) ELSE 'UNKNOWN' END";
const READ_ACCOUNT: &str = "CASE WHEN account LIKE 'world:%' THEN 'WORLD' WHEN account LIKE 'user:%' THEN 'USER' \
                            WHEN account LIKE 'escrow:%' AND SUBSTR(account, 8) = invoice_id THEN 'ESCROW' \
                            ELSE 'UNKNOWN' END";

/// Each new column from the texts. What cannot be read, or names the escrow of another invoice, is UNKNOWN with its texts as a
/// note: nothing that was wrong becomes right, and `check` names it.
fn read() -> Vec<(&'static str, String)> {
    let note = format!(
        "CASE WHEN ({READ_KIND}) = 'UNKNOWN' OR ({READ_ACCOUNT}) = 'UNKNOWN' THEN CONCAT(account, ' ', reason) END"
    );
    vec![
        ("kind", READ_KIND.to_owned()),
        ("payment_id", "CASE WHEN reason LIKE 'payment %' THEN SUBSTR(reason, 9, 36) END".to_owned()),
        ("account_kind", READ_ACCOUNT.to_owned()),
        ("account_user_id", "CASE WHEN account LIKE 'user:%' THEN SUBSTR(account, 6, 36) END".to_owned()),
        (
            "account_method",
            "CASE WHEN account = 'world:refund' THEN 'OTHER' WHEN account LIKE 'world:%' THEN \
             UPPER(SUBSTR(account, 7, 16)) END"
                .to_owned(),
        ),
        ("note", note),
    ]
}

/// The texts from the columns.
fn written() -> Vec<(&'static str, String)> {
    vec![
        (
            "account",
            "CASE account_kind WHEN 'WORLD' THEN CONCAT('world:', LOWER(account_method)) WHEN 'ESCROW' THEN \
             CONCAT('escrow:', invoice_id) WHEN 'USER' THEN CONCAT('user:', account_user_id) ELSE \
             SUBSTR(COALESCE(note, ''), 1, 100) END"
                .to_owned(),
        ),
        ("reason", "CASE kind WHEN 'PAYMENT' THEN CONCAT('payment ', payment_id) ELSE LOWER(kind) END".to_owned()),
    ]
}

/// Columns of both forms.
const KEPT: &str = "id, transfer_id, position, amount_minor, currency, invoice_id, created_at";

/// SQLite takes a constraint neither away nor in: the table is made anew, in the transaction of all migrations. `old` is a
/// column that only the old form has.
async fn rebuild(
    db: &DatabaseTransaction,
    old: &str,
    statements: &[&str],
    columns: Vec<(&str, String)>,
) -> Result<(), DbErr> {
    if !super::has_column(db, LEDGER, old).await? {
        return Ok(());
    }
    let [table, indexes @ ..] = statements else { return Ok(()) };
    let (names, values): (Vec<&str>, Vec<String>) = columns.into_iter().unzip();
    let (names, values) = (names.join(", "), values.join(", "));
    let copy = format!(
        "INSERT INTO ledger_postings_new ({KEPT}, {names}) SELECT {KEPT}, {values} FROM ledger_postings ORDER BY id"
    );
    let rename = "ALTER TABLE ledger_postings_new RENAME TO ledger_postings";
    super::run(db, &[table, &copy, "DROP TABLE ledger_postings", rename]).await?;
    super::run(db, indexes).await
}

/// Rows that one statement changes: a cluster refuses transactions beyond a size.
const PART: u64 = 10_000;

/// Fills columns, some rows at a time in the order of their ids; filling again is right.
async fn in_parts(db: &DatabaseTransaction, columns: Vec<(&str, String)>) -> Result<(), DbErr> {
    let set: Vec<String> = columns.into_iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let mut after = String::new();
    loop {
        let ids = format!("SELECT id FROM ledger_postings WHERE id > ? ORDER BY id LIMIT {PART}");
        let last = format!("SELECT MAX(id) FROM ({ids}) part");
        let last = Statement::from_sql_and_values(db.get_database_backend(), last, [after.clone().into()]);
        let last: Option<String> = db.query_one_raw(last).await?.map_or(Ok(None), |row| row.try_get_by_index(0))?;
        let Some(last) = last else { return Ok(()) };
        let update = format!("UPDATE ledger_postings SET {} WHERE id > ? AND id <= ?", set.join(", "));
        let values = [after.into(), last.clone().into()];
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), update, values)).await?;
        after = last;
    }
}
