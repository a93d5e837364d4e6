//! Payments that are announced and confirmed, for several invoices, reversed by counter-records; the client's credit, credit
//! notes and refunds; visits at payment providers and what those report.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr};

use crate::dialect::Dialect;

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0016_payments"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::run(db, NEW).await?;
        if !super::has_column(db, "payments", "invoice_id").await? {
            return Ok(());
        }
        match super::of(db).await? {
            Dialect::Sqlite => super::run(db, &[TABLE, COPY]).await?,
            _ => super::run(db, &[ADD, FILL]).await?,
        }
        // Every payment so far was recorded for one invoice, into its escrow.
        db.execute_unprepared("DELETE FROM payment_allocations").await?;
        db.execute_unprepared("DELETE FROM payment_references").await?;
        super::run(db, &[ALLOCATIONS, REFERENCES]).await?;
        match super::of(db).await? {
            Dialect::Sqlite => {
                super::run(db, &["DROP TABLE payments", "ALTER TABLE payments_new RENAME TO payments"]).await?;
            }
            _ => super::drop(db, DROP).await?,
        }
        super::run(db, INDEXES).await
    }

    /// Refuses where a payment is for several invoices, or is none of the old kind: nothing is lost then.
    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        if !super::has_column(db, "payments", "invoice_id").await? {
            let odd = super::count(db, ODD).await?;
            if odd > 0 {
                let text = format!(
                    "{odd} payments were announced, reversed, for several invoices or above one: the release \
                                    before this one has no place for them"
                );
                return Err(DbErr::Custom(text));
            }
            match super::of(db).await? {
                Dialect::Sqlite => super::run(db, OLD_TABLE).await?,
                _ => super::run(db, OLD).await?,
            }
        }
        super::drop_tables(db, TABLES).await
    }
}

const TABLES: &[&str] = &[
    "payment_allocations",
    "payment_references",
    "payment_reversals",
    "client_credits",
    "credit_notes",
    "refunds",
    "checkouts",
    "provider_events",
];

