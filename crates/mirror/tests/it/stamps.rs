//! Sync metadata is valid as a whole or not at all. Repair replaces a document with invalid sync metadata,
//! independent of the version that a filter would match.

use chainbill_domain::models::USERS;
use chainbill_mirror::{
    EmbeddedMirror, Guard, Mirror, MirrorStore as _,
    Outcome::{Applied, Stale},
    Page, Stamp, Write,
};
use mongodb::bson::{Bson, DateTime, Document, doc};

use crate::{
    embedded::{in_a_folder, raw},
    mongo::with_database,
    world::{KEPT, THINGS, ago, body_of, digest_of, thing, tombstone},
};

const ALL: Page<'static> = Page { after: None, up_to: None, limit: 10_000 };

fn is_invalid(stamp: &Stamp) -> bool {
    stamp.version.is_none() && stamp.digest.is_none() && !stamp.tombstone
}

/// The relay leaves it to repair, and repair makes it right, though the version that is written is no newer.
async fn repair_takes_effect(mirror: &dyn Mirror, write: &Write, case: &str) {
    let stored = mirror.get(&THINGS, &write.id).await.unwrap().unwrap();
    assert!(is_invalid(&stored.stamp), "{case}: {stored:?}");
    let writes = std::slice::from_ref(write);
    assert_eq!(mirror.apply(&THINGS, Guard::NotNewer, writes, ago(0)).await.unwrap(), [Applied], "{case}");
    let stored = mirror.get(&THINGS, &write.id).await.unwrap().unwrap();
    assert_eq!((stored.stamp.version, stored.stamp.digest), (Some(write.version), digest_of(write)), "{case}");
    assert_eq!(stored.body, body_of(write), "{case}");
    assert_eq!(mirror.count(&THINGS).await.unwrap(), 1, "{case}");
}

#[test]
fn an_unknown_member_invalidates_the_sync_metadata() {
    with_database(async |mirror, raw| {
        let now = DateTime::from_millis(ago(0).timestamp_millis());
        let set = |path: &str, value: Bson| doc! { "$set": { path: value } };
        let things = raw.collection::<Document>("things");
        for update in [
            set("_sync.note", "hello".into()),
            set("_sync.deletedAt", "never".into()),
            set("_sync.deletedAt", Bson::Null),
            set("_sync.deletedAt", now.into()),
            set("_sync.appliedAt", 5_i64.into()),
            set("_sync.version", 1_i32.into()),
            set("_sync.digest", 5.into()),
            set("_sync.revision", 5.into()),
            set("_sync.revision", "nonsense".into()),
            doc! { "$unset": { "_sync.appliedAt": "" } },
            doc! { "$unset": { "_sync": "" } },
        ] {
            let write = thing("a", 1, "a");
            mirror.apply(&THINGS, Guard::NotNewer, std::slice::from_ref(&write), ago(0)).await.unwrap();
            things.update_one(doc! { "_id": "a" }, update.clone()).await.unwrap();
            let pages = mirror.stamps(&THINGS, ALL).await.unwrap();
            assert!(pages.iter().all(is_invalid), "{update}: {pages:?}");
            repair_takes_effect(&mirror, &write, &update.to_string()).await;
        }
    });
}

#[test]
fn what_another_release_writes_into_the_stamp_is_left_to_it() {
    with_database(async |mirror, raw| {
        let write = thing("a", 1, "a");
        mirror.apply(&THINGS, Guard::NotNewer, std::slice::from_ref(&write), ago(0)).await.unwrap();
        let things = raw.collection::<Document>("things");
        let theirs = doc! { "$set": { "_sync.revision": "0123456789abcdef", "_sync.tokens": ["a"] } };
        things.update_one(doc! { "_id": "a" }, theirs).await.unwrap();
        let stamp = mirror.stamps(&THINGS, ALL).await.unwrap().remove(0);
        assert_eq!((stamp.version, stamp.digest), (Some(1), digest_of(&write)));
        assert_eq!(stamp.revision.unwrap().to_hex(), "0123456789abcdef");
    });
}

#[test]
fn a_stamp_that_only_looks_newer_is_replaced_by_repair_and_not_by_the_relay() {
    with_database(async |mirror, raw| {
        let things = raw.collection::<Document>("things");
        let now = DateTime::from_millis(ago(0).timestamp_millis());
        for sync in [
            Bson::Array(vec![doc! { "version": 99_i64 }.into()]),
            Bson::Array(vec![doc! { "version": 99_i64 }.into(), Bson::Null]),
            doc! { "version": [99_i64], "appliedAt": now }.into(),
            doc! { "version": 99_i64, "appliedAt": now, "note": "hello" }.into(),
            doc! { "version": 99_i64, "appliedAt": "never" }.into(),
        ] {
            let case = sync.to_string();
            things.delete_many(doc! {}).await.unwrap();
            things.insert_one(doc! { "_id": "a", "name": "theirs", "_sync": sync }).await.unwrap();
            let write = thing("a", 3, "ours");
            let relayed = mirror.apply(&THINGS, Guard::Newer, std::slice::from_ref(&write), ago(0)).await.unwrap();
            assert_eq!(relayed, [Stale], "{case}");
            repair_takes_effect(&mirror, &write, &case).await;
        }
        let ours = [thing("b", 9, "newer"), tombstone("c", 9)];
        mirror.apply(&THINGS, Guard::Newer, &ours, ago(0)).await.unwrap();
        let late = [thing("b", 8, "late"), thing("c", 8, "late")];
        assert_eq!(mirror.apply(&THINGS, Guard::NotNewer, &late, ago(0)).await.unwrap(), [Stale, Stale]);
    });
}

#[test]
fn inconsistent_columns_invalidate_the_sync_metadata() {
    in_a_folder(async |file| {
        let mirror = EmbeddedMirror::open(&file).await.unwrap();
        mirror.prepare(&[&THINGS, &USERS], KEPT).await.unwrap();
        let mut connection = raw(&file).await;
        for edit in [
            "UPDATE things SET applied_at = NULL",
            "UPDATE things SET applied_at = NULL, version = 99",
            "UPDATE things SET deleted_at = 1",
            "UPDATE things SET deleted_at = 1, version = 99",
            "UPDATE things SET version = NULL",
        ] {
            let write = thing("a", 1, "a");
            mirror.apply(&THINGS, Guard::NotNewer, std::slice::from_ref(&write), ago(0)).await.unwrap();
            sqlx::query(edit).execute(&mut connection).await.unwrap();
            let pages = mirror.stamps(&THINGS, ALL).await.unwrap();
            assert!(pages.iter().all(is_invalid), "{edit}: {pages:?}");
            repair_takes_effect(&mirror, &write, edit).await;
        }
    });
}
