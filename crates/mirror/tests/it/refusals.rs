//! Refusals of a server: each code by its class, for a whole command or for one statement of it. A proxy before the
//! real server answers as another server would.

use chainbill_domain::models::USERS;
use chainbill_mirror::{
    Guard, MirrorError, MirrorHealth as _, MirrorQuery as _, MirrorStore as _, MongoMirror, MongoSettings,
    Outcome::{Applied, Refused, Rejected, Throttled},
    SearchQuery,
};
use chainbill_testkit::{Fault, Proxy, Wire, address, refusal, refusals};
use mongodb::bson::{Document, doc};

use crate::world::{Database, KEPT, THINGS, ago, runtime, server, thing};

/// A mirror behind a proxy that answers some commands itself, and a direct client of the same database.
fn behind_a_wire<F: Future<Output = ()>>(test: impl FnOnce(MongoMirror, Wire, mongodb::Database) -> F) {
    let Some(server) = server() else { return };
    runtime().block_on(async {
        let database = Database::new(&server).await;
        let wire = Wire::before(address(&server)).await;
        let uri = wire.instead_of(&database.url(&server));
        let mirror = MongoMirror::connect(&uri, MongoSettings::default()).unwrap();
        test(mirror, wire, database.raw.clone()).await;
        database.raw.drop().await.unwrap();
    });
}

const OF_THE_DOCUMENT: &[i32] = &[2, 9, 14, 15, 22, 28, 52, 55, 56, 57, 66, 171, 10334, 17280, 17419, 17420, 51108];
const OF_THE_COLLECTION: &[i32] = &[13, 18, 20, 61, 67, 72, 73, 115, 121, 166, 238, 12501];
const THROTTLING: &[i32] = &[24, 46, 50, 112, 202, 262, 292, 365, 462, 8000, 16500];
const PASSING: &[i32] =
    &[6, 7, 43, 64, 89, 91, 175, 189, 237, 317, 9001, 10107, 11600, 11601, 11602, 13435, 13436, 14031];

#[test]
fn what_a_server_says_to_a_whole_command_goes_by_its_code() {
    behind_a_wire(async |mirror, wire, _| {
        let writes = [thing("a", 1, "a"), thing("b", 1, "b")];
        for (codes, kind) in [
            (OF_THE_COLLECTION, "refused"),
            (THROTTLING, "throttled"),
            (PASSING, "unavailable"),
            (OF_THE_DOCUMENT, "rejected"),
            (&[999_999], "refused"),
        ] {
            for &code in codes {
                // A server that refuses every update does not reject a single document: the write probe passes.
                wire.answer("update", move |command| {
                    let is_probe = refusals(command, code).get_array("writeErrors").unwrap().len() < 2
                        && command.to_string().contains("\u{1}");
                    (!is_probe).then(|| refusal(code))
                });
                let seen = match mirror.apply(&THINGS, Guard::Newer, &writes, ago(0)).await {
                    Err(MirrorError::Refused(why)) => ("refused", why),
                    Err(MirrorError::Throttled(why)) => ("throttled", why),
                    Err(MirrorError::Unavailable(why)) => ("unavailable", why),
                    Ok(outcomes) => match &outcomes[..] {
                        [Rejected(why), Rejected(_)] => ("rejected", why.clone()),
                        other => panic!("{code}: {other:?}"),
                    },
                };
                assert_eq!(seen, (kind, format!("it says why (code {code})")));
                wire.pass();
            }
        }
        assert_eq!(mirror.apply(&THINGS, Guard::Newer, &writes, ago(0)).await.unwrap(), [Applied, Applied]);
    });
}

#[test]
fn what_a_server_says_to_one_statement_goes_by_its_code_and_harms_no_neighbour() {
    behind_a_wire(async |mirror, wire, _| {
        let writes = [thing("a", 1, "a"), thing("b", 1, "b")];
        let of_second = |code: i32| doc! { "ok": 1.0, "n": 1, "writeErrors": [{ "index": 1, "code": code, "errmsg": "it says why" }] };
        for &code in [OF_THE_COLLECTION, THROTTLING, OF_THE_DOCUMENT].concat().iter() {
            wire.answer("update", move |_| Some(of_second(code)));
            let outcomes = mirror.apply(&THINGS, Guard::Newer, &writes, ago(0)).await.unwrap();
            let why = format!("it says why (code {code})");
            let expected = match code {
                code if OF_THE_COLLECTION.contains(&code) => Refused(why),
                code if THROTTLING.contains(&code) => Throttled(why),
                _ => Rejected(why),
            };
            assert_eq!(outcomes, [Applied, expected]);
            wire.pass();
        }
        for &code in PASSING {
            wire.answer("update", move |_| Some(of_second(code)));
            let answer = mirror.apply(&THINGS, Guard::Newer, &writes, ago(0)).await;
            assert!(matches!(answer, Err(MirrorError::Unavailable(_))), "{code}: {answer:?}");
            wire.pass();
        }
    });
}

fn of(command: &Document, collection: &str) -> bool {
    command.values().next().and_then(|name| name.as_str()) == Some(collection)
}

