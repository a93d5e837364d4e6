//! A walk through a list of invoices has neither gap nor repeat, under each order and for each party, while invoices come; and what
//! is overdue is that in the time zone of its issuer.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chainbill_app::{App, Context, InvoiceFilter, PatchProfile, Settings, UserView};
use chainbill_domain::{
    Random, SystemRandom, Timestamp,
    id::{Id, InvoiceId},
    states::{AnchorStatus, EscrowStatus, InvoiceStatus, PaymentStatus, Rounding},
};
use chainbill_records::{Records, Text, entities::invoices};
use chainbill_testkit::{EMBEDDED, Fresh, ManualClock, primaries};

use crate::world::{new_user, on_every_primary};

/// An invoice between them whose values repeat often, and are missing in some.
fn invoice(place: i64, freelancer: &UserView, client: &UserView, now: Timestamp) -> invoices::Model {
    let random: &dyn Random = &SystemRandom;
    let at = now + Duration::from_millis(u64::try_from(place % 40).unwrap());
    let id: InvoiceId = Id::new(at, random.bytes());
    let sent = place % 5 != 0;
    invoices::Model {
        id: Text(id),
        version: 0,
        number: sent.then(|| format!("X-{place:06}-{}", &id.to_string()[24..])),
        number_seq: None,
        series: None,
        number_year: None,
        project_id: None,
        milestone_id: None,
        funds_milestone_id: None,
        freelancer_id: Text(freelancer.id.parse().unwrap()),
        client_id: Text(client.id.parse().unwrap()),
        title: "Work".to_owned(),
        notes: None,
        status: Text(if sent { InvoiceStatus::Sent } else { InvoiceStatus::Draft }),
        payment_status: Text(PaymentStatus::Unpaid),
        escrow: Text(EscrowStatus::Unfunded),
        anchor_status: Text(AnchorStatus::None),
        currency: Text(if place % 7 == 0 { "USD" } else { "EUR" }.parse().unwrap()),
        prices_include_tax: false,
        rounding: Text(Rounding::PerRate),
        subtotal_minor: place % 9,
        discount_minor: 0,
        discount_ppm: None,
        tax_minor: 0,
        total_minor: place % 9,
        withholding_ppm: 0,
        withholding_minor: 0,
        deposit_minor: 0,
        paid_minor: 0,
        refunded_minor: 0,
        released_minor: 0,
        external_minor: 0,
        fee_minor: 0,
        credited_minor: 0,
        due_date: (place % 3 != 0).then(|| format!("2031-01-{:02}", place % 28 + 1)),
        canonical_hash: None,
        canonical_version: None,
        parties: None,
        token_id: None,
        tx_hash: None,
        sent_at: sent.then(|| at + Duration::from_secs(u64::try_from(place % 11).unwrap())),
        paid_at: None,
        released_at: None,
        voided_at: None,
        freelancer_name: None,
        client_name: None,
        declined_at: None,
        decline_reason: None,
        fee_bp: 0,
        release_days: 14,
        work_submitted_at: None,
        work_note: None,
        release_at: None,
        work_returned_at: None,
        work_return_reason: None,
        created_at: at,
        updated_at: at,
    }
}

async fn add(records: &Records, rows: Vec<invoices::Model>) {
    let mut unit = records.begin().await.unwrap();
    unit.insert_many::<invoices::Entity>(rows).await.unwrap();
    unit.commit().await.unwrap();
}

const ORDERS: [&str; 10] =
    ["created", "-created", "sent", "-sent", "due", "-due", "total", "-total", "number", "-number"];

#[tokio::test]
async fn a_walk_has_neither_gap_nor_repeat_while_invoices_come() {
    const MANY: i64 = 10_000;
    on_every_primary(async |app| {
        let (freelancer, femi) = new_user(app, "femi", "FREELANCER").await;
        let (client, carla) = new_user(app, "carla", "CLIENT").await;
        let (_, other) = new_user(app, "olaf", "FREELANCER").await;
        let now = app.now();
        let rows: Vec<_> = (0..MANY).map(|place| invoice(place, &femi, &carla, now)).collect();
        let known: Vec<invoices::Model> = rows.clone();
        add(app.records(), rows).await;
        add(app.records(), (0..50).map(|place| invoice(place, &other, &carla, now)).collect()).await;
        for (who, freelancer_id) in [(&freelancer, None), (&client, Some(femi.id.clone()))] {
            let is_client = freelancer_id.is_some();
            for sort in ORDERS {
                let currency = sort.ends_with("total").then(|| "EUR".to_owned());
                let expected: BTreeSet<String> = known
                    .iter()
                    .filter(|row| !is_client || row.status.0 != InvoiceStatus::Draft)
                    .filter(|row| currency.is_none() || row.currency.0.to_string() == "EUR")
                    .map(|row| row.id.to_string())
                    .collect();
                let filter = InvoiceFilter {
                    sort: Some(sort.to_owned()),
                    freelancer_id: freelancer_id.clone(),
                    currency,
                    limit: Some(100),
                    ..InvoiceFilter::default()
                };
                let seen = walked(app, who, filter, || invoice(MANY + 1, &femi, &carla, now)).await;
                let distinct: BTreeSet<&String> = seen.iter().collect();
                assert_eq!(distinct.len(), seen.len(), "{sort} repeats on {}", app.engine());
                let missing = expected.iter().filter(|id| !distinct.contains(id)).count();
                assert_eq!(missing, 0, "{sort} skips on {}", app.engine());
            }
        }
    })
    .await;
}

