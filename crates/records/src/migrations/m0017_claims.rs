//! The ledger knows claims, credits and refunds besides money; an invoice has the sums of its postings as columns. What was
//! billed, paid and given back before is posted as claims, with ids that follow from what they are of: posting again adds
//! nothing.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, Statement};

use crate::dialect::Dialect;

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0017_claims"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        for (table, columns) in COLUMNS {
            for (name, kind) in *columns {
                super::add_column(db, table, name, kind).await?;
            }
        }
        super::run(db, INDEXES).await?;
        let ignore = if super::of(db).await? == Dialect::Sqlite { "OR IGNORE" } else { "IGNORE" };
        let insert = |statement: &str| statement.replace("{insert}", &format!("INSERT {ignore} INTO"));
        // Refunds were only ever whole, and had no document: a credit note says what they were.
        super::run(db, &[&insert(NOTES)]).await?;
        let noted = format!(
            "UPDATE ledger_postings SET kind = 'CREDIT_NOTE', credit_note_id = {} WHERE kind = 'REFUND' AND {{part}}",
            derived("invoice_id", 'c')
        );
        for statement in [RENAMED, &noted] {
            in_parts(db, "ledger_postings", statement, "ledger_postings.id").await?;
        }
        in_parts(db, "invoices", ESCROWS, "invoice_id").await?;
        for statement in of_invoices(&insert) {
            in_parts(db, "invoices", &statement, "i.id").await?;
        }
        in_parts(db, "payments", &of_payments(&insert), "p.id").await?;
        in_parts(db, "invoices", SUMS, "invoices.id").await
    }

    /// Takes back what this release posts besides money. Refuses where money is where the release before has no account.
    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        if !super::has_column(db, "ledger_postings", "account_client_id").await? {
            return Ok(());
        }
        let odd = super::count(db, ODD).await?;
        if odd > 0 {
            let text = format!(
                "{odd} postings are of credits or of money received outside of the platform: the release \
                                before this one has no accounts for them"
            );
            return Err(DbErr::Custom(text));
        }
        let claims = "DELETE FROM ledger_postings WHERE account_kind IN \
                      ('BILLED','RECEIVABLE','SETTLED','CREDITED','WITHHELD','DEPOSITED')";
        super::run(db, &[claims, "UPDATE ledger_postings SET account_kind = 'USER' WHERE account_kind = 'AVAILABLE'"])
            .await?;
        super::run(db, &["UPDATE ledger_postings SET kind = 'REFUND' WHERE kind = 'CREDIT_NOTE'"]).await?;
        super::run(db, &["UPDATE ledger_postings SET account_user_id = NULL WHERE account_kind = 'ESCROW'"]).await?;
        for (index, table) in
            [("ledger_postings_user", "ledger_postings"), ("ledger_postings_client", "ledger_postings")]
        {
            let sqlite = super::of(db).await? == Dialect::Sqlite;
            let sql =
                if sqlite { format!("DROP INDEX IF EXISTS {index}") } else { format!("DROP INDEX {index} ON {table}") };
            super::drop(db, &sql).await?;
        }
        for (table, columns) in COLUMNS {
            for (name, _) in *columns {
                if super::has_column(db, table, name).await? {
                    super::drop(db, &format!("ALTER TABLE {table} DROP COLUMN {name}")).await?;
                }
            }
        }
        Ok(())
    }
}

type Columns = &'static [(&'static str, &'static str)];

const COLUMNS: &[(&str, Columns)] = &[
    (
        "ledger_postings",
        &[
            ("account_client_id", "VARCHAR(36) NULL"),
            ("credit_note_id", "VARCHAR(36) NULL"),
            ("refund_id", "VARCHAR(36) NULL"),
        ],
    ),
    (
        "invoices",
        &[
            ("refunded_minor", "BIGINT NOT NULL DEFAULT 0"),
            ("released_minor", "BIGINT NOT NULL DEFAULT 0"),
            ("external_minor", "BIGINT NOT NULL DEFAULT 0"),
            ("credited_minor", "BIGINT NOT NULL DEFAULT 0"),
        ],
    ),
];

