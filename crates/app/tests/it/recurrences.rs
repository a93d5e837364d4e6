//! Recurring invoices: each occurrence makes one invoice, whatever workers there are and whichever of them die, over clock changes and
//! downtimes.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chainbill_app::{
    App, Context, InvoiceFilter, NewRecurrence, PageRequest, PatchProfile, RecurrenceView, ScheduleView, Settings,
    UserView,
    jobs::{JobRunner, kinds},
};
use chainbill_domain::states::Period;
use chainbill_testkit::{EMBEDDED, Fresh, ManualClock, primaries};

use crate::world::{new_invoice, new_user};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Runs a story on every primary, with a clock that stands at this moment until it is turned.
async fn at(moment: &str, story: impl AsyncFn(&App, &ManualClock)) {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let clock = Arc::new(ManualClock::at(moment.parse().unwrap()));
        let app = App::new(fresh.records_at(clock.clone()).await, Settings::default());
        story(&app, &clock).await;
        app.records().close().await;
        fresh.remove().await;
    }
}

async fn daily(app: &App, freelancer: &Context, client: &UserView, start: &str, time: &str) -> RecurrenceView {
    let schedule = ScheduleView {
        every: 1,
        period: Period::Day,
        start: start.to_owned(),
        day_of_month: None,
        at: time.to_owned(),
        until: None,
        count: None,
    };
    let mode = Some("SEND".to_owned());
    let new = NewRecurrence { invoice: new_invoice(client, None), schedule, mode, due_in_days: Some(7) };
    app.create_recurrence(freelancer, new).await.unwrap().into_new().unwrap()
}

fn runner(app: &App, owner: &str) -> JobRunner {
    JobRunner::new(app.clone(), kinds(), owner.to_owned())
}

/// The days that have made an invoice, and their invoices.
async fn made(app: &App, freelancer: &Context, id: &str) -> (Vec<String>, BTreeSet<String>) {
    let page = PageRequest { limit: Some(100), cursor: None };
    let rows = app.occurrences(freelancer, id, &page).await.unwrap().data;
    (rows.iter().rev().map(|row| row.day.clone()).collect(), rows.into_iter().map(|row| row.invoice_id).collect())
}

#[tokio::test]
async fn many_workers_make_each_occurrence_once_and_in_order() {
    at("2026-11-27T12:00:00Z", async |app, clock| {
        let (freelancer, _) = new_user(app, "femi", "FREELANCER").await;
        let (_, carla) = new_user(app, "carla", "CLIENT").await;
        let made_of = daily(app, &freelancer, &carla, "2026-11-28", "09:00").await;
        clock.forward(10 * DAY);
        let runners = ["a", "b", "c"].map(|owner| runner(app, owner));
        futures::future::join_all(runners.iter().map(JobRunner::run_due)).await;
        // A worker that met another one's commit has failed and is due again later.
        clock.forward(Duration::from_secs(120));
        runners[0].run_due().await.unwrap();
        let (days, invoices) = made(app, &freelancer, &made_of.id).await;
        let expected: Vec<String> = (28..=30)
            .map(|day| format!("2026-11-{day}"))
            .chain((1..=7).map(|day| format!("2026-12-{day:02}")))
            .collect();
        assert_eq!((&days, invoices.len()), (&expected, 10), "on {}", app.engine());
        let filter = InvoiceFilter { sort: Some("number".to_owned()), ..InvoiceFilter::default() };
        let numbers = app.invoices(&freelancer, &filter).await.unwrap().data;
        assert_eq!(numbers.len(), 10, "no draft is left of an attempt that failed");
        let due: Vec<_> = numbers.iter().map(|invoice| invoice.due_date.clone().unwrap()).collect();
        assert!(due.is_sorted(), "the first day has the first number: {due:?}");
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_dies_or_outlives_its_lease_makes_no_second_invoice() {
    at("2026-11-27T12:00:00Z", async |app, clock| {
        let (freelancer, _) = new_user(app, "femi", "FREELANCER").await;
        let (_, carla) = new_user(app, "carla", "CLIENT").await;
        let recurrence = daily(app, &freelancer, &carla, "2026-11-28", "09:00").await;
        clock.forward(DAY);
        let names = ["recurrence".to_owned()];
        let lost = app.records().claim_jobs(&names, "frozen", Duration::from_secs(60), 1).await.unwrap().remove(0);
        runner(app, "other").run_due().await.unwrap();
        assert_eq!(
            made(app, &freelancer, &recurrence.id).await.0,
            Vec::<String>::new(),
            "the job is the first worker's"
        );
        clock.forward(Duration::from_secs(61));
        runner(app, "other").run_due().await.unwrap();
        assert_eq!(made(app, &freelancer, &recurrence.id).await.0, ["2026-11-28"]);
        let kind = kinds().into_iter().find(|kind| kind.name() == "recurrence").unwrap();
        assert!(kind.run(app, &lost).await.is_err(), "its job is another worker's by now");
        let all = app.invoices(&freelancer, &InvoiceFilter::default()).await.unwrap().data;
        assert_eq!((made(app, &freelancer, &recurrence.id).await.0.len(), all.len()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn days_of_clock_changes_have_one_invoice_each() {
    // 2027-03-14 has no 02:30 in New York, and 2026-11-01 has 01:30 twice.
    for (start, time, days) in [("2027-03-12", "02:30", 5), ("2026-10-30", "01:30", 5)] {
        let before = format!("{start}T00:00:00Z").parse::<chainbill_domain::Timestamp>().unwrap() - DAY;
        at(&before.to_rfc3339(), async |app, clock| {
            let (freelancer, femi) = new_user(app, "femi", "FREELANCER").await;
            let (_, carla) = new_user(app, "carla", "CLIENT").await;
            let zone = PatchProfile { time_zone: Some(Some("America/New_York".to_owned())), ..PatchProfile::default() };
            app.patch_profile(&freelancer, &femi.id, None, zone).await.unwrap();
            let recurrence = daily(app, &freelancer, &carla, start, time).await;
            for _ in 0..(days + 1) * 24 {
                clock.forward(Duration::from_secs(3600));
                runner(app, "a").run_due().await.unwrap();
            }
            let (made, invoices) = made(app, &freelancer, &recurrence.id).await;
            assert_eq!((made.len(), invoices.len(), made[0].as_str()), (days, days, start), "{made:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn what_was_forgotten_for_years_is_made_up_in_part() {
    at("2026-11-27T12:00:00Z", async |app, clock| {
        let (freelancer, _) = new_user(app, "femi", "FREELANCER").await;
        let (_, carla) = new_user(app, "carla", "CLIENT").await;
        let recurrence = daily(app, &freelancer, &carla, "2026-11-28", "09:00").await;
        clock.forward(400 * DAY);
        runner(app, "a").run_due().await.unwrap();
        let shown = app.recurrence(&freelancer, &recurrence.id).await.unwrap();
        assert_eq!((shown.made, shown.next_day.as_deref()), (100, Some("2028-01-02")));
    })
    .await;
}
