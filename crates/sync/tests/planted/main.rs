//! The self-test of the tests: each mistake of [`mistakes`] is planted into the relay, the backfill, the comparison and the repair as
//! they are, and stories with faults must show it. Without a mistake nothing may show.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on fails at once")]

#[path = "../it/world.rs"]
#[allow(dead_code, reason = "these stories need a part of it")]
mod world;

mod faulty;
mod mistakes;

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use chainbill_domain::models::USERS;
use chainbill_mirror::{Content, Guard, Write};
use chainbill_records::entities::users;
use chainbill_sync::{Order, Outcome, RepairPolicy, Replicator, Settings, compare::Level};
use chainbill_testkit::{Between, EMBEDDED, Fresh};
use tokio_util::sync::CancellationToken;

use crate::{
    faulty::{Dice, Faulty},
    mistakes::{Mistake, plant},
    world::{World, quick},
};

/// How often each story runs before a mistake counts as missed.
const SEEDS: u64 = 16;

fn settings() -> Settings {
    Settings {
        lease: Duration::from_millis(400),
        backoff: (Duration::from_millis(5), Duration::from_millis(40)),
        ..quick()
    }
}

/// A world whose mirror fails, and another process on the same databases.
async fn worlds(database: &Fresh, seed: u64) -> (World, Replicator, Arc<Between<Faulty>>) {
    let mut world = World::open(database, settings()).await;
    let faulty = Between::before(world.mirror.clone(), Faulty::new(seed, &world));
    world.sync = Replicator::new(world.records.clone(), faulty.clone(), settings());
    let other = Replicator::new(world.records.clone(), faulty.clone(), settings());
    (world, other, faulty)
}

async fn change(world: &World, dice: &mut Dice, alive: &mut Vec<users::Model>) {
    let kind = dice.roll(10);
    if alive.is_empty() || kind < 3 {
        return alive.push(world.save_user("somebody").await);
    }
    let place = usize::try_from(dice.roll(alive.len() as u64)).unwrap();
    let before = alive[place].clone();
    let mut unit = world.records.begin().await.unwrap();
    if kind < 8 {
        let after = users::Model { bio: Some(format!("version {}", before.version + 1)), ..before.clone() };
        alive[place] = unit.update::<users::Entity>(&before, after).await.unwrap();
    } else {
        unit.delete::<users::Entity>(&before).await.unwrap();
        alive.remove(place);
    }
    unit.commit().await.unwrap();
}

/// What is wrong between the two, by looking at every row and document, and by asking the verification.
async fn wrong(world: &World, words: &mut Vec<String>) {
    let (rows, documents) = (world.rows(&USERS).await, world.documents(&USERS).await);
    for (id, row) in &rows {
        let same =
            documents.get(id).is_some_and(|kept| kept.stamp.version == Some(row.version) && kept.body == row.body);
        if !same {
            words.push(format!("{id} is not as its row"));
        }
    }
    words.extend(documents.keys().filter(|id| !rows.contains_key(*id)).map(|id| format!("{id} has no row")));
}

async fn verify(world: &World, policy: RepairPolicy, words: &mut Vec<String>) -> Option<Outcome> {
    let order = Order::new("verify", Level::Deep, policy);
    match world.sync.run(&USERS, order, &|_| {}, &CancellationToken::new()).await {
        Ok(report) => {
            words.extend(
                report.comparison.findings.iter().map(|found| format!("{} is {}", found.id, found.class.name())),
            );
            Some(report.outcome)
        }
        Err(error) => {
            words.push(error.to_string());
            None
        }
    }
}

/// Two processes relay while users are created, changed and deleted and the mirror fails; comparisons run beside them.
async fn faults(world: &World, other: &Replicator, faulty: &Faulty, seed: u64) -> Vec<String> {
    let (mut words, mut dice, mut alive) = (Vec::new(), Dice(seed ^ 0xBEEF), Vec::new());
    let (one, two) = (world.sync.start(), other.start());
    faulty.failing.store(true, SeqCst);
    for _ in 0..120 {
        alive.push(world.save_user("somebody").await);
    }
    let over = CancellationToken::new();
    let writing = async {
        for _ in 0..160 {
            change(world, &mut dice, &mut alive).await;
            tokio::time::sleep(Duration::from_millis(dice.roll(12))).await;
        }
        over.cancel();
    };
    let looking = async {
        while !over.is_cancelled() {
            verify(world, RepairPolicy::Report, &mut words).await;
        }
    };
    futures::join!(writing, looking);
    faulty.failing.store(false, SeqCst);
    if !world.sync.drained(Duration::from_secs(20)).await.unwrap() {
        words.push("the queue never emptied".to_owned());
    }
    // What was frozen with a request in hand has come back by then.
    tokio::time::sleep(Duration::from_millis(900)).await;
    wrong(world, &mut words).await;
    one.stop().await;
    two.stop().await;
    words
}

