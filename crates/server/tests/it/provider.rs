//! Clients pay at a provider, whose signed events confirm the payments: late, repeated, out of order, forged.

use std::{process::Command, sync::Arc, time::Duration};

use chainbill_domain::SystemClock;
use chainbill_testkit::{
    Fresh,
    stripe::{Delivery, FakeStripe, Fault, SECRET_KEY, WEBHOOK_SECRET},
};
use reqwest::Method;
use serde_json::{Value, json};

use chainbill_testkit::pairs;

use crate::world::{Person, Server, World, program, run, sent};

fn with_stripe(fresh: &Fresh, fake: &FakeStripe) -> Command {
    let mut command = program(fresh);
    command.env("STRIPE_SECRET_KEY", SECRET_KEY).env("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET);
    command.env("STRIPE_API_URL", fake.url());
    command
}

/// Runs a story on every pair of databases, with a provider.
fn with_a_provider(story: impl AsyncFn(&World, &FakeStripe)) {
    run(async {
        for (primary, secondary) in pairs() {
            let fake = FakeStripe::start(Arc::new(SystemClock)).await;
            let fresh = Fresh::make(&primary, &secondary).await;
            let server = Server::start(with_stripe(&fresh, &fake)).await;
            let admin = server.login("root@example.org").await;
            let world = World { fresh, server, admin };
            story(&world, &fake).await;
            let (code, said) = world.command(&["check"]);
            assert_eq!((code, &said["holds"]), (0, &json!(true)), "{said:#}");
            world.server.drained().await;
            world.assert_equal();
            world.end().await;
        }
    });
}

async fn begin(world: &World, invoice: &str, client: &Person, key: &str) -> crate::world::Answer {
    let body = json!({"successUrl": "https://example.org/paid", "cancelUrl": "https://example.org/"});
    let path = format!("/api/invoices/{invoice}/checkout");
    world.server.ask(Method::POST, &path, Some(client), Some(body), &[("idempotency-key", key)]).await
}

async fn deliver(world: &World, delivery: &Delivery) -> u16 {
    let address = format!("{}/api/webhooks/stripe", world.server.base);
    delivery.post(&address).await
}

async fn invoice(world: &World, id: &str, who: &Person) -> Value {
    world.server.get(&format!("/api/invoices/{id}"), who).await.expect(200)
}

/// The provider's name of the checkout that a url leads to.
fn session(fake: &FakeStripe, checkout: &Value) -> String {
    fake.checkouts_of(checkout["id"].as_str().unwrap())[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_checkout_is_paid_once_however_often_late_or_wrongly_its_events_come() {
    with_a_provider(async |world, fake| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let id = sent(world, &client, &freelancer).await;
        // The provider does the work, and its answer is lost, until asking is given up; then the same key finds it.
        fake.meet([Fault::CutAfter, Fault::CutAfter, Fault::CutAfter, Fault::CutAfter]);
        let lost = begin(world, &id, &client, "pay-1").await;
        assert_eq!(lost.refused(503), "provider-unavailable");
        let mut looks = tokio::time::interval(Duration::from_millis(200));
        let begun = loop {
            looks.tick().await;
            let answer = begin(world, &id, &client, "pay-1").await;
            if answer.status != 503 {
                break answer.expect(201);
            }
        };
        assert_eq!(fake.checkouts_of(begun["id"].as_str().unwrap()).len(), 1, "one checkout for one key");
        let again = begin(world, &id, &client, "pay-1").await.expect(201);
        assert_eq!((&again["id"], &again["url"]), (&begun["id"], &begun["url"]));
        assert!(begun["url"].as_str().unwrap().starts_with("http"), "{begun:#}");
        assert_eq!(begin(world, &id, &freelancer, "mine").await.refused(403), "forbidden");
        let seen = world.server.get(&format!("/api/checkouts/{}", begun["id"].as_str().unwrap()), &freelancer).await;
        assert_eq!(seen.expect(200)["url"], json!(null), "where to pay is the client's to know");

        fake.pay(&session(fake, &begun));
        let delivery = || fake.delivery("checkout.session.completed");
        assert_eq!(deliver(world, &delivery().signed_with("whsec_forged_forged_forged_forged")).await, 400);
        assert_eq!(deliver(world, &delivery().signed_before(Duration::from_secs(301))).await, 400);
        assert_eq!(invoice(world, &id, &client).await["status"], "SENT", "what is not the provider's confirms nothing");
        let deliveries: Vec<Delivery> = (0..5).map(|_| delivery()).collect();
        let answers = futures::future::join_all(deliveries.iter().map(|it| deliver(world, it))).await;
        assert!(answers.iter().all(|status| [204, 503].contains(status)) && answers.contains(&204), "{answers:?}");
        assert_eq!(deliver(world, &delivery()).await, 204, "again, later");
        let paid = invoice(world, &id, &client).await;
        assert_eq!((&paid["status"], &paid["escrow"]), (&json!("PAID"), &json!("HELD")));
        assert_eq!(paid["paid"], paid["total"]);
        let payments = world.server.get(&format!("/api/payments?invoiceId={id}"), &freelancer).await.expect(200);
        let payments = payments["data"].as_array().unwrap().clone();
        assert_eq!((payments.len(), &payments[0]["channel"]), (1, &json!("STRIPE")));
        assert_eq!(begin(world, &id, &client, "pay-2").await.refused(409), "wrong-state");
    });
}

#[test]
fn a_transfer_that_comes_later_is_confirmed_when_it_comes_and_a_refund_goes_back_the_same_way() {
    with_a_provider(async |world, fake| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let id = sent(world, &client, &freelancer).await;
        let begun = begin(world, &id, &client, "pay-1").await.expect(201);
        let checkout = session(fake, &begun);
        fake.promise(&checkout);
        let pending = fake.delivery("checkout.session.completed");
        fake.transfer_arrives(&checkout);
        // In the wrong order.
        assert_eq!(deliver(world, &fake.delivery("checkout.session.async_payment_succeeded")).await, 204);
        assert_eq!(deliver(world, &pending).await, 204);
        assert_eq!(invoice(world, &id, &client).await["status"], "PAID");

        let back = json!({"method": "CARD", "reason": "Cancelled", "amount": {"amount": "78.00", "currency": "EUR"}});
        let path = format!("/api/invoices/{id}/refund");
        fake.meet([Fault::CutAfter]);
        let refunded =
            world.server.ask(Method::POST, &path, Some(&freelancer), Some(back), &[("idempotency-key", "back")]).await;
        let refunded = refunded.expect(201);
        assert!(refunded["refunds"][0]["paymentId"].is_string(), "{refunded:#}");
        let refund = format!("/api/refunds/{}", refunded["refunds"][0]["id"].as_str().unwrap());
        let done = async || world.server.get(&refund, &client).await.expect(200)["status"] == "DONE";
        let mut looks = tokio::time::interval(Duration::from_millis(200));
        for _ in 0..300 {
            if done().await {
                break;
            }
            looks.tick().await;
        }
        assert!(done().await, "the job has asked the provider");
        let payments = world.server.get(&format!("/api/payments?invoiceId={id}"), &client).await.expect(200);
        let payment = payments["data"][0]["externalRef"].as_str().unwrap().to_owned();
        assert_eq!(fake.refunds_of(&payment).len(), 1, "one refund, though an answer was lost");
        assert_eq!(deliver(world, &fake.delivery("refund.created")).await, 204);
        let after = invoice(world, &id, &client).await;
        assert_eq!((&after["held"]["amount"], &after["status"]), (&json!("1400.00"), &json!("PAID")));
    });
}

#[test]
fn a_payment_that_comes_twice_by_two_ways_is_credit_and_an_expired_checkout_confirms_nothing() {
    with_a_provider(async |world, fake| {
        let (client, freelancer) = world.client_and_freelancer().await;
        let id = sent(world, &client, &freelancer).await;
        let first = begin(world, &id, &client, "one").await.expect(201);
        let second = begin(world, &id, &client, "two").await.expect(201);
        assert_ne!(first["id"], second["id"]);
        fake.pay(&session(fake, &first));
        assert_eq!(deliver(world, &fake.delivery("checkout.session.completed")).await, 204);
        fake.pay(&session(fake, &second));
        assert_eq!(deliver(world, &fake.delivery("checkout.session.completed")).await, 204);
        let credits = world.server.get("/api/credits", &client).await.expect(200);
        let credit = (&credits["data"][0]["balance"]["amount"], &credits["data"][0]["custody"]);
        assert_eq!(credit, (&json!("1478.00"), &json!("PLATFORM")), "money that came twice is the client's");
        assert_eq!(invoice(world, &id, &client).await["paid"]["amount"], "1478.00");
        fake.unrelated_event();
        assert_eq!(deliver(world, &fake.delivery("customer.created")).await, 204);
    });
}
