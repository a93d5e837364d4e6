//! A model gets another description while both databases are at work: its documents are outdated then, and no drift.

use std::{
    future::Future,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use async_trait::async_trait;
use chainbill_domain::{
    Model, Timestamp, Value,
    document::{digest, digest_at},
    mapping::{Column, Embed, text},
    models::{ALL, INVOICES, USERS},
};
use chainbill_mirror::{Content, Guard, Mirror, MirrorError, Outcome as Fate, Stored, Write};
use chainbill_records::{
    ModelState,
    entities::{invoices, users},
};
use chainbill_sync::{Order, Outcome, Progress, RepairPolicy, RunReport, Settings, SyncError, compare::Level};
use chainbill_testkit::{Between, EMBEDDED, ForeignDocuments, Fresh, Writing};
use tokio_util::sync::CancellationToken;

use crate::{
    stage::on_every_database,
    world::{World, quick},
};

fn leak<T>(items: impl IntoIterator<Item = T>) -> &'static [T] {
    Vec::leak(items.into_iter().collect())
}

/// A description with other columns and embedded tables.
fn described(model: &Model, columns: impl IntoIterator<Item = Column>, embeds: Vec<Embed>) -> &'static Model {
    let Model { name, columns: _, embeds: _, omitted, search, indexes, every } = *model;
    let other = Model { name, columns: leak(columns), embeds: leak(embeds), omitted, search, indexes, every };
    Box::leak(Box::new(other))
}

fn embeds_of(model: &Model) -> Vec<Embed> {
    let same = |embed: &Embed| {
        let Embed { path, table, parent, order_by, columns, omitted } = *embed;
        Embed { path, table, parent, order_by, columns, omitted }
    };
    model.embeds.iter().map(same).collect()
}

fn with_columns(model: &Model, columns: impl IntoIterator<Item = Column>) -> &'static Model {
    described(model, columns, embeds_of(model))
}

/// A person with another field: the e-mail address by a second name.
fn other_users() -> &'static Model {
    with_columns(&USERS, USERS.columns.iter().copied().chain([text("email", "contact")]))
}

/// A release that has this description of one model, and those that there are of the others.
fn release(model: &'static Model) -> Settings {
    let own = |other: &&'static Model| if other.name == model.name { model } else { *other };
    Settings { models: leak(ALL.iter().map(own)), ..quick() }
}

async fn look(world: &World, model: &'static Model, policy: RepairPolicy) -> Result<RunReport, SyncError> {
    let order = Order::new("verify", Level::Deep, policy);
    world.sync.run(model, order, &|_| {}, &CancellationToken::new()).await
}

async fn is_brought_to(world: &World, model: &'static Model) -> bool {
    let copy = world.records.backfill_state(model).await.unwrap();
    (copy.state, copy.revision) == (ModelState::Live, Some(model.revision()))
}

/// Both sides hold the same, field by field, in this description.
async fn assert_equal(world: &World, model: &'static Model) {
    let (rows, documents) = (world.rows(model).await, world.documents(model).await);
    assert_eq!(rows.keys().collect::<Vec<_>>(), documents.keys().collect::<Vec<_>>());
    for (id, row) in &rows {
        let stored = &documents[id];
        assert_eq!(stored.body, row.body, "{id}");
        let expected = (Some(row.version), Some(row.digest), Some(model.revision()));
        assert_eq!((stored.stamp.version, stored.stamp.digest, stored.stamp.revision), expected, "{id}");
    }
}

/// Creates and changes invoices until stopped.
async fn write(world: &World, over: &AtomicBool) {
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    while !over.load(SeqCst) {
        pace.tick().await;
        let (invoice, _) = world.invoice(7);
        let mut unit = world.records.begin().await.unwrap();
        let invoice = unit.insert::<invoices::Entity>(invoice).await.unwrap();
        let after = invoices::Model { title: "Changed".to_owned(), ..invoice.clone() };
        unit.update::<invoices::Entity>(&invoice, after).await.unwrap();
        unit.commit().await.unwrap();
    }
}

/// Does something beside writes.
async fn beside_writes<T>(world: &World, work: impl Future<Output = T>) -> T {
    let over = AtomicBool::new(false);
    let worked = async {
        let worked = work.await;
        over.store(true, SeqCst);
        worked
    };
    futures::join!(write(world, &over), worked).1
}

