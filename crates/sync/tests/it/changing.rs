//! Changes whose order or size is a trap.

use chainbill_domain::models::{INVOICES, USERS};
use chainbill_records::{
    entities::{invoice_lines, users},
    outbox::PARTITIONS,
};
use chainbill_testkit::{Between, Largest};

use crate::{
    stage::on_every_database,
    world::{World, on_every_pair, quick},
};

#[test]
fn a_row_deleted_and_made_again_under_its_id_ends_equal() {
    on_every_pair(async |world: World| {
        let running = world.sync.start();
        let user = world.save_user("first life").await;
        world.drained().await;
        world.remove_user(&user).await;
        world.drained().await;
        assert_eq!(world.mirror.count(&USERS).await.unwrap(), 0);
        let mut unit = world.records.begin().await.unwrap();
        unit.insert::<users::Entity>(users::Model { name: "second life".to_owned(), ..user.clone() }).await.unwrap();
        unit.commit().await.unwrap();
        world.drained().await;
        world.assert_equal().await;
        running.stop().await;
    });
}

#[test]
fn a_row_deleted_and_made_again_in_one_transaction_ends_equal() {
    on_every_pair(async |world: World| {
        let running = world.sync.start();
        let user = world.save_user("first life").await;
        let user = world.rename(&user, "still the first").await;
        world.drained().await;
        let mut unit = world.records.begin().await.unwrap();
        unit.delete::<users::Entity>(&user).await.unwrap();
        unit.insert::<users::Entity>(users::Model { name: "second life".to_owned(), ..user.clone() }).await.unwrap();
        unit.commit().await.unwrap();
        world.drained().await;
        world.assert_equal().await;
        running.stop().await;
    });
}

#[test]
fn two_rows_that_swap_a_unique_value_end_equal() {
    on_every_pair(async |world: World| {
        let running = world.sync.start();
        let (one, other) = (world.save_user("one").await, world.save_user("other").await);
        world.drained().await;
        let with = |user: &users::Model, email: &str| users::Model { email: email.to_owned(), ..user.clone() };
        let mut unit = world.records.begin().await.unwrap();
        let parked = unit.update::<users::Entity>(&one, with(&one, "nobody@example.org")).await.unwrap();
        unit.update::<users::Entity>(&other, with(&other, &one.email)).await.unwrap();
        unit.update::<users::Entity>(&parked, with(&parked, &other.email)).await.unwrap();
        unit.commit().await.unwrap();
        world.drained().await;
        world.assert_equal().await;
        let documents = world.documents(&USERS).await;
        let email = |user: &users::Model| documents[&user.id.to_string()].body.get("email").cloned().unwrap();
        assert_eq!(email(&one), chainbill_domain::Value::Text(other.email.clone()));
        assert_eq!(email(&other), chainbill_domain::Value::Text(one.email.clone()));
        running.stop().await;
    });
}

#[test]
fn a_row_made_again_and_changed_in_one_unit_meets_its_tombstone_at_the_same_version_and_arrives() {
    on_every_database(async |database| {
        let world = World::open(database, quick()).await;
        let running = world.sync.start();
        world.live().await;
        let user = world.save_user("Ada").await;
        world.drained().await;
        world.remove_user(&user).await;
        world.drained().await;
        let mut unit = world.records.begin().await.unwrap();
        let again = unit.insert::<users::Entity>(user.clone()).await.unwrap();
        let changed = users::Model { name: "Ada again".to_owned(), ..again.clone() };
        unit.update::<users::Entity>(&again, changed).await.unwrap();
        unit.commit().await.unwrap();
        world.drained().await;
        world.assert_equal().await;
        running.stop().await;
    });
}

#[test]
fn a_huge_transaction_arrives_whole_in_bounded_batches() {
    const ROWS: usize = 20_000;
    const BATCH: usize = 500;
    on_every_database(async |database| {
        let watched = Between::before(database.mirror().await, Largest::default());
        let settings = chainbill_sync::Settings { batch: u32::try_from(BATCH).unwrap(), ..quick() };
        let world = World::open_before(database, settings, watched.clone()).await;
        let running = world.sync.start();
        world.live().await;
        let (rows, lines): (Vec<_>, Vec<_>) = (0..ROWS).map(|n| world.invoice(i64::try_from(n).unwrap())).unzip();
        let mut unit = world.records.begin().await.unwrap();
        let lines = lines.into_iter().flatten().collect();
        unit.insert_many_with::<invoice_lines::Entity>(rows, lines).await.unwrap();
        assert_eq!(world.mirror.count(&INVOICES).await.unwrap(), 0, "nothing appears before the commit");
        unit.commit().await.unwrap();
        world.drained().await;
        assert_eq!(world.mirror.count(&INVOICES).await.unwrap(), ROWS as u64);
        world.assert_equal().await;
        // Each partition's share of a batch is rounded up.
        let most = BATCH + usize::from(PARTITIONS);
        assert!(watched.writing.most() <= most, "one batch had {} writes", watched.writing.most());
        running.stop().await;
    });
}
