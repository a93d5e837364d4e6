//! Rows changed by SQL past the application are found by the scheduled comparison.

use std::time::Duration;

use chainbill_domain::models::USERS;
use chainbill_sync::Settings;

use crate::{
    stage::on_every_database,
    world::{World, quick},
};

#[test]
fn rows_written_changed_and_deleted_by_plain_sql_are_repaired_by_the_schedule() {
    on_every_database(async |database| {
        let every = [(USERS.name, Duration::from_secs(1))].into();
        let world = World::open(database, Settings { every, ..quick() }).await;
        let running = world.sync.start();
        let (changed, deleted) = (world.save_user("changed").await, world.save_user("deleted").await);
        world.drained().await;
        world.live().await;
        world.assert_equal().await;

        let stranger = world.user("a stranger");
        world.sql(&format!("CREATE TABLE one AS SELECT * FROM users WHERE id='{}'", changed.id)).await;
        world.sql(&format!("UPDATE one SET id='{}', email='{}', name='stranger'", stranger.id, stranger.email)).await;
        world.sql("INSERT INTO users SELECT * FROM one").await;
        world.sql(&format!("UPDATE users SET name='by hand' WHERE id='{}'", changed.id)).await;
        world.sql(&format!("DELETE FROM users WHERE id='{}'", deleted.id)).await;
        assert!(!world.is_equal().await);

        world.eventually("the schedule repairs it", async || world.is_equal().await).await;
        let evidence = async || world.records.evidence(Some(USERS.name), None, None, 10).await.unwrap();
        world.eventually("three repairs are on record", async || evidence().await.len() == 3).await;
        let mut found: Vec<(String, String)> =
            evidence().await.into_iter().map(|found| (found.entity_id, found.class)).collect();
        found.sort();
        let word = |user: &chainbill_records::entities::users::Model, class: &str| (user.id.to_string(), class.into());
        let mut expected = vec![word(&changed, "mutated"), word(&deleted, "phantom"), word(&stranger, "lost")];
        expected.sort();
        assert_eq!(found, expected);
        world
            .eventually("the schedule says so", async || {
                let runs = world.records.runs(Some("schedule"), Some(USERS.name), None, 100).await.unwrap();
                runs.iter().any(|run| run.repaired > 0)
            })
            .await;
        running.stop().await;
    });
}
