use chainbill_domain::{
    Model, Value,
    mapping::{int, minutes, text},
};
use chainbill_mirror::{
    Guard,
    Outcome::{Applied, Stale},
    Write,
};

use crate::world::{THINGS, World, ago, body_of, digest_of, fields, put, thing, tombstone, txt};

pub async fn a_newer_version_replaces_and_an_equal_or_older_one_is_stale(world: World) {
    let world = world.prepared().await;
    assert_eq!(world.newer(thing("a", 2, "second")).await, Applied);
    assert_eq!(world.newer(thing("a", 2, "second again")).await, Stale);
    assert_eq!(world.newer(thing("a", 1, "first")).await, Stale);
    assert_eq!(world.name("a").await.as_deref(), Some("second"));
    assert_eq!(world.newer(thing("a", 3, "third")).await, Applied);
    assert_eq!(world.name("a").await.as_deref(), Some("third"));
}

pub async fn a_document_of_another_description_is_made_anew_at_its_own_version_and_only_for_that_purpose(world: World) {
    static OTHER: Model = Model {
        name: "things",
        columns: &[text("name", "name"), int("count", "number")],
        embeds: &[],
        omitted: &[],
        search: &[],
        indexes: &[],
        every: minutes(60),
    };
    let world = world.prepared().await;
    let other = |id: &str, version, name: &str| put(&OTHER, id, version, fields(vec![("name", txt(name))]));
    let before = [other("same", 2, "before"), other("newer", 3, "before"), other("older", 1, "before")];
    world.mirror.apply(&OTHER, Guard::Newer, &before, ago(0)).await.unwrap();
    world.apply(Guard::Newer, &[tombstone("gone", 2), thing("own", 2, "before")]).await;
    let of = async |id: &str| world.mirror.stamp(&THINGS, id).await.unwrap().unwrap().revision;
    assert_eq!(of("same").await, Some(OTHER.revision()));
    assert_eq!(of("gone").await, None);
    let ids = ["same", "newer", "older", "gone", "own", "new"];
    let after: Vec<Write> = ids.iter().map(|id| thing(id, 2, "after")).collect();
    assert_eq!(world.newer(after[0].clone()).await, Stale, "the relay does not take it for older");
    // Some are expected to be new, and meet what is there.
    let mixed: Vec<Write> =
        after.iter().enumerate().map(|(n, write)| Write { fresh: n % 2 == 0, ..write.clone() }).collect();
    let outcomes = world.apply(Guard::Outdated, &mixed).await;
    assert_eq!(outcomes, [Applied, Stale, Applied, Stale, Stale, Applied]);
    assert_eq!(of("same").await, Some(THINGS.revision()));
    assert_eq!(world.name("newer").await.as_deref(), Some("before"));
    assert_eq!(world.name("own").await.as_deref(), Some("before"));
    assert_eq!(world.apply(Guard::Outdated, &after).await, vec![Stale; 6], "what is made anew is so once");
}

pub async fn versions_that_arrive_out_of_order_end_with_the_newest(world: World) {
    let world = world.prepared().await;
    for version in [3, 1, 5, 2, 4] {
        world.newer(thing("a", version, &format!("v{version}"))).await;
    }
    assert_eq!(world.name("a").await.as_deref(), Some("v5"));
    assert_eq!(world.mirror.count(&THINGS).await.unwrap(), 1);
}

pub async fn the_same_document_twice_in_one_batch_ends_with_the_newest(world: World) {
    let world = world.prepared().await;
    let writes = [thing("a", 2, "second"), thing("a", 1, "first"), thing("a", 3, "third"), thing("b", 1, "other")];
    world.apply(Guard::Newer, &writes).await;
    assert_eq!(world.name("a").await.as_deref(), Some("third"));
    assert_eq!(world.name("b").await.as_deref(), Some("other"));
}

