//! The invariants of money, numbers and references, each as one statement that selects what breaks it.

use sea_orm::{ConnectionTrait as _, Statement};

use crate::{Records, RecordsError};

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
        description: "the postings of every transfer are of one currency and sum to zero",
        sql: "SELECT transfer_id FROM ledger_postings GROUP BY transfer_id HAVING SUM(amount_minor) <> 0 OR MIN(currency) <> \
              MAX(currency)",
    },
    Invariant {
        name: "currencies-balance",
        description: "all postings of a currency sum to zero",
        sql: "SELECT currency FROM ledger_postings GROUP BY currency HAVING SUM(amount_minor) <> 0",
    },
    Invariant {
        name: "paid-is-payments",
        description: "what an invoice says is paid is the sum of its payments",
        sql: "SELECT i.id FROM invoices i LEFT JOIN payments p ON p.invoice_id = i.id AND p.currency = i.currency GROUP BY \
              i.id HAVING MAX(i.paid_minor) <> COALESCE(SUM(p.amount_minor), 0)",
    },
    Invariant {
        name: "payments-are-for-invoices",
        description: "every payment is for an invoice that exists, in its currency",
        sql: "SELECT p.id FROM payments p LEFT JOIN invoices i ON i.id = p.invoice_id WHERE i.id IS NULL OR i.currency <> \
              p.currency",
    },
    Invariant {
        name: "postings-say-what-they-are",
        description: "every posting names what its transfer is for and whose account it is of, with the references of both",
        sql: "SELECT id FROM ledger_postings WHERE kind NOT IN ('PAYMENT','RELEASE','REFUND') OR account_kind NOT IN \
              ('WORLD','ESCROW','USER') OR (kind = 'PAYMENT') <> (payment_id IS NOT NULL) OR (account_kind = 'USER') <> \
              (account_user_id IS NOT NULL) OR (account_kind = 'WORLD') <> (account_method IS NOT NULL)",
    },
    Invariant {
        name: "payments-are-posted",
        description: "every payment stands in the ledger once, with its own amount, currency and invoice, from the world \
                      into the invoice's escrow; and the ledger names no other",
        sql: "SELECT p.id FROM payments p LEFT JOIN ledger_postings l ON l.payment_id = p.id GROUP BY p.id HAVING \
              COUNT(l.id) <> 2 OR SUM(CASE WHEN l.kind = 'PAYMENT' AND l.invoice_id = p.invoice_id AND l.currency = \
              p.currency AND (l.account_kind = 'WORLD' AND l.amount_minor = -p.amount_minor OR l.account_kind = 'ESCROW' \
              AND l.amount_minor = p.amount_minor) THEN 1 ELSE 0 END) <> 2 UNION ALL SELECT l.transfer_id FROM \
              ledger_postings l LEFT JOIN payments p ON p.id = l.payment_id WHERE l.payment_id IS NOT NULL AND p.id IS NULL",
    },
    Invariant {
        name: "escrow-is-not-negative",
        description: "no escrow gives more than it was given",
        sql: "SELECT invoice_id FROM ledger_postings GROUP BY invoice_id HAVING SUM(CASE WHEN account_kind = 'ESCROW' THEN \
              amount_minor ELSE 0 END) < 0",
    },
    Invariant {
        name: "escrow-is-what-is-left",
        description: "what an escrow holds is what was paid less what was refunded, released and taken as fees, and what the \
                      invoice's state says is left of it",
        sql: "SELECT id FROM (SELECT i.id, MAX(i.paid_minor) AS paid, MAX(i.escrow) AS escrow, SUM(CASE WHEN \
              l.account_kind = 'ESCROW' THEN l.amount_minor ELSE 0 END) AS held, SUM(CASE WHEN l.account_kind <> 'ESCROW' \
              AND l.amount_minor > 0 THEN l.amount_minor ELSE 0 END) AS gone FROM invoices i LEFT JOIN ledger_postings l \
              ON l.invoice_id = i.id AND l.currency = i.currency GROUP BY i.id) e WHERE held <> paid - gone OR (escrow IN \
              ('UNFUNDED','PARTIALLY_FUNDED','HELD','IN_REVIEW','DISPUTED') AND held <> paid) OR (escrow IN \
              ('RELEASED','REFUNDED') AND held <> 0)",
    },
    Invariant {
        name: "escrows-are-of-invoices",
        description: "every posting of an escrow is of an invoice that exists, in its currency",
        sql: "SELECT l.id FROM ledger_postings l LEFT JOIN invoices i ON i.id = l.invoice_id WHERE l.account_kind = 'ESCROW' \
              AND (i.id IS NULL OR i.currency <> l.currency)",
    },
    Invariant {
        name: "totals-add-up",
        description: "total = subtotal - discount + tax, and subtotal is the sum of the lines",
        sql: "SELECT i.id FROM invoices i LEFT JOIN invoice_lines l ON l.invoice_id = i.id GROUP BY i.id HAVING \
              MAX(i.subtotal_minor) <> COALESCE(SUM(l.amount_minor), 0) OR MAX(i.total_minor) <> MAX(i.subtotal_minor) - \
              MAX(i.discount_minor) + MAX(i.tax_minor)",
    },
    Invariant {
        name: "numbers-have-no-gaps",
        description: "the numbers of each series and year follow each other from its first one on",
        sql: "SELECT i.freelancer_id FROM invoices i LEFT JOIN number_counters c ON c.issuer_id = i.freelancer_id AND c.kind = \
              'INVOICE' AND c.series = i.series AND c.year = COALESCE(i.number_year, 0) WHERE i.number_seq IS NOT NULL GROUP BY \
              i.freelancer_id, COALESCE(i.series, 'built-in'), COALESCE(i.number_year, 0) HAVING COUNT(DISTINCT \
              i.number_seq) <> COUNT(*) OR COUNT(*) <> MAX(i.number_seq) - MIN(i.number_seq) + 1 OR MIN(i.number_seq) <> \
              COALESCE(MAX(c.first_seq), 1)",
    },
    Invariant {
        name: "counters-are-ahead",
        description: "the counter of every series and year is one above its last number",
        sql: "SELECT i.freelancer_id FROM (SELECT freelancer_id, COALESCE(series, 'built-in') AS series, COALESCE(number_year, \
              0) AS number_year, MAX(number_seq) AS last_seq FROM invoices WHERE number_seq IS NOT NULL GROUP BY freelancer_id, \
              COALESCE(series, 'built-in'), COALESCE(number_year, 0)) i LEFT JOIN invoice_counters b ON b.freelancer_id = \
              i.freelancer_id AND i.series = 'built-in' LEFT JOIN number_counters c ON c.issuer_id = i.freelancer_id AND c.kind \
              = 'INVOICE' AND c.series = i.series AND c.year = i.number_year WHERE COALESCE(b.next_seq, c.next_seq, 0) <> \
              i.last_seq + 1",
    },
    Invariant {
        name: "quote-numbers-have-no-gaps",
        description: "the numbers of quotes follow each other in each series and year, up to its counter",
        sql: "SELECT q.freelancer_id FROM quotes q LEFT JOIN number_counters c ON c.issuer_id = q.freelancer_id AND c.kind = \
              'QUOTE' AND c.series = q.series AND c.year = COALESCE(q.number_year, 0) WHERE q.number_seq IS NOT NULL GROUP BY \
              q.freelancer_id, q.series, COALESCE(q.number_year, 0) HAVING COUNT(DISTINCT q.number_seq) <> COUNT(*) OR \
              COUNT(*) <> MAX(q.number_seq) - MIN(q.number_seq) + 1 OR MIN(q.number_seq) <> COALESCE(MAX(c.first_seq), 0) OR \
              MAX(q.number_seq) + 1 <> COALESCE(MAX(c.next_seq), 0)",
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
        name: "events-are-sequenced",
        description: "every event's position was given by the sequencer, and no consumer is ahead of it",
        sql: "SELECT e.id FROM events e WHERE e.position > (SELECT COALESCE(MAX(s.position), 0) FROM event_consumers s WHERE \
              s.name = 'sequencer') UNION ALL SELECT c.name FROM event_consumers c WHERE c.position > (SELECT \
              COALESCE(MAX(s.position), 0) FROM event_consumers s WHERE s.name = 'sequencer')",
    },
    Invariant {
        name: "one-active-dispute",
        description: "a dispute names its invoice as active exactly while it is",
        sql: "SELECT id FROM disputes WHERE (status IN ('OPEN','VOTING','RESOLVED')) <> (active_invoice_id IS NOT NULL)",
    },
];

/// What breaks an invariant, at most a hundred.
///
/// # Errors
/// When the primary does not answer.
pub async fn violations(records: &Records, invariant: &Invariant) -> Result<Vec<String>, RecordsError> {
    let sql = format!("{} LIMIT 100", invariant.sql);
    let rows = records.query_all_raw(Statement::from_string(records.get_database_backend(), sql)).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}
