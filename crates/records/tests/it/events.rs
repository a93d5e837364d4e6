//! Events: saved with their cause, positioned after its commit, read by cursors that miss nothing, kept for their time.

use std::{collections::BTreeSet, pin::pin, sync::Arc, task::Poll, time::Duration};

use chainbill_domain::{
    Timestamp,
    event::{Event, EventData, EventRecord},
    freshness::Mark,
    id::Id,
    money::Money,
};
use chainbill_records::{
    Records, RecordsError,
    dialect::Dialect,
    events::{ConsumerLease, PositionedEvent, SEQUENCER, Sequenced},
};
use chainbill_testkit::{
    EMBEDDED, Fresh, ManualClock, primaries,
    sea_orm::{ConnectionTrait as _, Statement},
};

const TTL: Duration = Duration::from_secs(10);

async fn on_every_primary(story: impl AsyncFn(&Records, &Arc<ManualClock>)) {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let clock = Arc::new(ManualClock::running());
        let records = fresh.records_at(clock.clone()).await;
        story(&records, &clock).await;
        records.close().await;
        fresh.remove().await;
    }
}

fn event(records: &Records, data: EventData) -> Event {
    Event { id: Id::new(records.now(), records.random().bytes()), at: records.now(), data }
}

fn registered(records: &Records) -> Event {
    event(records, EventData::UserRegistered { user: Id::new(records.now(), records.random().bytes()) })
}

/// Commits events in one unit.
async fn save(records: &Records, events: &[Event]) {
    let mut unit = records.begin().await.unwrap();
    events.iter().for_each(|event| unit.event(event));
    unit.commit().await.unwrap();
}

async fn acquired(records: &Records, name: &str, owner: &str) -> ConsumerLease {
    records.acquire_consumer(name, owner, TTL).await.unwrap().expect("the lease is free")
}

/// Gives positions to all that is committed.
async fn sequence(records: &Records, lease: &ConsumerLease) {
    while records.sequence_events(lease, 100, TTL).await.unwrap() != Sequenced::Events(0) {}
}

async fn after(records: &Records, position: i64) -> Vec<PositionedEvent> {
    records.events_after(position, 10_000).await.unwrap()
}

fn ids(events: &[PositionedEvent]) -> Vec<String> {
    events.iter().map(|positioned| positioned.event.id.clone()).collect()
}

