//! Cases of MongoDB servers alone: foreign documents and types, races, indexes, broken connections.

use std::time::{Duration, Instant};

use chainbill_domain::{Value, models::USERS};
use chainbill_mirror::{
    Deadlines, Guard, MirrorError, MirrorHealth as _, MirrorQuery as _, MirrorStore as _, MongoMirror, MongoSettings,
    Outcome::{self, Applied, Stale},
    Page, SearchQuery,
};
use chainbill_testkit::{Fault, Proxy, address, insert_bytes, with_other_bytes};
use futures::future::{LocalBoxFuture, join_all};
use mongodb::bson::{
    Binary, Bson, DateTime, Decimal128, Document, JavaScriptCodeWithScope, RawDocumentBuf, Timestamp, doc,
    oid::ObjectId, spec::BinarySubtype,
};

use crate::world::{
    Database, KEPT, THINGS, ago, body_of, digest_of, fields, put, runtime, server, thing, tombstone, txt,
};

const ALL: Page<'static> = Page { after: None, up_to: None, limit: 10_000 };

/// A fresh database, prepared, with the driver's own view of it.
pub fn with_database<F: Future<Output = ()>>(test: impl FnOnce(MongoMirror, mongodb::Database) -> F) {
    let Some(server) = server() else { return };
    runtime().block_on(async {
        let database = Database::new(&server).await;
        let mirror = MongoMirror::connect(&database.url(&server), MongoSettings::default()).unwrap();
        mirror.prepare(&[&THINGS, &USERS], KEPT).await.unwrap();
        test(mirror, database.raw.clone()).await;
        database.raw.drop().await.unwrap();
    });
}

#[test]
fn concurrent_write_probes_all_succeed() {
    with_database(async |mirror, raw| {
        for _ in 0..20 {
            raw.collection::<Document>("_chainbill").drop().await.unwrap();
            let asked = futures::future::join_all((0..16).map(|_| mirror.takes_writes(&THINGS))).await;
            assert!(asked.iter().all(Result::is_ok), "{asked:?}");
        }
    });
}

#[test]
fn types_that_no_encoder_writes_show_by_name() {
    with_database(async |mirror, raw| {
        mirror.apply(&THINGS, Guard::Newer, &[thing("a", 1, "a")], ago(0)).await.unwrap();
        let tampered = doc! {
            "int32": 5_i32, "double": 5.0, "decimal": "1.10".parse::<Decimal128>().unwrap(),
            "oid": "507f1f77bcf86cd799439011".parse::<ObjectId>().unwrap(),
            "binary": Binary { subtype: BinarySubtype::Generic, bytes: vec![1, 255] },
            "nested": { "list": [1_i64, 2_i32, { "x": 0.5 }] },
        };
        raw.collection::<Document>("things").update_one(doc! { "_id": "a" }, doc! { "$set": tampered }).await.unwrap();
        let stored = mirror.get(&THINGS, "a").await.unwrap().unwrap();
        let foreign = |text: &str| Value::Foreign(text.to_owned());
        assert_eq!(stored.body.get("int32"), Some(&foreign("int32:5")));
        assert_eq!(stored.body.get("double"), Some(&foreign("double:5.0")));
        assert_eq!(stored.body.get("decimal"), Some(&foreign("decimal128:1.10")));
        assert_eq!(stored.body.get("oid"), Some(&foreign("objectId:507f1f77bcf86cd799439011")));
        assert_eq!(stored.body.get("binary"), Some(&foreign("binary:Generic:01ff")));
        let Some(Value::List(items)) = stored.body.at("nested.list") else { panic!("{:?}", stored.body) };
        assert_eq!(items[..2], [Value::Int(1), foreign("int32:2")]);
        assert_eq!(stored.body.get("count"), Some(&Value::Int(1)), "what was not touched is as before");
    });
}

