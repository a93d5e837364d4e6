//! Durable jobs: enqueued in the transaction of their cause, done exactly once, across crashes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chainbill_app::{
    App, AppError, Context, PageRequest, Settings,
    jobs::{JobError, JobFilter, JobKind, JobRunner},
};
use chainbill_records::{
    RecordsError, Text,
    entities::skills,
    jobs::{Ended, Job, NewJob},
};
use chainbill_testkit::sea_orm::{EntityTrait as _, PaginatorTrait as _};
use chainbill_testkit::{EMBEDDED, Fresh, ManualClock, primaries};

use crate::world::operator;

const LEASE: Duration = Duration::from_secs(60);

/// Runs a story on every primary, with a clock to turn.
async fn with_a_clock(story: impl AsyncFn(&App, &ManualClock)) {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let clock = Arc::new(ManualClock::running());
        let app = App::new(fresh.records_at(clock.clone()).await, Settings::default());
        story(&app, &clock).await;
        app.records().close().await;
        fresh.remove().await;
    }
}

fn skill(app: &App, name: &str) -> skills::Model {
    let now = app.now();
    skills::Model {
        id: Text(chainbill_domain::id::Id::new(now, app.records().random().bytes())),
        version: 0,
        name: name.to_owned(),
        name_key: name.to_owned(),
        category: "Test".to_owned(),
        description: None,
        verified: false,
        created_at: now,
        updated_at: now,
    }
}

/// Makes the skill that its key names, and ends the job with it.
async fn make_skill(app: &App, job: &Job, ended: Ended) -> Result<(), RecordsError> {
    let mut unit = app.records().begin().await?;
    unit.insert::<skills::Entity>(skill(app, &format!("{} {}", job.key, job.epoch))).await?;
    unit.end_job(job, ended).await?;
    unit.commit().await?;
    Ok(())
}

async fn enqueue(app: &App, key: &str, after: Duration) -> bool {
    let mut unit = app.records().begin().await.unwrap();
    let job = NewJob { kind: "skill", key: key.to_owned(), payload: "{}".to_owned(), run_at: unit.now() + after };
    let new = unit.enqueue_job(job).await.unwrap();
    unit.commit().await.unwrap();
    new
}

async fn claim(app: &App, owner: &str) -> Vec<Job> {
    app.records().claim_jobs(&["skill".to_owned()], owner, LEASE, 10).await.unwrap()
}

async fn skills(app: &App) -> u64 {
    skills::Entity::find().count(app.records()).await.unwrap()
}

#[tokio::test]
async fn a_job_exists_if_its_unit_commits_and_once_per_key() {
    with_a_clock(async |app, _| {
        let mut undone = app.records().begin().await.unwrap();
        let job = NewJob { kind: "skill", key: "undone".to_owned(), payload: "{}".to_owned(), run_at: undone.now() };
        assert!(undone.enqueue_job(job).await.unwrap());
        undone.rollback().await.unwrap();
        assert!(claim(app, "a").await.is_empty(), "what was undone is not done");
        assert!(enqueue(app, "one", Duration::ZERO).await);
        assert!(!enqueue(app, "one", Duration::ZERO).await, "it waits already");
        assert_eq!(claim(app, "a").await.len(), 1);
        assert!(claim(app, "b").await.is_empty(), "it is leased");
    })
    .await;
}

