use chainbill_domain::{Value, models::USERS};
use chainbill_mirror::{Guard, Page, SearchQuery};

use crate::world::{KEPT, SCANS, THINGS, World, ago, body_of, digest_of, fields, put, thing, tombstone, txt};

const ALL: Page<'static> = Page { after: None, up_to: None, limit: 10_000 };

async fn ids(world: &World, page: Page<'_>) -> Vec<String> {
    let stamps = world.mirror.stamps(&THINGS, page).await.unwrap();
    let documents = world.mirror.documents(&THINGS, page).await.unwrap();
    assert_eq!(stamps, documents.into_iter().map(|stored| stored.stamp).collect::<Vec<_>>());
    stamps.into_iter().map(|stamp| stamp.id).collect()
}

pub async fn reading_what_does_not_exist_is_nothing(world: World) {
    assert_eq!(ids(&world, ALL).await, Vec::<String>::new());
    assert!(world.mirror.get(&THINGS, "a").await.unwrap().is_none());
    assert!(world.mirror.stamp(&THINGS, "a").await.unwrap().is_none());
    assert_eq!(world.mirror.count(&THINGS).await.unwrap(), 0);
    assert!(world.mirror.search(&USERS, SearchQuery::of("anything", 10)).await.unwrap().is_empty());
    assert!(world.mirror.find(&THINGS, "name", &txt("x"), None, 10).await.unwrap().is_empty());
    assert_eq!(world.mirror.identity().await.unwrap(), None);
    assert_eq!(world.mirror.remove(&THINGS, &["a".to_owned()]).await.unwrap(), 0);
}

pub async fn pages_follow_the_bytes_of_ids(world: World) {
    let world = world.prepared().await;
    let mut expected =
        ["a", "A", "B", "b", "aa", "a ", "a-", "ä", "z", "Z", "é", "e\u{301}", "😀", "😁", "ﬀ", "0", "10", "9", "~"];
    let writes: Vec<_> = expected.iter().map(|id| thing(id, 1, id)).collect();
    world.apply(Guard::Newer, &writes).await;
    expected.sort_unstable();
    assert_eq!(ids(&world, ALL).await, expected);
}

pub async fn a_page_is_bounded_on_both_sides(world: World) {
    let world = world.prepared().await;
    let writes: Vec<_> = ["a", "b", "c", "d", "e"].iter().map(|id| thing(id, 1, id)).collect();
    world.apply(Guard::Newer, &writes).await;
    let page = |after, up_to, limit| Page { after, up_to, limit };
    assert_eq!(ids(&world, page(Some("b"), Some("d"), 10)).await, ["c", "d"]);
    assert_eq!(ids(&world, page(Some("bb"), None, 2)).await, ["c", "d"]);
    assert_eq!(ids(&world, page(None, Some("b"), 10)).await, ["a", "b"]);
    assert_eq!(ids(&world, page(Some("e"), None, 10)).await, Vec::<String>::new());
    assert_eq!(ids(&world, page(Some("d"), Some("b"), 10)).await, Vec::<String>::new());
}

pub async fn pages_walk_over_everything_once(world: World) {
    let world = world.prepared().await;
    let writes: Vec<_> = (0..2_345).map(|n| thing(&format!("{n:06}"), 1, "x")).collect();
    world.apply(Guard::Newer, &writes).await;
    let mut seen = Vec::new();
    loop {
        let last = seen.last().cloned();
        let page = Page { after: last.as_deref(), up_to: None, limit: 1000 };
        let more: Vec<String> =
            world.mirror.stamps(&THINGS, page).await.unwrap().into_iter().map(|stamp| stamp.id).collect();
        if more.is_empty() {
            break;
        }
        seen.extend(more);
    }
    assert_eq!(seen, writes.into_iter().map(|write| write.id).collect::<Vec<_>>());
}

