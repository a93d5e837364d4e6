//! Events reach the mirror, each once, across outages of either database.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use async_trait::async_trait;
use chainbill_domain::{
    Model, Timestamp,
    event::{Event, EventData, EventRecord},
    wire,
};
use chainbill_mirror::{Activity, Guard, Mirror, MirrorError, Outcome, Tracked, Write};
use chainbill_records::{
    events::SEQUENCER,
    outbox::{ANALYTICS, Entry, Op},
};
use chainbill_sync::Replicator;
use chainbill_testkit::{Between, Writing};

use crate::{
    stage::on_every_database,
    world::{World, on_all_pairs, quick},
};

/// A mirror that takes no events, or takes them and loses its answer.
#[derive(Default)]
struct Away {
    is_away: AtomicBool,
    loses_answers: AtomicBool,
    asked: AtomicUsize,
}

#[async_trait]
impl Writing for Away {
    async fn apply(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError> {
        inner.apply(model, guard, writes, at).await
    }

    async fn track(&self, inner: &dyn Mirror, events: &[Tracked]) -> Result<(), MirrorError> {
        self.asked.fetch_add(1, SeqCst);
        let away = || Err(MirrorError::Unavailable("away".to_owned()));
        if self.is_away.load(SeqCst) {
            return away();
        }
        inner.track(events).await?;
        if self.loses_answers.load(SeqCst) { away() } else { Ok(()) }
    }
}

impl World {
    fn registered(&self) -> Event {
        Event { id: self.id(), at: self.records.now(), data: EventData::UserRegistered { user: self.id() } }
    }

    /// Commits so many events, each in a unit of its own.
    async fn events(&self, count: usize) -> Vec<Event> {
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            let event = self.registered();
            let mut unit = self.records.begin().await.unwrap();
            unit.event(&event);
            unit.commit().await.unwrap();
            all.push(event);
        }
        all
    }

