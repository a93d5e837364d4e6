//! Drift of every class is found, named and repaired; what is in flight is no drift.

use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::{Duration, Instant},
};

use chainbill_domain::{
    Model,
    models::{INVOICES, USERS},
    proof::Broken,
};
use chainbill_mirror::{Content, Guard, Write};
use chainbill_records::ModelState;
use chainbill_sync::{
    Order, Outcome, Progress, RepairPolicy, Settings, SyncError,
    compare::{Class, Level},
};
use chainbill_testkit::{Between, Largest};
use tokio_util::sync::CancellationToken;

use crate::{
    stage::on_every_database,
    world::{World, on_every_pair, quick},
};

async fn verify(world: &World, policy: RepairPolicy) -> chainbill_sync::RunReport {
    world.sync.run(&USERS, Order::new("verify", Level::Deep, policy), &|_| {}, &CancellationToken::new()).await.unwrap()
}

/// Before that, a difference cannot be attributed to a pending change.
async fn live(world: &World, model: &'static Model) {
    world
        .eventually("the model is live", async || {
            world.records.backfill_state(model).await.unwrap().state == ModelState::Live
        })
        .await;
}

async fn filled(world: &World) -> Vec<String> {
    let running = world.sync.start();
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        ids.push(world.save_user(name).await.id.to_string());
    }
    live(world, &USERS).await;
    world.drained().await;
    running.stop().await;
    ids
}

#[test]
fn every_class_of_tampering_is_named_and_repaired() {
    on_every_pair(async |world: World| {
        let ids = filled(&world).await;
        assert_eq!(verify(&world, RepairPolicy::Report).await.outcome, Outcome::Equal);
        let now = world.records.now();
        let mirror = &world.mirror;
        let tampered =
            |id: &String,
             version,
             name: &str,
             documents: &std::collections::BTreeMap<String, chainbill_mirror::Stored>| {
                let mut body = documents[id].body.clone();
                let name_field = body.0.iter_mut().find(|(field, _)| field == "name").unwrap();
                name_field.1 = chainbill_domain::Value::Text(name.to_owned());
                let content = Content::Document { body, digest: documents[id].stamp.digest.unwrap() };
                Write { id: id.clone(), version, content, fresh: false }
            };
        let documents = world.documents(&USERS).await;
        mirror.remove(&USERS, &ids[..1]).await.unwrap();
        mirror.apply(&USERS, Guard::NotNewer, &[tampered(&ids[1], 1, "Mallory", &documents)], now).await.unwrap();
        mirror.apply(&USERS, Guard::NotNewer, &[tampered(&ids[2], 9, "c", &documents)], now).await.unwrap();
        let mut phantom = tampered(&ids[3], 1, "d", &documents);
        phantom.id = "00000000-0000-7000-8000-000000000000".to_owned();
        mirror.apply(&USERS, Guard::NotNewer, &[phantom], now).await.unwrap();
        world.sql(&format!("UPDATE users SET version=version+1 WHERE id='{}'", ids[4])).await;

        let report = verify(&world, RepairPolicy::Report).await;
        let mut found: Vec<(String, Class, Vec<String>)> =
            report.comparison.findings.iter().map(|f| (f.id.clone(), f.class, f.fields.clone())).collect();
        found.sort();
        let mut expected = vec![
            (ids[0].clone(), Class::Lost, vec![]),
            (ids[1].clone(), Class::Mutated, vec!["name".to_owned()]),
            (ids[2].clone(), Class::AheadOfSource, vec!["_sync.version".to_owned()]),
            ("00000000-0000-7000-8000-000000000000".to_owned(), Class::Phantom, vec![]),
            (ids[4].clone(), Class::Stale, vec!["_sync.version".to_owned(), "_sync.digest".to_owned()]),
        ];
        expected.sort();
        assert_eq!(found, expected);

        let report = verify(&world, RepairPolicy::Repair).await;
        assert_eq!((report.outcome, report.repaired.repaired), (Outcome::Repaired, 5));
        let running = world.sync.start();
        world.drained().await;
        running.stop().await;
        world.assert_equal().await;
        assert_eq!(verify(&world, RepairPolicy::Report).await.outcome, Outcome::Equal);
        let evidence = world.records.evidence(Some("users"), None, None, 100).await.unwrap();
        assert_eq!(evidence.len(), 5);
        assert!(evidence.iter().all(|evidence| evidence.action != "none"), "{evidence:?}");
        let mutated = evidence.iter().find(|evidence| evidence.class == "mutated").unwrap();
        assert!(mutated.before.as_ref().unwrap().contains("Mallory"));
        assert!(!mutated.after.as_ref().unwrap().contains("Mallory"));
        assert_eq!(mutated.fields, "name");
    });
}