/// A refused document is dead-lettered, listed, and written once it is accepted; a deleted row leaves a tombstone.
async fn poison(world: &World, faulty: &Faulty) -> Vec<String> {
    let mut words = Vec::new();
    let running = world.sync.start();
    let deleted = world.save_user("deleted").await;
    let mut unit = world.records.begin().await.unwrap();
    unit.delete::<users::Entity>(&deleted).await.unwrap();
    unit.commit().await.unwrap();
    world.sync.drained(Duration::from_secs(20)).await.unwrap();
    if world.mirror.get(&USERS, &deleted.id.to_string()).await.unwrap().is_none_or(|kept| !kept.stamp.tombstone) {
        words.push("a delete left no tombstone".to_owned());
    }
    let user = world.save_user("poison").await;
    *faulty.refuses.lock().unwrap() = Some(user.id.to_string());
    let mut unit = world.records.begin().await.unwrap();
    unit.update::<users::Entity>(&user, users::Model { title: None, ..user.clone() }).await.unwrap();
    unit.commit().await.unwrap();
    if !world.sync.drained(Duration::from_secs(20)).await.unwrap() {
        words.push("a poisonous row blocks the queue".to_owned());
    }
    if world.sync.failures(None, 10).await.unwrap().len() != 1 {
        words.push("what cannot be written is not listed".to_owned());
    }
    if verify(world, RepairPolicy::Report, &mut words).await.is_some_and(Outcome::is_equal) {
        words.push("a parked entity counts as equal".to_owned());
    }
    running.stop().await;
    words
}

/// The primary was restored from an older backup: the documents are ahead of their rows.
async fn restored(world: &World) -> Vec<String> {
    let mut words = Vec::new();
    let mut user = world.save_user("first").await;
    for _ in 0..4 {
        let mut unit = world.records.begin().await.unwrap();
        let after = users::Model { title: Some(format!("at {}", user.version)), ..user.clone() };
        user = unit.update::<users::Entity>(&user, after).await.unwrap();
        unit.commit().await.unwrap();
    }
    let running = world.sync.start();
    world.sync.drained(Duration::from_secs(20)).await.unwrap();
    world.sql("UPDATE users SET version = 1, title = 'as it was'").await;
    let row = users::Model { version: 1, title: Some("as it was".to_owned()), ..user };
    let mut unit = world.records.begin().await.unwrap();
    unit.update::<users::Entity>(&row, users::Model { title: Some("anew".to_owned()), ..row.clone() }).await.unwrap();
    unit.commit().await.unwrap();
    world.sync.drained(Duration::from_secs(20)).await.unwrap();
    wrong(world, &mut words).await;
    running.stop().await;
    words
}

/// A document is changed without its sync metadata; found drift is repaired, and reported as repaired only after that.
async fn tampered(world: &World, faulty: &Faulty) -> Vec<String> {
    let mut words = Vec::new();
    let user = world.save_user("honest").await;
    world.sync.initial(&USERS, &|_| {}, &CancellationToken::new()).await.unwrap();
    world.sql("DELETE FROM outbox").await;
    let id = user.id.to_string();
    let kept = world.mirror.get(&USERS, &id).await.unwrap().unwrap();
    let mut body = kept.body.clone();
    body.0[0].1 = chainbill_domain::Value::Text("mallory@example.org".to_owned());
    let content = Content::Document { body, digest: kept.stamp.digest.unwrap() };
    let write = Write { id: id.clone(), version: kept.stamp.version.unwrap(), content, fresh: false };
    world.mirror.apply(&USERS, Guard::NotNewer, &[write], world.records.now()).await.unwrap();
    let mut found = Vec::new();
    if verify(world, RepairPolicy::Report, &mut found).await != Some(Outcome::Drift) || found.is_empty() {
        words.push("tampering was not found".to_owned());
    }
    *faulty.refuses.lock().unwrap() = Some(id);
    if verify(world, RepairPolicy::Repair, &mut Vec::new()).await.is_some_and(Outcome::is_equal) {
        words.push("a repair that did not happen counts".to_owned());
    }
    *faulty.refuses.lock().unwrap() = None;
    verify(world, RepairPolicy::Repair, &mut Vec::new()).await;
    wrong(world, &mut words).await;
    words
}