const NEW: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS payment_allocations (
        payment_id VARCHAR(36) NOT NULL,
        position BIGINT NOT NULL,
        invoice_id VARCHAR(36) NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        PRIMARY KEY (payment_id, position)
    ){options}",
    "CREATE INDEX payment_allocations_invoice ON payment_allocations (invoice_id, payment_id)",
    "CREATE TABLE IF NOT EXISTS payment_references (
        receiver_id VARCHAR(36) NOT NULL,
        scope VARCHAR(36) NOT NULL,
        external_ref VARCHAR(200) NOT NULL,
        payment_id VARCHAR(36) NOT NULL,
        PRIMARY KEY (receiver_id, scope, external_ref)
    ){options}",
    "CREATE INDEX payment_references_payment ON payment_references (payment_id)",
    "CREATE TABLE IF NOT EXISTS payment_reversals (
        payment_id VARCHAR(36) NOT NULL PRIMARY KEY,
        reason VARCHAR(500) NOT NULL,
        reversed_by VARCHAR(36) NULL,
        created_at {time} NOT NULL
    ){options}",
    "CREATE TABLE IF NOT EXISTS client_credits (
        freelancer_id VARCHAR(36) NOT NULL,
        client_id VARCHAR(36) NOT NULL,
        custody VARCHAR(16) NOT NULL,
        currency VARCHAR(3) NOT NULL,
        balance_minor BIGINT NOT NULL CHECK (balance_minor >= 0),
        PRIMARY KEY (freelancer_id, client_id, custody, currency)
    ){options}",
    "CREATE INDEX client_credits_client ON client_credits (client_id)",
    "CREATE TABLE IF NOT EXISTS credit_notes (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        invoice_id VARCHAR(36) NOT NULL,
        freelancer_id VARCHAR(36) NOT NULL,
        client_id VARCHAR(36) NOT NULL,
        number VARCHAR(32) NOT NULL,
        number_seq BIGINT NOT NULL CHECK (number_seq > 0),
        series VARCHAR(36) NOT NULL,
        number_year BIGINT NULL,
        currency VARCHAR(3) NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        tax_minor BIGINT NOT NULL,
        refunded_minor BIGINT NOT NULL CHECK (refunded_minor >= 0),
        reason VARCHAR(500) NOT NULL,
        issued_by VARCHAR(36) NOT NULL,
        created_at {time} NOT NULL,
        CONSTRAINT credit_notes_number UNIQUE (freelancer_id, number)
    ){options}",
    "CREATE INDEX credit_notes_invoice ON credit_notes (invoice_id, id)",
    "CREATE INDEX credit_notes_client ON credit_notes (client_id, id)",
    "CREATE INDEX credit_notes_freelancer ON credit_notes (freelancer_id, id)",
    "CREATE TABLE IF NOT EXISTS refunds (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        freelancer_id VARCHAR(36) NOT NULL,
        client_id VARCHAR(36) NOT NULL,
        custody VARCHAR(16) NOT NULL,
        currency VARCHAR(3) NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        method VARCHAR(16) NOT NULL,
        external_ref VARCHAR(200) NULL,
        status VARCHAR(16) NOT NULL,
        payment_id VARCHAR(36) NULL,
        invoice_id VARCHAR(36) NULL,
        reason VARCHAR(500) NULL,
        requested_by VARCHAR(36) NOT NULL,
        decided_at {time} NULL,
        created_at {time} NOT NULL
    ){options}",
    "CREATE INDEX refunds_client ON refunds (client_id, id)",
    "CREATE INDEX refunds_freelancer ON refunds (freelancer_id, id)",
    "CREATE INDEX refunds_payment ON refunds (payment_id)",
    "CREATE TABLE IF NOT EXISTS checkouts (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        invoice_id VARCHAR(36) NOT NULL,
        invoice_number VARCHAR(64) NOT NULL,
        client_id VARCHAR(36) NOT NULL,
        freelancer_id VARCHAR(36) NOT NULL,
        currency VARCHAR(3) NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        status VARCHAR(16) NOT NULL,
        provider_id VARCHAR(255) NULL,
        url {long} NULL,
        success_url {long} NOT NULL,
        cancel_url {long} NOT NULL,
        payment_id VARCHAR(36) NULL,
        expires_at {time} NOT NULL,
        created_at {time} NOT NULL
    ){options}",
    "CREATE INDEX checkouts_invoice ON checkouts (invoice_id, id)",
    "CREATE INDEX checkouts_provider ON checkouts (provider_id)",
    "CREATE TABLE IF NOT EXISTS provider_events (
        id VARCHAR(255) NOT NULL PRIMARY KEY,
        kind VARCHAR(100) NOT NULL,
        result VARCHAR(200) NOT NULL,
        received_at {time} NOT NULL
    ){options}",
];

const TABLE: &str = "CREATE TABLE payments_new (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        payer_id VARCHAR(36) NOT NULL,
        receiver_id VARCHAR(36) NOT NULL,
        channel VARCHAR(16) NULL,
        state VARCHAR(16) NOT NULL,
        external_ref VARCHAR(200) NOT NULL,
        method VARCHAR(16) NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        currency VARCHAR(3) NOT NULL,
        received_at {time} NOT NULL,
        recorded_by VARCHAR(36) NULL,
        decided_by VARCHAR(36) NULL,
        decided_at {time} NULL,
        reason VARCHAR(500) NULL,
        created_at {time} NOT NULL
    )";

const COPY: &str = "INSERT INTO payments_new (id, payer_id, receiver_id, channel, state, external_ref, method, amount_minor, \
     currency, received_at, recorded_by, decided_by, decided_at, created_at) SELECT p.id, p.payer_id, \
     COALESCE(i.freelancer_id, ''), 'PLATFORM', 'CONFIRMED', p.external_ref, p.method, p.amount_minor, p.currency, \
     p.received_at, p.recorded_by, p.recorded_by, p.created_at, p.created_at FROM payments p LEFT JOIN invoices i ON i.id = \
     p.invoice_id";