#[test]
fn a_foreign_document_is_kept_until_repair() {
    with_database(async |mirror, raw| {
        let things = raw.collection::<Document>("things");
        things.insert_one(doc! { "_id": "a", "name": "theirs" }).await.unwrap();
        things.insert_one(doc! { "_id": "b", "name": "theirs", "_sync": { "version": "9" } }).await.unwrap();
        things.insert_one(doc! { "_id": "c", "name": "theirs", "_sync": 1 }).await.unwrap();
        let writes = ["a", "b", "c"].map(|id| thing(id, 1, "ours"));
        assert_eq!(mirror.apply(&THINGS, Guard::Newer, &writes, ago(0)).await.unwrap(), [Stale, Stale, Stale]);
        let stamps = mirror.stamps(&THINGS, ALL).await.unwrap();
        assert!(stamps.iter().all(|stamp| stamp.version.is_none() && stamp.digest.is_none()), "{stamps:?}");
        assert_eq!(mirror.apply(&THINGS, Guard::NotNewer, &writes, ago(0)).await.unwrap(), [Applied, Applied, Applied]);
        for write in &writes {
            let stored = mirror.get(&THINGS, &write.id).await.unwrap().unwrap();
            assert_eq!((stored.stamp.digest, stored.body), (digest_of(write), body_of(write)));
        }
    });
}

/// Ids of other types that a server takes; numbers that are the same are the same id.
fn ids_of_other_types() -> Vec<Bson> {
    let scope = JavaScriptCodeWithScope { code: "x".to_owned(), scope: doc! { "a": 1 } };
    vec![
        Bson::MinKey,
        Bson::Null,
        Bson::Double(f64::NAN),
        Bson::Double(f64::NEG_INFINITY),
        Bson::Double(-0.0),
        Bson::Double(1.5),
        Bson::Int32(5),
        Bson::Int64(6),
        Bson::Decimal128("7.5".parse().unwrap()),
        Bson::Document(doc! {}),
        Bson::Document(doc! { "a": 1 }),
        Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: vec![1, 255] }),
        Bson::ObjectId("507f1f77bcf86cd799439011".parse().unwrap()),
        Bson::Boolean(true),
        Bson::DateTime(DateTime::from_millis(7)),
        Bson::Timestamp(Timestamp { time: 1, increment: 1 }),
        Bson::JavaScriptCode("x".to_owned()),
        Bson::JavaScriptCodeWithScope(scope),
        Bson::MaxKey,
    ]
}

/// The ids on all pages of so many, one after the other.
async fn ids_in_pages(mirror: &MongoMirror, limit: u32) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    loop {
        let last = seen.last().cloned();
        let page = Page { after: last.as_deref(), up_to: None, limit };
        let stamps = mirror.stamps(&THINGS, page).await.unwrap();
        if stamps.is_empty() {
            return seen;
        }
        seen.extend(stamps.into_iter().map(|stamp| stamp.id));
        assert!(seen.len() < 1000, "the pages do not end: {seen:?}");
    }
}

#[test]
fn ids_of_other_types_are_seen_once_and_can_be_removed() {
    with_database(async |mirror, raw| {
        let things = raw.collection::<Document>("things");
        let ids = ids_of_other_types();
        things.insert_many(ids.iter().map(|id| doc! { "_id": id.clone(), "name": "zz" })).await.unwrap();
        let texts = ["0", "a", "zz", "😀"].map(|id| thing(id, 1, id));
        mirror.apply(&THINGS, Guard::Newer, &texts, ago(0)).await.unwrap();
        for limit in [1, 2, 3, 5, 100] {
            let seen = ids_in_pages(&mirror, limit).await;
            assert_eq!(seen[..4], ["0", "a", "zz", "😀"], "in pages of {limit}");
            assert_eq!(seen.len(), 4 + ids.len(), "in pages of {limit}: {seen:?}");
        }
        let found = mirror.find(&THINGS, "name", &txt("zz"), None, 100).await.unwrap();
        assert_eq!(found.into_iter().map(|stored| stored.stamp.id).collect::<Vec<_>>(), ["zz"]);
        let bounded = Page { up_to: Some("~~~~"), ..ALL };
        assert_eq!(mirror.stamps(&THINGS, bounded).await.unwrap().len(), 3);
        let all = mirror.documents(&THINGS, ALL).await.unwrap();
        let phantoms: Vec<String> = all[4..].iter().map(|stored| stored.stamp.id.clone()).collect();
        for id in &phantoms {
            let stored = mirror.get(&THINGS, id).await.unwrap().expect("the name leads to the document");
            assert_eq!(&stored.stamp.id, id);
            assert_eq!(mirror.stamp(&THINGS, id).await.unwrap().as_ref(), Some(&stored.stamp));
        }
        assert_eq!(mirror.get_many(&THINGS, &phantoms).await.unwrap().len(), ids.len());
        assert_eq!(mirror.remove(&THINGS, &phantoms).await.unwrap(), ids.len() as u64);
        assert_eq!(mirror.stamps(&THINGS, ALL).await.unwrap().len(), 4);
    });
}

