//! Migrations survive an end at any moment, and starts beside each other.

use chainbill_records::{
    Records, migrations,
    repo::invariants::{INVARIANTS, violations},
};
use chainbill_testkit::sea_orm::{ConnectionTrait as _, Statement};
use chainbill_testkit::{EMBEDDED, Fresh, open, primaries, records_of};

async fn is_complete(records: &Records) -> bool {
    migrations::status(records).await.unwrap().iter().all(|migration| migration.applied)
}

#[tokio::test]
async fn what_was_interrupted_is_gone_on_with() {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let records = fresh.records().await;
        // As after a kill within the second migration: part of its statements ran, and nothing of it is written down.
        for sql in [
            "DELETE FROM seaql_migrations WHERE version <> 'm0001_models'",
            "DROP TABLE audit_entries",
            "DROP TABLE sync_runs",
        ] {
            records.execute_unprepared(sql).await.unwrap();
        }
        assert!(!is_complete(&records).await);
        migrations::up(&records, None).await.unwrap();
        assert!(is_complete(&records).await, "{primary}");
        for table in ["audit_entries", "sync_runs"] {
            records.execute_unprepared(&format!("SELECT COUNT(*) FROM {table}")).await.unwrap();
        }
        records.close().await;
        fresh.remove().await;
    }
}

#[tokio::test]
async fn two_first_starts_beside_each_other_both_go_well() {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let start = async || {
            let opened = open(&fresh.primary).await;
            migrations::up(&records_of(&opened), None).await.unwrap();
            opened.db.close().await.unwrap();
        };
        tokio::join!(start(), start(), start());
        let records = fresh.records().await;
        assert!(is_complete(&records).await, "{primary}");
        records.close().await;
        fresh.remove().await;
    }
}

/// Only a new file shows it: it is made ready for writing ahead once, and who comes in that moment must wait.
#[tokio::test]
async fn a_new_file_opened_by_many_at_once_is_opened_by_all() {
    for _ in 0..25 {
        let fresh = Fresh::make(EMBEDDED, EMBEDDED).await;
        let start = async || open(&fresh.primary).await.db.close().await.unwrap();
        tokio::join!(start(), start(), start(), start(), start(), start());
        fresh.remove().await;
    }
}

fn payment(id: &str, payer: &str) -> String {
    format!(
        "INSERT INTO payments (id, invoice_id, payer_id, external_ref, method, amount_minor, currency, received_at, \
         recorded_by, created_at) VALUES ('{id}', 'invoice', '{payer}', 'ref-1', 'CARD', 5, 'EUR', '2026-01-01 00:00:00.000', \
         '{payer}', '2026-01-01 00:00:00.000')"
    )
}

/// Takes back all migrations after the one of this name.
async fn back_to(records: &Records, name: &str) {
    let all = migrations::status(records).await.unwrap();
    let later = all.iter().rev().take_while(|it| it.name != name).filter(|it| it.applied).count();
    migrations::down(records, Some(u32::try_from(later).unwrap())).await.unwrap();
}

#[tokio::test]
async fn a_payments_name_becomes_its_payers_own_and_no_payment_is_lost() {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let records = fresh.records().await;
        let run = async |sql: &str| records.execute_unprepared(sql).await;
        back_to(&records, "m0005_payers").await;
        migrations::down(&records, Some(1)).await.unwrap();
        run(&payment("1", "ada")).await.unwrap();
        run(&payment("2", "bob")).await.unwrap_err();
        migrations::up(&records, Some(1)).await.unwrap();
        run(&payment("2", "bob")).await.unwrap();
        run(&payment("3", "ada")).await.unwrap_err();
        migrations::down(&records, Some(1)).await.unwrap_err();
        run("DELETE FROM payments WHERE id = '2'").await.unwrap();
        // As after a kill between the two halves: each can run again.
        migrations::down(&records, Some(1)).await.unwrap();
        migrations::up(&records, Some(1)).await.unwrap();
        run("DELETE FROM seaql_migrations WHERE version = 'm0005_payers'").await.unwrap();
        migrations::up(&records, Some(1)).await.unwrap();
        run(&payment("2", "bob")).await.unwrap();
        assert_eq!(run("DELETE FROM payments").await.unwrap().rows_affected(), 2, "{primary}");
        records.close().await;
        fresh.remove().await;
    }
}