    /// The mirror holds these events and no other.
    async fn assert_has(&self, events: &[Event]) {
        let Activity { events: count, .. } = self.mirror.activity(None, Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(count, events.len() as u64);
        for event in events {
            assert!(self.mirror.has_tracked(&event.id.to_string()).await.unwrap(), "{event:?}");
        }
    }

    /// Waits until the status knows of so many events without a position, and so many that analytics has not taken.
    async fn shows(&self, expected: impl Fn(u64, u64) -> bool) {
        self.eventually("the status shows what waits", async || {
            let Some(events) = self.sync.pulse().await.events else { return false };
            expected(events.unsequenced, events.behind.get(ANALYTICS).copied().unwrap_or(0))
        })
        .await;
    }
}

#[test]
fn a_committed_event_reaches_the_mirror_and_one_that_was_rolled_back_does_not() {
    on_all_pairs(async |world: World| {
        let mut events = world.events(3).await;
        let backlog = world.records.backlog().await.unwrap();
        assert_eq!(backlog.iter().map(|waiting| waiting.entries).sum::<u64>(), 3);
        world.shows(|unsequenced, behind| (unsequenced, behind) == (3, 0)).await;
        assert!(!world.sync.drained(Duration::ZERO).await.unwrap(), "events wait");
        let running = world.sync.start();
        let mut unit = world.records.begin().await.unwrap();
        unit.event(&world.registered());
        unit.rollback().await.unwrap();
        events.extend(world.events(40).await);
        // A mirror that was just recognised gets its events once more.
        world.live().await;
        world.drained().await;
        world.assert_has(&events).await;
        world.shows(|unsequenced, behind| (unsequenced, behind) == (0, 0)).await;
        running.stop().await;
        let consumers = world.records.consumers().await.unwrap();
        assert!(consumers.iter().all(|consumer| consumer.owner.is_none()), "leases are given back: {consumers:?}");
    });
}

#[test]
fn while_the_mirror_is_away_events_wait_and_then_each_comes_once() {
    on_every_database(async |database| {
        let between = Between::before(database.mirror().await, Away::default());
        let world = World::open_before(database, quick(), between.clone()).await;
        let running = world.sync.start();
        let mut events = world.events(5).await;
        world.drained().await;
        for lost in [false, true] {
            between.writing.is_away.store(!lost, SeqCst);
            between.writing.loses_answers.store(lost, SeqCst);
            let asked = between.writing.asked.load(SeqCst);
            events.extend(world.events(50).await);
            world.eventually("it is tried again", async || between.writing.asked.load(SeqCst) > asked + 2).await;
            world.shows(|_, behind| behind > 0).await;
            assert!(!world.sync.drained(Duration::ZERO).await.unwrap(), "nothing passes for done");
            between.writing.is_away.store(false, SeqCst);
            between.writing.loses_answers.store(false, SeqCst);
            world.drained().await;
            world.assert_has(&events).await;
        }
        running.stop().await;
    });
}

#[test]
fn a_process_that_ends_in_the_middle_leaves_its_events_to_the_next() {
    on_every_database(async |database| {
        let world = World::open(database, quick()).await;
        let mut events = Vec::new();
        let mut running = world.sync.start();
        for _ in 0..3 {
            events.extend(world.events(30).await);
            let next = Replicator::new(database.beside(&world.records).await, database.mirror().await, quick()).start();
            // Dropped, its tasks end wherever they are, and no lease is given back.
            drop(running);
            running = next;
            events.extend(world.events(30).await);
        }
        world.drained().await;
        world.assert_has(&events).await;
        let positions: Vec<i64> =
            world.records.events_after(0, 1000).await.unwrap().iter().map(|event| event.position).collect();
        assert_eq!(positions, (1..=events.len() as i64).collect::<Vec<_>>());
        running.stop().await;
    });
}

#[test]
fn an_event_that_an_older_release_left_in_the_outbox_is_delivered() {
    on_every_database(async |database| {
        let world = World::open(database, quick()).await;
        let old = world.registered();
        let entry = Entry {
            model: ANALYTICS.to_owned(),
            entity_id: old.id.to_string(),
            version: 1,
            op: Op::Event,
            body: Some(wire::to_json(&EventRecord::from(&old).document()).to_string()),
        };
        world.records.enqueue(&[entry]).await.unwrap();
        let new = world.events(1).await;
        let running = world.sync.start();
        world.drained().await;
        world.assert_has(&[old, new[0].clone()]).await;
        running.stop().await;
    });
}

#[test]
fn a_mirror_that_was_emptied_gets_the_events_that_are_kept() {
    on_every_database(async |database| {
        let world = World::open(database, quick()).await;
        let running = world.sync.start();
        let events = world.events(20).await;
        world.live().await;
        world.drained().await;
        running.stop().await;
        database.empty_secondary().await;
        let running = world.sync.start();
        let all =
            async || world.mirror.activity(None, Timestamp::UNIX_EPOCH).await.is_ok_and(|found| found.events == 20);
        world.eventually("the events are back", all).await;
        world.assert_has(&events).await;
        running.stop().await;
    });
}

#[test]
fn a_burst_of_events_is_sequenced_in_batches_and_comes_whole() {
    on_every_database(async |database| {
        let world = World::open(database, chainbill_sync::Settings { batch: 100, ..quick() }).await;
        let events: Vec<Event> = (0..2500).map(|_| world.registered()).collect();
        let mut unit = world.records.begin().await.unwrap();
        events.iter().for_each(|event| unit.event(event));
        unit.commit().await.unwrap();
        let running = world.sync.start();
        world.drained().await;
        world.assert_has(&events).await;
        let consumers = world.records.consumers().await.unwrap();
        let of = |name: &str| consumers.iter().find(|consumer| consumer.name == name).unwrap().position;
        assert_eq!((of(SEQUENCER), of(ANALYTICS)), (2500, 2500));
        running.stop().await;
    });
}