#[test]
fn non_strings_sorted_among_strings_are_distinguished() {
    with_database(async |mirror, raw| {
        let things = raw.collection::<Document>("things");
        mirror.apply(&THINGS, Guard::Newer, &["a", "m", "z"].map(|id| thing(id, 1, id)), ago(0)).await.unwrap();
        let number = "5 (an _id of a kind that rows do not have: int32)";
        for id in [Bson::Int32(5), Bson::Symbol("b".to_owned()), Bson::Symbol("zz".to_owned()), number.into()] {
            things.insert_one(doc! { "_id": id }).await.unwrap();
        }
        for (id, bytes) in [("m\u{1}", b"m\xff"), ("y\u{1}", b"y\xfe")] {
            let document = RawDocumentBuf::try_from(&doc! { "_id": id }).unwrap();
            let document = with_other_bytes(document.as_bytes(), id.as_bytes(), bytes);
            insert_bytes(&raw, "things", &document).await;
        }
        let other = |value: &str, kind: &str| format!("{value} (an _id of a kind that rows do not have: {kind})");
        let (text, symbol, broken) = (other(number, "text"), other("b", "symbol"), other("m\u{fffd}ff", "bytes"));
        let last = [other("y\u{fffd}fe", "bytes"), "z".to_owned(), other("zz", "symbol"), number.to_owned()];
        let mut expected = vec![text, "a".to_owned(), symbol, "m".to_owned(), broken];
        expected.extend(last);
        for limit in [1, 2, 3, 100] {
            assert_eq!(ids_in_pages(&mirror, limit).await, expected, "in pages of {limit}");
        }
        let middle = Page { after: Some(&expected[2]), up_to: Some("z"), limit: 10 };
        let found = mirror.documents(&THINGS, middle).await.unwrap();
        assert_eq!(
            found.iter().map(|stored| &stored.stamp.id).collect::<Vec<_>>(),
            [&expected[3], &expected[4], &expected[5], &expected[6]]
        );
        assert!(mirror.get(&THINGS, "b").await.unwrap().is_none(), "a symbol is no text");
        assert_eq!(mirror.remove(&THINGS, &["b".to_owned(), "zz".to_owned(), "5".to_owned()]).await.unwrap(), 0);
        let strange: Vec<String> = expected.iter().filter(|id| id.len() > 1).cloned().collect();
        let mut found = mirror.get_many(&THINGS, &strange).await.unwrap();
        found.sort_by(|a, b| a.stamp.id.cmp(&b.stamp.id));
        let mut named = strange.clone();
        named.sort();
        assert_eq!(found.into_iter().map(|stored| stored.stamp.id).collect::<Vec<_>>(), named);
        assert_eq!(mirror.remove(&THINGS, &strange).await.unwrap(), 6);
        assert_eq!(ids_in_pages(&mirror, 100).await, ["a", "m", "z"]);
    });
}

#[test]
fn repair_takes_the_place_of_a_symbol_that_shows_a_newer_version() {
    with_database(async |mirror, raw| {
        let sync = doc! { "version": 99_i64, "digest": "0".repeat(64), "appliedAt": DateTime::from_millis(1) };
        let things = raw.collection::<Document>("things");
        things.insert_one(doc! { "_id": Bson::Symbol("a".to_owned()), "_sync": sync }).await.unwrap();
        let write = thing("a", 1, "ours");
        let writes = std::slice::from_ref(&write);
        assert_eq!(mirror.apply(&THINGS, Guard::Newer, writes, ago(0)).await.unwrap(), [Stale]);
        assert_eq!(mirror.apply(&THINGS, Guard::NotNewer, writes, ago(0)).await.unwrap(), [Applied]);
        assert_eq!(mirror.get(&THINGS, "a").await.unwrap().unwrap().body, body_of(&write));
        assert_eq!(ids_in_pages(&mirror, 100).await, ["a"]);
    });
}