/// A release with another description comes to databases that are at work, and is looked at until its documents are all
/// there: no look may find drift, trip the breaker or end in a fault.
async fn upgrade(database: &Fresh, model: &'static Model) {
    let world = World::open(database, release(model)).await;
    // No process has registered this description yet.
    let before = look(&world, model, RepairPolicy::Report).await.unwrap();
    assert_eq!((before.comparison.drifting(), before.outcome), (0, Outcome::Behind));
    assert_eq!(before.comparison.outdated, before.comparison.rows - before.comparison.in_flight);
    let running = world.sync.start();
    let looked = beside_writes(&world, async {
        let mut looked = 0;
        while !is_brought_to(&world, model).await {
            let report = look(&world, model, RepairPolicy::Report).await.unwrap();
            assert_eq!(report.comparison.drifting(), 0, "{:?}", report.comparison.findings);
            looked += 1;
        }
        looked
    })
    .await;
    assert!(looked > 0);
    world.drained().await;
    assert!(world.records.faults().await.unwrap().is_empty());
    let report = look(&world, model, RepairPolicy::Report).await.unwrap();
    assert_eq!((report.outcome, report.comparison.outdated), (Outcome::Equal, 0), "{}", report.line());
    assert_eq!(report.certificate.unwrap().revision, Some(model.revision().to_hex()));
    assert_equal(&world, model).await;
    let id = world.rows(model).await.into_keys().next().unwrap();
    let proof = world.sync.prove(model, &id).await.unwrap().unwrap();
    assert_eq!(proof.check(), Ok(()));
    assert!(proof.document.is_some());
    running.stop().await;
}

#[test]
fn a_column_added_removed_or_renamed_and_a_table_embedded_are_backfilled_beside_writes_and_never_drift() {
    const SAVED: usize = 3_000;
    on_every_database(async |database| {
        let world = World::open(database, quick()).await;
        let running = world.sync.start();
        world.invoices(SAVED).await;
        world.live().await;
        world.drained().await;
        running.stop().await;

        world.sql("ALTER TABLE invoices ADD COLUMN region VARCHAR(8) NOT NULL DEFAULT 'EU'").await;
        let added = with_columns(&INVOICES, INVOICES.columns.iter().copied().chain([text("region", "region")]));
        upgrade(database, added).await;

        let removed = with_columns(added, added.columns.iter().copied().filter(|column| column.path != "notes"));
        upgrade(database, removed).await;

        let named = |column: &Column| if column.path == "title" { text("title", "subject") } else { *column };
        let renamed = with_columns(removed, removed.columns.iter().map(named));
        upgrade(database, renamed).await;

        world
            .sql("CREATE TABLE invoice_tags AS SELECT id AS invoice_id, 0 AS position, title AS tag FROM invoices")
            .await;
        world.sql("INSERT INTO invoice_tags SELECT id, 1, status FROM invoices").await;
        world.sql("CREATE INDEX invoice_tags_of ON invoice_tags (invoice_id)").await;
        let tags = Embed {
            path: "tags",
            table: "invoice_tags",
            parent: "invoice_id",
            order_by: "position",
            columns: leak([text("tag", "tag")]),
            omitted: &[],
        };
        let embeds = embeds_of(renamed).into_iter().chain([tags]).collect();
        let embedded = described(renamed, renamed.columns.iter().copied(), embeds);
        upgrade(database, embedded).await;
    });
}

/// Counts the documents of people that are written.
#[derive(Default)]
struct Counted(AtomicUsize);

