//! Repeated drift, unfinished runs, and expired records.

use std::time::Duration;

use chainbill_domain::{id::RunId, models::USERS};
use chainbill_mirror::{Content, Guard, Write};
use chainbill_records::Run;
use chainbill_sync::{Order, Outcome, Progress, RepairPolicy, Settings, SyncError, compare::Level};
use tokio_util::sync::CancellationToken;

use crate::{
    stage::on_every_database,
    world::{World, on_every_pair, quick},
};

impl World {
    /// Changes a user's document past the synchronisation.
    async fn tamper(&self, id: &str) {
        let mut stored = self.documents(&USERS).await.remove(id).unwrap();
        let name = stored.body.0.iter_mut().find(|(field, _)| field == "name").unwrap();
        name.1 = chainbill_domain::Value::Text("Mallory".to_owned());
        let content = Content::Document { body: stored.body, digest: stored.stamp.digest.unwrap() };
        let write = Write { id: id.to_owned(), version: stored.stamp.version.unwrap(), content, fresh: false };
        self.mirror.apply(&USERS, Guard::NotNewer, &[write], self.records.now()).await.unwrap();
    }

    /// Gives a user's document a version that its row has not reached.
    async fn ahead_of(&self, id: &str, version: i64) {
        let stored = self.documents(&USERS).await.remove(id).unwrap();
        let content = Content::Document { body: stored.body, digest: stored.stamp.digest.unwrap() };
        let write = Write { id: id.to_owned(), version, content, fresh: false };
        self.mirror.apply(&USERS, Guard::Newer, &[write], self.records.now()).await.unwrap();
    }
}

#[test]
fn a_document_that_drifts_repeatedly_is_quarantined_and_reported_until_a_forced_repair() {
    on_every_pair(async |world: World| {
        let user = world.save_user("Ada").await.id.to_string();
        let other = world.save_user("Grace").await.id.to_string();
        world.sync.initial(&USERS, &|_| {}, &CancellationToken::new()).await.unwrap();
        world.sync.drain(&CancellationToken::new()).await.unwrap();
        let most = u64::from(Settings::default().quarantine_after);
        for round in 1..=most {
            world.tamper(&user).await;
            let report = world.deep(RepairPolicy::Repair).await;
            assert_eq!((report.outcome, report.repaired.repaired), (Outcome::Repaired, 1), "round {round}");
        }
        world.tamper(&user).await;
        world.tamper(&other).await;
        let report = world.deep(RepairPolicy::Repair).await;
        assert_eq!((report.repaired.quarantined, report.repaired.repaired), (1, 1), "the other one is repaired");
        assert_eq!(report.outcome, Outcome::Drift);
        let status = world.sync.status().await;
        assert_eq!((status.quarantined, status.status), (Some(1), "behind"));
        let reason = status.reason.unwrap_or_default();
        assert!(reason.contains("1 copies are known to be wrong and left alone: 1 of users"), "{reason}");
        let why = world.sync.explain(&USERS, &user).await.unwrap();
        assert_eq!((why.quarantined, why.repairs, why.verdict.as_str()), (true, most, "mutated"));
        assert_eq!(why.last_repair.unwrap().action, "written again");
        let forced = world.deep(RepairPolicy::Force).await;
        assert_eq!((forced.outcome, forced.repaired.repaired), (Outcome::Repaired, 1));
        assert_eq!(world.sync.status().await.quarantined, Some(0), "it is right now, however often it was not");
        world.assert_equal().await;
    });
}

#[test]
fn a_copy_that_the_relay_leaves_alone_is_behind_until_it_is_right() {
    on_every_pair(async |world: World| {
        let user = world.save_user("Ada").await;
        let id = user.id.to_string();
        let running = world.sync.start();
        world.live().await;
        world.drained().await;
        for _ in 0..Settings::default().quarantine_after {
            world.tamper(&id).await;
            world.deep(RepairPolicy::Repair).await;
        }
        world.eventually("it is healthy", async || world.sync.pulse().await.status == "healthy").await;
        // No comparison follows: the relay alone meets it.
        world.ahead_of(&id, 7).await;
        world.rename(&user, "Ada Lovelace").await;
        world.eventually("it is known to be wrong", async || world.sync.pulse().await.quarantined == Some(1)).await;
        let status = world.sync.status().await;
        let users = status.models.iter().find(|model| model.model == USERS.name).unwrap();
        assert_eq!((status.status, users.quarantined, users.drift), ("behind", Some(1), Some(false)), "{status:?}");
        let (repaired, why) = world.sync.one(&USERS, &id).await.unwrap();
        assert_eq!((repaired.repaired, why.verdict.as_str()), (1, "equal"));
        world.eventually("it is healthy again", async || world.sync.pulse().await.status == "healthy").await;
        running.stop().await;
    });
}