#[test]
fn first_writes_that_meet_leave_the_newest() {
    with_database(async |mirror, _| {
        for round in 0..30 {
            let id = format!("{round:03}");
            let writes: Vec<_> = (1..=6).map(|version| [thing(&id, version, &format!("v{version}"))]).collect();
            let outcomes =
                join_all(writes.iter().map(|write| mirror.apply(&THINGS, Guard::Newer, write, ago(0)))).await;
            assert_eq!(*outcomes[5].as_ref().unwrap(), [Applied], "the newest always gets through");
            assert_eq!(mirror.get(&THINGS, &id).await.unwrap().unwrap().stamp.version, Some(6));
        }
    });
}

#[test]
fn batches_that_meet_leave_the_newest_of_each() {
    with_database(async |mirror, _| {
        let batch = |version: i64| (0..300).map(|n| thing(&format!("{n:03}"), version, "x")).collect::<Vec<_>>();
        let batches: Vec<_> = (1..=4).map(batch).collect();
        let outcomes = join_all(batches.iter().map(|batch| mirror.apply(&THINGS, Guard::Newer, batch, ago(0)))).await;
        assert_eq!(*outcomes[3].as_ref().unwrap(), vec![Applied; 300]);
        let stamps = mirror.stamps(&THINGS, ALL).await.unwrap();
        assert!(stamps.len() == 300 && stamps.iter().all(|stamp| stamp.version == Some(4)));
    });
}

async fn indexes(raw: &mongodb::Database, collection: &str) -> Vec<Document> {
    let mut cursor = raw.run_cursor_command(doc! { "listIndexes": collection }).await.unwrap();
    let mut found = Vec::new();
    while cursor.advance().await.unwrap() {
        found.push(cursor.deserialize_current().unwrap());
    }
    found
}

fn period(indexes: &[Document], field: &str) -> Option<i64> {
    let index = indexes.iter().find(|index| index.get_document("key").is_ok_and(|key| key.contains_key(field)))?;
    match index.get("expireAfterSeconds")? {
        Bson::Int32(seconds) => Some(i64::from(*seconds)),
        Bson::Int64(seconds) => Some(*seconds),
        #[expect(clippy::cast_possible_truncation, reason = "some servers answer in doubles")]
        Bson::Double(seconds) => Some(*seconds as i64),
        _ => None,
    }
}

#[test]
fn another_retention_changes_the_ttl_indexes() {
    with_database(async |mirror, raw| {
        assert_eq!(period(&indexes(&raw, "things").await, "_sync.deletedAt"), Some(7 * 86_400));
        assert_eq!(period(&indexes(&raw, "analytics").await, "at"), Some(90 * 86_400));
        let mut other = KEPT;
        other.tombstones = Duration::from_secs(3600);
        other.analytics = Duration::from_secs(7200);
        mirror.prepare(&[&THINGS, &USERS], other).await.unwrap();
        assert_eq!(period(&indexes(&raw, "things").await, "_sync.deletedAt"), Some(3600));
        assert_eq!(period(&indexes(&raw, "users").await, "_sync.deletedAt"), Some(3600));
        assert_eq!(period(&indexes(&raw, "analytics").await, "at"), Some(7200));
    });
}

/// Some servers answer `ok: true` where the driver wants a number; what counts is that the index is gone.
async fn drop_index(raw: &mongodb::Database, collection: &str, name: &str) {
    let _ = raw.run_command(doc! { "dropIndexes": collection, "index": name }).await;
    assert!(indexes(raw, collection).await.iter().all(|index| index.get_str("name").unwrap() != name));
}