#[tokio::test]
async fn columns_that_were_added_or_taken_away_before_a_kill_are_gone_on_with() {
    for primary in primaries().into_iter().filter(|primary| primary != EMBEDDED) {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let records = fresh.records().await;
        let run = async |sql: &str| records.execute_unprepared(sql).await.unwrap();
        run("ALTER TABLE sync_runs DROP COLUMN parked").await;
        run("DROP INDEX sync_evidence_at ON sync_evidence").await;
        run("DELETE FROM seaql_migrations WHERE version = 'm0006_runs'").await;
        migrations::up(&records, None).await.unwrap();
        assert!(is_complete(&records).await, "{primary}");
        run("SELECT total, parked, certificate FROM sync_runs").await;
        run("ALTER TABLE sync_runs DROP COLUMN total").await;
        back_to(&records, "m0005_payers").await;
        migrations::up(&records, None).await.unwrap();
        run("SELECT total, parked, certificate FROM sync_runs").await;
        records.close().await;
        fresh.remove().await;
    }
}

/// Postings as they were written before their references were columns, and what becomes of each: kind, payment, account, user,
/// method, note.
const POSTINGS: &[(&str, &str, &str, &str)] = &[
    ("a", "world:bank_transfer", "payment p1", "PAYMENT|p1|WORLD||BANK_TRANSFER|"),
    ("b", "escrow:i1", "payment p1", "PAYMENT|p1|ESCROW|||"),
    ("c", "escrow:i1", "release", "RELEASE||ESCROW|||"),
    ("d", "user:u1", "release", "RELEASE||USER|u1||"),
    ("e", "world:refund", "refund", "REFUND||WORLD||OTHER|"),
    ("f", "escrow:i2", "release", "RELEASE||UNKNOWN|||escrow:i2 release"),
    ("g", "escrow:i1", "by hand", "UNKNOWN||ESCROW|||escrow:i1 by hand"),
];

#[tokio::test]
async fn references_of_postings_become_columns_and_what_cannot_be_read_stays_known_as_such() {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let records = fresh.records().await;
        let run = async |sql: &str| records.execute_unprepared(sql).await.unwrap();
        back_to(&records, "m0006_runs").await;
        for (id, account, reason, _) in POSTINGS {
            run(&format!(
                "INSERT INTO ledger_postings (id, transfer_id, position, account, amount_minor, currency, invoice_id, \
                 reason, created_at) VALUES ('{id}', '{id}', 0, '{account}', 5, 'EUR', 'i1', '{reason}', \
                 '2026-01-01 00:00:00.000')"
            ))
            .await;
        }
        let read = async || {
            let sql = "SELECT CONCAT(kind, '|', COALESCE(payment_id, ''), '|', account_kind, '|', \
                       COALESCE(account_user_id, ''), '|', COALESCE(account_method, ''), '|', COALESCE(note, '')) FROM \
                       ledger_postings ORDER BY id";
            let db = &records;
            let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
            rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()).collect::<Vec<_>>()
        };
        let expected: Vec<&str> = POSTINGS.iter().map(|(_, _, _, expected)| *expected).collect();
        let to_references = async || {
            let all = migrations::status(&records).await.unwrap();
            let missing = all.iter().take_while(|it| it.name != "m0014_jobs").filter(|it| !it.applied).count();
            migrations::up(&records, Some(u32::try_from(missing).unwrap())).await.unwrap();
        };
        to_references().await;
        assert_eq!(read().await, expected, "{primary}");
        // As after a kill at its end: all of it can run again.
        run("DELETE FROM seaql_migrations WHERE version = 'm0013_references'").await;
        to_references().await;
        assert_eq!(read().await, expected, "again on {primary}");
        // There and back: what could be read is what it was.
        run("DELETE FROM ledger_postings WHERE note IS NOT NULL").await;
        back_to(&records, "m0006_runs").await;
        let db = &records;
        let sql = "SELECT CONCAT(account, ' ', reason) FROM ledger_postings ORDER BY id";
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
        let texts: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        assert_eq!(
            texts,
            [
                "world:bank_transfer payment p1",
                "escrow:i1 payment p1",
                "escrow:i1 release",
                "user:u1 release",
                "world:other refund"
            ],
            "{primary}"
        );
        records.close().await;
        fresh.remove().await;
    }
}