#[test]
fn unfinished_runs_are_reported_as_interrupted_and_end_with_the_next_of_their_kind() {
    on_every_pair(async |world: World| {
        for _ in 0..120 {
            world.save_user("somebody").await;
        }
        let never = CancellationToken::new();
        world.sync.initial(&USERS, &|_| {}, &never).await.unwrap();
        world.sync.drain(&never).await.unwrap();
        let interrupted = async |order: Order| {
            let stop = CancellationToken::new();
            let cut = |progress: Progress| {
                if progress.done >= 50 {
                    stop.cancel()
                }
            };
            let ended = world.sync.run(&USERS, order, &cut, &stop).await;
            assert!(matches!(ended, Err(SyncError::Stopped)), "{ended:?}");
        };
        let deep = Order::new("verify", Level::Deep, RepairPolicy::Report);
        interrupted(deep).await;
        let records = &world.records;
        let newest = async || records.runs(Some("verify"), None, None, 1).await.unwrap().remove(0);
        let first = newest().await;
        assert!(records.resume(&first.id).await.unwrap().is_some(), "one can go on with it");

        // A run of another kind, as the schedule begins them, takes nothing from who comes back to this one.
        let schedule = Order::new("schedule", Level::Fast, RepairPolicy::Report);
        world.sync.run(&USERS, schedule, &|_| {}, &never).await.unwrap();
        let first = newest().await;
        assert_eq!((first.outcome.as_str(), first.finished_at), ("interrupted", None));
        let resumed = world.sync.run(&USERS, deep.resuming(true), &|_| {}, &never).await.unwrap();
        assert_eq!((resumed.id.as_str(), resumed.outcome), (first.id.as_str(), Outcome::Equal));

        // A new run of its own kind, at any level, ends it.
        interrupted(deep).await;
        let second = newest().await;
        let fast = Order::new("verify", Level::Fast, RepairPolicy::Report);
        let id = RunId::new(records.now(), records.random().bytes());
        assert_eq!(world.sync.run(&USERS, fast.named(id), &|_| {}, &never).await.unwrap().id, id.to_string());
        let second = records.run_of(&second.id).await.unwrap().unwrap();
        assert_eq!(second.outcome, "interrupted");
        assert!(second.finished_at.is_some() && records.resume(&second.id).await.unwrap().is_none());
        assert!(records.unfinished_runs(&USERS).await.unwrap().is_empty());
    });
}

#[test]
fn a_run_is_written_down_with_all_that_it_found() {
    on_every_pair(async |world: World| {
        let user = world.save_user("Ada").await.id.to_string();
        world.sync.initial(&USERS, &|_| {}, &CancellationToken::new()).await.unwrap();
        world.sync.drain(&CancellationToken::new()).await.unwrap();
        let report = world.deep(RepairPolicy::Report).await;
        let run = world.records.run_of(&report.id).await.unwrap().unwrap();
        let certificate = report.certificate.unwrap().hash;
        assert_eq!((run.compared, run.total, run.certificate.as_ref()), (1, 1, Some(&certificate)));
        let why = world.sync.explain(&USERS, &user).await.unwrap();
        let certified = why.certified.expect("it was among the rows");
        assert_eq!((certified.certificate, certified.version), (certificate, 1));
        let later = world.save_user("Grace").await.id.to_string();
        assert!(world.sync.explain(&USERS, &later).await.unwrap().certified.is_none(), "it was made after the cut");
        world.tamper(&user).await;
        let report = world.deep(RepairPolicy::Report).await;
        let run = world.records.run_of(&report.id).await.unwrap().unwrap();
        assert_eq!((run.drift, run.in_flight, run.certificate), (1, 1, None));
        assert!(run.findings.unwrap().contains(&user));
    });
}

#[test]
fn runs_and_evidence_past_their_time_go_and_what_schedules_count_from_stays() {
    on_every_database(async |database| {
        let world = World::open(database, quick()).await;
        let user = world.save_user("Ada").await.id.to_string();
        world.sync.initial(&USERS, &|_| {}, &CancellationToken::new()).await.unwrap();
        world.sync.drain(&CancellationToken::new()).await.unwrap();
        for _ in 0..3 {
            world.tamper(&user).await;
            world.deep(RepairPolicy::Repair).await;
        }
        let records = &world.records;
        let old: Vec<Run> = records.runs(None, Some(USERS.name), None, 100).await.unwrap();
        let later = records.now() + Duration::from_secs(1);
        let day_before = later - Duration::from_secs(86_400);
        assert_eq!(records.forget_runs(day_before).await.unwrap(), 0, "they are of today");
        assert_eq!(records.forget_evidence(day_before).await.unwrap(), 0);
        assert_eq!(records.forget_runs(later).await.unwrap(), 2);
        assert_eq!(records.forget_evidence(later).await.unwrap(), 3);
        let left: Vec<String> =
            records.runs(None, Some(USERS.name), None, 100).await.unwrap().into_iter().map(|run| run.id).collect();
        let newest_of_each_kind: Vec<String> = old
            .iter()
            .enumerate()
            .filter(|(place, run)| !old[..*place].iter().any(|newer| newer.kind == run.kind))
            .map(|(_, run)| run.id.clone())
            .collect();
        assert_eq!(left, newest_of_each_kind);
        assert!(records.evidence(None, None, None, 10).await.unwrap().is_empty());
        assert_eq!(records.last_verifications().await.unwrap().len(), 1);
    });
}

#[test]
fn a_comparison_that_a_copy_left_due_is_made_by_the_next_process() {
    on_every_database(async |database| {
        let every = chainbill_domain::models::ALL.iter().map(|model| (model.name, Duration::ZERO)).collect();
        let world = World::open(database, Settings { every, ..quick() }).await;
        let running = world.sync.start();
        world.save_user("Ada").await;
        world.drained().await;
        world.live().await;
        running.stop().await;
        // The state of a process that ended between its backfill and the comparison after it.
        let phantom = world.id::<()>().to_string();
        let stored = world.documents(&USERS).await.into_values().next().unwrap();
        let content = Content::Document { body: stored.body, digest: stored.stamp.digest.unwrap() };
        let write = Write { id: phantom.clone(), version: 1, content, fresh: false };
        world.mirror.apply(&USERS, Guard::Newer, &[write], world.records.now()).await.unwrap();
        world.records.settle_fact("purge-users", "due").await.unwrap();
        let next = World::open(database, quick()).await;
        let running = next.sync.start();
        next.eventually("the phantom goes", async || !next.documents(&USERS).await.contains_key(&phantom)).await;
        next.eventually("it is not due any more", async || next.records.fact("purge-users").await.unwrap().is_none())
            .await;
        running.stop().await;
    });
}