#[tokio::test]
async fn a_job_waits_for_its_time_and_can_be_cancelled_until_then() {
    with_a_clock(async |app, clock| {
        enqueue(app, "later", Duration::from_secs(14 * 86_400)).await;
        enqueue(app, "never", Duration::from_secs(14 * 86_400)).await;
        let mut unit = app.records().begin().await.unwrap();
        assert!(unit.cancel_job("skill", "never").await.unwrap());
        unit.commit().await.unwrap();
        clock.forward(Duration::from_secs(14 * 86_400 - 60));
        assert!(claim(app, "a").await.is_empty());
        clock.forward(Duration::from_secs(61));
        let claimed = claim(app, "a").await;
        assert_eq!(claimed.iter().map(|job| job.key.as_str()).collect::<Vec<_>>(), ["later"]);
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_dies_loses_its_job_and_one_that_outlives_its_lease_changes_nothing() {
    with_a_clock(async |app, clock| {
        enqueue(app, "once", Duration::ZERO).await;
        let frozen = claim(app, "frozen").await.remove(0);
        clock.forward(LEASE + Duration::from_secs(1));
        let next = claim(app, "next").await.remove(0);
        assert!(next.epoch > frozen.epoch);
        make_skill(app, &next, Ended::Done).await.unwrap();
        let late = make_skill(app, &frozen, Ended::Done).await;
        assert!(matches!(late, Err(RecordsError::Changed { .. })), "{late:?}");
        assert!(!app.records().end_job(&frozen, Ended::Done).await.unwrap());
        assert!(!app.records().fail_job(&frozen, "late", None).await.unwrap());
        assert_eq!(skills(app).await, 1, "the effect is there once");
        assert_eq!(app.job_counts().await.unwrap().queued, 0);
    })
    .await;
}

#[tokio::test]
async fn many_workers_share_many_jobs_and_do_each_once() {
    with_a_clock(async |app, _| {
        for place in 0..40 {
            enqueue(app, &format!("job {place}"), Duration::ZERO).await;
        }
        let worker = async |owner: usize| {
            loop {
                let claimed = app.records().claim_jobs(&["skill".to_owned()], &owner.to_string(), LEASE, 3).await;
                let claimed = match claimed {
                    Ok(claimed) => claimed,
                    Err(error) if error.is_again() => continue,
                    Err(error) => panic!("{error}"),
                };
                if claimed.is_empty() && app.job_counts().await.unwrap().due == 0 {
                    return;
                }
                for job in claimed {
                    chainbill_records::retry(app.records().random(), || make_skill(app, &job, Ended::Done))
                        .await
                        .unwrap();
                }
            }
        };
        futures::future::join_all((0..4).map(worker)).await;
        assert_eq!(skills(app).await, 40);
    })
    .await;
}

/// Fails so many times, then works.
struct Stubborn {
    fails: u32,
    runs: Arc<AtomicU32>,
    error: fn() -> JobError,
}

#[async_trait]
impl JobKind for Stubborn {
    fn name(&self) -> &'static str {
        "skill"
    }

    fn attempts(&self) -> u32 {
        3
    }

    async fn run(&self, app: &App, job: &Job) -> Result<(), JobError> {
        match self.runs.fetch_add(1, Ordering::SeqCst) {
            run if run < self.fails => Err((self.error)()),
            _ => Ok(make_skill(app, job, Ended::Done).await?),
        }
    }
}

fn runner(app: &App, fails: u32, error: fn() -> JobError) -> (JobRunner, Arc<AtomicU32>) {
    let runs = Arc::new(AtomicU32::new(0));
    let kind = Stubborn { fails, runs: runs.clone(), error };
    (JobRunner::new(app.clone(), vec![Box::new(kind)], "test".to_owned()), runs)
}

#[tokio::test]
async fn what_fails_is_tried_again_later_and_is_a_dead_letter_in_the_end() {
    with_a_clock(async |app, clock| {
        let admin = operator(app).await;
        enqueue(app, "stubborn", Duration::ZERO).await;
        let (runner, runs) = runner(app, 3, || JobError::Later("the node does not answer".to_owned()));
        for run in 1..=3 {
            assert_eq!(runner.run_due().await.unwrap(), 1);
            assert_eq!((runs.load(Ordering::SeqCst), runner.run_due().await.unwrap()), (run, 0), "it pauses");
            clock.forward(Duration::from_secs(10));
        }
        assert_eq!(runner.run_due().await.unwrap(), 0, "nobody tries it any more");
        let dead = JobFilter { state: Some("DEAD".to_owned()), ..JobFilter::default() };
        let listed = app.jobs(&admin, &dead, &PageRequest::default()).await.unwrap().data;
        let [job] = listed.as_slice() else { panic!("{listed:?}") };
        assert_eq!((job.failures, job.error.as_deref()), (3, Some("the node does not answer")));
        assert_eq!(app.job_counts().await.unwrap().dead, 1);
        app.retry_job(&admin, &job.id).await.unwrap();
        assert_eq!(runner.run_due().await.unwrap(), 1);
        assert_eq!((skills(app).await, app.job_counts().await.unwrap().dead), (1, 0));
        let gone = app.retry_job(&admin, &job.id).await;
        assert!(matches!(gone, Err(AppError::NotFound(_))), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn what_can_never_succeed_is_a_dead_letter_at_once_and_can_be_dropped() {
    with_a_clock(async |app, _| {
        let admin = operator(app).await;
        enqueue(app, "hopeless", Duration::ZERO).await;
        let (runner, _) = runner(app, 9, || JobError::Never("there is no such invoice".to_owned()));
        assert_eq!(runner.run_due().await.unwrap(), 1);
        let all = app.jobs(&admin, &JobFilter::default(), &PageRequest::default()).await.unwrap().data;
        assert_eq!((all.len(), all[0].state.as_str()), (1, "DEAD"));
        assert!(matches!(
            app.jobs(&Context::default(), &JobFilter::default(), &PageRequest::default()).await,
            Err(AppError::Unauthenticated)
        ));
        app.drop_job(&admin, &all[0].id).await.unwrap();
        assert_eq!(app.job_counts().await.unwrap().dead, 0);
    })
    .await;
}

#[tokio::test]
async fn a_handler_that_panics_fails_and_a_recurring_job_comes_again() {
    with_a_clock(async |app, clock| {
        enqueue(app, "panics", Duration::ZERO).await;
        let (panicking, _) = runner(app, 9, || panic!("a bug"));
        assert_eq!(panicking.run_due().await.unwrap(), 1);
        let counts = app.job_counts().await.unwrap();
        assert_eq!((counts.queued, counts.dead), (1, 0), "it is tried again");
        let recurring = claim_after(app, clock).await;
        make_skill(app, &recurring, Ended::Again(app.now() + Duration::from_secs(600))).await.unwrap();
        assert!(claim(app, "a").await.is_empty());
        clock.forward(Duration::from_secs(601));
        assert_eq!(claim(app, "a").await[0].failures, 0);
    })
    .await;
}

async fn claim_after(app: &App, clock: &ManualClock) -> Job {
    clock.forward(Duration::from_secs(10));
    claim(app, "a").await.remove(0)
}