const ADD: &str = "ALTER TABLE payments
    ADD COLUMN receiver_id VARCHAR(36) NOT NULL DEFAULT '',
    ADD COLUMN channel VARCHAR(16) NULL,
    ADD COLUMN state VARCHAR(16) NOT NULL DEFAULT 'CONFIRMED',
    ADD COLUMN decided_by VARCHAR(36) NULL,
    ADD COLUMN decided_at {time} NULL,
    ADD COLUMN reason VARCHAR(500) NULL,
    MODIFY COLUMN recorded_by VARCHAR(36) NULL";

const FILL: &str = "UPDATE payments p LEFT JOIN invoices i ON i.id = p.invoice_id SET p.receiver_id = \
     COALESCE(i.freelancer_id, ''), p.channel = 'PLATFORM', p.decided_by = p.recorded_by, p.decided_at = p.created_at";

const ALLOCATIONS: &str = "INSERT INTO payment_allocations (payment_id, position, invoice_id, amount_minor) SELECT id, 0, \
                           invoice_id, amount_minor FROM payments";

/// Two payers may have called their payments to one receiver alike so far: each keeps its own reference.
const REFERENCES: &str = "INSERT INTO payment_references (receiver_id, scope, external_ref, payment_id) SELECT \
     COALESCE(i.freelancer_id, ''), p.payer_id, p.external_ref, p.id FROM payments p LEFT JOIN invoices i ON i.id = \
     p.invoice_id";

const DROP: &str = "ALTER TABLE payments DROP INDEX payments_payer_ref, DROP INDEX payments_invoice, DROP COLUMN invoice_id, \
                    ALTER COLUMN receiver_id DROP DEFAULT, ALTER COLUMN state DROP DEFAULT";

const INDEXES: &[&str] = &[
    "CREATE INDEX payments_payer ON payments (payer_id, id)",
    "CREATE INDEX payments_receiver ON payments (receiver_id, id)",
];

const ODD: &str = "SELECT COUNT(*) FROM payments p LEFT JOIN payment_reversals r ON r.payment_id = p.id WHERE p.state <> \
     'CONFIRMED' OR r.payment_id IS NOT NULL OR p.recorded_by IS NULL OR (SELECT COUNT(*) FROM payment_allocations a WHERE \
     a.payment_id = p.id AND a.amount_minor = p.amount_minor) <> 1";

const OLD: &[&str] = &[
    "ALTER TABLE payments ADD COLUMN invoice_id VARCHAR(36) NOT NULL DEFAULT ''",
    "UPDATE payments p JOIN payment_allocations a ON a.payment_id = p.id SET p.invoice_id = a.invoice_id",
    "ALTER TABLE payments DROP INDEX payments_payer, DROP INDEX payments_receiver, DROP COLUMN receiver_id, DROP COLUMN \
     channel, DROP COLUMN state, DROP COLUMN decided_by, DROP COLUMN decided_at, DROP COLUMN reason, MODIFY COLUMN \
     recorded_by VARCHAR(36) NOT NULL, ALTER COLUMN invoice_id DROP DEFAULT, ADD CONSTRAINT payments_payer_ref UNIQUE \
     (payer_id, external_ref), ADD INDEX payments_invoice (invoice_id, id)",
];

const OLD_TABLE: &[&str] = &[
    "CREATE TABLE payments_new (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        invoice_id VARCHAR(36) NOT NULL,
        payer_id VARCHAR(36) NOT NULL,
        external_ref VARCHAR(200) NOT NULL,
        method VARCHAR(16) NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        currency VARCHAR(3) NOT NULL,
        received_at {time} NOT NULL,
        recorded_by VARCHAR(36) NOT NULL,
        created_at {time} NOT NULL,
        CONSTRAINT payments_payer_ref UNIQUE (payer_id, external_ref)
    )",
    "INSERT INTO payments_new SELECT p.id, a.invoice_id, p.payer_id, p.external_ref, p.method, p.amount_minor, p.currency, \
     p.received_at, p.recorded_by, p.created_at FROM payments p JOIN payment_allocations a ON a.payment_id = p.id",
    "DROP TABLE payments",
    "ALTER TABLE payments_new RENAME TO payments",
    "CREATE INDEX payments_invoice ON payments (invoice_id, id)",
];
