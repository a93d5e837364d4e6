//! Cases of the embedded engine alone: its file.

use std::path::{Path, PathBuf};

use chainbill_domain::{
    Model, Value,
    mapping::{minutes, search, text},
    models::USERS,
};
use chainbill_mirror::{
    EmbeddedMirror, Guard, MirrorError, MirrorQuery as _, MirrorStore as _,
    Outcome::{Applied, Stale},
    Page, SearchQuery,
};
use chainbill_testkit::SmallDisk;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use crate::world::{KEPT, THINGS, ago, fields, put, runtime, thing, tombstone, txt};

const ALL: Page<'static> = Page { after: None, up_to: None, limit: 10_000 };

pub fn in_a_folder<F: Future<Output = ()>>(test: impl FnOnce(PathBuf) -> F) {
    let folder = TempDir::new().unwrap();
    runtime().block_on(test(folder.path().join("deep").join("mirror.db")));
}

pub async fn raw(file: &Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap()
}

#[test]
fn what_was_written_is_there_after_closing() {
    in_a_folder(async |file| {
        let mirror = EmbeddedMirror::open(&file).await.unwrap();
        mirror.apply(&THINGS, Guard::Newer, &[thing("a", 1, "a")], ago(0)).await.unwrap();
        mirror.set_identity("primary").await.unwrap();
        mirror.close().await;
        let mirror = EmbeddedMirror::open(&file).await.unwrap();
        assert_eq!(mirror.count(&THINGS).await.unwrap(), 1);
        assert_eq!(mirror.identity().await.unwrap().as_deref(), Some("primary"));
    });
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    in_a_folder(async |file| {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "this is not a database, it is a letter\n".repeat(100)).unwrap();
        let answer = EmbeddedMirror::open(&file).await;
        assert!(matches!(answer, Err(MirrorError::Refused(_))), "{answer:?}");
    });
}

#[test]
fn a_full_disk_does_not_count_as_taking_writes_until_there_is_room() {
    in_a_folder(async |file| {
        let folder = file.parent().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let Some(disk) = SmallDisk::at(folder) else { return };
        let mirror = EmbeddedMirror::open(&file).await.unwrap();
        mirror.apply(&THINGS, Guard::Newer, &[thing("a", 1, "a")], ago(0)).await.unwrap();
        mirror.takes_writes(&THINGS).await.unwrap();
        let ballast = disk.fill();
        let mut refused = None;
        // What is free within its own files is used up first.
        for _ in 0..1000 {
            refused = mirror.takes_writes(&THINGS).await.err();
            if refused.is_some() {
                break;
            }
        }
        assert!(matches!(refused, Some(MirrorError::Unavailable(_))), "{refused:?}");
        std::fs::remove_file(ballast).unwrap();
        mirror.takes_writes(&THINGS).await.unwrap();
        assert_eq!(mirror.count(&THINGS).await.unwrap(), 1);
        mirror.close().await;
    });
}

/// Only a new file shows it: it is made ready for writing ahead once, and who comes in that moment must wait.
#[test]
fn a_new_file_opened_by_many_at_once_is_opened_by_all() {
    for _ in 0..25 {
        in_a_folder(async |file| {
            let open = async || EmbeddedMirror::open(&file).await.unwrap().close().await;
            tokio::join!(open(), open(), open(), open(), open(), open());
        });
    }
}

#[test]
fn two_openers_of_one_file_do_not_lose_writes() {
    in_a_folder(async |file| {
        let one = EmbeddedMirror::open(&file).await.unwrap();
        let two = EmbeddedMirror::open(&file).await.unwrap();
        one.prepare(&[&THINGS], KEPT).await.unwrap();
        let batch = |odd: i64| (0..50).map(|n| thing(&format!("{:03}", 2 * n + odd), 1, "x")).collect::<Vec<_>>();
        let (even, odd) = (batch(0), batch(1));
        let write = async |mirror: &EmbeddedMirror, writes: &[chainbill_mirror::Write]| {
            for write in writes {
                let outcome = mirror.apply(&THINGS, Guard::Newer, std::slice::from_ref(write), ago(0)).await.unwrap();
                assert_eq!(outcome, [Applied]);
            }
        };
        tokio::join!(write(&one, &even), write(&two, &odd));
        assert_eq!(one.count(&THINGS).await.unwrap(), 100);
    });
}