#[test]
fn an_index_of_ours_that_says_something_else_is_made_anew() {
    with_database(async |mirror, raw| {
        drop_index(&raw, "things", "cb_name").await;
        let wrong = doc! { "key": { "count": 1 }, "name": "cb_name" };
        raw.run_command(doc! { "createIndexes": "things", "indexes": [wrong] }).await.unwrap();
        drop_index(&raw, "users", "cb_words").await;
        let wrong = doc! { "key": { "bio": 1 }, "name": "cb_words" };
        raw.run_command(doc! { "createIndexes": "users", "indexes": [wrong] }).await.unwrap();
        mirror.prepare(&[&THINGS, &USERS], KEPT).await.unwrap();
        let things = indexes(&raw, "things").await;
        let named = things.iter().find(|index| index.get_str("name").unwrap() == "cb_name").unwrap();
        assert!(named.get_document("key").unwrap().contains_key("name"));
        let users = indexes(&raw, "users").await;
        let words = users.iter().find(|index| index.get_str("name").unwrap() == "cb_words").unwrap();
        assert!(words.get_document("key").unwrap().contains_key("_words"));
        let before = indexes(&raw, "users").await;
        mirror.prepare(&[&USERS], KEPT).await.unwrap();
        assert_eq!(indexes(&raw, "users").await, before, "a second time changes nothing");
    });
}

#[test]
fn an_undeclared_own_index_is_dropped_and_a_foreign_one_stays() {
    with_database(async |mirror, raw| {
        for name in ["cb_old", "theirs"] {
            let index = doc! { "key": { name: 1 }, "name": name };
            raw.run_command(doc! { "createIndexes": "things", "indexes": [index] }).await.unwrap();
        }
        mirror.prepare(&[&THINGS], KEPT).await.unwrap();
        let left = indexes(&raw, "things").await;
        let is_there = |name: &str| left.iter().any(|index| index.get_str("name").unwrap() == name);
        assert_eq!(["cb_old", "theirs", "cb_name", "cb_ttl"].map(is_there), [false, true, true, true]);
    });
}

#[test]
fn tombstones_have_nothing_but_their_stamp() {
    with_database(async |mirror, raw| {
        mirror.apply(&THINGS, Guard::Newer, &[thing("a", 1, "a")], ago(0)).await.unwrap();
        let when = ago(1);
        mirror.apply(&THINGS, Guard::Newer, &[tombstone("a", 2)], when).await.unwrap();
        let at = DateTime::from_millis(when.timestamp_millis());
        let stored = raw.collection::<Document>("things").find_one(doc! { "_id": "a" }).await.unwrap().unwrap();
        assert_eq!(stored, doc! { "_id": "a", "_sync": { "version": 2_i64, "appliedAt": at, "deletedAt": at } });
    });
}

#[test]
fn names_that_a_server_may_not_like_never_harm_their_neighbours() {
    with_database(async |mirror, _| {
        for name in ["$bad", "$set", "a.b", ".", "", "$", "a.$.b"] {
            let odd = put(&THINGS, &format!("odd {name}"), 1, fields(vec![(name, Value::Int(1))]));
            let mut writes: Vec<_> = (0..20).map(|n| thing(&format!("{name} {n:02}"), 1, "x")).collect();
            writes.insert(7, odd.clone());
            let outcomes = mirror.apply(&THINGS, Guard::Newer, &writes, ago(0)).await.unwrap();
            for (n, outcome) in outcomes.iter().enumerate() {
                match outcome {
                    Applied => {}
                    Outcome::Rejected(why) if n == 7 => eprintln!("{name:?}: {why}"),
                    other => panic!("{name:?}, write {n}: {other:?}"),
                }
            }
            if outcomes[7] == Applied {
                assert_eq!(mirror.get(&THINGS, &odd.id).await.unwrap().unwrap().body, body_of(&odd), "{name:?}");
            }
        }
    });
}

#[test]
fn a_document_that_spoils_its_whole_command_is_found() {
    with_database(async |mirror, _| {
        let deep = |depth| (0..depth).fold(Value::Int(1), |inner, _| Value::List(vec![inner]));
        for depth in [150, 250, 1000] {
            let mut writes: Vec<_> = (0..30).map(|n| thing(&format!("{depth} {n:02}"), 1, "x")).collect();
            writes.insert(13, put(&THINGS, &format!("{depth} deep"), 1, fields(vec![("deep", deep(depth))])));
            let outcomes = mirror.apply(&THINGS, Guard::Newer, &writes, ago(0)).await.unwrap();
            for (n, outcome) in outcomes.iter().enumerate() {
                match outcome {
                    Applied => {}
                    Outcome::Rejected(why) if n == 13 => eprintln!("{depth} deep: {why}"),
                    other => panic!("{depth} deep, write {n}: {other:?}"),
                }
            }
        }
    });
}