async fn count(records: &Records, condition: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM events WHERE {condition}");
    let statement = Statement::from_string(records.get_database_backend(), sql);
    records.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn an_event_is_kept_as_it_was_given_and_only_with_its_cause() {
    on_every_primary(async |records, _| {
        let (user, invoice) = (Id::new(records.now(), [1; 10]), Id::new(records.now(), [2; 10]));
        let texts = ["it's", "\\", "'; DROP TABLE events; --", "😀 e\u{301} ", "?", "", "{\"$a.b\":\"'\\\\\"}"];
        let logins = texts.map(|text| EventData::UserLogin { user, user_agent: Some(text.to_owned()), address: None });
        let amount = Money { minor: -1, currency: "BHD".parse().unwrap() };
        let paid = EventData::PaymentReceived { payer: user, receiver: user, invoice, project: None, amount };
        let events: Vec<Event> = logins.into_iter().chain([paid]).map(|data| event(records, data)).collect();
        let mut unit = records.begin().await.unwrap();
        events.iter().for_each(|event| unit.event(event));
        unit.rollback().await.unwrap();
        assert_eq!(count(records, "1=1").await, 0);

        // A few travel with their COMMIT, many do not.
        let many: Vec<Event> = (0..1200).map(|_| registered(records)).collect();
        let mut unit = records.begin().await.unwrap();
        events.iter().for_each(|event| unit.event(event));
        let marks = unit.commit().await.unwrap().token.marks;
        assert_eq!(marks, events.iter().map(|event| Mark::Event { id: event.id.to_string() }).collect::<Vec<_>>());
        save(records, &many).await;
        let lease = acquired(records, SEQUENCER, "one").await;
        sequence(records, &lease).await;
        let found = after(records, 0).await;
        assert_eq!(found.len(), 1208);
        let of = |event: &Event| found.iter().find(|found| found.event.id == event.id.to_string()).unwrap();
        for event in events.iter().chain(&many) {
            let millis = Timestamp::from_timestamp_millis(event.at.timestamp_millis()).unwrap();
            assert_eq!(of(event).event, EventRecord { at: millis, ..event.into() });
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_committed_late_comes_after_what_a_reader_has_seen() {
    on_every_primary(async |records, _| {
        let lease = acquired(records, SEQUENCER, "one").await;
        // Begun first, with the lower id, and committed last.
        let (late, early) = (registered(records), registered(records));
        let mut first = match records.dialect() {
            // One writes at a time.
            Dialect::Sqlite => None,
            _ => Some(records.begin().await.unwrap()),
        };
        if let Some(unit) = &mut first {
            let sql = format!(
                "INSERT INTO events (id,kind,at,details,recorded_at) VALUES ('{}','X','2026-01-01','{{}}','2026-01-01')",
                Id::<()>::new(records.now(), [0; 10])
            );
            unit.execute_unprepared(&sql).await.unwrap();
            unit.event(&late);
        }
        save(records, std::slice::from_ref(&early)).await;
        sequence(records, &lease).await;
        let seen = after(records, 0).await;
        assert_eq!(ids(&seen), [early.id.to_string()]);
        match first {
            Some(unit) => drop(unit.commit().await.unwrap()),
            None => save(records, std::slice::from_ref(&late)).await,
        }
        sequence(records, &lease).await;
        let then = after(records, seen[0].position).await;
        assert!(ids(&then).contains(&late.id.to_string()), "{then:?}");
        assert_eq!(count(records, "position IS NULL").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_reader_beside_writers_and_sequencers_that_take_over_misses_and_doubles_nothing() {
    on_every_primary(async |records, _| {
        const WRITERS: usize = 4;
        const EACH: usize = 60;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..WRITERS {
            let records = records.clone();
            tasks.spawn(async move {
                for _ in 0..EACH {
                    save(&records, &[registered(&records)]).await;
                }
            });
        }
        // Each takes the lease from the other at any point of its work.
        for _ in 0..2 {
            let records = records.clone();
            tasks.spawn(async move {
                while count(&records, "position IS NOT NULL").await < (WRITERS * EACH) as i64 {
                    let lease = stolen(&records).await;
                    for _ in 0..3 {
                        match records.sequence_events(&lease, 7, TTL).await {
                            Ok(_) | Err(RecordsError::Again(_)) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            });
        }
        let (mut cursor, mut seen) = (0, Vec::new());
        while seen.len() < WRITERS * EACH {
            let page = records.events_after(cursor, 10).await.unwrap();
            cursor = page.last().map_or(cursor, |last| last.position);
            seen.extend(page);
            tokio::task::yield_now().await;
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        let positions: Vec<i64> = seen.iter().map(|event| event.position).collect();
        assert_eq!(positions, (1..=(WRITERS * EACH) as i64).collect::<Vec<_>>());
        assert_eq!(ids(&seen).into_iter().collect::<BTreeSet<_>>().len(), WRITERS * EACH);
    })
    .await;
}

/// Acquires the sequencer's lease though another has it.
async fn stolen(records: &Records) -> ConsumerLease {
    loop {
        if let Some(lease) = records.acquire_consumer(SEQUENCER, "thief", TTL).await.unwrap() {
            return lease;
        }
    }
}

/// Looks at a piece of work so often, and then leaves it as it is.
async fn frozen_after<T>(looks: usize, work: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    for _ in 0..looks {
        let done = std::future::poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *work).poll(context))).await;
        if let Poll::Ready(done) = done {
            return Some(done);
        }
        // What it waits for comes meanwhile.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    None
}

#[tokio::test]
async fn a_sequencer_that_is_frozen_anywhere_and_thaws_later_gives_no_position_twice() {
    on_every_primary(async |records, clock| {
        if records.dialect() == Dialect::Sqlite {
            // A writer that is frozen within a write locks the whole file.
            return;
        }
        let mut saved = 0;
        let mut looks = 1;
        loop {
            let (frozen, other) = (acquired(records, SEQUENCER, "frozen").await, "other");
            save(records, &[registered(records), registered(records)]).await;
            let mut work = pin!(records.sequence_events(&frozen, 100, TTL));
            let ended = frozen_after(looks, &mut work).await;
            clock.forward(2 * TTL);
            let taken = acquired(records, SEQUENCER, other).await;
            save(records, &[registered(records)]).await;
            saved += 3;
            sequence(records, &taken).await;
            let whole = ended.is_some();
            if !whole {
                // It thaws: it has done its work before, or does nothing any more.
                drop(work.await);
            }
            let positions: Vec<i64> = after(records, 0).await.iter().map(|event| event.position).collect();
            assert_eq!(positions, (1..=saved).collect::<Vec<_>>(), "frozen after {looks} looks");
            records.release_consumer(&taken).await.unwrap();
            match whole {
                false => looks += 1,
                // It was frozen in between as well.
                true if looks > 2 => break,
                // The server's answers came within one look: the same once more.
                true => {}
            }
        }
        let old = ConsumerLease { name: SEQUENCER.to_owned(), epoch: 1, position: 0 };
        assert_eq!(records.sequence_events(&old, 100, TTL).await.unwrap(), Sequenced::Lost);
    })
    .await;
}

#[tokio::test]
async fn a_consumer_moves_only_under_its_lease_and_from_where_it_was() {
    on_every_primary(async |records, clock| {
        let mut first = acquired(records, "mails", "one").await;
        assert_eq!((first.position, first.epoch), (0, 1));
        assert_eq!(records.acquire_consumer("mails", "two", TTL).await.unwrap(), None);
        assert!(records.advance_consumer(&mut first, 5, TTL).await.unwrap());
        clock.forward(2 * TTL);
        let mut second = acquired(records, "mails", "two").await;
        assert_eq!((second.position, second.epoch), (5, 2));
        assert!(!records.advance_consumer(&mut first, 7, TTL).await.unwrap(), "it has slept past its lease");
        assert!(!records.renew_consumer(&first, TTL).await.unwrap());
        records.release_consumer(&first).await.unwrap();
        assert!(records.renew_consumer(&second, TTL).await.unwrap(), "it was not another's to give back");
        records.rewind_consumer("mails").await.unwrap();
        assert!(!records.advance_consumer(&mut second, 9, TTL).await.unwrap(), "it was sent back meanwhile");
        let third = acquired(records, "mails", "three").await;
        assert_eq!(third.position, 0);
        // A process of the same name takes its own lease over at once.
        assert_eq!(acquired(records, "mails", "three").await.epoch, third.epoch + 1);
    })
    .await;
}

#[tokio::test]
async fn events_are_kept_until_every_consumer_has_taken_them_and_their_time_is_over() {
    on_every_primary(async |records, clock| {
        let sequencer = acquired(records, SEQUENCER, "one").await;
        let (mut fast, mut slow) = (acquired(records, "fast", "one").await, acquired(records, "slow", "one").await);
        let old: Vec<Event> = (0..450).map(|_| registered(records)).collect();
        save(records, &old).await;
        sequence(records, &sequencer).await;
        let waiting = records.events_waiting().await.unwrap();
        assert_eq!(waiting.behind, [("fast".to_owned(), 450), ("slow".to_owned(), 450)]);
        clock.forward(100 * TTL);
        save(records, &[registered(records)]).await;
        assert_eq!(records.events_waiting().await.unwrap().unsequenced, 1);
        sequence(records, &sequencer).await;
        let over = records.now() - 50 * TTL;
        assert_eq!(records.purge_events(over).await.unwrap(), 0, "nobody has taken them");
        let (fast_at, slow_at) = (451, 449);
        assert!(records.advance_consumer(&mut fast, fast_at, TTL).await.unwrap());
        assert!(records.advance_consumer(&mut slow, slow_at, TTL).await.unwrap());
        assert_eq!(records.purge_events(over).await.unwrap(), 449);
        assert!(records.advance_consumer(&mut slow, 451, TTL).await.unwrap());
        assert_eq!(records.purge_events(over).await.unwrap(), 1);
        assert_eq!(after(records, 0).await.len(), 1, "its time is not over");
        save(records, &[registered(records)]).await;
        sequence(records, &sequencer).await;
        assert_eq!(after(records, 451).await[0].position, 452, "positions go on, whatever has gone");
    })
    .await;
}