#[test]
fn external_edits_show_by_name() {
    in_a_folder(async |file| {
        let mirror = EmbeddedMirror::open(&file).await.unwrap();
        let writes = ["a", "b", "c", "d"].map(|id| thing(id, 1, id));
        mirror.apply(&THINGS, Guard::Newer, &writes, ago(0)).await.unwrap();
        let mut connection = raw(&file).await;
        for edit in [
            r#"UPDATE things SET body = '{"name":"a","count":1.5}' WHERE id = 'a'"#,
            "UPDATE things SET body = '[1]' WHERE id = 'b'",
            "UPDATE things SET version = NULL, digest = 'zz' WHERE id = 'c'",
            "INSERT INTO things(id) VALUES ('phantom')",
        ] {
            sqlx::query(edit).execute(&mut connection).await.unwrap();
        }
        let stored = mirror.documents(&THINGS, ALL).await.unwrap();
        assert_eq!(stored[0].body.get("count"), Some(&Value::Foreign("number:1.5".to_owned())));
        assert!(matches!(stored[1].body.get(""), Some(Value::Foreign(_))), "{:?}", stored[1].body);
        assert_eq!((stored[2].stamp.version, stored[2].stamp.digest), (None, None));
        assert_eq!(stored[4].stamp.id, "phantom");
        assert!(stored[4].stamp.version.is_none() && !stored[4].stamp.tombstone);
        let repair = ["a", "b", "c", "phantom"].map(|id| thing(id, 1, id));
        assert_eq!(mirror.apply(&THINGS, Guard::NotNewer, &repair, ago(0)).await.unwrap(), vec![Applied; 4]);
        assert_eq!(mirror.documents(&THINGS, ALL).await.unwrap()[4].body, crate::world::body_of(&repair[3]));
    });
}

#[test]
fn texts_of_any_bytes_show_by_name_and_can_be_repaired() {
    in_a_folder(async |file| {
        let mirror = EmbeddedMirror::open(&file).await.unwrap();
        let writes = ["a", "b", "c"].map(|id| thing(id, 1, id));
        mirror.apply(&THINGS, Guard::Newer, &writes, ago(0)).await.unwrap();
        let mut connection = raw(&file).await;
        for edit in [
            "UPDATE things SET body = CAST(replace(body, '\"a\"', CAST(x'22ff22' AS TEXT)) AS TEXT) WHERE id = 'a'",
            "UPDATE things SET digest = CAST(x'ff' AS TEXT) WHERE id = 'b'",
            "UPDATE things SET body = '{\"name\":\"x\",' || substr(body, 2) WHERE id = 'c'",
            "INSERT INTO things(id, version, applied_at) VALUES (CAST(x'62ff' AS TEXT), 1, 1)",
            "INSERT INTO things(id, version, applied_at) VALUES (CAST(x'6200' AS TEXT), 1, 1)",
        ] {
            sqlx::query(edit).execute(&mut connection).await.unwrap();
        }
        let broken = "b\u{fffd}ff (an _id of a kind that rows do not have: bytes)";
        for limit in [1, 2, 10] {
            let (mut seen, mut last) = (Vec::new(), None::<String>);
            loop {
                let page = Page { after: last.as_deref(), up_to: None, limit };
                let found = mirror.documents(&THINGS, page).await.unwrap();
                let Some(end) = found.last() else { break };
                last = Some(end.stamp.id.clone());
                seen.extend(found.into_iter().map(|stored| stored.stamp.id));
            }
            assert_eq!(seen, ["a", "b", "b\0", broken, "c"], "in pages of {limit}");
        }
        let strange = ["b\0".to_owned(), broken.to_owned()];
        assert_eq!(mirror.get_many(&THINGS, &strange).await.unwrap().len(), 2);
        assert_eq!(mirror.get(&THINGS, broken).await.unwrap().unwrap().stamp.id, broken);
        assert_eq!(mirror.stamp(&THINGS, broken).await.unwrap().expect("the name leads to it").id, broken);
        let documents = mirror.documents(&THINGS, ALL).await.unwrap();
        assert!(matches!(documents[0].body.get("name"), Some(Value::Foreign(_))), "{:?}", documents[0].body);
        assert_eq!(documents[1].stamp.digest, None);
        assert_eq!(documents[4].body.0.iter().filter(|(name, _)| name == "name").count(), 2);
        assert_eq!(mirror.remove(&THINGS, &strange).await.unwrap(), 2);
        assert_eq!(mirror.apply(&THINGS, Guard::NotNewer, &writes, ago(0)).await.unwrap(), vec![Applied; 3]);
        for (stored, write) in mirror.documents(&THINGS, ALL).await.unwrap().iter().zip(&writes) {
            assert_eq!(
                (&stored.body, stored.stamp.digest),
                (&crate::world::body_of(write), crate::world::digest_of(write))
            );
        }
    });
}