#[test]
fn an_absent_server_is_no_obstacle_to_starting() {
    runtime().block_on(async {
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for uri in [format!("mongodb://{closed}/shop"), "mongodb+srv://nowhere.invalid/shop".to_owned()] {
            let settings = MongoSettings { server_selection: Duration::from_millis(300), ..MongoSettings::default() };
            let mirror = MongoMirror::connect(&uri, settings).unwrap();
            assert_eq!(mirror.database_name(), "shop");
            let started = Instant::now();
            let answer = mirror.ping().await;
            assert!(matches!(answer, Err(MirrorError::Unavailable(_))), "{uri}: {answer:?}");
            assert!(started.elapsed() < Duration::from_secs(1), "{uri}: {:?}", started.elapsed());
        }
        let unnamed = MongoMirror::connect("mongodb://localhost", MongoSettings::default()).unwrap();
        assert_eq!(unnamed.database_name(), "chainbill");
    });
}

#[test]
fn an_address_that_is_none_is_refused_and_passwords_are_not_shown() {
    for uri in ["", "localhost:27017", "mysql://localhost/x", "mongodb://"] {
        let Err(MirrorError::Refused(why)) = MongoMirror::connect(uri, MongoSettings::default()) else {
            panic!("{uri:?} was taken");
        };
        assert!(why.contains("MONGODB_URI"), "{why}");
    }
    let uri = "mongodb://ada:hunter2@localhost:1/x";
    let mirror = MongoMirror::connect(uri, MongoSettings::default()).unwrap();
    assert!(!format!("{mirror:?}").contains("hunter2"));
    let Err(MirrorError::Refused(why)) =
        MongoMirror::connect("mongodb://ada:hunter2@localhost:port/x", MongoSettings::default())
    else {
        panic!("a port that is no number was taken");
    };
    assert!(!why.contains("hunter2"), "{why}");
}

const SHORT: Deadlines = Deadlines {
    ping: Duration::from_millis(300),
    request: Duration::from_millis(500),
    bulk: Duration::from_millis(1000),
};

/// A mirror behind a proxy, and the same database seen directly.
fn behind_a_proxy<F: Future<Output = ()>>(test: impl FnOnce(MongoMirror, Proxy, MongoMirror) -> F) {
    let Some(server) = server() else { return };
    runtime().block_on(async {
        let database = Database::new(&server).await;
        let direct = MongoMirror::connect(&database.url(&server), MongoSettings::default()).unwrap();
        direct.prepare(&[&THINGS], KEPT).await.unwrap();
        let proxy = Proxy::before(address(&server)).await;
        let uri = format!("mongodb://{}/{}?directConnection=true", proxy.address, database.raw.name());
        let settings = MongoSettings { deadlines: SHORT, ..MongoSettings::default() };
        let mirror = MongoMirror::connect(&uri, settings).unwrap();
        mirror.ping().await.unwrap();
        test(mirror, proxy, direct).await;
        database.raw.drop().await.unwrap();
    });
}

async fn until_it_answers(mirror: &MongoMirror) {
    let started = Instant::now();
    while let Err(cause) = mirror.ping().await {
        assert!(started.elapsed() < Duration::from_secs(10), "it never came back: {cause}");
    }
}

