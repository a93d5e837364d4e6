//! Every invariant holds, and finds what breaks it.

use std::collections::BTreeSet;

use chainbill_app::{App, Context, INVARIANTS, NewQuote, NewSeries, UserView};
use chainbill_testkit::sea_orm::ConnectionTrait as _;

use crate::world::{new_invoice, new_user, on_every_primary, paid_invoice};

/// An invariant and a statement that breaks it. `{part}` and `{full}` are invoices of 100 euros, paid with 40 and 100.
const BREAKING: &[(&str, &str)] = &[
    (
        "transfers-balance",
        "UPDATE ledger_postings SET amount_minor = 4001 WHERE invoice_id = '{part}' AND position = 1",
    ),
    ("currencies-balance", "UPDATE ledger_postings SET currency = 'USD' WHERE invoice_id = '{part}' AND position = 1"),
    ("paid-is-payments", "UPDATE invoices SET paid_minor = 3999 WHERE id = '{part}'"),
    ("paid-is-payments", "DELETE FROM payments WHERE invoice_id = '{part}'"),
    ("payments-are-for-invoices", "UPDATE payments SET currency = 'USD' WHERE invoice_id = '{part}'"),
    ("payments-are-for-invoices", "UPDATE payments SET invoice_id = 'none' WHERE invoice_id = '{part}'"),
    ("payments-are-posted", "DELETE FROM ledger_postings WHERE invoice_id = '{part}'"),
    ("payments-are-posted", "UPDATE ledger_postings SET amount_minor = amount_minor * 2 WHERE invoice_id = '{part}'"),
    ("payments-are-posted", "UPDATE ledger_postings SET currency = 'USD' WHERE invoice_id = '{part}'"),
    ("payments-are-posted", "UPDATE ledger_postings SET invoice_id = '{full}' WHERE invoice_id = '{part}'"),
    (
        "payments-are-posted",
        "UPDATE ledger_postings SET account_kind = 'USER' WHERE invoice_id = '{part}' AND account_kind = 'ESCROW'",
    ),
    ("payments-are-posted", "UPDATE ledger_postings SET kind = 'REFUND' WHERE invoice_id = '{part}'"),
    (
        // It stands there twice.
        "payments-are-posted",
        "INSERT INTO ledger_postings SELECT * FROM kept_ledger_postings WHERE invoice_id = '{part}'",
    ),
    ("postings-say-what-they-are", "UPDATE ledger_postings SET kind = 'UNKNOWN' WHERE invoice_id = '{part}'"),
    ("postings-say-what-they-are", "UPDATE ledger_postings SET account_kind = 'UNKNOWN' WHERE invoice_id = '{part}'"),
    ("postings-say-what-they-are", "UPDATE ledger_postings SET payment_id = NULL WHERE invoice_id = '{part}'"),
    ("postings-say-what-they-are", "UPDATE ledger_postings SET account_method = NULL WHERE invoice_id = '{part}'"),
    (
        // Two wrong payments whose sums are right.
        "payments-are-posted",
        "UPDATE payments SET id = CASE invoice_id WHEN '{part}' THEN 'a' ELSE 'b' END",
    ),
    ("payments-are-posted", "DELETE FROM payments WHERE invoice_id = '{full}'"),
    ("escrow-is-not-negative", "UPDATE ledger_postings SET amount_minor = -amount_minor WHERE invoice_id = '{part}'"),
    (
        "escrow-is-what-is-left",
        "UPDATE ledger_postings SET account_kind = 'USER' WHERE invoice_id = '{full}' AND amount_minor > 0",
    ),
    (
        "escrow-is-what-is-left",
        "UPDATE ledger_postings SET amount_minor = 1 WHERE invoice_id = '{full}' AND position = 1",
    ),
    ("escrow-is-what-is-left", "UPDATE invoices SET escrow = 'RELEASED' WHERE id = '{full}'"),
    ("escrow-is-what-is-left", "UPDATE invoices SET escrow = 'REFUNDED' WHERE id = '{full}'"),
    ("escrow-is-what-is-left", "DELETE FROM ledger_postings WHERE invoice_id = '{full}'"),
    ("escrows-are-of-invoices", "UPDATE ledger_postings SET invoice_id = 'none' WHERE invoice_id = '{part}'"),
    ("escrows-are-of-invoices", "UPDATE ledger_postings SET currency = 'USD' WHERE invoice_id = '{part}'"),
    ("escrows-are-of-invoices", "DELETE FROM invoices WHERE id = '{part}'"),
    ("totals-add-up", "UPDATE invoices SET total_minor = 1 WHERE id = '{part}'"),
    ("totals-add-up", "DELETE FROM invoice_lines WHERE invoice_id = '{part}'"),
    ("numbers-have-no-gaps", "UPDATE invoices SET number_seq = 7 WHERE id = '{full}'"),
    ("numbers-have-no-gaps", "UPDATE invoices SET number_seq = 1 WHERE id = '{full}'"),
    ("numbers-have-no-gaps", "UPDATE invoices SET number_seq = 3 WHERE id = '{series}'"),
    ("numbers-have-no-gaps", "UPDATE invoices SET number_year = 2001 WHERE id = '{series}'"),
    ("numbers-have-no-gaps", "UPDATE number_counters SET first_seq = 3"),
    ("counters-are-ahead", "UPDATE invoice_counters SET next_seq = 2"),
    ("counters-are-ahead", "UPDATE number_counters SET next_seq = 9"),
    ("counters-are-ahead", "UPDATE invoices SET series = 'built-in' WHERE id = '{series}'"),
    ("counters-are-ahead", "DELETE FROM number_counters"),
    ("quote-numbers-have-no-gaps", "UPDATE quotes SET number_seq = 2"),
    ("quote-numbers-have-no-gaps", "DELETE FROM number_counters WHERE kind = 'QUOTE'"),
    ("states-agree-with-money", "UPDATE invoices SET status = 'PAID' WHERE id = '{part}'"),
    ("states-agree-with-money", "UPDATE invoices SET payment_status = 'UNPAID' WHERE id = '{part}'"),
    ("tokens-are-unique", "UPDATE invoices SET token_id = 'same'"),
    ("parties-exist", "DELETE FROM users WHERE role = 'CLIENT'"),
    ("children-have-parents", "UPDATE invoice_lines SET invoice_id = 'none'"),
    ("events-are-sequenced", "UPDATE events SET position = 1 WHERE invoice_id = '{part}' AND kind = 'INVOICE_CREATED'"),
    ("events-are-sequenced", "INSERT INTO event_consumers VALUES ('early', 5, NULL, 0, '2026-01-01')"),
    ("one-active-dispute", "UPDATE disputes SET active_invoice_id = NULL"),
];