#[test]
fn a_refused_index_is_reported_for_its_collection_alone_and_search_answers_without_it() {
    behind_a_wire(async |mirror, wire, raw| {
        let names_words = |command: &Document| {
            let indexes = command.get_array("indexes").unwrap();
            indexes
                .iter()
                .any(|index| index.as_document().unwrap().get_str("name").is_ok_and(|name| name == "cb_words"))
        };
        wire.answer("createIndexes", move |command| {
            (of(command, "users") && names_words(command)).then(|| refusal(67))
        });
        for _ in 0..2 {
            let refused = mirror.prepare(&[&THINGS, &USERS], KEPT).await.unwrap();
            let told: Vec<_> = refused.iter().map(|one| (one.collection, one.error.to_string())).collect();
            let why = "the mirror refused: the index cb_words: it says why (code 67)".to_owned();
            assert_eq!(told, [("users", why)]);
        }
        let names = raw.collection::<Document>("users").list_index_names().await.unwrap();
        assert!(names.contains(&"cb_ttl".to_owned()), "its other index is there: {names:?}");
        let body = crate::world::fields(vec![("name", crate::world::txt("Ada"))]);
        let ada = crate::world::put(&USERS, "ada", 1, body);
        mirror.apply(&USERS, Guard::Newer, &[ada], ago(0)).await.unwrap();
        assert_eq!(mirror.search(&USERS, SearchQuery::of("ada", 10)).await.unwrap().len(), 1);
        wire.pass();
        assert!(mirror.prepare(&[&THINGS, &USERS], KEPT).await.unwrap().is_empty());
        let names = raw.collection::<Document>("users").list_index_names().await.unwrap();
        assert!(names.contains(&"cb_words".to_owned()), "{names:?}");
    });
}

#[test]
fn collections_are_prepared_side_by_side_and_each_gets_its_indexes_in_one_command() {
    behind_a_wire(async |mirror, wire, _| {
        let says = |command: &Document| {
            let indexes = command.get_array("indexes").unwrap();
            indexes.iter().all(|index| {
                let collation = index.as_document().unwrap().get_document("collation");
                collation.is_ok_and(|collation| collation.get_str("locale").is_ok_and(|locale| locale == "simple"))
            })
        };
        wire.answer("createIndexes", move |command| says(command).then(|| doc! { "ok": 1.0 }));
        wire.hold("createIndexes");
        let models = chainbill_domain::models::ALL;
        let expected = models.len() + 2;
        let (prepared, ()) = futures::join!(mirror.prepare(models, KEPT), async {
            // None of them is answered before all have come.
            wire.until_seen("createIndexes", expected).await;
            wire.pass();
        });
        assert!(prepared.unwrap().is_empty());
        let mut seen = wire.seen("createIndexes");
        seen.truncate(expected);
        seen.sort_unstable();
        let mut all: Vec<_> = models.iter().map(|model| model.name).chain(["analytics", "app_logs"]).collect();
        all.sort_unstable();
        assert_eq!(seen, all);
    });
}

#[test]
fn a_collection_that_compares_otherwise_is_asked_to_compare_by_bytes() {
    behind_a_wire(async |mirror, wire, _| {
        mirror.prepare(&[&USERS], KEPT).await.unwrap();
        let collation = doc! { "locale": "en", "strength": 1 };
        wire.answer("listCollections", move |_| {
            let users = doc! { "name": "users", "type": "collection", "options": { "collation": collation.clone() },
            "info": { "readOnly": false } };
            let cursor = doc! { "id": 0_i64, "ns": "x.$cmd.listCollections", "firstBatch": [users] };
            Some(doc! { "ok": 1.0, "cursor": cursor })
        });
        let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        for name in ["aggregate", "find"] {
            let told = told.clone();
            wire.answer(name, move |command| {
                told.lock().unwrap().push(command.get_document("collation").cloned().ok());
                Some(doc! { "ok": 1.0, "cursor": { "id": 0_i64, "ns": "x.users", "firstBatch": [] } })
            });
        }
        mirror.search(&USERS, SearchQuery::of("ada", 10)).await.unwrap();
        mirror.find(&USERS, "name", &crate::world::txt("x"), None, 1).await.unwrap();
        let told = told.lock().unwrap().clone();
        let locales: Vec<_> =
            told.iter().map(|told| told.as_ref().and_then(|told| told.get_str("locale").ok())).collect();
        assert_eq!(locales, [Some("simple"), Some("simple")]);
    });
}

#[test]
fn an_unreachable_server_fails_calls_at_once_and_is_detected_when_it_returns() {
    let Some(server) = server() else { return };
    runtime().block_on(async {
        let database = Database::new(&server).await;
        let proxy = Proxy::before(address(&server)).await;
        let mirror = MongoMirror::connect(&proxy.instead_of(&database.url(&server)), MongoSettings::default()).unwrap();
        mirror.prepare(&[&USERS], KEPT).await.unwrap();
        proxy.set(Fault::Silence);
        assert!(mirror.ping().await.is_err());
        for _ in 0..3 {
            let asked = mirror.search(&USERS, SearchQuery::of("ada", 10));
            // Ready at the first poll: no request was sent.
            let Some(Err(MirrorError::Unavailable(why))) = futures::FutureExt::now_or_never(asked) else {
                panic!("it waits for a server that is known to be unreachable");
            };
            assert!(why.starts_with("known to be unreachable: "), "{why}");
        }
        proxy.set(Fault::None);
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
        for _ in 0..1000 {
            if mirror.search(&USERS, SearchQuery::of("ada", 10)).await.is_ok() {
                database.raw.drop().await.unwrap();
                return;
            }
            tick.tick().await;
        }
        panic!("its return is not detected");
    });
}