#[test]
fn an_altered_search_index_is_detected_and_rebuilt() {
    in_a_folder(async |file| {
        let mirror = EmbeddedMirror::open(&file).await.unwrap();
        mirror.prepare(&[&USERS], KEPT).await.unwrap();
        let person = |id: &str, name: &str| put(&USERS, id, 1, fields(vec![("name", txt(name))]));
        let people = [person("a", "Ada"), person("b", "Grace"), crate::world::tombstone("c", 1)];
        mirror.apply(&USERS, Guard::Newer, &people, ago(0)).await.unwrap();
        assert!(!mirror.search_is_off(&USERS, true).await.unwrap());
        let mut connection = raw(&file).await;
        for edit in [
            "DELETE FROM _fts_users WHERE rowid = 1",
            "INSERT INTO _fts_users(rowid, c0) VALUES (99, 'mallory')",
            "INSERT INTO _fts_users(_fts_users) VALUES ('delete-all')",
            "INSERT OR REPLACE INTO _fts_users(rowid, c1) VALUES (2, 'mallory')",
            "INSERT OR REPLACE INTO _fts_users(rowid, c0) VALUES (1, 'ada')",
            "DROP TABLE _fts_users",
        ] {
            sqlx::query(edit).execute(&mut connection).await.unwrap();
            assert!(mirror.search_is_off(&USERS, false).await.unwrap(), "{edit}");
            assert!(mirror.search_is_off(&USERS, true).await.unwrap(), "{edit}");
            assert!(!mirror.search_is_off(&USERS, true).await.unwrap(), "{edit}");
            let found = mirror.search(&USERS, SearchQuery::of("ada", 10)).await.unwrap();
            assert_eq!(found.iter().map(|hit| hit.id.as_str()).collect::<Vec<_>>(), ["a"], "{edit}");
        }
    });
}

#[test]
fn values_of_other_types_in_a_recreated_table_invalidate_the_sync_metadata() {
    in_a_folder(async |file| {
        let mirror = EmbeddedMirror::open(&file).await.unwrap();
        let write = thing("a", 1, "a");
        mirror.apply(&THINGS, Guard::Newer, std::slice::from_ref(&write), ago(0)).await.unwrap();
        let mut connection = raw(&file).await;
        for edit in [
            "ALTER TABLE things RENAME TO old",
            "CREATE TABLE things (\"row\" INTEGER PRIMARY KEY, id NOT NULL UNIQUE, version, digest, revision, \
             applied_at, deleted_at, body)",
        ] {
            sqlx::query(edit).execute(&mut connection).await.unwrap();
        }
        for (column, value) in [
            ("version", "'1'"),
            ("version", "1.0"),
            ("version", "99.5"),
            ("applied_at", "'1'"),
            ("deleted_at", "''"),
            ("digest", "CAST(digest AS BLOB)"),
            ("revision", "CAST(revision AS BLOB)"),
            ("revision", "upper(revision || 'a')"),
            ("revision", "'0123456789abcdeF', version = 99"),
            ("revision", "'', version = 99"),
        ] {
            for edit in [
                "DELETE FROM things".to_owned(),
                "INSERT INTO things SELECT * FROM old".to_owned(),
                format!("UPDATE things SET {column} = {value}"),
            ] {
                sqlx::query(sqlx::AssertSqlSafe(edit)).execute(&mut connection).await.unwrap();
            }
            let stamp = mirror.stamps(&THINGS, ALL).await.unwrap().remove(0);
            assert!(stamp.version.is_none() && stamp.digest.is_none() && !stamp.tombstone, "{column}: {stamp:?}");
            let writes = std::slice::from_ref(&write);
            assert_eq!(mirror.apply(&THINGS, Guard::NotNewer, writes, ago(0)).await.unwrap(), [Applied], "{column}");
            assert_eq!(mirror.stamps(&THINGS, ALL).await.unwrap()[0].version, Some(1), "{column}");
        }
        sqlx::query("UPDATE things SET body = CAST(body AS BLOB)").execute(&mut connection).await.unwrap();
        let stored = mirror.get(&THINGS, "a").await.unwrap().unwrap();
        assert!(matches!(stored.body.get(""), Some(Value::Foreign(_))), "{stored:?}");
        sqlx::query("INSERT INTO things(id, version) VALUES (x'61', 1)").execute(&mut connection).await.unwrap();
        let blob = mirror.documents(&THINGS, ALL).await.unwrap().remove(1).stamp.id;
        assert_eq!(mirror.remove(&THINGS, &[blob]).await.unwrap(), 1);
        assert_eq!(mirror.stamps(&THINGS, ALL).await.unwrap().len(), 1);
    });
}

