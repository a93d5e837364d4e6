//! The values that must survive, exactly, in every engine.

use chainbill_domain::{Document, Value};
use chainbill_mirror::{
    Guard,
    Outcome::{Applied, Rejected},
    Page,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::world::{THINGS, World, ago, at, body_of, fields, put, thing, txt};

async fn comes_back(world: &World, id: &str, body: Document) {
    let write = put(&THINGS, id, 1, body);
    let outcome = world.mirror.apply(&THINGS, Guard::NotNewer, std::slice::from_ref(&write), ago(0)).await.unwrap();
    assert_eq!(outcome, [Applied], "{id}");
    let stored = world.mirror.get(&THINGS, id).await.unwrap().expect("it was written");
    assert!(stored.body == body_of(&write), "{id}: what came back differs");
}

pub async fn every_value_comes_back_exactly(world: World) {
    let world = world.prepared().await;
    let time = |text| Value::Time(at(text).timestamp_millis());
    let values = [
        ("the largest integer", Value::Int(i64::MAX)),
        ("the smallest integer", Value::Int(i64::MIN)),
        ("a negative integer", Value::Int(-1)),
        ("a small integer", Value::Int(5)),
        ("zero", Value::Int(0)),
        ("beyond the exact floats", Value::Int((1 << 53) + 1)),
        ("true", Value::Bool(true)),
        ("false", Value::Bool(false)),
        ("null", Value::Null),
        ("an empty text", txt("")),
        ("an emoji", txt("😀")),
        ("its neighbour", txt("😁")),
        ("a family", txt("👩‍👩‍👧‍👦")),
        ("a combining mark", txt("e\u{301}")),
        ("the composed letter", txt("é")),
        ("trailing spaces", txt("a  ")),
        ("leading spaces and line ends", txt(" \t\r\n a")),
        ("control characters", txt("\u{1}\u{1f}\u{7f}\u{85}\u{2028}\u{feff}")),
        ("right to left", txt("\u{202e}abc\u{202c} שלום")),
        ("operators", txt("$where: {\"$gt\": \"\"}.a.b")),
        ("quotes", txt("\"'`\\; DROP TABLE things; --")),
        ("JSON text", txt("{\"$date\": 1, \"a.b\": {\"$oid\": \"x\"}, \"\": null}")),
        ("a number as text", txt("9223372036854775807")),
        ("a leap day", time("2024-02-29T23:59:59.999Z")),
        ("the last day", time("9999-12-31T23:59:59.999Z")),
        ("the first moment", Value::Time(0)),
        ("before the first moment", time("1969-12-31T23:59:59.999Z")),
        ("an empty list", Value::List(vec![])),
        ("an empty map", Value::Map(Document::default())),
        ("no decimals", money(100, "JPY")),
        ("two decimals", money(-125, "USD")),
        ("three decimals", money(1_250, "BHD")),
        ("lists in lists", Value::List(vec![Value::List(vec![Value::Int(1), Value::Null]), txt("x")])),
    ];
    for (name, value) in &values {
        comes_back(&world, name, fields(vec![("value", value.clone())])).await;
    }
    comes_back(&world, "no fields", Document::default()).await;
    let all = values.iter().enumerate().map(|(n, (_, value))| (format!("f{n}").into(), value.clone())).collect();
    comes_back(&world, "all", Document(all)).await;
}

fn money(minor: i64, currency: &str) -> Value {
    Value::Map(fields(vec![("minor", Value::Int(minor)), ("currency", txt(currency))]))
}

pub async fn texts_that_look_alike_are_distinct_ids(world: World) {
    let world = world.prepared().await;
    let ids = ["😀", "😁", "é", "e\u{301}", "É", "a", "A", "a ", "ss", "ß", "ı", "i", "I", "İ", "$a", "a.b"];
    let writes: Vec<_> = ids.iter().map(|id| thing(id, 1, id)).collect();
    assert_eq!(world.apply(Guard::Newer, &writes).await, vec![Applied; ids.len()]);
    for id in ids {
        assert_eq!(world.name(id).await.as_deref(), Some(id));
    }
}

pub async fn five_megabytes_of_text_come_back(world: World) {
    let world = world.prepared().await;
    let text: String = "0123456789abcdeé😀\n".chars().cycle().take(5_000_000).collect();
    comes_back(&world, "long", fields(vec![("value", txt(text))])).await;
}

pub async fn a_document_near_the_limit_is_kept(world: World) {
    let world = world.prepared().await;
    comes_back(&world, "near", fields(vec![("value", txt("x".repeat(15_500_000)))])).await;
}

pub async fn a_document_over_the_limit_is_refused_and_its_neighbours_are_kept(world: World) {
    let world = world.prepared().await;
    let large = |id: &str| put(&THINGS, id, 1, fields(vec![("value", txt("x".repeat(16 * 1024 * 1024)))]));
    let edge = put(&THINGS, "edge", 1, fields(vec![("value", txt("x".repeat(16 * 1024 * 1024 - 60)))]));
    let writes = [thing("a", 1, "a"), large("b"), thing("c", 1, "c"), edge, thing("d", 1, "d"), large("e")];
    let outcomes = world.apply(Guard::Newer, &writes).await;
    for n in [0, 2, 4] {
        assert_eq!(outcomes[n], Applied, "write {n}");
    }
    for n in [1, 3, 5] {
        let Rejected(why) = &outcomes[n] else { panic!("write {n}: {:?}", outcomes[n]) };
        assert!(why.len() < 1000, "a reason, not the document");
    }
    let page = Page { after: None, up_to: None, limit: 10 };
    let ids: Vec<_> = world.mirror.stamps(&THINGS, page).await.unwrap().into_iter().map(|stamp| stamp.id).collect();
    assert_eq!(ids, ["a", "c", "d"]);
}

pub async fn a_field_name_with_a_nul_is_refused(world: World) {
    let world = world.prepared().await;
    let inner = Value::List(vec![Value::Map(fields(vec![("a\0b", Value::Int(1))]))]);
    let writes = [thing("a", 1, "a"), put(&THINGS, "b", 1, fields(vec![("list", inner)])), thing("c", 1, "c")];
    let outcomes = world.apply(Guard::Newer, &writes).await;
    assert!(matches!(&outcomes[..], [Applied, Rejected(_), Applied]), "{outcomes:?}");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<i32>().prop_map(|number| Value::Int(number.into())),
        (-62_135_596_800_000..=253_402_300_799_999_i64).prop_map(Value::Time),
        ".{0,40}".prop_map(Value::Text),
        "[${}.\"':0-9a-z]{0,20}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            any_document(inner).prop_map(Value::Map),
        ]
    })
}