const INDEXES: &[&str] = &[
    "CREATE INDEX ledger_postings_user ON ledger_postings (account_user_id, currency, id)",
    "CREATE INDEX ledger_postings_client ON ledger_postings (account_client_id, currency, id)",
];

const RENAMED: &str = "UPDATE ledger_postings SET account_kind = 'AVAILABLE' WHERE account_kind = 'USER' AND {part}";

/// An escrow is between the parties of its invoice.
const ESCROWS: &str = "UPDATE ledger_postings SET account_user_id = (SELECT i.freelancer_id FROM invoices i WHERE i.id = \
     ledger_postings.invoice_id), account_client_id = (SELECT i.client_id FROM invoices i WHERE i.id = \
     ledger_postings.invoice_id) WHERE account_kind = 'ESCROW' AND {part}";

/// An id that follows from another: the digit of its version replaced. None of ours has such a version.
fn derived(id: &str, digit: char) -> String {
    format!("CONCAT(SUBSTR({id}, 1, 14), '{digit}', SUBSTR({id}, 16))")
}

/// Credit notes of what was refunded.
const NOTES: &str = "{insert} credit_notes (id, invoice_id, freelancer_id, client_id, number, number_seq, series, \
     currency, amount_minor, tax_minor, refunded_minor, reason, issued_by, created_at) SELECT CONCAT(SUBSTR(id, 1, 14), 'c', SUBSTR(id, \
     16)), id, freelancer_id, client_id, CONCAT('CN-', SUBSTR(updated_at, 1, 4), '-', SUBSTR(CONCAT('000000', place), -6)), \
     place, 'built-in', currency, paid_minor, tax_minor, paid_minor, 'refunded', freelancer_id, updated_at FROM (SELECT i.*, ROW_NUMBER() \
     OVER (PARTITION BY freelancer_id ORDER BY id) AS place FROM invoices i WHERE status = 'REFUNDED' AND paid_minor > 0) r";

/// One claim of each invoice: a posting of a transfer.
struct ClaimOf {
    digit: char,
    transfer: char,
    position: u8,
    kind: &'static str,
    note: bool,
    account: &'static str,
    amount: &'static str,
    condition: &'static str,
}

const BILLED: &str = "i.status <> 'DRAFT' AND i.total_minor > 0";
const VOIDED: &str = "i.status = 'VOID' AND i.total_minor > 0";
const REFUNDED: &str = "i.status = 'REFUNDED' AND i.paid_minor > 0";

const OF_INVOICES: &[ClaimOf] = &[
    ClaimOf {
        digit: '8',
        transfer: '8',
        position: 0,
        kind: "BILLING",
        note: false,
        account: "BILLED",
        amount: "-i.total_minor",
        condition: BILLED,
    },
    ClaimOf {
        digit: '9',
        transfer: '8',
        position: 1,
        kind: "BILLING",
        note: false,
        account: "RECEIVABLE",
        amount: "i.total_minor",
        condition: BILLED,
    },
    ClaimOf {
        digit: 'a',
        transfer: 'a',
        position: 0,
        kind: "VOIDING",
        note: false,
        account: "RECEIVABLE",
        amount: "-i.total_minor",
        condition: VOIDED,
    },
    ClaimOf {
        digit: 'b',
        transfer: 'a',
        position: 1,
        kind: "VOIDING",
        note: false,
        account: "BILLED",
        amount: "i.total_minor",
        condition: VOIDED,
    },
    ClaimOf {
        digit: 'c',
        transfer: 'c',
        position: 0,
        kind: "CREDIT_NOTE",
        note: true,
        account: "SETTLED",
        amount: "-i.paid_minor",
        condition: REFUNDED,
    },
    ClaimOf {
        digit: 'd',
        transfer: 'c',
        position: 1,
        kind: "CREDIT_NOTE",
        note: true,
        account: "CREDITED",
        amount: "i.paid_minor",
        condition: REFUNDED,
    },
];