/// The backfill runs beside the relay over rows that change.
async fn copied(world: &World, other: &Replicator, faulty: &Faulty, seed: u64) -> Vec<String> {
    let (mut words, mut dice, mut alive) = (Vec::new(), Dice(seed ^ 0xC0B1), Vec::new());
    for _ in 0..120 {
        alive.push(world.save_user("somebody").await);
    }
    let running = other.start();
    other.drained(Duration::from_secs(20)).await.unwrap();
    faulty.failing.store(true, SeqCst);
    let writing = async {
        for _ in 0..150 {
            change(world, &mut dice, &mut alive).await;
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
    };
    let copying = async {
        for _ in 0..6 {
            // A failed backfill is started again.
            let _ = world.sync.initial(&USERS, &|_| {}, &CancellationToken::new()).await;
        }
    };
    futures::join!(writing, copying);
    faulty.failing.store(false, SeqCst);
    other.drained(Duration::from_secs(20)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    wrong(world, &mut words).await;
    running.stop().await;
    words
}

/// Reads land on a server that is behind, now and then: what it shows is not what is.
async fn late(world: &World, database: &Fresh, seed: u64) -> Vec<String> {
    let (mut words, mut dice, mut alive) = (Vec::new(), Dice(seed ^ 0x1A7E), Vec::new());
    let server = database.behind("late").await;
    let readers = vec![server.db.clone(), chainbill_testkit::open(&database.primary).await.db];
    let sync = Replicator::new(world.records.reading_in_turn(readers), world.mirror.clone(), settings());
    let looking = World { records: world.records.clone(), mirror: world.mirror.clone(), sync };
    for _ in 0..60 {
        alive.push(world.save_user("somebody").await);
    }
    server.catch_up().await;
    let running = looking.sync.start();
    for round in 0..40 {
        change(world, &mut dice, &mut alive).await;
        if round % 8 == 7 {
            verify(&looking, RepairPolicy::Report, &mut words).await;
            server.catch_up().await;
        }
    }
    verify(&looking, RepairPolicy::Report, &mut words).await;
    server.catch_up().await;
    looking.sync.drain(&CancellationToken::new()).await.unwrap();
    wrong(world, &mut words).await;
    running.stop().await;
    server.remove().await;
    words
}

/// A comparison can read of one server alone, which is behind until a while after the comparison began. A moment before its
/// fence shows it rows as they were.
async fn late_cut(world: &World, database: &Fresh) -> Vec<String> {
    let mut words = Vec::new();
    let server = database.behind("late").await;
    let sync =
        Replicator::new(world.records.reading_in_turn(vec![server.db.clone()]), world.mirror.clone(), settings());
    let looking = World { records: world.records.clone(), mirror: world.mirror.clone(), sync };
    let running = world.sync.start();
    let mut people = Vec::new();
    for _ in 0..8 {
        people.push(world.save_user("somebody").await);
    }
    world.sync.drained(Duration::from_secs(20)).await.unwrap();
    server.catch_up().await;
    for user in &people {
        let mut unit = world.records.begin().await.unwrap();
        let after = users::Model { bio: Some("later".to_owned()), ..user.clone() };
        unit.update::<users::Entity>(user, after).await.unwrap();
        unit.commit().await.unwrap();
    }
    world.sync.drained(Duration::from_secs(20)).await.unwrap();
    let over = CancellationToken::new();
    let comparing = async {
        verify(&looking, RepairPolicy::Report, &mut words).await;
        over.cancel();
    };
    // It catches up, so that a right comparison ends; late enough that a wrong one has ended before.
    let catching_up = async {
        let _ = over.run_until_cancelled(tokio::time::sleep(Duration::from_secs(4))).await;
        server.catch_up().await;
    };
    futures::join!(comparing, catching_up);
    running.stop().await;
    server.remove().await;
    words
}

/// Runs every story with a mistake until one detects it.
async fn shown(mistake: Option<Mistake>, seeds: u64) -> Vec<String> {
    for seed in 0..seeds {
        for story in 0..7 {
            let database = Fresh::make(EMBEDDED, EMBEDDED).await;
            let (world, other, faulty) = worlds(&database, seed).await;
            plant(mistake);
            let words = match story {
                0 => poison(&world, &faulty.writing).await,
                1 => restored(&world).await,
                2 => tampered(&world, &faulty.writing).await,
                3 => late(&world, &database, seed).await,
                4 => faults(&world, &other, &faulty.writing, seed).await,
                5 => late_cut(&world, &database).await,
                _ => copied(&world, &other, &faulty.writing, seed).await,
            };
            plant(None);
            drop((world, other, faulty));
            database.remove().await;
            if !words.is_empty() {
                return words.into_iter().map(|word| format!("seed {seed}, story {story}: {word}")).collect();
            }
        }
    }
    Vec::new()
}

#[test]
fn every_mistake_is_caught_and_without_one_there_is_nothing_to_catch() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(shown(None, 2).await, Vec::<String>::new());
        let mut missed = Vec::new();
        for mistake in Mistake::ALL {
            let words = shown(Some(mistake), SEEDS).await;
            match words.first() {
                Some(word) => eprintln!("{mistake:?} shows: {word}"),
                None => missed.push(mistake),
            }
        }
        assert_eq!(missed, Vec::<Mistake>::new(), "mistakes that no story shows");
    });
}
