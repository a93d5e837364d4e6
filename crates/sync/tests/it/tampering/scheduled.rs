//! The schedule finds tampering by itself, and does with it what the operator has set.

use std::time::Duration;

use chainbill_domain::models::{self, USERS};
use chainbill_records::{Run, entities::users};
use chainbill_sync::{RepairMode, Settings};
use chainbill_testkit::Fresh;

use super::{
    carry_out,
    cases::{Case, of_fields},
    documents_of, evidence,
};
use crate::{
    stage::on_every_database,
    world::{World, quick},
};

/// A world that looks deeply again and again, and never otherwise.
async fn watched(database: &Fresh, repair: RepairMode) -> (World, users::Model) {
    let every = models::ALL.iter().map(|model| (model.name, Duration::ZERO)).collect();
    let verify_every = Duration::from_millis(500);
    let world = World::open(database, Settings { every, verify_every, repair, ..quick() }).await;
    let user = world.save_user("Ada").await;
    (world, user)
}

/// Renames the user in the mirror alone: the sync metadata of the document stay as they were.
async fn tamper(database: &Fresh, user: &users::Model) {
    let case: &Case = &of_fields()[0];
    carry_out(&documents_of(database).await, case, &user.id.to_string()).await.unwrap();
}

/// The deep runs of the schedule that ended, the newest first.
async fn deep_runs(world: &World) -> Vec<Run> {
    let runs = world.records.runs(Some("scheduled-deep"), Some(USERS.name), None, 1000).await.unwrap();
    runs.into_iter().filter(|run| run.finished_at.is_some()).collect()
}

#[test]
fn the_schedule_finds_and_repairs_tampering_by_itself() {
    on_every_database(async |database| {
        let (world, user) = watched(database, RepairMode::Automatic).await;
        let running = world.sync.start();
        world.live().await;
        world.drained().await;
        tamper(database, &user).await;
        world.eventually("it is repaired", async || !evidence(&world, &USERS).await.is_empty()).await;
        world.eventually("both sides are equal", async || world.is_equal().await).await;
        let repaired = async || deep_runs(&world).await.into_iter().find(|run| run.drift > 0);
        world.eventually("the run has ended", async || repaired().await.is_some()).await;
        running.stop().await;
        let (run, evidence) = (repaired().await.unwrap(), evidence(&world, &USERS).await);
        assert_eq!((run.outcome.as_str(), run.drift, run.repaired), ("repaired", 1, 1));
        let one = &evidence[&user.id.to_string()];
        assert_eq!((one.run_id.as_str(), one.class.as_str(), one.fields.as_str()), (&*run.id, "mutated", "name"));
    });
}

#[test]
fn a_schedule_that_may_not_repair_reports_and_touches_nothing() {
    on_every_database(async |database| {
        let (world, user) = watched(database, RepairMode::Manual).await;
        let running = world.sync.start();
        world.live().await;
        world.drained().await;
        tamper(database, &user).await;
        let drifting = async || deep_runs(&world).await.into_iter().filter(|run| run.outcome == "drift").count();
        world.eventually("it is reported again and again", async || drifting().await >= 2).await;
        running.stop().await;
        let last = deep_runs(&world).await.remove(0);
        let run = world.records.run_of(&last.id).await.unwrap().expect("it is listed");
        assert_eq!((run.drift, run.repaired), (1, 0));
        assert!(run.findings.unwrap_or_default().contains(&user.id.to_string()));
        assert!(evidence(&world, &USERS).await.is_empty());
        let stored = world.documents(&USERS).await.remove(&user.id.to_string()).unwrap();
        assert_eq!(stored.body.get("name"), Some(&chainbill_domain::Value::Text("Mallory".to_owned())));
    });
}
