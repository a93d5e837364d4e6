//! Faults of a single field, put into documents by the thousand: each is found, and named.

use std::collections::BTreeMap;

use chainbill_domain::{
    Document, Model, Value,
    models::{INVOICES, USERS},
};
use chainbill_mirror::{Content, Guard, Stored, Write};
use chainbill_sync::{
    Order, RepairPolicy,
    compare::{Class, Level},
};
use chainbill_testkit::Dice;
use tokio_util::sync::CancellationToken;

use crate::{
    stage::on_every_database,
    world::{World, quick},
};

const DOCUMENTS: usize = 1000;
const ROUNDS: usize = 10;

#[test]
fn ten_thousand_faults_of_one_field_are_found_by_name() {
    on_every_database(async |database| {
        let world = World::open(database, quick()).await;
        world.invoices(DOCUMENTS).await;
        for n in 0..DOCUMENTS / 10 {
            world.save_user(&format!("user {n}")).await;
        }
        world.sql("DELETE FROM outbox").await;
        let stop = CancellationToken::new();
        for model in [&USERS, &INVOICES] {
            world.sync.initial(model, &|_| {}, &stop).await.unwrap();
        }
        let mut dice = Dice(7);
        let mut injected = 0;
        for _ in 0..ROUNDS {
            for model in [&USERS, &INVOICES] {
                injected += round(&world, model, &mut dice).await;
            }
        }
        assert_eq!(injected, ROUNDS * (DOCUMENTS + DOCUMENTS / 10));
        world.assert_equal().await;
    });
}

/// Puts a fault into every document, looks, and puts the documents back; how many there were.
async fn round(world: &World, model: &'static Model, dice: &mut Dice) -> usize {
    let documents = world.documents(model).await;
    let mut expected = BTreeMap::new();
    let mut writes = Vec::new();
    for (id, stored) in &documents {
        let mut body = stored.body.clone();
        let path = spoil(&mut body, dice);
        expected.insert(id.clone(), (Class::Mutated, vec![path]));
        writes.push(write(stored, body));
    }
    put(world, model, &writes).await;
    let order = Order::new("verify", Level::Deep, RepairPolicy::Report);
    let report = world.sync.run(model, order, &|_| {}, &CancellationToken::new()).await.unwrap();
    let found: BTreeMap<_, _> =
        report.comparison.findings.into_iter().map(|finding| (finding.id, (finding.class, finding.fields))).collect();
    for (id, fault) in &expected {
        assert_eq!(found.get(id), Some(fault), "{} {id}", model.name);
    }
    assert_eq!(found.len(), expected.len(), "more was found than was put there");
    let back: Vec<Write> = documents.values().map(|stored| write(stored, stored.body.clone())).collect();
    put(world, model, &back).await;
    documents.len()
}

async fn put(world: &World, model: &'static Model, writes: &[Write]) {
    for writes in writes.chunks(500) {
        world.mirror.apply(model, Guard::NotNewer, writes, world.records.now()).await.unwrap();
    }
}

/// A document as a stranger would leave it: other content under the same version and digest.
fn write(stored: &Stored, body: Document) -> Write {
    let content = Content::Document { body, digest: stored.stamp.digest.unwrap() };
    Write { id: stored.stamp.id.clone(), version: stored.stamp.version.unwrap(), content, fresh: false }
}

/// Spoils one value somewhere in the document; where.
fn spoil(document: &mut Document, dice: &mut Dice) -> String {
    let place = dice.below(document.0.len());
    let (name, value) = &mut document.0[place];
    match value {
        Value::Map(inner) => format!("{name}.{}", spoil(inner, dice)),
        Value::List(items) if !items.is_empty() => {
            let place = dice.below(items.len());
            let Value::Map(inner) = &mut items[place] else { panic!("an item that is no object") };
            format!("{name}.{place}.{}", spoil(inner, dice))
        }
        value => {
            let before = value.clone();
            *value = match (before, dice.below(4)) {
                (Value::Null, _) => Value::Text(String::new()),
                (_, 0) => Value::Null,
                (Value::Text(text), _) => Value::Text(format!("{text} ")),
                (Value::Int(number), 1) => Value::Time(number),
                (Value::Int(number), _) => Value::Int(number ^ 1),
                (Value::Time(at), 1) => Value::Int(at),
                (Value::Time(at), _) => Value::Time(at + 1),
                (Value::Bool(flag), _) => Value::Bool(!flag),
                (_, _) => Value::List(vec![Value::Null]),
            };
            name.to_string()
        }
    }
}
