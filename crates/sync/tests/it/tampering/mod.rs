//! A client that knows nothing of ChainBill tampers with either database: every class of it is found by the next deep
//! verification, named by field, and repaired with evidence.

mod cases;
mod forged;
mod scheduled;

use std::collections::BTreeMap;

use chainbill_domain::{
    Model,
    models::{INVOICES, USERS},
};
use chainbill_mirror::SearchQuery;
use chainbill_records::Evidence;
use chainbill_sync::{
    Order, Outcome, RepairPolicy, RunReport, Settings,
    compare::{Class, Level},
};
use chainbill_testkit::mongodb::{
    Database,
    bson::{Document, RawDocumentBuf, doc},
};
use chainbill_testkit::{EMBEDDED, Foreign, ForeignDocuments, Fresh, insert_bytes, with_other_bytes};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use self::cases::{Case, Deed, ON_THE_PRIMARY, broken, of_bytes, of_documents, of_fields, of_stamps};
use crate::{
    stage::on_every_database,
    world::{World, quick},
};

/// A world that repairs any share of drift.
async fn open(database: &Fresh) -> World {
    World::open(database, Settings { breaker_percent: 100, ..quick() }).await
}

async fn documents_of(database: &Fresh) -> ForeignDocuments {
    match database.secondary == EMBEDDED {
        true => ForeignDocuments::file(&database.folder.join("secondary.db")).await,
        false => ForeignDocuments::server(&database.secondary).await,
    }
}

/// Copies both models and carries out what waits.
async fn copied(world: &World) {
    let never = CancellationToken::new();
    for model in [&USERS, &INVOICES] {
        world.sync.initial(model, &|_| {}, &never).await.unwrap();
    }
    world.sync.drain(&never).await.unwrap();
}

async fn look(world: &World, model: &'static Model, policy: RepairPolicy) -> RunReport {
    let order = Order::new("verify", Level::Deep, policy);
    world.sync.run(model, order, &|_| {}, &CancellationToken::new()).await.unwrap()
}

/// The expected verdict on a tampered entity.
type Expected = BTreeMap<String, (&'static str, Class, Vec<&'static str>)>;

