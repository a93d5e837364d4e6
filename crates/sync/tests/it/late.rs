//! Reads that land on a server that is behind. What they show is not believed, and what they do not show is not gone.

use std::time::Duration;

use chainbill_domain::models::USERS;
use chainbill_records::entities::users;
use chainbill_sync::{Order, Outcome, RepairPolicy, Replicator, Settings, compare::Level};
use chainbill_testkit::{Behind, Fresh};
use tokio_util::sync::CancellationToken;

use crate::{
    stage::on_every_database,
    world::{World, quick},
};

/// A world whose synchronisation reads in turn of servers, of which some are behind.
async fn reading(database: &Fresh, servers: Vec<&Behind>, primary_too: bool, settings: Settings) -> World {
    let (records, mirror) = (database.records().await, database.mirror().await);
    let beside = database.beside(&records).await;
    let mut readers: Vec<_> = servers.into_iter().map(|server| server.db.clone()).collect();
    if primary_too {
        readers.push(chainbill_testkit::open(&database.primary).await.db);
    }
    let sync = Replicator::new(beside.reading_in_turn(readers), mirror.clone(), settings);
    World { records, mirror, sync }
}

impl World {
    /// Waits until the relay has met a read that is behind. Other work may end the trouble that it reports; the
    /// change that waits is a stall all the same, for the server that is behind shows no entry of it.
    async fn waits_for_reads(&self) {
        let waits = async || {
            let pulse = self.sync.pulse().await;
            pulse.status == "stalled" || pulse.trouble.is_some_and(|why| why.contains("wait for a read"))
        };
        self.eventually("changes wait for a read that has reached them", waits).await;
    }

    async fn repairs(&self) -> usize {
        self.records.evidence(None, None, None, 100).await.unwrap().len()
    }
}

#[test]
fn a_change_waits_for_a_read_that_has_reached_it_and_a_row_not_seen_yet_is_not_deleted() {
    on_every_database(async |database| {
        let server = database.behind("late").await;
        // Beats would come through, and take the trouble with them.
        let settings = Settings { heartbeat: Duration::from_secs(3600), ..quick() };
        let world = reading(database, vec![&server], false, settings).await;
        let running = world.sync.start();
        let catching_up = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(100));
            loop {
                ticks.tick().await;
                server.catch_up().await;
            }
        };
        tokio::select! { () = world.live() => {}, () = catching_up => {} }
        let mut people: Vec<users::Model> = Vec::new();
        for name in ["Ada", "Grace", "Edsger", "Barbara"] {
            people.push(world.save_user(name).await);
        }
        world.waits_for_reads().await;
        assert_eq!(world.mirror.count(&USERS).await.unwrap(), 0);
        let ids: Vec<String> = people.iter().map(|user| user.id.to_string()).collect();
        assert!(world.mirror.get_many(&USERS, &ids).await.unwrap().is_empty(), "not even a tombstone is there");
        server.catch_up().await;
        world.eventually("it has come through", async || world.is_equal().await).await;

        let before = world.documents(&USERS).await;
        world.rename(&people[0], "Ada Lovelace").await;
        world.remove_user(&people[1]).await;
        world.waits_for_reads().await;
        let now = world.documents(&USERS).await;
        assert_eq!(now.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
        server.catch_up().await;
        world.eventually("it has come through too", async || world.is_equal().await).await;
        assert_eq!(world.repairs().await, 0, "nothing was ever wrong");
        world.assert_equal().await;
        running.stop().await;
        server.remove().await;
    });
}

#[test]
fn a_comparison_that_reads_of_servers_behind_finds_nothing_wrong_and_repairs_nothing() {
    on_every_database(async |database| {
        let server = database.behind("late").await;
        let world = reading(database, vec![&server], true, quick()).await;
        let relaying = World::open(database, quick()).await;
        let running = relaying.sync.start();
        let mut people: Vec<users::Model> = Vec::new();
        for number in 0..120 {
            people.push(world.save_user(&format!("user {number}")).await);
        }
        relaying.live().await;
        relaying.drained().await;
        server.catch_up().await;
        for user in &people[..20] {
            let again = world.rename(user, "once").await;
            world.rename(&again, "twice").await;
        }
        for user in &people[20..30] {
            world.remove_user(user).await;
        }
        world.save_user("late").await;
        relaying.drained().await;
        for level in [Level::Fast, Level::Deep, Level::Fast, Level::Deep, Level::Fast] {
            let order = Order::new("verify", level, RepairPolicy::Repair);
            let report = world.sync.run(&USERS, order, &|_| {}, &CancellationToken::new()).await.unwrap();
            assert_eq!((report.outcome, report.comparison.drifting()), (Outcome::Equal, 0), "{}", report.line());
        }
        for user in people[..30].iter().step_by(3) {
            let (repaired, why) = world.sync.one(&USERS, &user.id.to_string()).await.unwrap();
            assert_eq!((repaired.repaired, repaired.failed), (0, 0), "{why:?}");
        }
        assert_eq!(world.repairs().await, 0);
        world.assert_equal().await;
        running.stop().await;
        server.remove().await;
    });
}

#[test]
fn an_initial_copy_that_reads_of_servers_behind_neither_raises_the_deleted_nor_leaves_out_the_new() {
    on_every_database(async |database| {
        let server = database.behind("late").await;
        let world = reading(database, vec![&server], true, quick()).await;
        let mut people: Vec<users::Model> = Vec::new();
        for number in 0..120 {
            people.push(world.save_user(&format!("user {number}")).await);
        }
        server.catch_up().await;
        for user in people.iter().step_by(4) {
            world.remove_user(user).await;
        }
        let new = world.save_user("new").await;
        // All of it was brought to documents that are no more.
        world.sql("DELETE FROM outbox").await;
        world.sync.initial(&USERS, &|_| {}, &CancellationToken::new()).await.unwrap();
        for round in 0..3 {
            database.empty_secondary().await;
            world.sync.initial(&USERS, &|_| {}, &CancellationToken::new()).await.unwrap();
            let documents = world.documents(&USERS).await;
            assert_eq!(documents.len(), 91, "round {round}");
            assert!(documents.contains_key(&new.id.to_string()), "round {round}");
        }
        world.assert_equal().await;
        server.remove().await;
    });
}

#[test]
fn work_is_not_reported_as_done_by_a_lagging_server() {
    on_every_database(async |database| {
        let server = database.behind("late").await;
        let world = reading(database, vec![&server], true, quick()).await;
        server.catch_up().await;
        world.sync.initial(&USERS, &|_| {}, &CancellationToken::new()).await.unwrap();
        world.save_user("Ada").await;
        world.sync.drain(&CancellationToken::new()).await.unwrap();
        world.assert_equal().await;
        server.remove().await;
    });
}