pub async fn tombstones_are_on_pages_but_not_counted(world: World) {
    let world = world.prepared().await;
    world.apply(Guard::Newer, &[thing("a", 1, "a"), tombstone("b", 2), thing("c", 1, "c")]).await;
    let stamps = world.mirror.stamps(&THINGS, ALL).await.unwrap();
    assert_eq!(stamps.iter().map(|stamp| stamp.tombstone).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(stamps[1].version, Some(2));
    assert_eq!(world.mirror.count(&THINGS).await.unwrap(), 2);
}

pub async fn finds_by_a_field_newest_first(world: World) {
    let world = world.prepared().await;
    let of = |id: &str, name: Value, made: i64| {
        put(&THINGS, id, 1, fields(vec![("name", name), ("madeAt", Value::Time(made))]))
    };
    world
        .apply(
            Guard::Newer,
            &[
                of("1", txt("x"), 1),
                of("2", txt("y"), 2),
                of("3", txt("x"), 2),
                of("4", Value::Null, 3),
                of("5", txt("x\"'\\😀"), 4),
                of("6", txt("x"), 5),
                tombstone("7", 1),
            ],
        )
        .await;
    let found = async |field, value: Value, before, limit| {
        let stored = world.mirror.find(&THINGS, field, &value, before, limit).await.unwrap();
        stored.into_iter().map(|stored| stored.stamp.id).collect::<Vec<_>>()
    };
    assert_eq!(found("name", txt("x"), None, 10).await, ["6", "3", "1"]);
    assert_eq!(found("name", txt("x"), Some("6"), 1).await, ["3"]);
    assert_eq!(found("name", txt("X"), None, 10).await, Vec::<String>::new());
    assert_eq!(found("name", txt("x\"'\\😀"), None, 10).await, ["5"]);
    assert_eq!(found("name", Value::Null, None, 10).await, ["4"]);
    assert_eq!(found("madeAt", Value::Time(2), None, 10).await, ["3", "2"]);
}

pub async fn what_is_found_comes_without_its_large_fields(world: World) {
    world.mirror.prepare(&[&SCANS], KEPT).await.unwrap();
    let note = "{\"content\": 1} \u{0} \\ 😀 e\u{301}";
    let scan = |id: &str, content: Value| {
        put(&SCANS, id, 1, fields(vec![("owner", txt("ada")), ("content", content), ("note", txt(note))]))
    };
    let large = txt("0123456789abcdé\n".repeat(200_000));
    let writes = [scan("1", large.clone()), scan("2", Value::Null), scan("3", txt("")), scan("4", large)];
    world.mirror.apply(&SCANS, Guard::Newer, &writes, ago(0)).await.unwrap();
    let small = fields(vec![("owner", txt("ada")), ("note", txt(note))]);
    let found = world.mirror.find(&SCANS, "owner", &txt("ada"), None, 10).await.unwrap();
    assert_eq!(found.iter().map(|stored| stored.stamp.id.as_str()).collect::<Vec<_>>(), ["4", "3", "2", "1"]);
    for (stored, write) in found.iter().zip(writes.iter().rev()) {
        assert!(stored.body == small, "{}: what came back differs", stored.stamp.id);
        assert_eq!(stored.stamp.digest, digest_of(write), "the whole document's");
    }
    let second = world.mirror.find(&SCANS, "owner", &txt("ada"), Some("2"), 1).await.unwrap();
    assert!(second.len() == 1 && second[0].stamp.id == "1" && second[0].body == small);
    let whole = world.mirror.get(&SCANS, "1").await.unwrap().unwrap();
    assert!(whole.body == body_of(&writes[0]), "nothing is lost where it is");
}

pub async fn identity_is_kept(world: World) {
    let world = world.prepared().await;
    assert_eq!(world.mirror.identity().await.unwrap(), None);
    world.mirror.set_identity("primary-1").await.unwrap();
    world.mirror.set_identity("primary-2").await.unwrap();
    assert_eq!(world.mirror.identity().await.unwrap().as_deref(), Some("primary-2"));
    let names = world.mirror.collections().await.unwrap();
    assert!(names.iter().all(|name| !name.starts_with('_')), "{names:?}");
}

pub async fn collections_are_named_and_prepare_may_run_twice(world: World) {
    let world = world.prepared().await;
    world.apply(Guard::Newer, &[thing("a", 1, "a")]).await;
    let world = world.prepared().await;
    let mut longer = KEPT;
    longer.tombstones *= 2;
    world.mirror.prepare(&[&THINGS, &USERS], longer).await.unwrap();
    assert_eq!(world.mirror.collections().await.unwrap(), ["analytics", "app_logs", "things", "users"]);
    assert_eq!(world.name("a").await.as_deref(), Some("a"));
}

pub async fn ping_answers(world: World) {
    world.mirror.ping().await.unwrap();
}