#[test]
fn a_silent_server_ends_every_request_within_its_deadline() {
    behind_a_proxy(async |mirror, proxy, _| {
        proxy.set(Fault::Silence);
        let writes = [thing("a", 1, "a")];
        let started = Instant::now();
        let requests: Vec<LocalBoxFuture<'_, Option<MirrorError>>> = vec![
            Box::pin(async { mirror.ping().await.err() }),
            Box::pin(async { mirror.apply(&THINGS, Guard::Newer, &writes, ago(0)).await.err() }),
            Box::pin(async { mirror.get(&THINGS, "a").await.err() }),
            Box::pin(async { mirror.stamp(&THINGS, "a").await.err() }),
            Box::pin(async { mirror.stamps(&THINGS, ALL).await.err() }),
            Box::pin(async { mirror.documents(&THINGS, ALL).await.err() }),
            Box::pin(async { mirror.count(&THINGS).await.err() }),
            Box::pin(async { mirror.search(&USERS, SearchQuery::of("word", 10)).await.err() }),
            Box::pin(async { mirror.find(&THINGS, "name", &txt("x"), None, 1).await.err() }),
            Box::pin(async { mirror.activity(None, ago(60)).await.err() }),
            Box::pin(async { mirror.collections().await.err() }),
            Box::pin(async { mirror.set_identity("x").await.err() }),
            Box::pin(async { mirror.prepare(&[&THINGS], KEPT).await.err() }),
            Box::pin(async { mirror.expire(KEPT, ago(0)).await.err() }),
        ];
        let answers = join_all(requests).await;
        let took = started.elapsed();
        assert!(took < SHORT.bulk + Duration::from_millis(500), "{took:?}");
        let unavailable = |answer: &Option<MirrorError>| matches!(answer, Some(MirrorError::Unavailable(_)));
        assert!(answers.iter().all(unavailable), "{answers:?}");
        proxy.set(Fault::None);
        until_it_answers(&mirror).await;
        mirror.apply(&THINGS, Guard::Newer, &writes, ago(0)).await.unwrap();
        assert_eq!(mirror.get(&THINGS, "a").await.unwrap().unwrap().stamp.version, Some(1));
    });
}

#[test]
fn a_lost_answer_is_unknown_and_trying_again_converges() {
    behind_a_proxy(async |mirror, proxy, direct| {
        let writes: Vec<_> = (0..500).map(|n| thing(&format!("{n:04}"), 3, "x")).collect();
        mirror.apply(&THINGS, Guard::Newer, &[thing("0000", 9, "newer")], ago(0)).await.unwrap();
        proxy.set(Fault::LoseAnswers);
        let answer = mirror.apply(&THINGS, Guard::Newer, &writes, ago(0)).await;
        assert!(matches!(answer, Err(MirrorError::Unavailable(_))), "{answer:?}");
        assert!(proxy.lost() > 0);
        proxy.set(Fault::None);
        until_it_answers(&mirror).await;
        let outcomes = mirror.apply(&THINGS, Guard::Newer, &writes, ago(0)).await.unwrap();
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Applied | Stale)), "{outcomes:?}");
        let stored = direct.documents(&THINGS, ALL).await.unwrap();
        assert_eq!(stored.len(), 500);
        assert_eq!(stored[0].stamp.version, Some(9));
        for (stored, write) in stored.iter().zip(&writes).skip(1) {
            assert_eq!((stored.stamp.version, stored.stamp.digest), (Some(3), digest_of(write)));
        }
    });
}

#[test]
fn words_that_are_not_those_of_the_document_show_as_a_field_and_repair_makes_them_right() {
    with_database(async |mirror, raw| {
        let write = put(&USERS, "ada", 1, fields(vec![("name", txt("Ada")), ("bio", txt("Rust"))]));
        let users = raw.collection::<Document>("users");
        for update in [
            doc! { "$unset": { "_words": "" } },
            doc! { "$set": { "_words": ["mallory 10"] } },
            doc! { "$set": { "_words": "ada 05" } },
            doc! { "$set": { "_words": Bson::Null } },
            doc! { "$push": { "_words": "zebra 01" } },
            doc! { "$set": { "_words.0": 5 } },
        ] {
            let writes = std::slice::from_ref(&write);
            mirror.apply(&USERS, Guard::NotNewer, writes, ago(0)).await.unwrap();
            assert_eq!(mirror.get(&USERS, "ada").await.unwrap().unwrap().body, body_of(&write));
            users.update_one(doc! { "_id": "ada" }, update.clone()).await.unwrap();
            let stored = mirror.get(&USERS, "ada").await.unwrap().unwrap();
            assert!(matches!(stored.body.get("_words"), Some(Value::Foreign(_))), "{update}: {stored:?}");
            let question = SearchQuery::of("ada rust", 10);
            // An invalid value there does not affect other documents.
            mirror.search(&USERS, question).await.unwrap();
        }
    });
}
