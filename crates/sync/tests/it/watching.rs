//! The status report during faults, and after their end.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use chainbill_domain::{Model, Timestamp, models::USERS};
use chainbill_mirror::{Guard, Mirror, MirrorError, Outcome, Write};
use chainbill_sync::{HEARTBEATS, Settings};
use chainbill_testkit::{Between, Fresh, Writing};
use tokio_util::sync::CancellationToken;

use crate::{
    stage::on_every_database,
    world::{World, quick},
};

/// What becomes of writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// They are passed on.
    Well,
    /// Writes fail as if the server were unreachable, though every other request is answered.
    Unavailable,
    /// Those of users are refused.
    Refusing,
    /// Heartbeats are reported as applied, and are not.
    LosingBeats,
}

struct Moody(Mutex<Mood>);

#[async_trait::async_trait]
impl Writing for Moody {
    async fn apply(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError> {
        let mood = *self.0.lock().unwrap();
        match mood {
            Mood::Unavailable => Err(unavailable()),
            Mood::Refusing if model.name == USERS.name => Err(MirrorError::Refused("a validator".to_owned())),
            Mood::LosingBeats if model.name == HEARTBEATS.name => Ok(vec![Outcome::Applied; writes.len()]),
            _ => inner.apply(model, guard, writes, at).await,
        }
    }

    async fn takes_writes(&self, inner: &dyn Mirror, model: &'static Model) -> Result<(), MirrorError> {
        let mood = *self.0.lock().unwrap();
        if mood == Mood::Unavailable { Err(unavailable()) } else { inner.takes_writes(model).await }
    }
}

fn unavailable() -> MirrorError {
    MirrorError::Unavailable("somebody stands between".to_owned())
}

/// A running world whose mirror has moods.
struct Watched {
    world: World,
    between: Arc<Between<Moody>>,
}

impl Watched {
    async fn open(database: &Fresh, settings: Settings) -> Self {
        let between = Between::before(database.mirror().await, Moody(Mutex::new(Mood::Well)));
        Self { world: World::open_before(database, settings, between.clone()).await, between }
    }

    fn becomes(&self, mood: Mood) {
        *self.between.writing.0.lock().unwrap() = mood;
    }

