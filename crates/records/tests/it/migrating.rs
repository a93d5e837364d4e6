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