pub async fn what_is_expected_to_be_new_goes_by_the_guard_when_something_is_there(world: World) {
    let world = world.prepared().await;
    let fresh = |id: &str, version, name: &str| Write { fresh: true, ..thing(id, version, name) };
    world.apply(Guard::Newer, &[thing("older", 1, "before"), thing("newer", 3, "before"), tombstone("gone", 2)]).await;
    let writes = [
        fresh("older", 2, "after"),
        fresh("newer", 2, "after"),
        fresh("gone", 1, "after"),
        fresh("new", 1, "after"),
        fresh("twice", 1, "first"),
        fresh("twice", 2, "second"),
    ];
    let outcomes = world.apply(Guard::Newer, &writes).await;
    assert_eq!(outcomes[..4], [Applied, Stale, Stale, Applied]);
    assert_eq!(world.name("older").await.as_deref(), Some("after"));
    assert_eq!(world.name("newer").await.as_deref(), Some("before"));
    assert_eq!(world.name("new").await.as_deref(), Some("after"));
    assert_eq!(world.name("twice").await.as_deref(), Some("second"));
    assert!(world.mirror.get(&THINGS, "gone").await.unwrap().unwrap().stamp.tombstone);
}

pub async fn two_who_write_the_same_documents_in_opposite_orders_do_not_hold_each_other_up(world: World) {
    let world = world.prepared().await;
    for round in 0..4 {
        // New documents, and then changes of them.
        for version in [1, 2] {
            let write = |n: usize| Write { fresh: version == 1, ..thing(&format!("{round}-{n:04}"), version, "same") };
            let one: Vec<Write> = (0..600).map(write).collect();
            let other: Vec<Write> = one.iter().rev().cloned().collect();
            // A wait per document would exceed the deadline of a request.
            let (first, second) = tokio::join!(world.apply(Guard::Newer, &one), world.apply(Guard::Newer, &other));
            let applied = first.iter().chain(&second).filter(|outcome| **outcome == Applied).count();
            assert_eq!(applied, 600, "each document is written once");
        }
    }
}

pub async fn a_late_older_write_does_not_raise_a_tombstone(world: World) {
    let world = world.prepared().await;
    assert_eq!(world.newer(thing("a", 1, "first")).await, Applied);
    assert_eq!(world.newer(tombstone("a", 3)).await, Applied);
    assert_eq!(world.newer(thing("a", 2, "late")).await, Stale);
    let stored = world.mirror.get(&THINGS, "a").await.unwrap().unwrap();
    assert!(stored.stamp.tombstone);
    assert_eq!(stored.stamp.version, Some(3));
    assert_eq!(stored.stamp.digest, None);
    assert_eq!(world.mirror.stamp(&THINGS, "a").await.unwrap().as_ref(), Some(&stored.stamp));
    assert!(stored.body.0.is_empty(), "nothing of the document remains: {:?}", stored.body);
}

pub async fn a_newer_write_replaces_a_tombstone(world: World) {
    let world = world.prepared().await;
    world.newer(tombstone("a", 1)).await;
    assert_eq!(world.newer(thing("a", 2, "back")).await, Applied);
    assert!(!world.mirror.get(&THINGS, "a").await.unwrap().unwrap().stamp.tombstone);
    assert_eq!(world.mirror.count(&THINGS).await.unwrap(), 1);
}

pub async fn repair_replaces_whatever_is_not_newer(world: World) {
    let world = world.prepared().await;
    world.newer(thing("a", 4, "tampered")).await;
    assert_eq!(world.apply(Guard::NotNewer, &[thing("a", 3, "late")]).await, [Stale], "a relay was faster");
    assert_eq!(world.apply(Guard::NotNewer, &[thing("a", 4, "true")]).await, [Applied]);
    assert_eq!(world.name("a").await.as_deref(), Some("true"));
    assert_eq!(world.apply(Guard::NotNewer, &[thing("a", 4, "true again")]).await, [Applied]);
    assert_eq!(world.apply(Guard::NotNewer, &[tombstone("a", 4), thing("new", 1, "new")]).await, [Applied, Applied]);
    assert!(world.mirror.get(&THINGS, "a").await.unwrap().unwrap().stamp.tombstone);
    assert_eq!(world.name("new").await.as_deref(), Some("new"));
}

