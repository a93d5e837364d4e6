//! Rules that depend on the clock: expiry of an idempotency key, and the year of an invoice's number.

use std::{sync::Arc, time::Duration};

use chainbill_app::{App, AppError, MoneyView, NewInvoice, NewLine, PatchProfile, Settings};
use chainbill_testkit::{EMBEDDED, Fresh, ManualClock, primaries};

use crate::world::{new_user, registration, stranger};

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

#[tokio::test]
async fn an_expired_key_is_new_at_once() {
    at("2026-11-27T12:00:00Z", async |app, clock| {
        let ada = stranger("192.0.2.1", "key");
        let first = app.register(&ada, registration("ada", "CLIENT")).await.unwrap();
        let again = app.register(&ada, registration("ada", "CLIENT")).await.unwrap();
        assert!(!first.is_replayed() && again.is_replayed());
        clock.forward(Settings::default().replay - Duration::from_millis(1));
        assert!(app.register(&ada, registration("ada", "CLIENT")).await.unwrap().is_replayed());
        clock.forward(Duration::from_millis(1));
        // Before the cleaning job: the expired key is still stored, and has no effect.
        let taken = app.register(&ada, registration("ada", "CLIENT")).await;
        assert!(matches!(&taken, Err(AppError::Validation(fields)) if fields[0].pointer == "/email"), "{taken:?}");
        let (who, _) = new_user(app, "femi", "FREELANCER").await;
        let who = chainbill_app::Context { idempotency_key: Some("key".to_owned()), ..who };
        let skill = |name: &str| chainbill_app::NewSkill {
            name: name.to_owned(),
            category: "Code".to_owned(),
            description: None,
        };
        let go = app.create_skill(&who, skill("Go")).await.unwrap();
        assert!(matches!(app.create_skill(&who, skill("Zig")).await, Err(AppError::IdempotencyMismatch)));
        clock.forward(Settings::default().replay);
        let zig = app.create_skill(&who, skill("Zig")).await.unwrap();
        assert!(!go.is_replayed() && !zig.is_replayed());
        assert!(app.create_skill(&who, skill("Zig")).await.unwrap().is_replayed());
    })
    .await;
}

#[tokio::test]
async fn a_number_is_of_the_issuers_year() {
    at("2026-12-31T15:30:00Z", async |app, clock| {
        let (freelancer, user) = new_user(app, "femi", "FREELANCER").await;
        let (_, client) = new_user(app, "carla", "CLIENT").await;
        let euros = MoneyView { amount: "1.00".to_owned(), currency: "EUR".to_owned() };
        let line =
            NewLine { description: "x".to_owned(), quantity: "1".to_owned(), unit_price: euros, ..NewLine::default() };
        let draft = async |due: &str| {
            let new = NewInvoice {
                series: None,
                client_id: client.id.clone(),
                title: "Work".to_owned(),
                currency: "EUR".to_owned(),
                due_date: Some(due.to_owned()),
                lines: vec![line.clone()],
                ..NewInvoice::default()
            };
            app.create_invoice(&freelancer, new).await.unwrap().into_new().unwrap().id
        };
        let moved = |zone: &str| PatchProfile { time_zone: Some(Some(zone.to_owned())), ..PatchProfile::default() };
        let sent = app.send_invoice(&freelancer, &draft("2026-12-31").await).await.unwrap().into_new().unwrap();
        assert_eq!(sent.number.as_deref(), Some("INV-2026-000001"), "in UTC");
        app.patch_profile(&freelancer, &user.id, None, moved("Asia/Tokyo")).await.unwrap();
        let late = app.send_invoice(&freelancer, &draft("2026-12-31").await).await;
        assert!(matches!(&late, Err(AppError::Validation(fields)) if fields[0].pointer == "/dueDate"), "{late:?}");
        let in_tokyo = app.send_invoice(&freelancer, &draft("2027-01-01").await).await.unwrap().into_new().unwrap();
        assert_eq!(in_tokyo.number.as_deref(), Some("INV-2027-000002"), "the new year has begun there");
        assert!(app.invoice(&freelancer, &sent.id).await.unwrap().overdue && !in_tokyo.overdue);
        app.patch_profile(&freelancer, &user.id, None, moved("Pacific/Honolulu")).await.unwrap();
        assert!(!app.invoice(&freelancer, &sent.id).await.unwrap().overdue, "there it is still the day");
        clock.forward(Duration::from_secs(18 * 3600 + 1799));
        assert!(!app.invoice(&freelancer, &sent.id).await.unwrap().overdue, "a second before midnight there");
        let last = app.send_invoice(&freelancer, &draft("2026-12-31").await).await.unwrap().into_new().unwrap();
        assert!(!last.overdue, "the answer to sending it follows the same day");
        clock.forward(Duration::from_secs(1));
        assert!(app.invoice(&freelancer, &sent.id).await.unwrap().overdue);
        let page = app.invoices(&freelancer, &chainbill_app::InvoiceFilter::default()).await.unwrap();
        assert_eq!(page.data.iter().filter(|invoice| invoice.overdue).count(), 2);
    })
    .await;
}
