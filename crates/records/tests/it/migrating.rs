//! Migrations survive an end at any moment, and starts beside each other.

use chainbill_records::{Records, migrations, sea_orm::ConnectionTrait as _};
use chainbill_testkit::{EMBEDDED, Fresh, open, primaries};

async fn is_complete(records: &Records) -> bool {
    migrations::status(records.db()).await.unwrap().iter().all(|migration| migration.applied)
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
            records.db().execute_unprepared(sql).await.unwrap();
        }
        assert!(!is_complete(&records).await);
        migrations::up(records.db(), records.dialect(), None).await.unwrap();
        assert!(is_complete(&records).await, "{primary}");
        for table in ["audit_entries", "sync_runs"] {
            records.db().execute_unprepared(&format!("SELECT COUNT(*) FROM {table}")).await.unwrap();
        }
        records.db().clone().close().await.unwrap();
        fresh.remove().await;
    }
}

#[tokio::test]
async fn two_first_starts_beside_each_other_both_go_well() {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let start = async || {
            let opened = open(&fresh.primary).await;
            migrations::up(&opened.db, opened.dialect, None).await.unwrap();
            opened.db.close().await.unwrap();
        };
        tokio::join!(start(), start(), start());
        let records = fresh.records().await;
        assert!(is_complete(&records).await, "{primary}");
        records.db().clone().close().await.unwrap();
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
        "INSERT INTO payments VALUES ('{id}', 'bill', '{payer}', 'ref-1', 'CARD', 5, 'EUR', '2026-01-01 00:00:00.000', \
         '{payer}', '2026-01-01 00:00:00.000')"
    )
}

/// How many migrations come after this one.
async fn later_than(records: &Records, name: &str) -> u32 {
    let all = migrations::status(records.db()).await.unwrap();
    let place = all.iter().position(|migration| migration.name == name).unwrap();
    u32::try_from(all.len() - 1 - place).unwrap()
}

#[tokio::test]
async fn a_payments_name_becomes_its_payers_own_and_no_payment_is_lost() {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let records = fresh.records().await;
        let run = async |sql: &str| records.db().execute_unprepared(sql).await;
        migrations::down(records.db(), records.dialect(), Some(later_than(&records, "m0005_payers").await))
            .await
            .unwrap();
        migrations::down(records.db(), records.dialect(), Some(1)).await.unwrap();
        run(&payment("1", "ada")).await.unwrap();
        run(&payment("2", "bob")).await.unwrap_err();
        migrations::up(records.db(), records.dialect(), Some(1)).await.unwrap();
        run(&payment("2", "bob")).await.unwrap();
        run(&payment("3", "ada")).await.unwrap_err();
        migrations::down(records.db(), records.dialect(), Some(1)).await.unwrap_err();
        run("DELETE FROM payments WHERE id = '2'").await.unwrap();
        // As after a kill between the two halves: each can run again.
        migrations::down(records.db(), records.dialect(), Some(1)).await.unwrap();
        migrations::up(records.db(), records.dialect(), Some(1)).await.unwrap();
        run("DELETE FROM seaql_migrations WHERE version = 'm0005_payers'").await.unwrap();
        migrations::up(records.db(), records.dialect(), Some(1)).await.unwrap();
        run(&payment("2", "bob")).await.unwrap();
        assert_eq!(run("DELETE FROM payments").await.unwrap().rows_affected(), 2, "{primary}");
        records.db().clone().close().await.unwrap();
        fresh.remove().await;
    }
}

#[tokio::test]
async fn columns_that_were_added_or_taken_away_before_a_kill_are_gone_on_with() {
    for primary in primaries().into_iter().filter(|primary| primary != EMBEDDED) {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let records = fresh.records().await;
        let run = async |sql: &str| records.db().execute_unprepared(sql).await.unwrap();
        run("ALTER TABLE sync_runs DROP COLUMN parked").await;
        run("DROP INDEX sync_evidence_at ON sync_evidence").await;
        run("DELETE FROM seaql_migrations WHERE version = 'm0006_runs'").await;
        migrations::up(records.db(), records.dialect(), None).await.unwrap();
        assert!(is_complete(&records).await, "{primary}");
        run("SELECT total, parked, certificate FROM sync_runs").await;
        run("ALTER TABLE sync_runs DROP COLUMN total").await;
        let these = later_than(&records, "m0006_runs").await + 1;
        migrations::down(records.db(), records.dialect(), Some(these)).await.unwrap();
        migrations::up(records.db(), records.dialect(), None).await.unwrap();
        run("SELECT total, parked, certificate FROM sync_runs").await;
        records.db().clone().close().await.unwrap();
        fresh.remove().await;
    }
}
