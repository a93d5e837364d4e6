//! Webhooks: what they say, and which are believed.

use std::{collections::BTreeSet, time::Duration};

use chainbill_provider::{Checkout, EventData, ProviderEvent, RefundStatus, SecretKey, WebhookRefusal, WebhookSecrets};
use chainbill_testkit::{
    Dice,
    stripe::{Delivery, WEBHOOK_SECRET},
};

use crate::world::{World, money};

const NEXT_SECRET: &str = "whsec_next_0123456789abcdef";

impl World {
    async fn begun(&self, key: &str) -> Checkout {
        self.provider.begin_checkout(&self.request(key)).await.unwrap()
    }

    fn receive(&self, delivery: &Delivery) -> Result<ProviderEvent, WebhookRefusal> {
        self.provider.event(&delivery.body, &delivery.signature(), self.now())
    }

    fn newest(&self, kind: &str) -> EventData {
        self.receive(&self.fake.delivery(kind)).unwrap().data
    }
}

#[tokio::test]
async fn a_card_pays_at_once() {
    let world = World::new().await;
    let begun = world.begun("k1").await;
    let payment = world.fake.pay(begun.id.as_str());
    let event = world.receive(&world.fake.delivery("checkout.session.completed")).unwrap();
    assert_eq!((event.at, event.is_live), (world.now(), false));
    let EventData::CheckoutPaid(paid) = event.data else { panic!("it is paid") };
    assert_eq!((paid.checkout, paid.payment.as_str()), (begun.id, payment.as_str()));
    assert_eq!((paid.amount, paid.reference), (money("10.99", "EUR"), begun.reference));
}

#[tokio::test]
async fn a_transfer_pays_later_or_never() {
    let world = World::new().await;
    let (arrives, fails) = (world.begun("k1").await, world.begun("k2").await);
    for begun in [&arrives, &fails] {
        world.fake.promise(begun.id.as_str());
        let EventData::CheckoutPaymentPending(checkout) = world.newest("checkout.session.completed") else {
            panic!("it is pending")
        };
        assert_eq!(checkout.id, begun.id);
    }
    world.fake.transfer_arrives(arrives.id.as_str());
    let data = world.newest("checkout.session.async_payment_succeeded");
    assert_eq!(data.paid().unwrap().checkout, arrives.id);
    world.fake.transfer_fails(fails.id.as_str());
    let data = world.newest("checkout.session.async_payment_failed");
    assert!(matches!(data, EventData::AsyncPaymentFailed(checkout) if checkout.id == fails.id));
}

#[tokio::test]
async fn a_checkout_expires() {
    let world = World::new().await;
    let begun = world.begun("k1").await;
    world.clock.forward(Duration::from_secs(7200));
    let data = world.newest("checkout.session.expired");
    assert!(matches!(data, EventData::CheckoutExpired(checkout) if checkout.id == begun.id));
}

#[tokio::test]
async fn refunds_disputes_and_the_rest() {
    let world = World::new().await;
    let begun = world.begun("k1").await;
    let payment = world.fake.pay(begun.id.as_str());
    let refund = world.fake.refund_in_dashboard(&payment, 400);
    let EventData::RefundCreated(made) = world.newest("refund.created") else { panic!("it is made") };
    assert_eq!((made.id.as_str(), made.reference, made.amount), (refund.as_str(), None, money("4.00", "EUR")));
    let EventData::ChargeRefunded(charge) = world.newest("charge.refunded") else { panic!("it is refunded") };
    assert_eq!((charge.paid, charge.refunded), (money("10.99", "EUR"), money("4.00", "EUR")));
    world.fake.refund_fails(&refund);
    for kind in ["refund.updated", "refund.failed"] {
        let (EventData::RefundUpdated(failed) | EventData::RefundFailed(failed)) = world.newest(kind) else {
            panic!("{kind} is of a refund")
        };
        assert_eq!((failed.id.as_str(), failed.status), (refund.as_str(), RefundStatus::Failed));
        assert_eq!(failed.failure.as_deref(), Some("expired_or_canceled_card"));
    }
    world.fake.dispute(&payment);
    let EventData::DisputeOpened(dispute) = world.newest("charge.dispute.created") else { panic!("it is disputed") };
    assert_eq!((dispute.payment.unwrap().as_str(), dispute.reason.as_str()), (payment.as_str(), "fraudulent"));
    world.fake.unrelated_event();
    assert_eq!(world.newest("customer.created"), EventData::Other("customer.created".to_owned()));
}