#[test]
fn what_waits_in_the_outbox_is_in_flight_and_no_drift() {
    on_every_pair(async |world: World| {
        filled(&world).await;
        world.save_user("f").await;
        let report = verify(&world, RepairPolicy::Report).await;
        assert_eq!((report.outcome, report.comparison.in_flight), (Outcome::Equal, 1));
    });
}

#[test]
fn verifying_beside_writes_reports_no_false_drift() {
    on_every_pair(async |world: World| {
        let running = world.sync.start();
        world.invoices(200).await;
        live(&world, &INVOICES).await;
        live(&world, &USERS).await;
        let stop = CancellationToken::new();
        let mut kept = Vec::new();
        for n in 0..20 {
            kept.push(world.save_user(&format!("user {n}")).await);
        }
        let writing = async {
            let mut pace = tokio::time::interval(std::time::Duration::from_millis(50));
            for turn in 0.. {
                if stop.is_cancelled() {
                    break;
                }
                pace.tick().await;
                world.invoices(20).await;
                for user in &mut kept {
                    *user = world.rename(user, &format!("turn {turn}")).await;
                }
                let user = world.save_user("short-lived").await;
                let mut unit = world.records.begin().await.unwrap();
                unit.delete::<chainbill_records::entities::users::Entity>(&user).await.unwrap();
                unit.commit().await.unwrap();
            }
        };
        let verifying = async {
            let mut looked = 0;
            while looked < 20 {
                for model in [&INVOICES, &USERS] {
                    let run = world
                        .sync
                        .run(model, Order::new("verify", Level::Deep, RepairPolicy::Report), &|_| {}, &stop)
                        .await;
                    let report = match run {
                        Err(SyncError::LeaseTaken(_)) => continue,
                        run => run.unwrap(),
                    };
                    looked += 1;
                    assert_eq!(report.outcome, Outcome::Equal, "{:?}", report.comparison.findings);
                }
            }
            stop.cancel();
        };
        futures::join!(writing, verifying);
        world.drained().await;
        world.assert_equal().await;
        running.stop().await;
    });
}

#[test]
fn documents_newer_than_the_moment_of_the_rows_are_no_drift() {
    on_every_database(async |database| {
        let world = World::open(database, Settings { page: 10, ..quick() }).await;
        let mut users = Vec::new();
        for n in 0..100 {
            users.push(world.save_user(&format!("user {n}")).await);
        }
        let running = world.sync.start();
        live(&world, &USERS).await;
        world.drained().await;
        users.sort_by_key(|user| user.id.to_string());
        // The rows are of one moment. By the time that their documents are read, those of the last pages are newer.
        let changed = AtomicBool::new(false);
        let change = async || {
            for user in &users[70..] {
                world.rename(user, "newer").await;
            }
            world.remove_user(&users[69]).await;
            world.drained().await;
        };
        let on_progress = |_: Progress| {
            if !changed.swap(true, SeqCst) {
                tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(change()));
            }
        };
        let order = Order::new("verify", Level::Deep, RepairPolicy::Report);
        let report = world.sync.run(&USERS, order, &on_progress, &CancellationToken::new()).await.unwrap();
        assert_eq!((report.outcome, report.comparison.drifting()), (Outcome::Equal, 0), "{:?}", report.comparison);
        assert_eq!((report.comparison.rows, report.comparison.in_flight), (100, 0), "{:?}", report.comparison);
        running.stop().await;
        world.assert_equal().await;
    });
}

#[test]
fn a_throttled_verification_takes_its_time() {
    on_every_database(async |database| {
        const A_SECOND: u32 = 100;
        let world = World::open(database, Settings { page: 20, throttle: A_SECOND, ..quick() }).await;
        for _ in 0..60 {
            world.save_user("somebody").await;
        }
        world.sync.initial(&USERS, &|_| {}, &CancellationToken::new()).await.unwrap();
        let started = Instant::now();
        let report = verify(&world, RepairPolicy::Report).await;
        assert_eq!(report.comparison.compared, 60);
        assert!(started.elapsed() >= Duration::from_millis(600), "{:?}", started.elapsed());
    });
}

