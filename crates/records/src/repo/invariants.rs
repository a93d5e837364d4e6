//! The invariants of money, numbers and references, each as one statement that selects what breaks it; that of frozen content is
//! computed here besides.

use sea_orm::{ConnectionTrait as _, Statement};

use crate::{Records, RecordsError, repo::invoices};

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

/// The invariant whose invoices are hashed again.
const FROZEN: &str = "frozen-content-verifies";

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
        name: "books-balance",
        description: "in every transfer, money sums to zero and claims sum to zero",
        sql: "SELECT transfer_id FROM ledger_postings GROUP BY transfer_id HAVING SUM(CASE WHEN account_kind IN \
              ('BILLED','RECEIVABLE','SETTLED','CREDITED','WITHHELD','DEPOSITED') THEN amount_minor ELSE 0 END) <> 0",
    },
    Invariant {
        name: "paid-is-payments",
        description: "what an invoice says is paid is the sum of what confirmed payments, not reversed, settle of it",
        sql: "SELECT i.id FROM invoices i LEFT JOIN (SELECT a.invoice_id, SUM(a.amount_minor) AS paid FROM \
              payment_allocations a JOIN payments p ON p.id = a.payment_id LEFT JOIN payment_reversals r ON r.payment_id = \
              p.id WHERE p.state = 'CONFIRMED' AND r.payment_id IS NULL GROUP BY a.invoice_id) s ON s.invoice_id = i.id \
              WHERE i.paid_minor <> COALESCE(s.paid, 0)",
    },
    Invariant {
        name: "payments-are-for-invoices",
        description: "every payment is for invoices that exist, in its currency, between its parties, and for no more than it is",
        sql: "SELECT p.id FROM payment_allocations a JOIN payments p ON p.id = a.payment_id LEFT JOIN invoices i ON i.id = \
              a.invoice_id WHERE i.id IS NULL OR i.currency <> p.currency OR i.freelancer_id <> p.receiver_id OR \
              i.client_id <> p.payer_id UNION ALL SELECT p.id FROM payments p JOIN payment_allocations a ON a.payment_id = \
              p.id GROUP BY p.id HAVING SUM(a.amount_minor) > MAX(p.amount_minor) UNION ALL SELECT a.payment_id FROM \
              payment_allocations a LEFT JOIN payments p ON p.id = a.payment_id WHERE p.id IS NULL",
    },
    Invariant {
        name: "postings-say-what-they-are",
        description: "every posting names what its transfer is for and whose account it is of, with the references of both",
        sql: "SELECT id FROM ledger_postings WHERE kind NOT IN \
              ('BILLING','VOIDING','PAYMENT','REVERSAL','CREDIT_NOTE','RELEASE','REFUND','PAYOUT') OR account_kind NOT IN \
              ('WORLD','ESCROW','AVAILABLE','EXTERNAL','CREDIT','CREDIT_EXTERNAL','REFUNDS','PAYOUTS','FEES','BILLED','RECEIVABLE',\
              'SETTLED','CREDITED','WITHHELD','DEPOSITED') OR (kind IN ('PAYMENT','REVERSAL')) <> (payment_id IS NOT NULL) OR \
              (kind = 'CREDIT_NOTE') <> (credit_note_id IS NOT NULL) OR (kind = 'REFUND') <> (refund_id IS NOT NULL) OR \
              (kind = 'PAYOUT') <> (payout_id IS NOT NULL) OR \
              (account_kind NOT IN ('WORLD','REFUNDS','PAYOUTS','FEES')) <> (account_user_id IS NOT NULL) OR (account_kind NOT IN \
              ('WORLD','REFUNDS','PAYOUTS','FEES','AVAILABLE','EXTERNAL')) <> (account_client_id IS NOT NULL) OR (account_kind = \
              'WORLD') <> (account_method IS NOT NULL)",
    },
    Invariant {
        name: "payments-are-posted",
        description: "every confirmed payment stands in the ledger once, with its own amount and currency; a reversed one \
                      stands there once more the other way round; no other stands there",
        sql: "SELECT p.id FROM payments p LEFT JOIN payment_reversals r ON r.payment_id = p.id LEFT JOIN (SELECT payment_id, \
              MIN(currency) AS currency, SUM(CASE WHEN kind = 'PAYMENT' AND amount_minor < 0 THEN -amount_minor ELSE 0 END) \
              AS came, SUM(CASE WHEN kind = 'REVERSAL' AND amount_minor > 0 THEN amount_minor ELSE 0 END) AS went FROM \
              ledger_postings WHERE payment_id IS NOT NULL AND account_kind IN ('WORLD','CREDIT','CREDIT_EXTERNAL') GROUP BY \
              payment_id) l ON l.payment_id = p.id WHERE COALESCE(l.came, 0) <> CASE WHEN p.state = 'CONFIRMED' THEN \
              p.amount_minor ELSE 0 END OR COALESCE(l.went, 0) <> CASE WHEN r.payment_id IS NULL THEN 0 ELSE p.amount_minor \
              END OR l.currency <> p.currency UNION ALL SELECT l.transfer_id FROM ledger_postings l LEFT JOIN payments p ON \
              p.id = l.payment_id WHERE l.payment_id IS NOT NULL AND p.id IS NULL",
    },
    Invariant {
        name: "invoices-are-their-postings",
        description: "what is paid, refunded, released, received outside, credited, held and still due of an invoice are the \
                      sums of its postings",
        sql: "SELECT i.id FROM invoices i LEFT JOIN (SELECT invoice_id, SUM(CASE WHEN account_kind = 'SETTLED' AND kind IN \
              ('PAYMENT','REVERSAL') THEN amount_minor ELSE 0 END) AS paid, SUM(CASE WHEN account_kind = 'SETTLED' AND kind = \
              'CREDIT_NOTE' THEN -amount_minor ELSE 0 END) AS refunded, SUM(CASE WHEN account_kind = 'AVAILABLE' \
              THEN amount_minor ELSE 0 END) AS released, SUM(CASE WHEN account_kind = 'FEES' THEN amount_minor ELSE 0 END) AS fee, SUM(CASE WHEN account_kind = 'EXTERNAL' THEN amount_minor ELSE 0 \
              END) AS outside, SUM(CASE WHEN account_kind = 'CREDITED' THEN amount_minor ELSE 0 END) AS credited, SUM(CASE \
              WHEN account_kind = 'ESCROW' THEN amount_minor ELSE 0 END) AS held, SUM(CASE WHEN account_kind = 'RECEIVABLE' \
              THEN amount_minor ELSE 0 END) AS due FROM ledger_postings WHERE invoice_id IS NOT NULL GROUP BY invoice_id) l ON \
              l.invoice_id = i.id WHERE i.paid_minor <> COALESCE(l.paid, 0) OR i.refunded_minor <> COALESCE(l.refunded, 0) OR \
              i.released_minor <> COALESCE(l.released, 0) OR i.fee_minor <> COALESCE(l.fee, 0) OR i.external_minor <> COALESCE(l.outside, 0) OR i.credited_minor \
              <> COALESCE(l.credited, 0) OR COALESCE(l.held, 0) <> i.paid_minor - i.refunded_minor - i.released_minor - \
              i.fee_minor - i.external_minor OR COALESCE(l.held, 0) < 0 OR (i.status <> 'DRAFT' AND i.total_minor - i.withholding_minor - i.deposit_minor > 0 AND COALESCE(l.due, \
              0) <> CASE WHEN i.status = 'VOID' THEN 0 ELSE i.total_minor - i.withholding_minor - i.deposit_minor - i.credited_minor - i.paid_minor + \
              i.refunded_minor END)",
    },
    Invariant {
        name: "escrows-are-of-invoices",
        description: "every posting of an escrow is of an invoice that exists, in its currency",
        sql: "SELECT l.id FROM ledger_postings l LEFT JOIN invoices i ON i.id = l.invoice_id WHERE l.account_kind = 'ESCROW' \
              AND (i.id IS NULL OR i.currency <> l.currency)",
    },
    Invariant {
        name: "states-agree-with-money",
        description: "an invoice's states say what its money says",
        sql: "SELECT id FROM (SELECT id, status, payment_status, escrow, paid_minor AS paid, released_minor AS released, \
              external_minor AS outside, total_minor - withholding_minor - deposit_minor - credited_minor - paid_minor + refunded_minor AS due, paid_minor - \
              refunded_minor AS kept, paid_minor - refunded_minor - released_minor - fee_minor - external_minor AS held, total_minor - withholding_minor - deposit_minor AS payable \
              FROM invoices) i WHERE (status = 'DRAFT' AND paid <> 0) OR (status = 'SENT' AND due <= 0 AND payable > 0) OR \
              (status = 'PAID' AND (due > 0 OR held <= 0)) OR (status = 'RELEASED' AND (due > 0 OR held <> 0 OR kept <= 0)) OR \
              (status IN ('VOID','REFUNDED') AND kept <> 0) OR (status = 'VOID' AND paid <> 0) OR (payment_status = 'UNPAID') \
              <> (paid = 0) OR (payment_status = 'PARTIAL' AND due <= 0) OR (payment_status = 'PAID' AND due <> 0) OR \
              (payment_status = 'OVERPAID' AND due >= 0) OR (escrow IN ('UNFUNDED','RELEASED','REFUNDED') AND held <> 0) OR \
              (escrow IN ('PARTIALLY_FUNDED','HELD','IN_REVIEW','DISPUTED','PARTIALLY_RELEASED') AND held <= 0) OR (escrow = \
              'PARTIALLY_FUNDED' AND due <= 0) OR (escrow = 'HELD' AND due > 0)",
    },
    Invariant {
        name: "credits-are-their-postings",
        description: "a client's credit is the sum of its postings",
        sql: "SELECT CONCAT(COALESCE(freelancer_id, ''), ' ', COALESCE(client_id, ''), ' ', currency) FROM (SELECT freelancer_id, client_id, custody, \
              currency, balance_minor AS minor FROM client_credits UNION ALL SELECT account_user_id, account_client_id, CASE \
              account_kind WHEN 'CREDIT' THEN 'PLATFORM' ELSE 'FREELANCER' END, currency, -amount_minor FROM ledger_postings \
              WHERE account_kind IN ('CREDIT','CREDIT_EXTERNAL')) c GROUP BY freelancer_id, client_id, custody, currency \
              HAVING SUM(minor) <> 0",
    },
    Invariant {
        name: "credited-is-credit-notes",
        description: "what credit notes took off an invoice is the sum of its credit notes, and what they gave back that of \
                      their refunded amounts",
        sql: "SELECT i.id FROM invoices i LEFT JOIN (SELECT invoice_id, SUM(amount_minor) AS amount, SUM(refunded_minor) AS \
              refunded FROM credit_notes GROUP BY invoice_id) n ON n.invoice_id = i.id WHERE i.credited_minor <> \
              COALESCE(n.amount, 0) OR i.refunded_minor <> COALESCE(n.refunded, 0)",
    },
    Invariant {
        name: "credit-note-numbers-have-no-gaps",
        description: "the numbers of credit notes follow each other in each series and year, up to its counter",
        sql: "SELECT n.freelancer_id FROM credit_notes n LEFT JOIN number_counters c ON c.issuer_id = n.freelancer_id AND \
              c.kind = 'CREDIT_NOTE' AND c.series = n.series AND c.year = COALESCE(n.number_year, 0) GROUP BY \
              n.freelancer_id, n.series, COALESCE(n.number_year, 0) HAVING COUNT(DISTINCT n.number_seq) <> COUNT(*) OR \
              COUNT(*) <> MAX(n.number_seq) - MIN(n.number_seq) + 1 OR MIN(n.number_seq) <> COALESCE(MAX(c.first_seq), 0) OR \
              MAX(n.number_seq) + 1 <> COALESCE(MAX(c.next_seq), 0)",
    },
    Invariant {
        name: "refunds-are-posted",
        description: "every refund has taken its amount from the client's credit, and a requested one is on its way",
        sql: "SELECT r.id FROM refunds r LEFT JOIN (SELECT refund_id, SUM(CASE WHEN account_kind IN \
              ('CREDIT','CREDIT_EXTERNAL') THEN -amount_minor ELSE 0 END) AS taken, SUM(CASE WHEN account_kind = 'REFUNDS' \
              THEN amount_minor ELSE 0 END) AS waits FROM ledger_postings WHERE refund_id IS NOT NULL GROUP BY refund_id) l \
              ON l.refund_id = r.id WHERE COALESCE(l.taken, 0) <> CASE WHEN r.status = 'FAILED' THEN 0 ELSE r.amount_minor \
              END OR COALESCE(l.waits, 0) <> CASE WHEN r.status = 'REQUESTED' THEN r.amount_minor ELSE 0 END",
    },
    Invariant {
        name: "available-is-its-postings",
        description: "what is at a user's disposal is the sum of its postings, and not negative",
        sql: "SELECT CONCAT(COALESCE(user_id, ''), ' ', currency) FROM (SELECT user_id, currency, balance_minor AS minor FROM \
              available_balances UNION ALL SELECT account_user_id, currency, -amount_minor FROM ledger_postings WHERE \
              account_kind = 'AVAILABLE') b GROUP BY user_id, currency HAVING SUM(minor) <> 0 UNION ALL SELECT user_id FROM \
              available_balances WHERE balance_minor < 0",
    },
    Invariant {
        name: "payouts-are-posted",
        description: "every payout has taken its amount from what is at its user's disposal, and a requested one is on its way",
        sql: "SELECT p.id FROM payouts p LEFT JOIN (SELECT payout_id, SUM(CASE WHEN account_kind = 'AVAILABLE' THEN \
              -amount_minor ELSE 0 END) AS taken, SUM(CASE WHEN account_kind = 'PAYOUTS' THEN amount_minor ELSE 0 END) AS waits \
              FROM ledger_postings WHERE payout_id IS NOT NULL GROUP BY payout_id) l ON l.payout_id = p.id WHERE \
              COALESCE(l.taken, 0) <> CASE WHEN p.status IN ('REJECTED','CANCELLED') THEN 0 ELSE p.amount_minor END OR \
              COALESCE(l.waits, 0) <> CASE WHEN p.status = 'REQUESTED' THEN p.amount_minor ELSE 0 END",
    },
    Invariant {
        name: "fees-follow-their-terms",
        description: "the platform has kept of an invoice what its terms take of all that was released, half a minor unit at most \
                      apart",
        sql: "SELECT id FROM invoices WHERE fee_minor < 0 OR 2 * ABS(10000 * fee_minor - fee_bp * (released_minor + fee_minor)) > \
              10000",
    },
    Invariant {
        name: "submitted-work-waits",
        description: "work is submitted while its money is in review, and its release is set then or while it is frozen",
        sql: "SELECT id FROM invoices WHERE (escrow = 'IN_REVIEW' AND (work_submitted_at IS NULL OR release_at IS NULL)) OR \
              (release_at IS NOT NULL AND escrow NOT IN ('IN_REVIEW','DISPUTED'))",
    },
    Invariant {
        name: "totals-add-up",
        description: "total = subtotal - discount, and the tax where prices do not include it; subtotal is the sum of the \
                      lines; and what is kept back and was paid in advance is not more than the total",
        sql: "SELECT i.id FROM invoices i LEFT JOIN invoice_lines l ON l.invoice_id = i.id GROUP BY i.id HAVING \
              MAX(i.subtotal_minor) <> COALESCE(SUM(l.amount_minor), 0) OR MAX(i.total_minor) <> MAX(i.subtotal_minor) - \
              MAX(i.discount_minor) + MAX(CASE WHEN i.prices_include_tax THEN 0 ELSE i.tax_minor END) OR \
              MAX(i.withholding_minor) < 0 OR MAX(i.deposit_minor) < 0 OR MAX(i.withholding_minor) + \
              MAX(i.deposit_minor) > MAX(i.total_minor)",
    },
    Invariant {
        name: FROZEN,
        description: "every invoice with a number has the hash of its content, under the version in which it was frozen",
        sql: "SELECT id FROM invoices WHERE (number IS NULL) <> (canonical_hash IS NULL) OR (status <> 'DRAFT' AND number IS NULL)",
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
        name: "tokens-are-unique",
        description: "a token belongs to one invoice",
        sql: "SELECT token_id FROM invoices WHERE token_id IS NOT NULL GROUP BY token_id HAVING COUNT(*) > 1",
    },
    Invariant {
        name: "anchors-are-of-paid-invoices",
        description: "an invoice that is queued for its notarisation, or further, was paid; a confirmed one has its token and its \
                      transaction, and no other has",
        sql: "SELECT id FROM invoices WHERE (anchor_status <> 'NONE' AND status NOT IN ('PAID','RELEASED','REFUNDED')) OR \
              (anchor_status = 'CONFIRMED') <> (token_id IS NOT NULL) OR (anchor_status = 'CONFIRMED') <> (tx_hash IS NOT NULL)",
    },
    Invariant {
        name: "anchors-are-their-mints",
        description: "where the notarisation of an invoice stands is what its own record says, with the same token, transaction and \
                      hash; what is off the queue has no submission",
        sql: "SELECT i.id FROM invoices i LEFT JOIN mints m ON m.invoice_id = i.id WHERE i.anchor_status <> CASE WHEN m.id IS NULL \
              OR m.status = 'CANCELLED' THEN 'NONE' ELSE m.status END OR (m.status = 'CONFIRMED' AND (m.token_id <> i.token_id OR \
              m.tx_hash <> i.tx_hash OR m.canonical_hash <> i.canonical_hash)) UNION ALL SELECT m.id FROM mints m LEFT JOIN invoices \
              i ON i.id = m.invoice_id WHERE i.id IS NULL OR (m.status IN ('QUEUED','CANCELLED') AND (m.token_id IS NOT NULL OR \
              m.tx_hash IS NOT NULL))",
    },
    Invariant {
        name: "transactions-are-of-their-chain",
        description: "a transaction of the local notary says so, and no other does",
        sql: "SELECT id FROM mints WHERE tx_hash IS NOT NULL AND (SUBSTR(chain, 1, 6) = 'local:') <> (SUBSTR(tx_hash, 1, 6) = \
              'local:') UNION ALL SELECT id FROM mints WHERE (chain IS NOT NULL) <> (tx_hash IS NOT NULL) OR (status = 'CONFIRMED') \
              <> (confirmed_at IS NOT NULL)",
    },
    Invariant {
        name: "parties-exist",
        description: "the parties of every invoice and project exist",
        sql: "SELECT i.id FROM invoices i LEFT JOIN users f ON f.id = i.freelancer_id LEFT JOIN users c ON c.id = \
              i.client_id WHERE f.id IS NULL OR c.id IS NULL UNION ALL SELECT p.id FROM projects p LEFT JOIN users c ON \
              c.id = p.client_id WHERE c.id IS NULL",
    },
    Invariant {
        name: "proposals-agree-with-projects",
        description: "every proposal is for a project of its client; one per project and freelancer is open, while the project \
                      is on offer; the accepted one's freelancer is the project's",
        sql: "SELECT r.id FROM proposals r LEFT JOIN projects p ON p.id = r.project_id WHERE p.id IS NULL OR p.client_id <> \
              r.client_id OR (r.status = 'OPEN') <> (r.open_freelancer_id IS NOT NULL) OR r.open_freelancer_id <> \
              r.freelancer_id OR (r.status = 'OPEN' AND p.status <> 'OPEN') OR (r.status = 'ACCEPTED' AND COALESCE(\
              p.freelancer_id, '') <> r.freelancer_id) UNION ALL SELECT project_id FROM proposals WHERE status IN \
              ('OPEN','ACCEPTED') GROUP BY project_id, freelancer_id HAVING COUNT(*) > 1",
    },
    Invariant {
        name: "projects-agree-with-their-states",
        description: "a project's freelancer and moments, and the states and currency of its milestones, agree with its state",
        sql: "SELECT id FROM projects WHERE (status IN ('IN_PROGRESS','SUBMITTED','COMPLETED') AND freelancer_id IS NULL) OR \
              (status = 'OPEN' AND freelancer_id IS NOT NULL) OR (status = 'COMPLETED') <> (completed_at IS NOT NULL) OR \
              (status <> 'CANCELLED' AND cancelled_at IS NOT NULL) UNION ALL SELECT m.id FROM project_milestones m JOIN \
              projects p ON p.id = m.project_id WHERE (m.status = 'PROPOSED') <> (m.proposed_by IS NOT NULL) OR (m.status = \
              'ACCEPTED') <> (m.accepted_at IS NOT NULL) OR (p.status = 'OPEN' AND m.status <> 'PLANNED') OR (p.status = \
              'COMPLETED' AND m.status <> 'ACCEPTED') OR (p.budget_currency IS NOT NULL AND p.budget_currency <> m.currency) \
              UNION ALL SELECT project_id FROM project_milestones GROUP BY project_id HAVING MIN(currency) <> MAX(currency)",
    },
    Invariant {
        name: "milestones-are-funded-once",
        description: "an invoice for a milestone is between the project's parties, its net is the milestone's amount, and no \
                      other one that is not void is for it",
        sql: "SELECT i.id FROM invoices i LEFT JOIN project_milestones m ON m.id = i.milestone_id AND m.project_id = \
              i.project_id LEFT JOIN projects p ON p.id = i.project_id WHERE (i.milestone_id IS NOT NULL AND i.status <> \
              'VOID') <> (i.funds_milestone_id IS NOT NULL) OR i.funds_milestone_id <> i.milestone_id OR \
              (i.funds_milestone_id IS NOT NULL AND (m.id IS NULL OR m.status = 'PROPOSED' OR m.currency <> i.currency OR \
              m.amount_minor <> i.total_minor - i.tax_minor OR p.client_id <> i.client_id OR COALESCE(p.freelancer_id, '') <> \
              i.freelancer_id)) UNION ALL SELECT funds_milestone_id FROM invoices WHERE funds_milestone_id IS NOT NULL GROUP \
              BY funds_milestone_id HAVING COUNT(*) > 1",
    },
    Invariant {
        name: "nothing-is-billed-on-cancelled",
        description: "no invoice of a project was sent after the project was cancelled",
        sql: "SELECT i.id FROM invoices i JOIN projects p ON p.id = i.project_id WHERE i.sent_at > p.cancelled_at",
    },
    Invariant {
        name: "children-have-parents",
        description: "every line, skill, milestone and vote belongs to a row that exists",
        sql: "SELECT l.invoice_id FROM invoice_lines l LEFT JOIN invoices i ON i.id = l.invoice_id WHERE i.id IS NULL UNION \
              ALL SELECT s.user_id FROM user_skills s LEFT JOIN users u ON u.id = s.user_id WHERE u.id IS NULL UNION ALL \
              SELECT s.project_id FROM project_skills s LEFT JOIN projects p ON p.id = s.project_id WHERE p.id IS NULL \
              UNION ALL SELECT m.project_id FROM project_milestones m LEFT JOIN projects p ON p.id = m.project_id WHERE p.id IS \
              NULL UNION ALL SELECT v.dispute_id FROM dispute_votes v LEFT JOIN disputes d ON d.id = v.dispute_id WHERE d.id IS \
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
    Invariant {
        name: "disputes-freeze-money",
        description: "the money of an invoice is frozen exactly while it has an active dispute, which is over no more than is held",
        sql: "SELECT i.id FROM invoices i LEFT JOIN disputes d ON d.active_invoice_id = i.id WHERE (i.escrow = 'DISPUTED') <> \
              (d.id IS NOT NULL) OR (d.id IS NOT NULL AND (d.invoice_id <> i.id OR d.currency <> i.currency OR d.held_minor > \
              i.paid_minor - i.refunded_minor - i.released_minor - i.fee_minor - i.external_minor)) UNION ALL SELECT d.id FROM \
              disputes d LEFT JOIN invoices i ON i.id = d.active_invoice_id WHERE d.active_invoice_id IS NOT NULL AND i.id IS \
              NULL",
    },
    Invariant {
        name: "disputes-split-what-was-held",
        description: "the plan, the decision and the offers of a dispute give the client something from nothing to all that was held, \
                      and one that is executed or settled says how much",
        sql: "SELECT id FROM disputes WHERE held_minor < 0 OR for_client_minor < 0 OR for_client_minor > held_minor OR \
              against_client_minor < 0 OR against_client_minor > held_minor OR to_client_minor < 0 OR to_client_minor > \
              held_minor OR offered_minor < 0 OR offered_minor > held_minor OR (status IN ('EXECUTED','SETTLED') AND \
              to_client_minor IS NULL) OR (status IN ('OPEN','VOTING') AND to_client_minor IS NOT NULL)",
    },
    Invariant {
        name: "disputes-move-what-was-held",
        description: "in the moment in which a dispute was executed or settled, what was held left the escrow of its invoice, once: to \
                      the client as decided, the rest to the freelancer and the platform's fees",
        sql: "SELECT d.id FROM disputes d LEFT JOIN (SELECT p.invoice_id, p.created_at, SUM(CASE WHEN p.account_kind = 'ESCROW' \
              THEN -p.amount_minor ELSE 0 END) AS went, SUM(CASE WHEN p.account_kind IN ('AVAILABLE','FEES') THEN \
              p.amount_minor ELSE 0 END) AS released FROM ledger_postings p JOIN disputes o ON o.invoice_id = p.invoice_id AND \
              o.ended_at = p.created_at AND o.status IN ('EXECUTED','SETTLED') WHERE p.kind IN ('RELEASE','CREDIT_NOTE') GROUP \
              BY p.invoice_id, p.created_at) l ON l.invoice_id = d.invoice_id AND l.created_at = d.ended_at WHERE d.ended_at IS \
              NOT NULL AND d.status IN ('EXECUTED','SETTLED') AND (COALESCE(l.went, 0) <> d.held_minor OR COALESCE(l.released, \
              0) <> d.held_minor - COALESCE(d.to_client_minor, 0))",
    },
    Invariant {
        name: "voters-are-no-parties",
        description: "the parties of a dispute are those of its invoice, one of them opened it, evidence is theirs, and votes are not",
        sql: "SELECT d.id FROM disputes d LEFT JOIN invoices i ON i.id = d.invoice_id WHERE i.id IS NULL OR d.client_id <> \
              i.client_id OR d.freelancer_id <> i.freelancer_id OR d.opened_by NOT IN (d.client_id, d.freelancer_id) UNION ALL \
              SELECT v.dispute_id FROM dispute_votes v JOIN disputes d ON d.id = v.dispute_id WHERE v.voter_id IN (d.client_id, \
              d.freelancer_id) UNION ALL SELECT e.dispute_id FROM dispute_evidence e LEFT JOIN disputes d ON d.id = \
              e.dispute_id WHERE d.id IS NULL OR e.given_by NOT IN (d.client_id, d.freelancer_id)",
    },
    Invariant {
        name: "votes-decide-with-a-quorum",
        description: "a user has one vote in a dispute, and what was decided by a vote is what its votes say",
        sql: "SELECT dispute_id FROM dispute_votes GROUP BY dispute_id, voter_id HAVING COUNT(*) > 1 UNION ALL SELECT d.id FROM \
              disputes d LEFT JOIN (SELECT dispute_id, SUM(CASE WHEN choice = 'FOR' THEN 1 ELSE 0 END) AS pro, SUM(CASE WHEN \
              choice = 'FOR' THEN 0 ELSE 1 END) AS con FROM dispute_votes GROUP BY dispute_id) v ON v.dispute_id = d.id WHERE \
              d.resolved_by = 'VOTE' AND d.outcome <> CASE WHEN COALESCE(v.pro + v.con, 0) < d.quorum THEN 'NO_QUORUM' WHEN v.pro > \
              v.con THEN 'FOR' WHEN v.pro < v.con THEN 'AGAINST' ELSE 'TIED' END",
    },
    Invariant {
        name: "reviews-are-of-completed-projects",
        description: "every review is by one party of a completed project of the other, once per direction, with scores from 1 to \
                      5, and both are visible where both are there",
        sql: "SELECT r.id FROM reviews r LEFT JOIN projects p ON p.id = r.project_id AND p.status = 'COMPLETED' WHERE p.id IS \
              NULL OR NOT ((r.reviewer_id = p.client_id AND r.reviewee_id = p.freelancer_id) OR (r.reviewer_id = \
              p.freelancer_id AND r.reviewee_id = p.client_id)) OR r.quality NOT BETWEEN 1 AND 5 OR r.communication NOT \
              BETWEEN 1 AND 5 OR r.timeliness NOT BETWEEN 1 AND 5 OR r.professionalism NOT BETWEEN 1 AND 5 OR r.visible_at < \
              r.created_at UNION ALL SELECT project_id FROM reviews GROUP BY project_id HAVING COUNT(*) > COUNT(DISTINCT \
              reviewer_id) OR (COUNT(*) = 2 AND COUNT(visible_at) < 2)",
    },
    Invariant {
        name: "reputations-are-of-users",
        description: "every reputation is the only one of a user who exists, from 0 to 100, and the sum of its components",
        sql: "SELECT r.id FROM reputations r LEFT JOIN users u ON u.id = r.user_id WHERE u.id IS NULL OR r.score NOT BETWEEN 0 \
              AND 100 OR r.reviews_part_bp NOT BETWEEN 0 AND 10000 OR r.on_time_part_bp NOT BETWEEN 0 AND 10000 OR \
              r.volume_part_bp NOT BETWEEN 0 AND 10000 OR r.disputes_part_bp NOT BETWEEN 0 AND 10000 OR (r.disputes_part_bp > 0 \
              AND 50 * r.reviews_part_bp + 20 * r.on_time_part_bp + 15 * r.volume_part_bp + 15 * r.disputes_part_bp + 5000 - \
              10000 * r.score NOT BETWEEN 0 AND 9999) UNION ALL SELECT user_id FROM reputations GROUP BY user_id HAVING COUNT(*) \
              > 1",
    },
    Invariant {
        name: "skills-are-in-the-catalogue",
        description: "every skill of a user or a project is in the catalogue, once each, and no name leads to two entries",
        sql: "SELECT s.user_id FROM user_skills s LEFT JOIN skills c ON c.id = s.skill_id WHERE c.id IS NULL UNION ALL SELECT \
              s.project_id FROM project_skills s LEFT JOIN skills c ON c.id = s.skill_id WHERE c.id IS NULL UNION ALL SELECT \
              user_id FROM user_skills GROUP BY user_id, skill_id HAVING COUNT(*) > 1 UNION ALL SELECT project_id FROM \
              project_skills GROUP BY project_id, skill_id HAVING COUNT(*) > 1 UNION ALL SELECT a.name FROM skill_aliases a \
              LEFT JOIN skills c ON c.id = a.skill_id LEFT JOIN skills n ON n.name_key = a.name_key WHERE c.id IS NULL OR n.id \
              IS NOT NULL",
    },
    Invariant {
        name: "verified-skills-have-evidence",
        description: "every verified level of a user's skill has evidence that an operator accepted",
        sql: "SELECT s.user_id FROM user_skills s WHERE s.verified_level IS NOT NULL AND NOT EXISTS (SELECT 1 FROM \
              skill_verifications v WHERE v.user_id = s.user_id AND v.skill_id = s.skill_id AND v.status = 'VERIFIED')",
    },
];

/// How many violations of an invariant are named.
const MOST: usize = 100;

/// What breaks an invariant, at most a hundred.
///
/// # Errors
/// When the primary does not answer.
pub async fn violations(records: &Records, invariant: &Invariant) -> Result<Vec<String>, RecordsError> {
    let sql = format!("{} LIMIT {MOST}", invariant.sql);
    let rows = records.query_all_raw(Statement::from_string(records.get_database_backend(), sql)).await?;
    let found: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?;
    if invariant.name == FROZEN && found.is_empty() {
        return invoices::unverified(records, MOST).await;
    }
    Ok(found)
}