const TABLES: &[&str] = &[
    "users",
    "invoices",
    "invoice_lines",
    "invoice_counters",
    "number_counters",
    "quotes",
    "payments",
    "ledger_postings",
    "disputes",
    "events",
    "event_consumers",
];

/// An invoice whose number is the fourth and the first of a yearly series.
async fn in_a_series(app: &App, freelancer: &Context, client: &UserView) -> String {
    let new = NewSeries {
        kind: None,
        name: "Yearly".to_owned(),
        pattern: "Y{YY}-{SEQ:2}".to_owned(),
        yearly_restart: true,
        start: Some(4),
        default: false,
    };
    let series = app.create_series(freelancer, new).await.unwrap().into_new().unwrap().id;
    let draft = app.create_invoice(freelancer, new_invoice(client, Some(&series))).await.unwrap().into_new().unwrap();
    app.send_invoice(freelancer, &draft.id).await.unwrap().into_new().unwrap().id
}

async fn sent_quote(app: &App, freelancer: &Context, client: &UserView) {
    let new = NewQuote { invoice: new_invoice(client, None), valid_until: None, due_in_days: None, series: None };
    let draft = app.create_quote(freelancer, new).await.unwrap().into_new().unwrap();
    app.send_quote(freelancer, &draft.id).await.unwrap();
}

async fn run(app: &App, sql: &str) {
    app.records().execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn broken(app: &App) -> BTreeSet<&'static str> {
    let mut broken = BTreeSet::new();
    for invariant in INVARIANTS {
        if !app.violations(invariant).await.unwrap().is_empty() {
            broken.insert(invariant.name);
        }
    }
    broken
}

/// Rebuilds the tables without the constraints that would refuse most of the broken rows; the rows stay.
async fn lay_open(app: &App) {
    for table in TABLES {
        run(app, &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
        run(app, &format!("DROP TABLE {table}")).await;
        run(app, &format!("CREATE TABLE {table} AS SELECT * FROM kept_{table}")).await;
    }
}

async fn restore(app: &App) {
    for table in TABLES {
        run(app, &format!("DELETE FROM {table}")).await;
        run(app, &format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await;
    }
}

#[tokio::test]
async fn every_invariant_holds_and_finds_what_breaks_it() {
    let named: BTreeSet<&str> = BREAKING.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, INVARIANTS.iter().map(|invariant| invariant.name).collect(), "each is broken here");
    on_every_primary(async |app| {
        let (freelancer, _) = new_user(app, "femi", "FREELANCER").await;
        let (client, user) = new_user(app, "carla", "CLIENT").await;
        let part = paid_invoice(app, &freelancer, (&client, &user), "40.00").await;
        let full = paid_invoice(app, &freelancer, (&client, &user), "100.00").await;
        let series = in_a_series(app, &freelancer, &user).await;
        sent_quote(app, &freelancer, &user).await;
        let now = &chainbill_app::moment(app.now())[..10];
        let dispute = format!(
            "INSERT INTO disputes (id, version, invoice_id, opened_by, reason, description, status, active_invoice_id, \
             created_at, updated_at) VALUES ('d', 1, '{full}', '{}', 'r', 'd', 'OPEN', '{full}', '{now}', '{now}')",
            user.id
        );
        run(app, &dispute).await;
        lay_open(app).await;
        assert_eq!(broken(app).await, BTreeSet::new());
        for (name, sql) in BREAKING {
            run(app, &sql.replace("{part}", &part).replace("{full}", &full).replace("{series}", &series)).await;
            let found = broken(app).await;
            assert!(found.contains(name), "{name} does not find it: {sql}, only {found:?} on {}", app.engine());
            restore(app).await;
        }
        assert_eq!(broken(app).await, BTreeSet::new());
    })
    .await;
}