/// What was billed, paid, released and given back before claims were posted.
const BEFORE: &[(&str, &str, i64)] = &[
    ("DRAFT", "UNFUNDED", 0),
    ("SENT", "UNFUNDED", 0),
    ("SENT", "PARTIALLY_FUNDED", 40),
    ("PAID", "HELD", 100),
    ("PAID", "HELD", 110),
    ("RELEASED", "RELEASED", 100),
    ("REFUNDED", "REFUNDED", 100),
    ("VOID", "UNFUNDED", 0),
];

fn of_before(place: usize) -> Vec<String> {
    let (status, escrow, paid) = BEFORE[place];
    let id = |digit: char| format!("0189000{place}-0000-7000-8000-00000000000{digit}");
    let (invoice, payment, at) = (id('1'), id('2'), "2026-01-02 03:04:05.678");
    let number = if status == "DRAFT" { "NULL, NULL".to_owned() } else { format!("'INV-{place}', {place}") };
    let state = match paid {
        0 => "UNPAID",
        1..100 => "PARTIAL",
        100 => "PAID",
        _ => "OVERPAID",
    };
    let mut all = vec![format!(
        "INSERT INTO invoices (id, version, number, number_seq, freelancer_id, client_id, title, status, payment_status, escrow, \
         anchor_status, currency, subtotal_minor, discount_minor, tax_minor, total_minor, paid_minor, created_at, updated_at) \
         VALUES ('{invoice}', 1, {number}, 'f', 'c', 't', '{status}', '{state}', '{escrow}', 'NONE', 'EUR', 100, 0, 0, 100, \
         {paid}, '{at}', '{at}')"
    )];
    let mut post = |digit: char, kind: &str, place: u8, account: &str, minor: i64| {
        let user = if account == "USER" { "'f'" } else { "NULL" };
        let method = if account == "WORLD" { "'CARD'" } else { "NULL" };
        let of = if kind == "PAYMENT" { format!("'{payment}'") } else { "NULL".to_owned() };
        all.push(format!(
            "INSERT INTO ledger_postings (id, transfer_id, position, kind, invoice_id, payment_id, account_kind, \
             account_user_id, account_method, amount_minor, currency, created_at) VALUES ('{}', '{}', {place}, '{kind}', \
             '{invoice}', {of}, '{account}', {user}, {method}, {minor}, 'EUR', '{at}')",
            id(digit),
            id(if kind == "PAYMENT" { '3' } else { '5' })
        ));
    };
    if paid > 0 {
        post('3', "PAYMENT", 0, "WORLD", -paid);
        post('4', "PAYMENT", 1, "ESCROW", paid);
    }
    match status {
        "RELEASED" => {
            post('5', "RELEASE", 0, "ESCROW", -paid);
            post('6', "RELEASE", 1, "USER", paid);
        }
        "REFUNDED" => {
            post('5', "REFUND", 0, "ESCROW", -paid);
            post('6', "REFUND", 1, "WORLD", paid);
        }
        _ => {}
    }
    if paid > 0 {
        all.push(format!(
            "INSERT INTO payments (id, invoice_id, payer_id, external_ref, method, amount_minor, currency, received_at, \
             recorded_by, created_at) VALUES ('{payment}', '{invoice}', 'c', 'ref-{place}', 'CARD', {paid}, 'EUR', '{at}', 'c', \
             '{at}')"
        ));
    }
    all
}

/// Invariants that these rows cannot keep, as they have no users, lines, counters and hashes.
const LACKING: [&str; 5] =
    ["parties-exist", "totals-add-up", "numbers-have-no-gaps", "counters-are-ahead", "frozen-content-verifies"];