#[test]
fn a_file_from_before_there_were_revisions_is_read_and_written_to() {
    in_a_folder(async |file| {
        let mirror = EmbeddedMirror::open(&file).await.unwrap();
        mirror.prepare(&[&THINGS], KEPT).await.unwrap();
        mirror.apply(&THINGS, Guard::Newer, &[thing("a", 1, "a"), tombstone("b", 2)], ago(0)).await.unwrap();
        let mut connection = raw(&file).await;
        sqlx::query("ALTER TABLE things DROP COLUMN revision").execute(&mut connection).await.unwrap();
        mirror.close().await;
        let mirror = EmbeddedMirror::open(&file).await.unwrap();
        let stamps = mirror.stamps(&THINGS, ALL).await.unwrap();
        let known: Vec<_> = stamps.iter().map(|stamp| (stamp.version, stamp.revision, stamp.tombstone)).collect();
        assert_eq!(known, [(Some(1), None, false), (Some(2), None, true)]);
        let again = [thing("a", 1, "anew"), thing("b", 2, "anew")];
        let outcomes = mirror.apply(&THINGS, Guard::Outdated, &again, ago(0)).await.unwrap();
        assert_eq!(outcomes, [Applied, Stale], "a tombstone stays");
        assert_eq!(mirror.stamps(&THINGS, ALL).await.unwrap()[0].revision, Some(THINGS.revision()));
    });
}

/// One collection as two versions of the product describe it.
static COLUMNS: &[chainbill_domain::mapping::Column] = &[text("title", "title"), text("body", "body")];

const fn notes(searched: &'static [chainbill_domain::mapping::Search]) -> Model {
    Model {
        name: "notes",
        columns: COLUMNS,
        embeds: &[],
        omitted: &[],
        search: searched,
        indexes: &[],
        every: minutes(60),
    }
}
static BEFORE: Model = notes(&[search("title", 5)]);
static AFTER: Model = notes(&[search("title", 5), search("body", 1)]);

#[test]
fn another_description_makes_the_full_text_index_anew() {
    in_a_folder(async |file| {
        let mirror = EmbeddedMirror::open(&file).await.unwrap();
        mirror.prepare(&[&BEFORE], KEPT).await.unwrap();
        let writes: Vec<_> = (0..450)
            .map(|n| {
                put(&BEFORE, &format!("{n:03}"), 1, fields(vec![("title", txt("plain")), ("body", txt("hidden"))]))
            })
            .collect();
        mirror.apply(&BEFORE, Guard::Newer, &writes, ago(0)).await.unwrap();
        assert!(mirror.search(&BEFORE, SearchQuery::of("hidden", 1000)).await.unwrap().is_empty());
        mirror.prepare(&[&AFTER], KEPT).await.unwrap();
        assert_eq!(mirror.search(&AFTER, SearchQuery::of("hidden", 1000)).await.unwrap().len(), 450);
        assert_eq!(mirror.search(&AFTER, SearchQuery::of("plain", 1000)).await.unwrap().len(), 450);
    });
}

#[test]
fn an_undeclared_index_is_dropped() {
    static ASKED: Model = Model { indexes: &[&["title"], &["body"]], ..notes(&[]) };
    static LESS: Model = Model { indexes: &[&["body"]], ..notes(&[]) };
    static LARGE: Model =
        Model { columns: &[text("title", "title").large(), text("body", "body")], indexes: &[&["body"]], ..notes(&[]) };
    in_a_folder(async |file| {
        let mirror = EmbeddedMirror::open(&file).await.unwrap();
        let named = async || {
            let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.unwrap();
            let sql = "SELECT name FROM sqlite_schema WHERE type = 'index' AND name LIKE '%_by_%' ORDER BY name";
            let names: Vec<(String,)> = sqlx::query_as(sql).fetch_all(&pool).await.unwrap();
            pool.close().await;
            names.into_iter().map(|(name,)| name).collect::<Vec<_>>()
        };
        mirror.prepare(&[&ASKED], KEPT).await.unwrap();
        assert_eq!(named().await, ["_notes_by_body", "_notes_by_title"]);
        mirror.prepare(&[&LESS], KEPT).await.unwrap();
        assert_eq!(named().await, ["_notes_by_body"]);
        mirror.prepare(&[&LARGE], KEPT).await.unwrap();
        assert_eq!(named().await, ["_notes_by_body_with_revision_without_title"]);
    });
}