/// Verification finds exactly these by class and field and touches nothing; repair makes them right with evidence; the next
/// verification finds nothing.
async fn found_and_repaired(world: &World, model: &'static Model, expected: &Expected) {
    let report = look(world, model, RepairPolicy::Report).await;
    let found: BTreeMap<&str, _> = report.comparison.findings.iter().map(|one| (one.id.as_str(), one)).collect();
    for (id, (what, class, fields)) in expected {
        let one = found.get(id.as_str()).unwrap_or_else(|| panic!("{} {id}, {what}: not found", model.name));
        assert_eq!((one.class, &one.fields), (*class, &text(fields)), "{} {id}, {what}", model.name);
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
    assert_eq!((report.outcome, report.comparison.model), (Outcome::Drift, model.name));
    assert!(evidence(world, model).await.is_empty(), "a report repairs nothing");

    let report = look(world, model, RepairPolicy::Repair).await;
    assert_eq!((report.outcome, report.repaired.repaired), (Outcome::Repaired, expected.len() as u64));
    let evidence = evidence(world, model).await;
    assert_eq!(evidence.len(), expected.len());
    for (id, (what, class, fields)) in expected {
        let one = evidence.get(id).unwrap_or_else(|| panic!("{} {id}, {what}: no evidence", model.name));
        assert_eq!((one.class.as_str(), one.fields.as_str()), (class.name(), &*fields.join(",")), "{id}, {what}");
        assert!(one.run_id == report.id && one.action != "none", "{what}: {one:?}");
        assert_eq!(one.before.is_none(), *class == Class::Lost, "{what}: {one:?}");
        let after = one.after.as_deref().map(body_and_stamp);
        match &one.expected {
            Some(row) => assert_eq!(after.unwrap().0, json(row), "{what}"),
            None => assert!(after.is_none_or(|(_, sync)| sync["tombstone"] == true), "{what}: {one:?}"),
        }
    }
    let report = look(world, model, RepairPolicy::Report).await;
    assert_eq!(report.outcome, Outcome::Equal, "{:?}", report.comparison.findings);
}

async fn evidence(world: &World, model: &'static Model) -> BTreeMap<String, Evidence> {
    let all = world.records.evidence(Some(model.name), None, None, 1000).await.unwrap();
    all.into_iter().map(|one| (one.entity_id.clone(), one)).collect()
}

fn text(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| (*field).to_owned()).collect()
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

fn body_and_stamp(document: &str) -> (Json, Json) {
    let mut body = json(document);
    let sync = body.as_object_mut().unwrap().remove("_sync").unwrap();
    (body, sync)
}

/// Every document as a foreign client reads it, but for the moment of its last write.
async fn as_read(documents: &ForeignDocuments) -> Vec<BTreeMap<String, Json>> {
    let mut all = Vec::new();
    for model in [&USERS, &INVOICES] {
        let mut found = documents.all(model.name).await;
        for document in found.values_mut() {
            document["_sync"].as_object_mut().unwrap().remove("appliedAt").expect("it says when it was written");
        }
        all.push(found);
    }
    all
}

/// Applies the change and returns the expected verdict; none where the mirror cannot hold such a value.
async fn carry_out(documents: &ForeignDocuments, case: &Case, id: &str) -> Option<String> {
    match documents {
        ForeignDocuments::Mongo(database) => Some(on_server(database, case, id).await),
        ForeignDocuments::Sqlite(pool) => {
            let (statement, found) = in_file(case, id)?;
            Foreign::Sqlite(pool.clone()).execute(&statement).await;
            Some(found)
        }
    }
}

async fn on_server(database: &Database, case: &Case, id: &str) -> String {
    let collection = database.collection::<Document>(case.model.name);
    let one = doc! { "_id": id };
    let as_it_is = async || collection.find_one(one.clone()).await.unwrap().unwrap();
    let changed = match &case.deed {
        Deed::Update(update, _) | Deed::OfTombstone(update, _) => {
            collection.update_one(one, update.clone()).await.unwrap().modified_count
        }
        Deed::Capitals => {
            let digest = as_it_is().await.get_document("_sync").unwrap().get_str("digest").unwrap().to_uppercase();
            collection.update_one(one, doc! { "$set": { "_sync.digest": digest } }).await.unwrap().modified_count
        }
        Deed::StampFirst => {
            let mut document = as_it_is().await;
            let mut moved = doc! { "_id": id, "_sync": document.remove("_sync").unwrap() };
            moved.extend(document);
            collection.replace_one(one, moved).await.unwrap().modified_count
        }
        Deed::Bytes(update, from, to, _) => {
            collection.update_one(one.clone(), update.clone()).await.unwrap();
            rewrite(database, case.model.name, one, from, to).await;
            1
        }
        Deed::Delete => collection.delete_one(one).await.unwrap().deleted_count,
        Deed::Reorder => {
            let mut document = as_it_is().await;
            let first = document.keys().nth(1).unwrap().clone();
            let value = document.remove(&first).unwrap();
            document.insert(first, value);
            collection.replace_one(one, document).await.unwrap().modified_count
        }
        Deed::Insert(new, stamped) => {
            let mut document = as_it_is().await;
            document.insert("_id", *new);
            if !stamped {
                document.remove("_sync");
            }
            collection.insert_one(document).await.unwrap();
            return name_of(new);
        }
        Deed::Stranger(new, name) => {
            let mut document = as_it_is().await;
            document.insert("_id", new.clone());
            collection.insert_one(document).await.unwrap();
            return name.clone();
        }
        Deed::Broken => {
            let mut document = as_it_is().await;
            document.insert("_id", "zz\u{1}");
            collection.insert_one(document).await.unwrap();
            rewrite(database, case.model.name, doc! { "_id": "zz\u{1}" }, b"zz\x01", b"zz\xff").await;
            return broken();
        }
    };
    assert_eq!(changed, 1, "{}", case.what);
    id.to_owned()
}

/// What a document under a text is called: the text itself, but for one that ends like the name of something else.
fn name_of(text: &str) -> String {
    if text.ends_with(')') { format!("{text} (an _id of a kind that rows do not have: text)") } else { text.to_owned() }
}

/// Writes a document anew, with other bytes in one place.
async fn rewrite(database: &Database, collection: &str, one: Document, from: &[u8], to: &[u8]) {
    let raw = database.collection::<RawDocumentBuf>(collection);
    let bytes = raw.find_one(one.clone()).await.unwrap().unwrap().into_bytes();
    raw.delete_one(one).await.unwrap();
    insert_bytes(database, collection, &with_other_bytes(&bytes, from, to)).await;
}

/// The statement that does it, and the entity that shows it.
fn in_file(case: &Case, id: &str) -> Option<(String, String)> {
    let table = case.model.name;
    let update = |set: &str| format!("UPDATE {table} SET {set} WHERE id = '{id}'");
    let insert = |new: &str, stamp: &str| {
        format!(
            "INSERT INTO {table}(id, version, digest, applied_at, body) SELECT {new}, {stamp}, body FROM {table} \
             WHERE id = '{id}'"
        )
    };
    const STAMP: &str = "version, digest, applied_at";
    let statement = match &case.deed {
        Deed::Update(_, set) | Deed::OfTombstone(_, set) | Deed::Bytes(_, _, _, set) => update((*set)?),
        Deed::Capitals => update("digest = upper(digest)"),
        Deed::Delete => format!("DELETE FROM {table} WHERE id = '{id}'"),
        Deed::Reorder => update("body = json_set(json_remove(body, '$.email'), '$.email', body ->> '$.email')"),
        Deed::Insert(new, stamped) => {
            let stamp = if *stamped { STAMP } else { "NULL, NULL, NULL" };
            return Some((insert(&format!("'{new}'"), stamp), name_of(new)));
        }
        Deed::Broken => return Some((insert("CAST(x'7a7aff' AS TEXT)", STAMP), broken())),
        Deed::Stranger(..) | Deed::StampFirst => return None,
    };
    Some((statement, id.to_owned()))
}

#[test]
fn external_changes_in_the_mirror_are_found_by_field_and_repaired() {
    on_every_database(async |database| {
        let world = open(database).await;
        let cases: Vec<Case> = [of_fields(), of_bytes(), of_documents(), of_stamps()].into_iter().flatten().collect();
        let mut users = Vec::new();
        for _ in &cases {
            users.push(world.save_user("Ada").await);
        }
        world.invoices(cases.len()).await;
        copied(&world).await;
        let invoices: Vec<String> = world.documents(&INVOICES).await.into_keys().collect();
        for (case, user) in cases.iter().zip(&users) {
            if matches!(case.deed, Deed::OfTombstone(..)) {
                world.remove_user(user).await;
            }
        }
        world.sync.drain(&CancellationToken::new()).await.unwrap();
        let documents = documents_of(database).await;
        let before = as_read(&documents).await;

        let mut expected: BTreeMap<&str, Expected> = BTreeMap::new();
        for ((case, user), invoice) in cases.iter().zip(&users).zip(&invoices) {
            let id = if case.model.name == USERS.name { user.id.to_string() } else { invoice.clone() };
            if let Some(found) = carry_out(&documents, case, &id).await {
                let of_model = expected.entry(case.model.name).or_default();
                of_model.insert(found, (case.what, case.class, case.fields.to_vec()));
            }
        }
        for model in [&USERS, &INVOICES] {
            found_and_repaired(&world, model, &expected[model.name]).await;
        }
        world.assert_equal().await;
        assert_eq!(as_read(&documents).await, before, "all is as it was");
    });
}

#[test]
fn a_symbol_in_the_place_of_a_text_is_a_phantom_and_its_text_is_lost() {
    on_every_database(async |database| {
        let world = open(database).await;
        let users = [world.save_user("Ada").await, world.save_user("Grace").await];
        copied(&world).await;
        let documents = documents_of(database).await;
        let ForeignDocuments::Mongo(server) = &documents else { return };
        let mut expected = Expected::new();
        for user in &users {
            let id = user.id.to_string();
            rewrite(server, USERS.name, doc! { "_id": &id }, b"\x02_id\0", b"\x0e_id\0").await;
            let symbol = format!("{id} (an _id of a kind that rows do not have: symbol)");
            expected.insert(symbol, ("the symbol", Class::Phantom, Vec::new()));
            expected.insert(id, ("the text", Class::Lost, Vec::new()));
        }
        found_and_repaired(&world, &USERS, &expected).await;
        world.assert_equal().await;
    });
}

#[test]
fn a_search_index_that_lacks_documents_is_made_anew_by_a_deep_run_that_may_repair() {
    on_every_database(async |database| {
        let world = open(database).await;
        world.save_user("Ada").await;
        copied(&world).await;
        let ForeignDocuments::Sqlite(pool) = documents_of(database).await else { return };
        Foreign::Sqlite(pool).execute("DELETE FROM _fts_users WHERE rowid > 0").await;
        let found = async || world.mirror.search(&USERS, SearchQuery::of("ada", 10)).await.unwrap().len();
        for (policy, then) in [(RepairPolicy::Report, 0), (RepairPolicy::Repair, 1), (RepairPolicy::Report, 1)] {
            assert_eq!(look(&world, &USERS, policy).await.outcome, Outcome::Equal);
            assert_eq!(found().await, then, "{policy:?}");
        }
    });
}

#[test]
fn external_changes_in_the_primary_are_found_and_mirrored() {
    on_every_database(async |database| {
        let world = open(database).await;
        let stranger = Foreign::open(&database.primary).await;
        let mut users = Vec::new();
        for _ in ON_THE_PRIMARY {
            users.push(world.save_user("Ada").await.id.to_string());
        }
        let untouched = world.save_user("Grace").await.id.to_string();
        world.invoices(ON_THE_PRIMARY.len()).await;
        copied(&world).await;
        let invoices: Vec<String> = world.documents(&INVOICES).await.into_keys().collect();

        let new = "00000000-0000-7000-8000-000000000001";
        let mut expected: BTreeMap<&str, Expected> = BTreeMap::new();
        for ((model, statement, class, fields), (user, invoice)) in
            ON_THE_PRIMARY.iter().zip(users.iter().zip(&invoices))
        {
            let id = if model.name == USERS.name { user } else { invoice };
            stranger.execute(&statement.replace("{id}", id).replace("{new}", new)).await;
            let found = if statement.contains("{new}") { new } else { id };
            expected.entry(model.name).or_default().insert(found.to_owned(), (statement, *class, fields.to_vec()));
        }
        // What never leaves the primary is no drift.
        stranger.execute(&format!("UPDATE users SET password_hash='stolen' WHERE id='{untouched}'")).await;
        for model in [&USERS, &INVOICES] {
            found_and_repaired(&world, model, &expected[model.name]).await;
        }
        world.assert_equal().await;
    });
}