const POSTING: &str = "ledger_postings (id, transfer_id, position, kind, invoice_id, payment_id, credit_note_id, account_kind, \
                       account_user_id, account_client_id, amount_minor, currency, created_at)";

fn of_invoices(insert: &impl Fn(&str) -> String) -> Vec<String> {
    let statement = |claim: &ClaimOf| {
        let note = if claim.note { derived("i.id", 'c') } else { "NULL".to_owned() };
        insert(&format!(
            "{{insert}} {POSTING} SELECT {}, {}, {}, '{}', i.id, NULL, {note}, '{}', i.freelancer_id, i.client_id, {}, \
             i.currency, COALESCE(i.sent_at, i.created_at) FROM invoices i WHERE {} AND {{part}}",
            derived("i.id", claim.digit),
            derived("i.id", claim.transfer),
            claim.position,
            claim.kind,
            claim.account,
            claim.amount,
            claim.condition
        ))
    };
    OF_INVOICES.iter().map(statement).collect()
}

/// What each payment settled: two claims in one statement.
fn of_payments(insert: &impl Fn(&str) -> String) -> String {
    let half = |digit, position, account, sign| {
        format!(
            "SELECT {}, {}, {position}, 'PAYMENT', i.id, p.id, NULL, '{account}', i.freelancer_id, i.client_id, \
             {sign}p.amount_minor, p.currency, p.created_at FROM payments p JOIN payment_allocations a ON a.payment_id = \
             p.id JOIN invoices i ON i.id = a.invoice_id WHERE p.channel = 'PLATFORM' AND {{part}}",
            derived("p.id", digit),
            derived("p.id", '8')
        )
    };
    insert(&format!(
        "{{insert}} {POSTING} {} UNION ALL {}",
        half('8', 0, "RECEIVABLE", "-"),
        half('9', 1, "SETTLED", "")
    ))
}

/// An invoice's sums.
const SUMS: &str = "UPDATE invoices SET \
     released_minor = (SELECT COALESCE(SUM(l.amount_minor), 0) FROM ledger_postings l WHERE l.invoice_id = invoices.id AND \
     l.account_kind IN ('AVAILABLE','FEES')), \
     refunded_minor = (SELECT COALESCE(-SUM(l.amount_minor), 0) FROM ledger_postings l WHERE l.invoice_id = invoices.id AND \
     l.account_kind = 'SETTLED' AND l.kind = 'CREDIT_NOTE'), \
     credited_minor = (SELECT COALESCE(SUM(l.amount_minor), 0) FROM ledger_postings l WHERE l.invoice_id = invoices.id AND \
     l.account_kind = 'CREDITED') WHERE paid_minor > 0 AND {part}";

const ODD: &str =
    "SELECT COUNT(*) FROM ledger_postings WHERE account_kind IN ('CREDIT','CREDIT_EXTERNAL','EXTERNAL','REFUNDS')";

/// Rows that one statement reads: a cluster refuses transactions beyond a size.
const PART: u64 = 10_000;

/// Carries out a statement for some rows of a table at a time, in the order of their ids: `{part}` is the condition.
async fn in_parts(db: &DatabaseTransaction, table: &str, statement: &str, id: &str) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let times = statement.matches("{part}").count();
    let statement = statement.replace("{part}", &format!("{id} > ? AND {id} <= ?"));
    let mut after = String::new();
    loop {
        let last = format!("SELECT MAX(id) FROM (SELECT id FROM {table} WHERE id > ? ORDER BY id LIMIT {PART}) part");
        let last = Statement::from_sql_and_values(backend, last, [after.clone().into()]);
        let last: Option<String> = db.query_one_raw(last).await?.map_or(Ok(None), |row| row.try_get_by_index(0))?;
        let Some(last) = last else { return Ok(()) };
        let values = (0..times).flat_map(|_| [after.clone().into(), last.clone().into()]);
        db.execute_raw(Statement::from_sql_and_values(backend, &statement, values)).await?;
        after = last;
    }
}