/// The ids of all pages; at each page another invoice comes, whose place may be before or behind.
async fn walked(app: &App, who: &Context, filter: InvoiceFilter, new: impl Fn() -> invoices::Model) -> Vec<String> {
    let (mut seen, mut filter) = (Vec::new(), filter);
    loop {
        let page = app.invoices(who, &filter).await.unwrap();
        seen.extend(page.data.into_iter().map(|invoice| invoice.id));
        add(app.records(), vec![new()]).await;
        match page.next_cursor {
            Some(next) => filter.cursor = Some(next),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn what_is_overdue_is_that_in_the_time_zone_of_its_issuer() {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let clock = Arc::new(ManualClock::at("2026-12-01T09:30:00Z".parse().unwrap()));
        let app = App::new(fresh.records_at(clock.clone()).await, Settings::default());
        let (client, carla) = new_user(&app, "carla", "CLIENT").await;
        let mut people = Vec::new();
        for (name, zone) in [("utc", None), ("kiri", Some("Pacific/Kiritimati")), ("pago", Some("Pacific/Pago_Pago"))] {
            let (context, user) = new_user(&app, name, "FREELANCER").await;
            if let Some(zone) = zone {
                let patch = PatchProfile { time_zone: Some(Some(zone.to_owned())), ..PatchProfile::default() };
                app.patch_profile(&context, &user.id, None, patch).await.unwrap();
            }
            let due =
                |day: &str| invoices::Model { due_date: Some(day.to_owned()), ..invoice(1, &user, &carla, app.now()) };
            add(app.records(), ["2026-11-29", "2026-11-30", "2026-12-01"].map(due).into()).await;
            let undated = invoices::Model { due_date: None, ..invoice(1, &user, &carla, app.now()) };
            add(app.records(), vec![undated]).await;
            people.push(context);
        }
        for hours in [0_u64, 1, 2, 12, 24, 27] {
            clock.forward(Duration::from_secs(hours * 3600));
            for who in people.iter().chain([&client]) {
                let list = async |overdue: bool| {
                    let filter = InvoiceFilter { overdue: Some(overdue), ..InvoiceFilter::default() };
                    app.invoices(who, &filter).await.unwrap().data
                };
                let (due, others) = (list(true).await, list(false).await);
                assert!(due.iter().all(|invoice| invoice.overdue) && others.iter().all(|invoice| !invoice.overdue));
                let all = app.invoices(who, &InvoiceFilter::default()).await.unwrap().data.len();
                assert_eq!(due.len() + others.len(), all, "at {} on {primary}", app.now());
            }
        }
        app.records().close().await;
        fresh.remove().await;
    }
}

/// The year of a restart is the issuer's.
#[tokio::test]
async fn a_series_restarts_with_the_year_of_its_issuer() {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let clock = Arc::new(ManualClock::at("2026-12-31T10:30:00Z".parse().unwrap()));
        let app = App::new(fresh.records_at(clock.clone()).await, Settings::default());
        let (_, carla) = new_user(&app, "carla", "CLIENT").await;
        let (freelancer, femi) = new_user(&app, "femi", "FREELANCER").await;
        let new = |name: &str, pattern: &str, yearly_restart, start| chainbill_app::NewSeries {
            kind: None,
            name: name.to_owned(),
            pattern: pattern.to_owned(),
            yearly_restart,
            start,
            default: false,
        };
        let series = async |new| app.create_series(&freelancer, new).await.unwrap().into_new().unwrap().id;
        let yearly = series(new("Yearly", "Y{YY}{MM}-{SEQ:2}", true, Some(98))).await;
        let through = series(new("Through", "T{YYYY}{MM}-{SEQ:1}", false, None)).await;
        let number = async |series: &str| {
            let new = crate::world::new_invoice(&carla, Some(series));
            let draft = app.create_invoice(&freelancer, new).await.unwrap().into_new().unwrap();
            app.send_invoice(&freelancer, &draft.id).await.unwrap().into_new().unwrap().number.unwrap()
        };
        let zone = async |zone: &str| {
            let patch = PatchProfile { time_zone: Some(Some(zone.to_owned())), ..PatchProfile::default() };
            app.patch_profile(&freelancer, &femi.id, None, patch).await.unwrap();
        };
        for expected in ["Y2612-98", "Y2612-99", "Y2612-100"] {
            assert_eq!(number(&yearly).await, expected);
        }
        assert_eq!(number(&through).await, "T202612-1");
        zone("Pacific/Kiritimati").await;
        assert_eq!((number(&yearly).await, number(&through).await), ("Y2701-01".to_owned(), "T202701-2".to_owned()));
        zone("America/New_York").await;
        assert_eq!(number(&yearly).await, "Y2612-101", "the old year goes on where it is not over");
        clock.forward(Duration::from_secs(24 * 3600));
        assert_eq!((number(&yearly).await, number(&through).await), ("Y2701-02".to_owned(), "T202701-3".to_owned()));
        for invariant in chainbill_app::INVARIANTS {
            assert_eq!(app.violations(invariant).await.unwrap(), Vec::<String>::new(), "{}", invariant.name);
        }
        app.records().close().await;
        fresh.remove().await;
    }
}