#[test]
fn a_verification_that_was_interrupted_goes_on_and_keeps_what_it_had_found() {
    on_every_pair(async |world: World| {
        for _ in 0..180 {
            world.save_user("somebody").await;
        }
        let all = CancellationToken::new();
        world.sync.initial(&USERS, &|_| {}, &all).await.unwrap();
        world.sql("DELETE FROM outbox").await;
        let ids: Vec<String> = world.documents(&USERS).await.into_keys().collect();
        world.mirror.remove(&USERS, &[ids[10].clone(), ids[170].clone()]).await.unwrap();
        let order = Order::scheduled("verify", Level::Deep, RepairPolicy::Report);
        let stop = CancellationToken::new();
        let interrupt = |progress: Progress| {
            if progress.done >= 50 {
                stop.cancel();
            }
        };
        let cut_off = world.sync.run(&USERS, order, &interrupt, &stop).await;
        assert!(matches!(cut_off, Err(SyncError::Stopped)), "{cut_off:?}");
        let seen = std::sync::Mutex::new(Vec::new());
        let report = world.sync.run(&USERS, order, &|p| seen.lock().unwrap().push(p.done), &all).await.unwrap();
        assert_eq!(seen.lock().unwrap().first(), Some(&100), "it began where it was interrupted");
        let found: Vec<&str> = report.comparison.findings.iter().map(|finding| finding.id.as_str()).collect();
        assert_eq!(found, [ids[10].as_str(), ids[170].as_str()]);
        assert_eq!((report.comparison.compared, report.outcome), (180, Outcome::Drift));
        assert!(report.certificate.is_none(), "its rows were not all of one moment");
        let anew = world.sync.run(&USERS, order, &|_| {}, &all).await.unwrap();
        assert_eq!((anew.comparison.compared, anew.comparison.drifting()), (180, 2), "the next begins anew");
    });
}

#[test]
fn a_verification_that_was_interrupted_reads_no_further() {
    on_every_database(async |database| {
        let between = Between::before(database.mirror().await, Largest::default());
        let seen = between.seen();
        let world = World::open_before(database, quick(), between).await;
        world.invoices(1500).await;
        let stop = CancellationToken::new();
        world.sync.initial(&INVOICES, &|_| {}, &stop).await.unwrap();
        let before = seen.pages();
        let order = Order::new("verify", Level::Deep, RepairPolicy::Report);
        let cut_off = world.sync.run(&INVOICES, order, &|_| stop.cancel(), &stop).await;
        assert!(matches!(cut_off, Err(SyncError::Stopped)), "{cut_off:?}");
        // A remaining reader keeps the engine open, and with it the mirror.
        let World { mirror, sync, .. } = world;
        drop((mirror, sync));
        tokio::time::timeout(Duration::from_secs(60), seen.dropped()).await.expect("the readers end");
        let read = seen.pages() - before;
        assert!(read < 10, "it read {read} pages of thirty");
    });
}

#[test]
fn much_drift_at_once_trips_the_breaker() {
    on_every_pair(async |world: World| {
        world.invoices(200).await;
        world.sql("DELETE FROM outbox").await;
        let stop = CancellationToken::new();
        let run =
            world.sync.run(&INVOICES, Order::new("manual", Level::Fast, RepairPolicy::Repair), &|_| {}, &stop).await;
        assert!(run.unwrap_err().to_string().contains("more than the breaker"), "it repaired");
        assert_eq!(world.mirror.count(&INVOICES).await.unwrap(), 0);
        world
            .sync
            .run(&INVOICES, Order::new("manual", Level::Fast, RepairPolicy::Force), &|_| {}, &stop)
            .await
            .unwrap();
        world.assert_equal().await;
    });
}

#[test]
fn a_certificate_proves_an_entity_and_nothing_else() {
    on_every_pair(async |world: World| {
        let ids = filled(&world).await;
        let first = verify(&world, RepairPolicy::Report).await.certificate.unwrap();
        let second = verify(&world, RepairPolicy::Report).await.certificate.unwrap();
        assert_eq!(second.previous.as_deref(), Some(first.hash.as_str()));
        assert_eq!((first.root.clone(), first.count), (second.root.clone(), 5));
        for id in &ids {
            let proof = world.sync.prove(&USERS, id).await.unwrap().unwrap();
            proof.check().unwrap();
            assert!(proof.document.is_some());
            let mut changed = proof.clone();
            changed.document.as_mut().unwrap()["name"] = "Mallory".into();
            assert_eq!(changed.check(), Err(Broken::Document));
            let mut other = proof.clone();
            other.certificate.root = other.digest.clone();
            assert_eq!(other.check(), Err(Broken::Path));
        }
        let stranger = "00000000-0000-7000-8000-000000000000";
        assert!(world.sync.prove(&USERS, stranger).await.unwrap().is_none());
    });
}
