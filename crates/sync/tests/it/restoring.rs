//! One of the two databases is replaced: the primary restored from a backup, the mirror emptied.

use chainbill_domain::models::USERS;
use chainbill_sync::{Outcome, RepairPolicy, compare::Class};

use crate::{
    stage::on_every_database,
    world::{World, on_every_pair, quick},
};

/// What a backup of the primary holds, children after their parents.
const TABLES: &[&str] = &["users", "user_skills", "invoices", "invoice_lines", "outbox", "sync_models"];

async fn back_up(world: &World) {
    for table in TABLES {
        world.sql(&format!("CREATE TABLE backup_{table} AS SELECT * FROM {table}")).await;
    }
}

async fn restore(world: &World) {
    for table in TABLES {
        world.sql(&format!("DELETE FROM {table}")).await;
        world.sql(&format!("INSERT INTO {table} SELECT * FROM backup_{table}")).await;
    }
}

#[test]
fn a_primary_restored_from_an_older_backup_is_reported_repaired_and_written_to_again() {
    on_every_pair(async |world: World| {
        let running = world.sync.start();
        let untouched = world.save_user("untouched").await;
        let changed = world.save_user("changed after the backup").await;
        let deleted = world.save_user("deleted after the backup").await;
        world.drained().await;
        running.stop().await;
        back_up(&world).await;

        let running = world.sync.start();
        let later = world.rename(&changed, "once").await;
        world.rename(&later, "twice").await;
        world.remove_user(&deleted).await;
        let forgotten = world.save_user("made after the backup").await;
        world.drained().await;
        running.stop().await;
        restore(&world).await;

        let report = world.deep(RepairPolicy::Report).await;
        let mut found: Vec<(String, Class)> =
            report.comparison.findings.iter().map(|finding| (finding.id.clone(), finding.class)).collect();
        found.sort();
        let mut expected = vec![
            (changed.id.to_string(), Class::AheadOfSource),
            (deleted.id.to_string(), Class::AheadOfSource),
            (forgotten.id.to_string(), Class::Phantom),
        ];
        expected.sort();
        assert_eq!((report.outcome, found), (Outcome::Drift, expected));

        let report = world.deep(RepairPolicy::Force).await;
        assert_eq!((report.outcome, report.repaired.repaired), (Outcome::Repaired, 3));
        world.assert_equal().await;

        let running = world.sync.start();
        for user in [&untouched, &changed, &deleted] {
            world.rename(user, "after the restore").await;
        }
        world.drained().await;
        world.assert_equal().await;
        running.stop().await;
        assert_eq!(world.deep(RepairPolicy::Report).await.outcome, Outcome::Equal);
    });
}

#[test]
fn a_row_deleted_right_after_its_primary_was_restored_is_gone_on_both_sides() {
    on_every_pair(async |world: World| {
        let running = world.sync.start();
        let user = world.save_user("Ada").await;
        world.drained().await;
        running.stop().await;
        back_up(&world).await;
        let running = world.sync.start();
        let later = world.rename(&user, "once").await;
        world.rename(&later, "twice").await;
        world.drained().await;
        running.stop().await;
        restore(&world).await;
        // The delete's entry has a version that the document left behind long ago.
        let running = world.sync.start();
        world.remove_user(&user).await;
        world.drained().await;
        world.assert_equal().await;
        running.stop().await;
    });
}

#[test]
fn a_mirror_emptied_under_a_running_synchronisation_is_backfilled_again() {
    on_every_database(async |database| {
        let world = World::open(database, quick()).await;
        let running = world.sync.start();
        world.save_user("Ada").await;
        world.invoices(150).await;
        world.drained().await;
        world.live().await;
        world.assert_equal().await;
        database.empty_secondary().await;
        // Nothing is written here: it is noticed all the same.
        world.eventually("it is filled again", async || world.is_equal().await).await;
        world.save_user("Bob").await;
        world.drained().await;
        world.live().await;
        world.assert_equal().await;
        assert_eq!(world.mirror.count(&USERS).await.unwrap(), 2);
        running.stop().await;
    });
}
