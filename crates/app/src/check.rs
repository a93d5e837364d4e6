//! The invariants as questions to the primary: each lists what breaks it.

use chainbill_records::sea_orm::{ConnectionTrait as _, Statement};

use crate::{App, AppError};

/// Something that always holds.
#[derive(Debug, Clone, Copy)]
pub struct Invariant {
    /// Its name.
    pub name: &'static str,
    /// What holds.
    pub description: &'static str,
    /// Selects what breaks it: one text per row.
    sql: &'static str,
}

/// All of them.
pub const INVARIANTS: &[Invariant] = &[
    Invariant {
        name: "transfers-balance",
        description: "the postings of every transfer sum to zero in each currency",
        sql: "SELECT transfer_id FROM ledger_postings GROUP BY transfer_id, currency HAVING SUM(amount_minor) <> 0",
    },
    Invariant {
        name: "currencies-balance",
        description: "all postings of a currency sum to zero",
        sql: "SELECT currency FROM ledger_postings GROUP BY currency HAVING SUM(amount_minor) <> 0",
    },
    Invariant {
        name: "paid-is-payments",
        description: "what an invoice says is paid is the sum of its payments",
        sql: "SELECT i.id FROM invoices i LEFT JOIN (SELECT invoice_id, currency, SUM(amount_minor) AS paid FROM payments \
              GROUP BY invoice_id, currency) p ON p.invoice_id = i.id AND p.currency = i.currency WHERE i.paid_minor <> \
              COALESCE(p.paid, 0)",
    },
    Invariant {
        name: "payments-are-for-invoices",
        description: "every payment is for an invoice that exists, in its currency",
        sql: "SELECT p.id FROM payments p LEFT JOIN invoices i ON i.id = p.invoice_id WHERE i.id IS NULL OR i.currency <> \
              p.currency",
    },
    Invariant {
        name: "payments-are-posted",
        description: "every payment stands in the ledger once, with its own amount, currency and invoice, from the world \
                      into the invoice's escrow; and the ledger names no other",
        sql: "SELECT p.id FROM payments p LEFT JOIN (SELECT SUBSTR(reason, 9) AS payment_id, invoice_id, currency, \
              SUM(CASE WHEN account LIKE 'world:%' THEN -amount_minor ELSE 0 END) AS given, \
              SUM(CASE WHEN account LIKE 'escrow:%' AND SUBSTR(account, 8) = invoice_id THEN amount_minor ELSE 0 END) AS \
              held FROM ledger_postings WHERE reason LIKE 'payment %' GROUP BY SUBSTR(reason, 9), invoice_id, currency) l \
              ON l.payment_id = p.id AND l.invoice_id = p.invoice_id AND l.currency = p.currency WHERE l.payment_id IS NULL \
              OR l.given <> p.amount_minor OR l.held <> p.amount_minor UNION ALL SELECT l.transfer_id FROM ledger_postings \
              l LEFT JOIN payments p ON p.id = SUBSTR(l.reason, 9) AND p.invoice_id = l.invoice_id AND p.currency = \
              l.currency WHERE l.reason LIKE 'payment %' AND p.id IS NULL",
    },
    Invariant {
        name: "escrow-is-not-negative",
        description: "no escrow gives more than it was given",
        sql: "SELECT account FROM ledger_postings WHERE account LIKE 'escrow:%' GROUP BY account, currency HAVING \
              SUM(amount_minor) < 0",
    },
    Invariant {
        name: "escrow-is-what-is-left",
        description: "what an escrow holds is what was paid less what was refunded, released and taken as fees, and what the \
                      invoice's state says is left of it",
        sql: "SELECT i.id FROM invoices i LEFT JOIN (SELECT invoice_id, currency, SUM(CASE WHEN account LIKE 'escrow:%' \
              THEN amount_minor ELSE 0 END) AS held, SUM(CASE WHEN account NOT LIKE 'escrow:%' AND amount_minor > 0 THEN \
              amount_minor ELSE 0 END) AS gone FROM ledger_postings GROUP BY invoice_id, currency) l ON l.invoice_id = i.id \
              AND l.currency = i.currency WHERE COALESCE(l.held, 0) <> i.paid_minor - COALESCE(l.gone, 0) OR (i.escrow IN \
              ('UNFUNDED','PARTIALLY_FUNDED','HELD','IN_REVIEW','DISPUTED') AND COALESCE(l.held, 0) <> i.paid_minor) OR \
              (i.escrow IN ('RELEASED','REFUNDED') AND COALESCE(l.held, 0) <> 0)",
    },
    Invariant {
        name: "escrows-are-of-invoices",
        description: "every posting of an escrow is of that escrow's invoice, in its currency",
        sql: "SELECT l.id FROM ledger_postings l LEFT JOIN invoices i ON i.id = l.invoice_id WHERE l.account LIKE 'escrow:%' \
              AND (i.id IS NULL OR i.currency <> l.currency OR SUBSTR(l.account, 8) <> l.invoice_id)",
    },
    Invariant {
        name: "totals-add-up",
        description: "total = subtotal - discount + tax, and subtotal is the sum of the lines",
        sql: "SELECT i.id FROM invoices i LEFT JOIN (SELECT invoice_id, SUM(amount_minor) AS billed FROM invoice_lines GROUP \
              BY invoice_id) l ON l.invoice_id = i.id WHERE i.subtotal_minor <> COALESCE(l.billed, 0) OR i.total_minor <> \
              i.subtotal_minor - i.discount_minor + i.tax_minor",
    },
    Invariant {
        name: "numbers-have-no-gaps",
        description: "the numbers of an issuer are 1, 2, 3, … up to its counter",
        sql: "SELECT freelancer_id FROM invoices WHERE number_seq IS NOT NULL GROUP BY freelancer_id HAVING \
              COUNT(*) <> MAX(number_seq) OR MIN(number_seq) <> 1",
    },
    Invariant {
        name: "counters-are-ahead",
        description: "every issuer's counter is one above its last number",
        sql: "SELECT i.freelancer_id FROM (SELECT freelancer_id, MAX(number_seq) AS last_seq FROM invoices WHERE number_seq \
              IS NOT NULL GROUP BY freelancer_id) i LEFT JOIN invoice_counters c ON c.freelancer_id = i.freelancer_id WHERE \
              c.next_seq IS NULL OR c.next_seq <> i.last_seq + 1",
    },
    Invariant {
        name: "states-agree-with-money",
        description: "an invoice's states say what its money says",
        sql: "SELECT id FROM invoices WHERE (status = 'DRAFT' AND paid_minor <> 0) OR (status = 'SENT' AND paid_minor >= \
              total_minor AND total_minor > 0) OR (status = 'PAID' AND paid_minor < total_minor) OR (status = 'VOID' AND \
              paid_minor <> 0) OR (payment_status = 'UNPAID' AND paid_minor <> 0) OR (payment_status = 'PARTIAL' AND \
              (paid_minor = 0 OR paid_minor >= total_minor)) OR (payment_status = 'PAID' AND paid_minor <> total_minor) OR \
              (payment_status = 'OVERPAID' AND paid_minor <= total_minor)",
    },
    Invariant {
        name: "tokens-are-unique",
        description: "a token belongs to one invoice",
        sql: "SELECT token_id FROM invoices WHERE token_id IS NOT NULL GROUP BY token_id HAVING COUNT(*) > 1",
    },
    Invariant {
        name: "parties-exist",
        description: "the parties of every invoice and project exist",
        sql: "SELECT i.id FROM invoices i LEFT JOIN users f ON f.id = i.freelancer_id LEFT JOIN users c ON c.id = \
              i.client_id WHERE f.id IS NULL OR c.id IS NULL UNION ALL SELECT p.id FROM projects p LEFT JOIN users c ON \
              c.id = p.client_id WHERE c.id IS NULL",
    },
    Invariant {
        name: "children-have-parents",
        description: "every line, skill and vote belongs to a row that exists",
        sql: "SELECT l.invoice_id FROM invoice_lines l LEFT JOIN invoices i ON i.id = l.invoice_id WHERE i.id IS NULL UNION \
              ALL SELECT s.user_id FROM user_skills s LEFT JOIN users u ON u.id = s.user_id WHERE u.id IS NULL UNION ALL \
              SELECT s.project_id FROM project_skills s LEFT JOIN projects p ON p.id = s.project_id WHERE p.id IS NULL \
              UNION ALL SELECT v.dispute_id FROM dispute_votes v LEFT JOIN disputes d ON d.id = v.dispute_id WHERE d.id IS \
              NULL",
    },
    Invariant {
        name: "one-active-dispute",
        description: "a dispute names its invoice as active exactly while it is",
        sql: "SELECT id FROM disputes WHERE (status IN ('OPEN','VOTING','RESOLVED')) <> (active_invoice_id IS NOT NULL)",
    },
];

impl App {
    /// What breaks an invariant, at most a hundred.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn violations(&self, invariant: &Invariant) -> Result<Vec<String>, AppError> {
        let db = self.records.db();
        let sql = format!("{} LIMIT 100", invariant.sql);
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
    }
}