pub async fn delete_and_update_racing_leave_the_newest(world: World) {
    let world = world.prepared().await;
    let (update, delete) = ([thing("a", 2, "updated")], [tombstone("a", 3)]);
    for _ in 0..10 {
        world.mirror.remove(&THINGS, &["a".to_owned()]).await.unwrap();
        world.newer(thing("a", 1, "first")).await;
        let (one, two) = tokio::join!(
            world.mirror.apply(&THINGS, Guard::Newer, &update, ago(0)),
            world.mirror.apply(&THINGS, Guard::Newer, &delete, ago(0)),
        );
        one.unwrap();
        assert_eq!(two.unwrap(), [Applied]);
        let stamp = world.mirror.get(&THINGS, "a").await.unwrap().unwrap().stamp;
        assert!(stamp.tombstone && stamp.version == Some(3), "{stamp:?}");
    }
}

pub async fn a_batch_is_answered_in_its_order(world: World) {
    let world = world.prepared().await;
    let first: Vec<_> = (0..1500).filter(|n| n % 3 == 0).map(|n| thing(&format!("{n:05}"), 5, "before")).collect();
    world.apply(Guard::Newer, &first).await;
    let all: Vec<_> = (0..1500).map(|n| thing(&format!("{n:05}"), if n % 6 == 0 { 4 } else { 6 }, "after")).collect();
    let outcomes = world.apply(Guard::Newer, &all).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(*outcome, if n % 6 == 0 { Stale } else { Applied }, "write {n}");
    }
    assert_eq!(world.mirror.count(&THINGS).await.unwrap(), 1500);
}

pub async fn nothing_to_apply_is_nothing(world: World) {
    assert_eq!(world.apply(Guard::Newer, &[]).await, []);
    world.mirror.track(&[]).await.unwrap();
    world.mirror.log(&[]).await.unwrap();
    assert_eq!(world.mirror.remove(&THINGS, &[]).await.unwrap(), 0);
}

pub async fn writing_before_prepare_works(world: World) {
    assert_eq!(world.newer(thing("a", 1, "early")).await, Applied);
    let world = world.prepared().await;
    assert_eq!(world.name("a").await.as_deref(), Some("early"));
}

pub async fn a_document_comes_back_with_its_stamp(world: World) {
    let world = world.prepared().await;
    let when = ago(5);
    let body = fields(vec![
        ("zeta", txt("fields keep their order")),
        ("alpha", Value::Int(1)),
        ("total", Value::Map(fields(vec![("minor", Value::Int(125_000)), ("currency", txt("USD"))]))),
    ]);
    let write = put(&THINGS, "a", 7, body);
    world.mirror.apply(&THINGS, Guard::Newer, std::slice::from_ref(&write), when).await.unwrap();
    let stored = world.mirror.get(&THINGS, "a").await.unwrap().unwrap();
    assert_eq!(stored.stamp.id, "a");
    assert_eq!(stored.stamp.version, Some(7));
    assert_eq!(stored.stamp.digest, digest_of(&write));
    assert!(!stored.stamp.tombstone);
    assert_eq!(stored.applied_at, Some(when.timestamp_millis()));
    assert_eq!(stored.body, body_of(&write));
    assert_eq!(world.mirror.stamp(&THINGS, "a").await.unwrap(), Some(stored.stamp));
}

pub async fn removing_is_physical_and_counts(world: World) {
    let world = world.prepared().await;
    world.apply(Guard::Newer, &[thing("a", 1, "a"), thing("b", 1, "b"), tombstone("c", 1)]).await;
    let ids = ["a", "c", "never"].map(str::to_owned);
    assert_eq!(world.mirror.remove(&THINGS, &ids).await.unwrap(), 2);
    assert!(world.mirror.get(&THINGS, "a").await.unwrap().is_none());
    assert!(world.mirror.get(&THINGS, "c").await.unwrap().is_none());
    assert_eq!(world.mirror.count(&THINGS).await.unwrap(), 1);
}
