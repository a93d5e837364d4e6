//! A mirror that refuses a whole collection is one fault of its model and no dead letter; a throttling one gets
//! smaller batches, without a fault.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};

use chainbill_domain::models::{INVOICES, USERS};
use chainbill_mirror::{MongoMirror, MongoSettings, SearchQuery};
use chainbill_records::ModelFault;
use chainbill_sync::Settings;
use chainbill_testkit::{EMBEDDED, Fresh, Wire, address, mongodb::bson::Document, refusal, refusals};

use crate::{
    stage::on_every_database,
    world::{World, quick},
};

/// Short, for there are many of them in these stories.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));

/// A story on every primary whose mirror is a server, with a proxy before that server.
fn before_every_server(story: impl AsyncFn(&Fresh, World, &Wire)) {
    on_every_database(async |database| {
        if database.secondary == EMBEDDED {
            return;
        }
        let wire = Wire::before(address(&database.secondary)).await;
        let uri = wire.instead_of(&database.secondary);
        let mirror = Arc::new(MongoMirror::connect(&uri, MongoSettings::default()).unwrap());
        let world = World::open_before(database, Settings { backoff: BACKOFF, ..quick() }, mirror).await;
        story(database, world, &wire).await;
    });
}

fn is_of(command: &Document, collection: &str) -> bool {
    command.values().next().and_then(|name| name.as_str()) == Some(collection)
}

async fn fault_of(world: &World, model: &str) -> Option<ModelFault> {
    world.records.faults().await.unwrap().into_iter().find(|fault| fault.model == model)
}

#[test]
fn a_refusal_of_a_whole_collection_is_one_fault_of_its_model_and_parks_nothing() {
    before_every_server(async |_, world, wire| {
        let running = world.sync.start();
        world.live().await;
        for (code, of_each) in [(121, true), (61, true), (13, true), (13, false), (61, false)] {
            for name in ["insert", "update"] {
                wire.answer(name, move |command| {
                    let answer = || if of_each { refusals(command, code) } else { refusal(code) };
                    is_of(command, "users").then(answer)
                });
            }
            for n in 0..30 {
                world.save_user(&format!("user {n}")).await;
            }
            world.invoices(3).await;
            world.eventually("the users are faulted", async || fault_of(&world, USERS.name).await.is_some()).await;
            let fault = fault_of(&world, USERS.name).await.unwrap();
            assert_eq!(fault.reason, format!("the mirror refused: it says why (code {code})"));
            world
                .eventually("the bills arrive all the same", async || {
                    world.rows(&INVOICES).await.len() == world.documents(&INVOICES).await.len()
                })
                .await;
            assert_eq!(world.sync.status().await.status, "faulted");
            assert!(world.sync.failures(None, 10).await.unwrap().is_empty(), "{code}: a dead letter");
            wire.pass();
            world.drained().await;
            world.eventually("it is over", async || fault_of(&world, USERS.name).await.is_none()).await;
            world.assert_equal().await;
        }
        running.stop().await;
    });
}

#[test]
fn a_throttling_server_gets_smaller_batches_and_raises_no_fault() {
    before_every_server(async |_, world, wire| {
        let running = world.sync.start();
        world.live().await;
        for (code, of_each) in [(16500, true), (16500, false), (8000, false), (262, true)] {
            let left = Arc::new(AtomicI64::new(25));
            for name in ["insert", "update"] {
                let left = left.clone();
                wire.answer(name, move |command| {
                    let statements = refusals(command, code);
                    let count = statements.get_array("writeErrors").unwrap().len();
                    // Never more than three documents at once, and some times none at all.
                    let refuses = is_of(command, "users") && (left.fetch_sub(1, SeqCst) > 0 || count > 3);
                    refuses.then(|| if of_each { statements } else { refusal(code) })
                });
            }
            for n in 0..20 {
                world.save_user(&format!("user {n}")).await;
            }
            world.drained().await;
            assert!(left.load(SeqCst) <= 0, "it never asked for less");
            assert!(world.sync.failures(None, 10).await.unwrap().is_empty(), "{code}: a dead letter");
            assert!(fault_of(&world, USERS.name).await.is_none(), "{code}: somebody was called");
            wire.pass();
            world.assert_equal().await;
        }
        running.stop().await;
    });
}

#[test]
fn a_refused_index_is_a_named_fault_of_its_model_while_all_others_live() {
    before_every_server(async |_, world, wire| {
        wire.answer("createIndexes", |command| is_of(command, "users").then(|| refusal(67)));
        world.save_user("Ada").await;
        world.invoices(3).await;
        let running = world.sync.start();
        // The users are mirrored and live, though their state asks for an operator.
        world.live().await;
        world.drained().await;
        let fault = fault_of(&world, USERS.name).await.unwrap();
        assert!(fault.reason.contains("the index cb_"), "{}", fault.reason);
        assert!(fault.reason.contains("it says why (code 67)"), "{}", fault.reason);
        world
            .eventually("every other model lives", async || {
                let status = world.sync.status().await;
                let is_so = |name: &str, state| state == Some(if name == USERS.name { "FAULTED" } else { "LIVE" });
                status.status == "faulted" && status.models.iter().all(|model| is_so(model.model, model.state))
            })
            .await;
        assert_eq!(world.mirror.search(&USERS, SearchQuery::of("ada", 10)).await.unwrap().len(), 1);
        world.assert_equal().await;
        wire.pass();
        world.eventually("it is over", async || fault_of(&world, USERS.name).await.is_none()).await;
        running.stop().await;
    });
}

#[test]
fn what_a_model_waits_for_before_it_is_copied_is_said() {
    before_every_server(async |_, world, wire| {
        wire.answer("listCollections", |_| Some(refusal(13)));
        world.save_user("Ada").await;
        let running = world.sync.start();
        world
            .eventually("it says what it waits for", async || {
                let status = world.sync.status().await;
                let users = status.models.iter().find(|model| model.model == USERS.name).unwrap();
                let what = users.waiting_for.clone().unwrap_or_default();
                users.state == Some("PENDING") && what.contains("to be prepared") && what.contains("(code 13)")
            })
            .await;
        wire.pass();
        world.live().await;
        world
            .eventually("nothing waits", async || {
                world.sync.status().await.models.iter().all(|model| model.waiting_for.is_none())
            })
            .await;
        running.stop().await;
    });
}