    async fn says(&self, word: &str) {
        let said = async || self.world.sync.pulse().await.status == word;
        self.world.eventually(&format!("it says {word}"), said).await;
    }
}

fn soon() -> Settings {
    Settings { stall_after: Duration::from_secs(1), heartbeat: Duration::from_millis(200), ..quick() }
}

#[test]
fn a_queue_whose_head_stays_is_stalled_until_it_moves() {
    on_every_database(async |database| {
        let watched = Watched::open(database, soon()).await;
        let world = &watched.world;
        let running = world.sync.start();
        watched.says("healthy").await;
        watched.becomes(Mood::Unavailable);
        world.save_user("Ada").await;
        // Missing heartbeats may be reported a moment earlier.
        let waits = async || world.sync.pulse().await.reason.is_some_and(|why| why.contains("oldest change waits"));
        world.eventually("the change that waits is told of", waits).await;
        watched.says("stalled").await;
        let status = world.sync.status().await;
        assert_eq!((status.stalled, status.mirror_reachable), (Some(true), true), "{status:?}");
        assert!(status.backlog >= Some(1) && status.lag_seconds >= Some(1.0), "{status:?}");
        assert!(status.trouble.is_some_and(|trouble| trouble.contains("somebody stands between")));
        watched.becomes(Mood::Well);
        watched.says("healthy").await;
        assert_eq!(world.sync.status().await.trouble, None);
        world.assert_equal().await;
        running.stop().await;
    });
}

#[test]
fn heartbeats_that_do_not_come_through_are_a_stall_though_nothing_waits() {
    on_every_database(async |database| {
        let watched = Watched::open(database, soon()).await;
        let running = watched.world.sync.start();
        let beats = async || watched.world.sync.pulse().await.heartbeat_seconds.is_some();
        watched.world.eventually("every partition has had a beat", beats).await;
        watched.says("healthy").await;
        watched.becomes(Mood::LosingBeats);
        watched.says("stalled").await;
        let reason = watched.world.sync.status().await.reason.unwrap_or_default();
        assert!(reason.contains("no heartbeat has come through"), "{reason}");
        watched.becomes(Mood::Well);
        watched.says("healthy").await;
        running.stop().await;
    });
}

#[test]
fn a_refusal_makes_its_model_faulted_with_a_reason_and_a_hint_until_it_ends() {
    on_every_database(async |database| {
        let watched = Watched::open(database, quick()).await;
        let world = &watched.world;
        let running = world.sync.start();
        world.live().await;
        watched.becomes(Mood::Refusing);
        world.save_user("Ada").await;
        watched.says("faulted").await;
        let status = world.sync.status().await;
        for model in &status.models {
            assert_eq!(model.state == Some("FAULTED"), model.model == USERS.name, "{model:?}");
        }
        let users = status.models.iter().find(|model| model.model == USERS.name).unwrap();
        assert!(users.reason.as_ref().unwrap().contains("a validator"), "{users:?}");
        assert!(users.hint.as_ref().unwrap().contains("refusal"), "{users:?}");
        let (invoice, lines) = world.invoice(100);
        let mut unit = world.records.begin().await.unwrap();
        unit.insert_with::<chainbill_records::entities::invoice_lines::Entity>(invoice, lines).await.unwrap();
        unit.commit().await.unwrap();
        let invoices = &chainbill_domain::models::INVOICES;
        world.eventually("another model goes on", async || !world.documents(invoices).await.is_empty()).await;
        watched.becomes(Mood::Well);
        watched.says("healthy").await;
        world.assert_equal().await;
        running.stop().await;
    });
}

#[test]
fn a_waiting_caller_gets_a_lasting_refusal_as_an_error() {
    on_every_database(async |database| {
        let watched = Watched::open(database, quick()).await;
        watched.world.sync.initial(&USERS, &|_| {}, &CancellationToken::new()).await.unwrap();
        watched.becomes(Mood::Refusing);
        watched.world.save_user("Ada").await;
        let settled = watched.world.sync.drain(&CancellationToken::new()).await;
        let told = settled.expect_err("it is refused").to_string();
        assert!(told.starts_with("users is faulted") && told.contains("a validator"), "{told}");
    });
}

/// Counts documents on command.
#[derive(Default)]
struct Slow {
    begun: AtomicUsize,
    may: CancellationToken,
}

#[async_trait::async_trait]
impl Writing for Slow {
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

    async fn count(&self, inner: &dyn Mirror, model: &'static Model) -> Result<u64, MirrorError> {
        self.begun.fetch_add(1, SeqCst);
        self.may.cancelled().await;
        inner.count(model).await
    }
}

#[test]
fn concurrent_requests_count_one_model_at_a_time_and_to_its_end() {
    on_every_database(async |database| {
        let between = Between::before(database.mirror().await, Slow::default());
        let world = World::open_before(database, quick(), between.clone()).await;
        let counts = async || -> Vec<Option<u64>> {
            world.sync.status().await.models.iter().map(|model| model.mysql_count).collect()
        };
        for _ in 0..3 {
            assert!(counts().await.iter().all(Option::is_none), "nothing is known yet");
        }
        assert_eq!(between.writing.begun.load(SeqCst), 1);
        between.writing.may.cancel();
        world.eventually("everything is counted", async || counts().await.iter().all(Option::is_some)).await;
    });
}

#[test]
fn a_process_that_does_not_relay_says_nothing_of_the_rates_of_others() {
    on_every_database(async |database| {
        let world = World::open(database, quick()).await;
        world.save_user("Ada").await;
        let status = world.sync.status().await;
        assert_eq!((status.rate, status.lag_ms, status.applied, status.failures), (None, None, None, None));
        assert_eq!(status.backlog, Some(1), "what waits is everybody's");
    });
}

#[test]
fn a_primary_that_is_away_leaves_everything_unknown_instead_of_well() {
    on_every_database(async |database| {
        let world = World::open(database, quick()).await;
        world.records.close().await;
        world.sync.records().close().await;
        let status = world.sync.status().await;
        assert_eq!((status.status, status.primary_reachable), ("unreachable", false));
        assert_eq!((status.backlog, status.oldest_seconds, status.parked, status.stalled), (None, None, None, None));
        assert!(status.models.iter().all(|model| model.state.is_none() && model.drift.is_none()), "{status:?}");
    });
}
