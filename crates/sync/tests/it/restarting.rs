//! Restarts and recoveries: what was old before is no stall of the process that comes after.

use std::{sync::Arc, time::Duration};

use chainbill_domain::models::USERS;
use chainbill_sync::{Outcome, RepairPolicy, Replicator, Settings, Status};
use chainbill_testkit::{Fresh, ManualClock};

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
fn a_process_that_starts_after_an_hour_does_not_take_the_hour_for_a_stall() {
    on_every_database(async |database| {
        let clock = Arc::new(ManualClock::running());
        let world = by_a_clock(database, &clock).await;
        let running = world.sync.start();
        world.eventually("it is healthy", async || world.sync.pulse().await.status == "healthy").await;
        world.eventually("it beats", async || world.sync.pulse().await.heartbeat_seconds.is_some()).await;
        running.stop().await;
        world.save_user("waits meanwhile").await;
        clock.forward(HOUR);
        let looking = Replicator::new(database.beside(&world.records).await, world.mirror.clone(), quick());
        assert_eq!(looking.pulse().await.status, "behind", "who only looks says how old it is");

        let next = Replicator::new(database.beside(&world.records).await, world.mirror.clone(), quick());
        let running = next.start();
        let said = std::sync::Mutex::new(Vec::<Status>::new());
        world
            .eventually("it is healthy again", async || {
                let status = next.pulse().await;
                let healthy = status.status == "healthy" && status.heartbeat_seconds < Some(60.0);
                said.lock().unwrap().push(status);
                healthy
            })
            .await;
        for status in said.into_inner().unwrap() {
            assert_ne!((status.status, status.stalled), ("stalled", Some(true)), "{status:?}");
            let judged = status.oldest_seconds.unwrap_or(0.0).min(status.judging_seconds.unwrap());
            assert!(judged < 60.0, "nothing is late before anybody could judge it: {status:?}");
        }
        running.stop().await;
    });
}

#[test]
fn silence_is_a_stall_once_it_has_lasted_before_the_eyes_of_a_process() {
    on_every_database(async |database| {
        let clock = Arc::new(ManualClock::running());
        let world = by_a_clock(database, &clock).await;
        let running = world.sync.start();
        world.eventually("it is healthy", async || world.sync.pulse().await.status == "healthy").await;
        world.eventually("it beats", async || world.sync.pulse().await.heartbeat_seconds.is_some()).await;
        running.stop().await;
        clock.forward(HOUR);
        // No heartbeat is written, and the observer is not a process that has just started.
        let reason = world.sync.pulse().await.reason.unwrap_or_default();
        assert!(reason.starts_with("no heartbeat has come through for 36"), "{reason}");
    });
}

#[test]
fn a_model_that_is_not_live_says_what_it_waits_for() {
    on_every_database(async |database| {
        let world = World::open(database, Settings { repair: chainbill_sync::RepairMode::Manual, ..quick() }).await;
        world.save_user("Ada").await;
        world.sync.initial(&USERS, &|_| {}, &tokio_util::sync::CancellationToken::new()).await.unwrap();
        let status = world.sync.status().await;
        let of = |name: &str| status.models.iter().find(|model| model.model == name).unwrap();
        assert_eq!(of("users").state, Some("CATCHING_UP"));
        let waits_for = of("users").waiting_for.as_deref();
        assert_eq!(waits_for, Some("changes from before the copy's end, among 1 that wait"));
        world
            .records
            .note_waiting(&chainbill_domain::models::SKILLS, Some("its turn: users is copied first"))
            .await
            .unwrap();
        let status = world.sync.status().await;
        let skills = status.models.iter().find(|model| model.model == "skills").unwrap();
        assert_eq!(
            (skills.state, skills.waiting_for.as_deref()),
            (Some("PENDING"), Some("its turn: users is copied first"))
        );
        let running = world.sync.start();
        world.eventually("all are live", async || world.sync.pulse().await.status == "healthy").await;
        assert!(world.sync.status().await.models.iter().all(|model| model.waiting_for.is_none()));
        assert_eq!(world.deep(RepairPolicy::Report).await.outcome, Outcome::Equal);
        running.stop().await;
    });
}