#[tokio::test]
async fn repeated_and_reordered_events_keep_their_ids() {
    let world = World::new().await;
    for key in ["k1", "k2", "k3"] {
        let begun = world.begun(key).await;
        world.fake.promise(begun.id.as_str());
        world.fake.transfer_arrives(begun.id.as_str());
    }
    let events = world.fake.events();
    let mut deliveries: Vec<Delivery> =
        (0..5).flat_map(|_| events.iter().map(|event| world.fake.deliver(event))).collect();
    Dice(7).shuffle(&mut deliveries);
    let received: Vec<ProviderEvent> = deliveries.iter().map(|delivery| world.receive(delivery).unwrap()).collect();
    assert_eq!(received.len(), 30);
    let ids: BTreeSet<&str> = received.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids, events.iter().map(|event| event.id.as_str()).collect());
    for event in &received {
        assert!(received.iter().filter(|other| other.id == event.id).all(|other| other == event));
    }
}

#[tokio::test]
async fn forged_and_changed_events_are_not_believed() {
    let world = World::new().await;
    let begun = world.begun("k1").await;
    world.fake.pay(begun.id.as_str());
    let genuine = world.fake.delivery("checkout.session.completed");
    let forged = genuine.clone().signed_with(NEXT_SECRET);
    assert_eq!(world.receive(&forged), Err(WebhookRefusal::WrongSignature));
    let text = String::from_utf8(genuine.body.clone()).unwrap();
    let changed = text.replace("1099", "1");
    assert_ne!(changed, text);
    let answer = world.provider.event(changed.as_bytes(), &genuine.signature(), world.now());
    assert_eq!(answer, Err(WebhookRefusal::WrongSignature));
    // Another reading of the same document has other bytes.
    let spaced = format!("{text} ");
    let answer = world.provider.event(spaced.as_bytes(), &genuine.signature(), world.now());
    assert_eq!(answer, Err(WebhookRefusal::WrongSignature));
    assert!(matches!(world.provider.event(&genuine.body, "", world.now()), Err(WebhookRefusal::BadHeader(_))));
    assert!(world.receive(&genuine).is_ok());
}

#[tokio::test]
async fn stale_events_are_not_believed() {
    let world = World::new().await;
    let begun = world.begun("k1").await;
    world.fake.pay(begun.id.as_str());
    let genuine = world.fake.delivery("checkout.session.completed");
    let (edge, over) = (Duration::from_secs(300), Duration::from_secs(301));
    assert!(world.receive(&genuine.clone().signed_before(edge)).is_ok());
    assert!(world.receive(&genuine.clone().signed_after(edge)).is_ok());
    assert_eq!(world.receive(&genuine.clone().signed_before(over)), Err(WebhookRefusal::Stale(301, 300)));
    assert_eq!(world.receive(&genuine.clone().signed_after(over)), Err(WebhookRefusal::FromTheFuture(301, 300)));
    // A recorded delivery is refused later; a new delivery of the same event is signed anew, days later too.
    world.clock.forward(over);
    assert_eq!(world.receive(&genuine), Err(WebhookRefusal::Stale(301, 300)));
    world.clock.forward(Duration::from_secs(3 * 86_400));
    assert!(world.receive(&world.fake.delivery("checkout.session.completed")).is_ok());
}

#[tokio::test]
async fn events_of_the_other_mode_confirm_nothing() {
    let live = World::with(|settings| settings.secret_key = SecretKey::new("sk_live_0123456789abcdef").unwrap()).await;
    live.fake.unrelated_event();
    let of_test_mode = live.fake.delivery("customer.created");
    assert_eq!(live.receive(&of_test_mode), Err(WebhookRefusal::WrongMode { is_live: false }));
}

#[tokio::test]
async fn secrets_are_rotated_without_a_gap() {
    let both = format!("{WEBHOOK_SECRET},{NEXT_SECRET}");
    let during = World::with(|settings| settings.webhook_secrets = WebhookSecrets::parse(&both).unwrap()).await;
    let after = World::with(|settings| settings.webhook_secrets = WebhookSecrets::parse(NEXT_SECRET).unwrap()).await;
    for (world, old_is_good) in [(&during, true), (&after, false)] {
        world.fake.unrelated_event();
        let old = world.fake.delivery("customer.created");
        let new = old.clone().signed_with(NEXT_SECRET);
        let signed_by_both = old.clone().signed_also_with(NEXT_SECRET);
        assert_eq!(world.receive(&old).is_ok(), old_is_good);
        assert!(world.receive(&new).is_ok());
        assert!(world.receive(&signed_by_both).is_ok());
    }
}

#[tokio::test]
async fn deliveries_are_posted() {
    let world = World::new().await;
    world.fake.unrelated_event();
    // The fake takes no webhooks itself.
    let status = world.fake.delivery("customer.created").post(&format!("{}/hook", world.fake.url())).await;
    assert_eq!((status, world.fake.requests()[0].path.as_str()), (401, "/hook"));
}
