//! A clock that jumps takes nothing with it.

use std::{sync::Arc, time::Duration};

use chainbill_domain::models::INVOICES;
use chainbill_sync::{Order, RepairPolicy, Replicator, SyncError, compare::Level};
use chainbill_testkit::{Fresh, ManualClock};
use tokio_util::sync::CancellationToken;

use crate::{
    stage::on_every_database,
    world::{World, quick},
};

const HOUR: Duration = Duration::from_secs(3600);

async fn by_a_clock(database: &Fresh, clock: &Arc<ManualClock>) -> World {
    let records = database.records_at(clock.clone()).await;
    let mirror = database.mirror().await;
    let sync = Replicator::new(database.beside(&records).await, mirror.clone(), quick());
    World { records, mirror, sync }
}

#[test]
fn a_clock_that_jumps_ahead_and_back_loses_nothing_and_leases_go_on() {
    on_every_database(async |database| {
        let clock = Arc::new(ManualClock::running());
        let world = by_a_clock(database, &clock).await;
        let running = world.sync.start();
        world.invoices(100).await;
        world.live().await;
        let user = world.save_user("before").await;
        clock.forward(HOUR);
        world.invoices(100).await;
        let user = world.rename(&user, "ahead").await;
        world.drained().await;
        world.assert_equal().await;
        leases_go_on(&world, "an hour ahead").await;
        clock.back(2 * HOUR);
        world.invoices(100).await;
        world.rename(&user, "back").await;
        world.drained().await;
        world.assert_equal().await;
        leases_go_on(&world, "an hour behind").await;
        running.stop().await;
    });
}

#[test]
fn a_takeover_does_not_wait_for_the_hour_that_a_wrong_clock_added() {
    on_every_database(async |database| {
        let clock = Arc::new(ManualClock::running());
        let world = by_a_clock(database, &clock).await;
        let running = world.sync.start();
        let user = world.save_user("before").await;
        world.live().await;
        clock.forward(HOUR);
        leases_go_on(&world, "an hour ahead").await;
        // It ends without a word, and then the clock is set right.
        drop(running);
        clock.back(HOUR);
        let other = Replicator::new(database.beside(&world.records).await, world.mirror.clone(), quick());
        let running = other.start();
        world.rename(&user, "taken over").await;
        world.invoices(100).await;
        world.drained().await;
        world.assert_equal().await;
        leases_go_on(&world, "after all").await;
        running.stop().await;
    });
}

/// Waits until every partition's lease is held and ends soon by the present clock.
async fn leases_go_on(world: &World, when: &str) {
    world
        .eventually(&format!("leases go on {when}"), async || {
            let now = world.records.now();
            let leases = world.records.leases().await.unwrap();
            let mut parts = leases.iter().filter(|lease| lease.name.starts_with("outbox-")).peekable();
            parts.peek().is_some()
                && parts.all(|lease| lease.owner.is_some() && lease.until > now && lease.until < now + HOUR / 60)
        })
        .await;
}

#[test]
fn a_fault_that_another_process_wrote_down_ends_when_this_one_finds_the_model_well() {
    on_every_database(async |database| {
        let clock = Arc::new(ManualClock::running());
        let world = by_a_clock(database, &clock).await;
        let other = Replicator::new(database.beside(&world.records).await, world.mirror.clone(), quick());
        let (order, never) = (Order::new("manual", Level::Fast, RepairPolicy::Repair), CancellationToken::new());
        let faults = async || world.records.faults().await.unwrap().len();
        world.sync.run(&INVOICES, order, &|_| {}, &never).await.unwrap();
        world.invoices(200).await;
        world.sql("DELETE FROM outbox").await;
        let tripped = other.run(&INVOICES, order, &|_| {}, &never).await;
        assert!(matches!(tripped, Err(SyncError::Breaker { .. })), "{tripped:?}");
        assert_eq!(faults().await, 1);
        let force = Order { policy: RepairPolicy::Force, ..order };
        clock.forward(Duration::from_secs(11));
        world.sync.run(&INVOICES, force, &|_| {}, &never).await.unwrap();
        assert_eq!(faults().await, 0, "whichever process wrote it down");
    });
}