/// Fields with the names that descriptions use, each once.
fn any_document(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Document> {
    prop::collection::vec(("[a-z][a-zA-Z0-9]{0,8}", values), 0..8).prop_map(|fields| {
        let mut document = Document::default();
        for (name, value) in fields {
            if document.get(&name).is_none() {
                document.push(name, value);
            }
        }
        document
    })
}

pub async fn any_document_comes_back_as_it_was(world: World) {
    let world = world.prepared().await;
    let mut runner = TestRunner::deterministic();
    let strategy = any_document(any_value());
    let documents: Vec<Document> =
        (0..500).map(|_| strategy.new_tree(&mut runner).expect("the strategy rejects nothing").current()).collect();
    let writes: Vec<_> =
        documents.iter().enumerate().map(|(n, body)| put(&THINGS, &format!("{n:04}"), 1, body.clone())).collect();
    assert_eq!(world.apply(Guard::Newer, &writes).await, vec![Applied; writes.len()]);
    let page = Page { after: None, up_to: None, limit: 1000 };
    let stored = world.mirror.documents(&THINGS, page).await.unwrap();
    assert_eq!(stored.len(), documents.len());
    for (stored, body) in stored.iter().zip(&documents) {
        assert_eq!(&stored.body, body);
        let digest = chainbill_domain::document::digest(&THINGS, &stored.stamp.id, 1, &stored.body);
        assert_eq!(stored.stamp.digest, Some(digest), "the digest of what came back is the one that was sent");
    }
}
