//! What is committed appears, identical, by itself.

use std::time::Duration;

use chainbill_domain::models::{INVOICES, USERS};
use chainbill_records::{
    ModelState,
    entities::{invoice_lines, users},
};
use chainbill_sync::Settings;
use chainbill_testkit::{EMBEDDED, Fresh};
use tokio_util::sync::CancellationToken;

use crate::world::{World, on_every_pair, quick};

#[test]
fn a_committed_write_appears_identical_in_the_mirror() {
    on_every_pair(async |world: World| {
        let running = world.sync.start();
        let user = world.save_user("Ada Λ 😀").await;
        world.invoices(120).await;
        world.drained().await;
        world.assert_equal().await;
        let mut unit = world.records.begin().await.unwrap();
        let changed = users::Model {
            name: "Ada B.".to_owned(),
            hourly_rate_minor: None,
            hourly_rate_currency: None,
            ..user.clone()
        };
        let changed = unit.update::<users::Entity>(&user, changed).await.unwrap();
        assert_eq!(changed.version, 2);
        unit.commit().await.unwrap();
        world.drained().await;
        world.assert_equal().await;
        let documents = world.documents(&USERS).await;
        let text = format!("{:?}", documents);
        assert!(!text.contains("canary"), "a secret left the primary");
        let mut unit = world.records.begin().await.unwrap();
        unit.delete::<users::Entity>(&changed).await.unwrap();
        unit.commit().await.unwrap();
        world.drained().await;
        world.assert_equal().await;
        assert_eq!(world.mirror.count(&USERS).await.unwrap(), 0);
        running.stop().await;
    });
}

#[test]
fn what_was_rolled_back_never_appears() {
    on_every_pair(async |world: World| {
        let running = world.sync.start();
        let mut unit = world.records.begin().await.unwrap();
        unit.insert::<users::Entity>(world.user("Nobody")).await.unwrap();
        unit.rollback().await.unwrap();
        let user = world.save_user("Somebody").await;
        world.drained().await;
        world.assert_equal().await;
        assert_eq!(world.documents(&USERS).await.into_keys().collect::<Vec<_>>(), [user.id.to_string()]);
        running.stop().await;
    });
}

#[test]
fn a_concurrently_changed_row_is_refused() {
    on_every_pair(async |world: World| {
        let user = world.save_user("Ada").await;
        let mut unit = world.records.begin().await.unwrap();
        let other = users::Model { name: "Bob".to_owned(), ..user.clone() };
        unit.update::<users::Entity>(&user, other.clone()).await.unwrap();
        unit.commit().await.unwrap();
        let mut unit = world.records.begin().await.unwrap();
        let error = unit.update::<users::Entity>(&user, other).await.unwrap_err();
        assert!(error.to_string().contains("has changed since it was read"), "{error}");
    });
}

#[test]
fn an_initial_copy_beside_live_writes_ends_equal_and_live() {
    on_every_pair(async |world: World| {
        world.invoices(300).await;
        world.sql("DELETE FROM outbox").await;
        let running = world.sync.start();
        world.invoices(100).await;
        world
            .eventually("the bills are live", async || {
                world.records.backfill_state(&INVOICES).await.unwrap().state == ModelState::Live
            })
            .await;
        world.drained().await;
        world.assert_equal().await;
        running.stop().await;
    });
}

#[test]
fn a_copy_that_was_interrupted_goes_on_from_its_cursor() {
    on_every_pair(async |world: World| {
        world.invoices(1500).await;
        let stop = CancellationToken::new();
        let interrupt = stop.clone();
        let report = move |progress: chainbill_sync::Progress| {
            if progress.done >= 100 {
                interrupt.cancel();
            }
        };
        world.sync.initial(&INVOICES, &report, &stop).await.unwrap_err();
        let copy = world.records.backfill_state(&INVOICES).await.unwrap();
        assert_eq!(copy.state, ModelState::Copying);
        assert!(copy.cursor.is_some() && copy.copied < 1500, "{copy:?}");
        let seen = std::sync::Mutex::new(Vec::new());
        let report = |progress: chainbill_sync::Progress| seen.lock().unwrap().push(progress.done);
        world.sync.initial(&INVOICES, &report, &CancellationToken::new()).await.unwrap();
        assert!(seen.lock().unwrap()[0] > 100, "it began again: {:?}", seen.lock().unwrap());
        world.assert_equal().await;
    });
}

#[test]
fn lines_are_replaced_with_their_invoice() {
    on_every_pair(async |world: World| {
        let running = world.sync.start();
        let (invoice, lines) = world.invoice(500);
        let mut unit = world.records.begin().await.unwrap();
        let invoice = unit.insert_with::<invoice_lines::Entity>(invoice, lines.clone()).await.unwrap();
        unit.commit().await.unwrap();
        let mut more = lines.clone();
        more.push(invoice_lines::Model { position: 1, description: String::new(), ..lines[0].clone() });
        let mut unit = world.records.begin().await.unwrap();
        unit.update_with::<invoice_lines::Entity>(&invoice, invoice.clone(), more).await.unwrap();
        unit.commit().await.unwrap();
        world.drained().await;
        world.assert_equal().await;
        running.stop().await;
    });
}

#[test]
fn what_could_not_be_taken_off_the_queue_is_tried_again_though_nothing_else_comes() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = Fresh::make(EMBEDDED, EMBEDDED).await;
        let settings = Settings { heartbeat: Duration::from_secs(3600), ..quick() };
        let world = World::open(&database, settings).await;
        let running = world.sync.start();
        world.drained().await;
        world.sql("CREATE TRIGGER stay BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'stay'); END").await;
        world.save_user("Ada").await;
        world.eventually("the lane has met it", async || world.sync.status().await.failures > Some(0)).await;
        world.sql("DROP TRIGGER stay").await;
        world.drained().await;
        world.assert_equal().await;
        running.stop().await;
        database.remove().await;
    });
}