#[tokio::test]
async fn what_was_billed_and_paid_before_is_claimed_once_and_can_be_taken_back() {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let records = fresh.records().await;
        back_to(&records, "m0015_events").await;
        for sql in (0..BEFORE.len()).flat_map(of_before) {
            records.execute_unprepared(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
        let broken = async || {
            let mut broken = Vec::new();
            for invariant in INVARIANTS.iter().filter(|invariant| !LACKING.contains(&invariant.name)) {
                let rows = violations(&records, invariant).await.unwrap();
                if !rows.is_empty() {
                    broken.push((invariant.name, rows));
                }
            }
            broken
        };
        let count = async || {
            let db = &records;
            let sql = Statement::from_string(db.get_database_backend(), "SELECT COUNT(*) FROM ledger_postings");
            db.query_one_raw(sql).await.unwrap().unwrap().try_get_by_index::<i64>(0).unwrap()
        };
        let money = count().await;
        migrations::up(&records, None).await.unwrap();
        assert_eq!(broken().await, [], "{primary}");
        let all = count().await;
        assert_eq!(all - money, 14 + 2 + 2 + 10, "billed, voided, credited, paid");
        // As after a kill at its end: posting again adds nothing.
        records.execute_unprepared("DELETE FROM seaql_migrations WHERE version = 'm0017_claims'").await.unwrap();
        migrations::up(&records, None).await.unwrap();
        assert_eq!((broken().await, count().await), (Vec::new(), all), "again on {primary}");
        back_to(&records, "m0015_events").await;
        assert_eq!(count().await, money, "{primary}");
        migrations::up(&records, None).await.unwrap();
        assert_eq!((broken().await, count().await), (Vec::new(), all), "there and back on {primary}");
        records.close().await;
        fresh.remove().await;
    }
}

/// An invoice as an earlier release saved it; its lines are one at 7 % and one untaxed.
const OLD_INVOICE: &[&str] = &[
    "INSERT INTO invoices (id, version, number, number_seq, freelancer_id, client_id, title, status, payment_status, escrow, \
     anchor_status, currency, subtotal_minor, discount_minor, tax_minor, total_minor, paid_minor, canonical_hash, created_at, \
     updated_at) VALUES ('i1', 3, 'INV-2026-000001', 1, 'f', 'c', 'Work', 'SENT', 'PARTIAL', 'PARTIALLY_FUNDED', 'NONE', 'EUR', \
     600, 50, 21, 571, 20, 'abc', '2026-01-01 00:00:00.000', '2026-01-01 00:00:00.000')",
    "INSERT INTO invoice_lines (invoice_id, position, description, quantity_milli, unit_price_minor, currency, tax_rate_bp, \
     amount_minor) VALUES ('i1', 0, 'a', 1500, 200, 'EUR', 700, 300), ('i1', 1, 'b', 1000000000, 0, 'EUR', 0, 300)",
];
const OLD_LINES: &str = "SELECT CONCAT(quantity_milli, '|', unit_price_minor, '|', tax_rate_bp, '|', amount_minor) FROM \
                         invoice_lines ORDER BY position";
const NEW_LINES: &str = "SELECT CONCAT(quantity_micro, '|', unit_price_minor, '|', unit_price_micro, '|', tax_rate_ppm, '|', \
                         tax_category, '|', discount_minor, '|', amount_minor) FROM invoice_lines ORDER BY position";

async fn texts(records: &Records, sql: &str) -> Vec<String> {
    let rows = records.query_all_raw(Statement::from_string(records.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

#[tokio::test]
async fn lines_become_finer_and_go_back_where_nothing_is_lost() {
    let old = ["1500|200|700|300", "1000000000|0|0|300"];
    let new = ["1500000|200|0|70000|STANDARD|0|300", "1000000000000|0|0|0|ZERO|0|300"];
    let sums = "SELECT CONCAT(subtotal_minor, '|', discount_minor, '|', tax_minor, '|', total_minor, '|', paid_minor, '|', \
                canonical_hash) FROM invoices";
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let records = fresh.records().await;
        let run = async |sql: &str| records.execute_unprepared(sql).await;
        back_to(&records, "m0015_events").await;
        for sql in OLD_INVOICE {
            run(sql).await.unwrap();
        }
        run("UPDATE invoices SET tax_minor = -1, total_minor = 549").await.unwrap_err();
        for attempt in ["at first", "again, as after a kill at its end"] {
            migrations::up(&records, None).await.unwrap();
            assert_eq!(texts(&records, NEW_LINES).await, new, "{attempt} on {primary}");
            assert_eq!(texts(&records, sums).await, ["600|50|21|571|20|abc"], "{attempt} on {primary}");
            run("DELETE FROM seaql_migrations WHERE version = 'm0018_lines'").await.unwrap();
        }
        migrations::up(&records, None).await.unwrap();
        let rounding = "SELECT CONCAT(rounding, COALESCE(canonical_version, 1)) FROM invoices";
        assert_eq!(texts(&records, rounding).await, ["PER_RATE1"], "{primary}");
        // The constraints of now, and none of then.
        run("UPDATE invoices SET tax_minor = -1, total_minor = 549").await.unwrap();
        run("UPDATE invoices SET total_minor = 550").await.unwrap_err();
        run("UPDATE invoices SET prices_include_tax = TRUE, total_minor = 550").await.unwrap();
        run("UPDATE invoices SET deposit_minor = 551").await.unwrap_err();
        run("UPDATE invoice_lines SET quantity_micro = 0").await.unwrap_err();
        run("UPDATE invoice_lines SET unit_price_micro = 1000000").await.unwrap_err();
        run("UPDATE invoice_lines SET quantity_micro = -1500000, amount_minor = -300 WHERE position = 0")
            .await
            .unwrap();
        run("INSERT INTO invoices SELECT * FROM invoices").await.unwrap_err();
        // What the earlier release has no columns for stays: parties, and then what is finer.
        back_to(&records, "m0019_parties").await;
        run("UPDATE invoices SET parties = '{}'").await.unwrap();
        migrations::down(&records, Some(1)).await.unwrap_err();
        run("UPDATE invoices SET parties = NULL").await.unwrap();
        back_to(&records, "m0018_lines").await;
        migrations::down(&records, Some(1)).await.unwrap_err();
        run("UPDATE invoices SET prices_include_tax = FALSE, tax_minor = 21, total_minor = 571").await.unwrap();
        migrations::down(&records, Some(1)).await.unwrap_err();
        run("UPDATE invoice_lines SET quantity_micro = 1500000, amount_minor = 300 WHERE position = 0").await.unwrap();
        back_to(&records, "m0015_events").await;
        assert_eq!(texts(&records, OLD_LINES).await, old, "{primary}");
        assert_eq!(texts(&records, sums).await, ["600|50|21|571|20|abc"], "{primary}");
        run("UPDATE invoices SET tax_minor = -1, total_minor = 549").await.unwrap_err();
        run("UPDATE invoices SET total_minor = 550").await.unwrap_err();
        run("UPDATE invoice_lines SET quantity_milli = 0").await.unwrap_err();
        migrations::up(&records, None).await.unwrap();
        assert_eq!(texts(&records, NEW_LINES).await, new, "{primary}");
        records.close().await;
        fresh.remove().await;
    }
}

#[tokio::test]
async fn proposals_and_milestones_come_again_after_a_kill_and_go_back() {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let records = fresh.records().await;
        let run = async |sql: &str| records.execute_unprepared(sql).await.unwrap();
        // As after a kill before the step was written down: all of its statements run once more.
        run("DELETE FROM seaql_migrations WHERE version = 'm0025_proposals'").await;
        migrations::up(&records, None).await.unwrap();
        assert!(is_complete(&records).await, "{primary}");
        back_to(&records, "m0024_reminders").await;
        records.execute_unprepared("SELECT milestone_id FROM invoices").await.unwrap_err();
        migrations::up(&records, None).await.unwrap();
        run("SELECT milestone_id, funds_milestone_id FROM invoices").await;
        run("SELECT submitted_at, cancelled_at, return_reason FROM projects").await;
        records.close().await;
        fresh.remove().await;
    }
}
