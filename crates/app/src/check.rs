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
        sql: "SELECT i.id FROM invoices i LEFT JOIN (SELECT invoice_id, SUM(amount_minor) AS paid FROM payments GROUP BY \
              invoice_id) p ON p.invoice_id = i.id WHERE i.paid_minor <> COALESCE(p.paid, 0)",
    },
    Invariant {
        name: "payments-are-posted",
        description: "every payment stands in the ledger with its amount",
        sql: "SELECT p.id FROM payments p LEFT JOIN (SELECT invoice_id, currency, SUM(amount_minor) AS posted FROM \
              ledger_postings WHERE account LIKE 'world:%' AND amount_minor < 0 GROUP BY invoice_id, currency) l ON \
              l.invoice_id = p.invoice_id AND l.currency = p.currency WHERE COALESCE(-l.posted, 0) < p.amount_minor",
    },
    Invariant {
        name: "escrow-is-not-negative",
        description: "no escrow gives more than it was given",
        sql: "SELECT account FROM ledger_postings WHERE account LIKE 'escrow:%' GROUP BY account, currency HAVING \
              SUM(amount_minor) < 0",
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