#[async_trait]
impl Writing for Counted {
    async fn apply(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Fate>, MirrorError> {
        if model.name == USERS.name {
            self.0.fetch_add(writes.len(), SeqCst);
        }
        inner.apply(model, guard, writes, at).await
    }
}

async fn people(world: &World, count: usize) -> Vec<users::Model> {
    let mut people = Vec::new();
    for n in 0..count {
        people.push(world.save_user(&format!("user {n}")).await);
    }
    people
}

/// Users that an earlier release has written, whose processes have ended.
async fn written_before(database: &Fresh, settings: Settings, count: usize) -> (World, Vec<users::Model>) {
    let world = World::open(database, settings).await;
    let running = world.sync.start();
    let people = people(&world, count).await;
    world.live().await;
    world.drained().await;
    running.stop().await;
    (world, people)
}

#[test]
fn a_backfill_that_was_ended_goes_on_from_where_it_was_and_shows_how_far_it_is() {
    on_every_database(async |database| {
        written_before(database, quick(), 400).await;
        let model = other_users();
        // No heartbeat is written here: that stall is not part of this story.
        let settings = Settings { stall_after: Duration::from_secs(3600), ..release(model) };
        let world = World::open(database, settings).await;
        let stop = CancellationToken::new();
        let enough = |progress: Progress| {
            if progress.done >= 100 {
                stop.cancel()
            }
        };
        assert!(matches!(world.sync.backfill(model, &enough, &stop).await, Err(SyncError::Stopped)));
        let copy = world.records.backfill_state(model).await.unwrap();
        assert_eq!((copy.state, copy.total), (ModelState::Backfilling, 400));
        assert!((100..400).contains(&copy.copied) && copy.cursor.is_some(), "{copy:?}");
        let status = world.sync.status().await;
        let shown = status.models.iter().find(|shown| shown.model == USERS.name).unwrap();
        assert_eq!((shown.state, shown.copied, shown.total), (Some("BACKFILLING"), copy.copied, 400));
        assert_eq!(shown.revision, Some(model.revision().to_hex()));
        let reason = status.reason.unwrap();
        assert!(reason.contains(&format!("users is BACKFILLING: {} of 400", copy.copied)), "{reason}");

        let counted = Between::before(world.mirror.clone(), Counted::default());
        let next = World::open_before(database, release(model), counted.clone()).await;
        next.sync.backfill(model, &|_| {}, &CancellationToken::new()).await.unwrap();
        assert_eq!(counted.writing.0.load(SeqCst), 400 - usize::try_from(copy.copied).unwrap(), "none is made twice");
        assert_equal(&next, model).await;
        // Where everything is as it should be, coming again writes nothing.
        next.sync.backfill(model, &|_| {}, &CancellationToken::new()).await.unwrap();
        assert_eq!(counted.writing.0.load(SeqCst), 400 - usize::try_from(copy.copied).unwrap());
    });
}

#[test]
fn two_releases_side_by_side_neither_undo_nor_rewrite_each_others_documents() {
    on_every_database(async |database| {
        // Neither is taken for gone while the story lasts.
        let long = |settings: Settings| Settings { lease: Duration::from_secs(9), ..settings };
        let (old, mut people) = written_before(database, long(quick()), 120).await;
        let model = other_users();
        let counted = Between::before(old.mirror.clone(), Counted::default());
        let new = World::open_before(database, long(release(model)), counted.clone()).await;
        let old = World::open_before(database, long(quick()), counted.clone()).await;
        let (older, newer) = (old.sync.start(), new.sync.start());
        new.eventually("the people are of the new description", async || is_brought_to(&new, model).await).await;
        assert_equal(&new, model).await;
        for user in &mut people[..40] {
            *user = new.rename(user, "beside both").await;
        }
        new.drained().await;
        // The partition's owner wrote the change; the other process does not undo it.
        let written = counted.writing.0.load(SeqCst);
        for _ in 0..3 {
            let report = look(&old, &USERS, RepairPolicy::Repair).await.unwrap();
            assert_eq!((report.comparison.drifting(), report.outcome), (0, Outcome::Behind), "{}", report.line());
            assert!(report.comparison.newer >= 80 && report.backfilled == 0, "{}", report.line());
        }
        assert_eq!(counted.writing.0.load(SeqCst), written);
        let refused = old.sync.initial(&USERS, &|_| {}, &CancellationToken::new()).await;
        assert!(matches!(refused, Err(SyncError::Outranked)), "{refused:?}");
        // The new release makes what the old one has changed anew, once.
        let report = look(&new, model, RepairPolicy::Repair).await.unwrap();
        assert_eq!((report.comparison.drifting(), report.outcome), (0, Outcome::Equal), "{}", report.line());
        assert_eq!(report.backfilled, report.comparison.outdated);
        let written = counted.writing.0.load(SeqCst);
        for _ in 0..3 {
            let report = look(&new, model, RepairPolicy::Repair).await.unwrap();
            assert_eq!((report.outcome, report.comparison.outdated), (Outcome::Equal, 0), "{}", report.line());
            look(&old, &USERS, RepairPolicy::Repair).await.unwrap();
        }
        assert_eq!(counted.writing.0.load(SeqCst), written, "nobody rewrites what is there");
        assert_equal(&new, model).await;
        futures::join!(older.stop(), newer.stop());
    });
}

#[test]
fn what_the_old_release_changed_beside_the_new_one_is_made_anew_when_it_is_gone() {
    on_every_database(async |database| {
        let (old, people) = written_before(database, quick(), 60).await;
        let model = other_users();
        let new = World::open(database, release(model)).await;
        new.sync.backfill(model, &|_| {}, &CancellationToken::new()).await.unwrap();
        let older = old.sync.start();
        for user in &people[..20] {
            old.rename(user, "by the old release").await;
        }
        old.drained().await;
        older.stop().await;
        let newer = new.sync.start();
        new.eventually("the changed ones are of the new description", async || {
            let documents = new.documents(model).await;
            documents.values().all(|stored| stored.stamp.revision == Some(model.revision()))
        })
        .await;
        new.drained().await;
        assert_equal(&new, model).await;
        assert!(new.records.evidence(Some(USERS.name), None, None, 10).await.unwrap().is_empty(), "it was no drift");
        newer.stop().await;
    });
}

#[test]
fn going_back_to_the_old_release_brings_the_documents_back() {
    on_every_database(async |database| {
        let short = |settings: Settings| Settings { lease: Duration::from_millis(600), ..settings };
        written_before(database, short(quick()), 200).await;
        let model = other_users();
        let new = World::open(database, short(release(model))).await;
        let running = new.sync.start();
        new.eventually("the people are of the new description", async || is_brought_to(&new, model).await).await;
        running.stop().await;

        let old = World::open(database, short(quick())).await;
        let running = old.sync.start();
        old.save_user("after going back").await;
        let report = look(&old, &USERS, RepairPolicy::Repair).await.unwrap();
        assert_eq!(report.comparison.drifting(), 0, "{}", report.line());
        old.eventually("the people are of the old description", async || is_brought_to(&old, &USERS).await).await;
        old.drained().await;
        assert_equal(&old, &USERS).await;
        let report = look(&old, &USERS, RepairPolicy::Report).await.unwrap();
        assert_eq!((report.outcome, report.comparison.outdated), (Outcome::Equal, 0), "{}", report.line());
        running.stop().await;

        // And forward again.
        let running = new.sync.start();
        new.eventually("the people are of the new description again", async || is_brought_to(&new, model).await).await;
        assert_equal(&new, model).await;
        running.stop().await;
    });
}

#[test]
fn documents_from_before_there_were_revisions_are_outdated_and_backfilled() {
    on_every_database(async |database| {
        let (world, people) = written_before(database, quick(), 120).await;
        let foreign = if database.secondary == EMBEDDED {
            ForeignDocuments::file(&database.folder.join("secondary.db")).await
        } else {
            ForeignDocuments::server(&database.secondary).await
        };
        let old = |(id, stored): (String, Stored)| {
            let digest = digest_at(USERS.name, None, &id, stored.stamp.version.unwrap(), &stored.body);
            (id, digest.to_hex())
        };
        foreign.forget_revisions(USERS.name, &world.documents(&USERS).await.into_iter().map(old).collect()).await;
        world.sql("UPDATE sync_models SET revision=NULL").await;
        world.sql("DELETE FROM sync_schemas").await;
        let next = World::open(database, quick()).await;
        let report = look(&next, &USERS, RepairPolicy::Report).await.unwrap();
        assert_eq!((report.comparison.drifting(), report.comparison.outdated), (0, people.len() as u64));
        let running = next.sync.start();
        next.eventually("the people have a revision", async || is_brought_to(&next, &USERS).await).await;
        assert_equal(&next, &USERS).await;
        running.stop().await;
    });
}

#[test]
fn a_revision_excuses_nothing_that_was_tampered_with() {
    on_every_database(async |database| {
        let (_, people) = written_before(database, quick(), 5).await;
        let (earlier, model) = (&USERS, other_users());
        let made_up = with_columns(&USERS, [text("email", "email")]);
        let world = World::open(database, release(model)).await;
        world.sync.backfill(model, &|_| {}, &CancellationToken::new()).await.unwrap();
        let documents = world.documents(model).await;
        let ids: Vec<String> = people.iter().map(|user| user.id.to_string()).collect();
        // A document as a stranger leaves it: another name, under a description of his choice.
        let tampered = |id: &String, of: &'static Model, digested: &'static Model| {
            let mut body = documents[id].body.clone();
            body.0[1].1 = Value::Text("Mallory".to_owned());
            let digest = digest(digested, id, 1, &body);
            (of, Write { id: id.clone(), version: 1, content: Content::Document { body, digest }, fresh: false })
        };
        let all = [
            tampered(&ids[0], made_up, made_up),
            tampered(&ids[1], made_up, model),
            tampered(&ids[2], earlier, model),
            // Right by itself, and of a description that was at work: it is made anew without being called wrong.
            tampered(&ids[3], earlier, earlier),
        ];
        for (of, write) in all {
            world.mirror.apply(of, Guard::NotNewer, &[write], world.records.now()).await.unwrap();
        }
        let report = look(&world, model, RepairPolicy::Report).await.unwrap();
        let mut found: Vec<&String> = report.comparison.findings.iter().map(|finding| &finding.id).collect();
        found.sort();
        let mut expected: Vec<&String> = ids[..3].iter().collect();
        expected.sort();
        assert_eq!((found, report.comparison.outdated), (expected, 1));
        let named = |finding: &chainbill_sync::Finding| finding.fields.contains(&"_sync.revision".to_owned());
        assert!(report.comparison.findings.iter().all(named), "{:?}", report.comparison.findings);
        let report = look(&world, model, RepairPolicy::Repair).await.unwrap();
        assert_eq!((report.repaired.repaired, report.backfilled), (3, 1), "{}", report.line());
        assert_equal(&world, model).await;
    });
}

#[test]
fn what_was_copied_is_off_the_queue_and_what_changed_since_is_not() {
    on_every_database(async |database| {
        let world = World::open(database, Settings { page: 1000, ..quick() }).await;
        let people = people(&world, 300).await;
        // One has a pending change, one is dead-lettered: both are the relay's to judge.
        let ahead = people[7].id.to_string();
        let entry = |id: &str, version| chainbill_records::outbox::Entry {
            model: USERS.name.to_owned(),
            entity_id: id.to_owned(),
            version,
            op: chainbill_records::outbox::Op::Upsert,
            body: None,
        };
        let parked = people[9].id.to_string();
        world.records.enqueue(&[entry(&ahead, 2)]).await.unwrap();
        world.records.add_dead_letter(&entry(&parked, 1), "it was refused", &[]).await.unwrap();
        let copied = world.sync.initial(&USERS, &|_| {}, &CancellationToken::new()).await.unwrap();
        assert_eq!(copied.rows, 300);
        let left = async |id: &String| world.records.queued_of(&USERS, id).await.unwrap().len();
        let backlog = world.records.backlog().await.unwrap();
        let waiting = backlog.iter().find(|waiting| waiting.model == USERS.name).map_or(0, |waiting| waiting.entries);
        assert_eq!((left(&ahead).await, left(&parked).await, waiting), (1, 1, 2));
        world.rename(&people[7], "changed").await;
        let running = world.sync.start();
        world.drained().await;
        let healed = async || world.sync.failures(None, 10).await.unwrap().is_empty();
        world.eventually("the parked one has healed", healed).await;
        world.assert_equal().await;
        running.stop().await;
    });
}

/// Refuses the documents of invoices.
struct Refuses;

#[async_trait]
impl Writing for Refuses {
    async fn apply(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Fate>, MirrorError> {
        if model.name == INVOICES.name {
            return Err(MirrorError::Refused("a stranger's validator".to_owned()));
        }
        inner.apply(model, guard, writes, at).await
    }
}

#[test]
fn a_model_that_cannot_be_copied_holds_up_no_other() {
    on_every_database(async |database| {
        let refusing = Between::before(database.mirror().await, Refuses);
        let world = World::open_before(database, quick(), refusing).await;
        world.invoices(3).await;
        world.save_user("somebody").await;
        let running = world.sync.start();
        world
            .eventually("all but the bills are live", async || {
                let copies = world.records.backfill_states().await.unwrap();
                copies.iter().filter(|copy| copy.state == ModelState::Live).count() == ALL.len() - 1
            })
            .await;
        assert_ne!(world.records.backfill_state(&INVOICES).await.unwrap().state, ModelState::Live);
        running.stop().await;
    });
}
