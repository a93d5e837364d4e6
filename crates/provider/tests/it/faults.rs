//! Lost answers, silence, and faults of Stripe's own.

use std::time::Duration;

use chainbill_provider::{
    CheckoutStatus, ErrorClass, IdempotencyKey, PaymentId, ProviderError, Reference, RefundRequest,
};
use chainbill_testkit::stripe::Fault;
use chrono::TimeDelta;
use serde_json::json;
use tokio::net::TcpListener;

use crate::world::{World, impatient, money, provider};

#[tokio::test]
async fn a_passing_fault_is_repeated_under_the_same_key() {
    for fault in [
        Fault::Cut,
        Fault::CutAfter,
        Fault::CutWithin,
        Fault::InUse,
        Fault::TooMany(None),
        Fault::TooMany(Some(0)),
        Fault::Broken(500),
        Fault::Broken(503),
        Fault::Answer(400, vec![("stripe-should-retry", "true")]),
    ] {
        let world = World::new().await;
        world.fake.meet([fault.clone()]);
        let request = world.request("k1");
        let begun = world.provider.begin_checkout(&request).await.unwrap();
        assert_eq!(begun.status, CheckoutStatus::Open, "{fault:?}");
        assert_eq!(world.fake.checkouts_of("ref-k1").len(), 1, "{fault:?}");
        let requests = world.fake.requests();
        assert_eq!(requests.len(), 2, "{fault:?}");
        assert_eq!(requests[0], requests[1], "{fault:?}");
    }
}

#[tokio::test]
async fn silence_ends_by_the_deadline() {
    for fault in [Fault::Silence, Fault::SilenceAfter] {
        let world = World::with(impatient).await;
        world.fake.meet([fault.clone()]);
        world.provider.begin_checkout(&world.request("k1")).await.unwrap();
        assert_eq!(world.fake.checkouts_of("ref-k1").len(), 1, "{fault:?}");
        assert_eq!(world.fake.requests().len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_call_ends_by_its_own_deadline() {
    let world = World::with(|settings| settings.call_timeout = Duration::from_secs(1)).await;
    world.fake.meet([Fault::SilenceAfter, Fault::Nothing]);
    let error = world.provider.begin_checkout(&world.request("k1")).await.unwrap_err();
    assert!(matches!(error, ProviderError::NoAnswer(_)), "{error}");
    assert_eq!((error.class(), error.may_have_taken_place()), (ErrorClass::RetryLater, true));
    assert_eq!(world.fake.requests().len(), 1);
}

#[tokio::test]
async fn a_checkout_whose_answer_was_lost_is_found() {
    let world = World::new().await;
    let (request, started) = (world.request("k1"), world.now());
    world.fake.meet(vec![Fault::CutAfter; 4]);
    let error = world.provider.begin_checkout(&request).await.unwrap_err();
    assert_eq!((error.class(), error.may_have_taken_place()), (ErrorClass::RetryLater, true));
    assert_eq!(world.fake.requests().len(), 4);

    // By its key, even by another process after a while.
    world.clock.forward(Duration::from_secs(3600));
    let process = provider(&world.clock, |settings| settings.base_url = world.fake.url());
    let begun = process.begin_checkout(&request).await.unwrap();
    assert_eq!(world.fake.checkouts_of("ref-k1").len(), 1);
    // When the key is forgotten, by its reference.
    world.fake.forget_keys();
    let span = started..started + TimeDelta::minutes(1);
    let found = process.find_checkout(&request.reference, span.clone()).await.unwrap();
    assert_eq!(found, Some(begun));
    let unknown = Reference::new("ref-none").unwrap();
    assert_eq!(process.find_checkout(&unknown, span).await.unwrap(), None);
    let later = started + TimeDelta::hours(1)..started + TimeDelta::hours(2);
    assert_eq!(process.find_checkout(&request.reference, later).await.unwrap(), None);
}

#[tokio::test]
async fn a_checkout_is_found_among_many() {
    let world = World::new().await;
    let started = world.now();
    for place in 0..230 {
        world.provider.begin_checkout(&world.request(&format!("k{place}"))).await.unwrap();
    }
    let before = world.fake.requests().len();
    let span = started..started + TimeDelta::minutes(1);
    let first = Reference::new("ref-k0").unwrap();
    let found = world.provider.find_checkout(&first, span.clone()).await.unwrap().unwrap();
    assert_eq!(found.reference, Some(first));
    // Three pages, and the checkout itself.
    assert_eq!(world.fake.requests().len() - before, 4);
    let unknown = Reference::new("ref-none").unwrap();
    assert_eq!(world.provider.find_checkout(&unknown, span).await.unwrap(), None);
}

#[tokio::test]
async fn a_kept_fault_is_an_unknown_outcome() {
    let world = World::new().await;
    let request = world.request("k1");
    world.fake.meet([Fault::BrokenForGood]);
    for _ in 0..2 {
        let error = world.provider.begin_checkout(&request).await.unwrap_err();
        assert!(matches!(error, ProviderError::Indeterminate(_)), "{error}");
        assert_eq!((error.class(), error.may_have_taken_place()), (ErrorClass::OutcomeUnknown, true));
    }
    // Repetition is pointless.
    assert_eq!(world.fake.requests().len(), 2);
    let span = world.now()..world.now();
    assert_eq!(world.provider.find_checkout(&request.reference, span).await.unwrap(), None);
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_an_unknown_outcome() {
    for fault in [Fault::Nonsense, Fault::Endless] {
        let world = World::new().await;
        world.fake.meet([fault.clone()]);
        let request = world.request("k1");
        let error = world.provider.begin_checkout(&request).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unreadable(_)), "{fault:?}: {error}");
        assert_eq!((error.class(), error.may_have_taken_place()), (ErrorClass::OutcomeUnknown, true));
        let span = world.now()..world.now();
        let found = world.provider.find_checkout(&request.reference, span).await.unwrap();
        assert_eq!(found.unwrap().reference, Some(request.reference), "{fault:?}");
    }
}

#[tokio::test]
async fn the_answer_to_another_request_is_not_taken() {
    let world = World::new().await;
    let (asked, other) = (world.request("k1"), world.request("k2"));
    let other_amount = world.request_of("k1-once-more", money("10.98", "EUR"));
    let other = world.provider.begin_checkout(&other).await.unwrap();
    let other_amount = world.provider.begin_checkout(&other_amount).await.unwrap();
    let mut cheaper = world.fake.object(other_amount.id.as_str()).unwrap();
    cheaper["client_reference_id"] = asked.reference.as_str().into();
    for document in [world.fake.object(other.id.as_str()).unwrap(), cheaper] {
        world.fake.meet([Fault::Instead(document)]);
        let error = world.provider.begin_checkout(&asked).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unreadable(_)), "{error}");
    }
    let refund = RefundRequest {
        key: IdempotencyKey::new("r1").unwrap(),
        reference: Reference::new("refund-r1").unwrap(),
        payment: PaymentId::new(world.fake.pay(other.id.as_str())).unwrap(),
        amount: money("4.00", "EUR"),
    };
    let answer = json!({"id": "re_1", "payment_intent": refund.payment.as_str(), "amount": 400, "currency": "eur"});
    for (field, value) in [("payment_intent", json!("pi_2")), ("amount", json!(1099)), ("currency", json!("usd"))] {
        let mut answer = answer.clone();
        answer[field] = value;
        world.fake.meet([Fault::Instead(answer)]);
        let error = world.provider.refund(&refund).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unreadable(_)), "{field}: {error}");
    }
    world.fake.meet([Fault::Instead(answer)]);
    assert_eq!(world.provider.refund(&refund).await.unwrap().amount, refund.amount);
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let world = World::with(|settings| settings.base_url = closed).await;
    let error = world.provider.begin_checkout(&world.request("k1")).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unreachable(_)), "{error}");
    assert_eq!((error.class(), error.may_have_taken_place()), (ErrorClass::RetryLater, false));
}

#[tokio::test]
async fn a_lost_answer_stays_in_doubt() {
    let world = World::new().await;
    // Rates are limited before the key is looked at: this does not settle what the first attempt did.
    world.fake.meet([Fault::CutAfter, Fault::TooMany(None), Fault::TooMany(None), Fault::TooMany(None)]);
    let error = world.provider.begin_checkout(&world.request("k1")).await.unwrap_err();
    assert!(matches!(error, ProviderError::NoAnswer(_)), "{error}");
    assert!(error.may_have_taken_place());
    assert_eq!(world.fake.requests().len(), 4);
}

#[tokio::test]
async fn the_provider_decides_when_to_retry() {
    let world = World::new().await;
    let request = world.request("k1");
    // Longer than any clock runs.
    world.fake.meet([Fault::TooMany(Some(u64::MAX))]);
    let error = world.provider.begin_checkout(&request).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(86_400)));
    // Longer than a call lasts: the caller comes back then.
    world.fake.meet([Fault::TooMany(Some(120))]);
    let error = world.provider.begin_checkout(&request).await.unwrap_err();
    assert_eq!((error.class(), error.may_have_taken_place()), (ErrorClass::RetryLater, false));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
    assert_eq!(world.fake.requests().len(), 2);
    // Not now.
    world.fake.meet([Fault::Answer(429, vec![("stripe-should-retry", "false")])]);
    let error = world.provider.begin_checkout(&request).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::RetryLater);
    assert_eq!(world.fake.requests().len(), 3);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let world = World::new().await;
    world.fake.meet([Fault::Answer(307, vec![("location", "http://127.0.0.1:1/")])]);
    let error = world.provider.begin_checkout(&world.request("k1")).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Refused);
    assert_eq!(world.fake.requests().len(), 1);
}

#[tokio::test]
async fn an_end_whose_answer_was_lost_is_an_end() {
    for fault in [Fault::CutAfter, Fault::BrokenForGood] {
        let world = World::new().await;
        let begun = world.provider.begin_checkout(&world.request("k1")).await.unwrap();
        world.fake.meet([fault.clone()]);
        let ended = world.provider.expire_checkout(&begun.id).await;
        match fault {
            Fault::CutAfter => assert_eq!(ended.unwrap().status, CheckoutStatus::Expired),
            // It is still open: the caller learns that it did not end.
            _ => assert_eq!(ended.unwrap_err().class(), ErrorClass::OutcomeUnknown),
        }
    }
}

#[tokio::test]
async fn a_provider_that_is_down_is_left_alone() {
    let world = World::new().await;
    let request = world.request("k1");
    world.fake.meet(vec![Fault::Cut; 5]);
    for _ in 0..2 {
        let error = world.provider.begin_checkout(&request).await.unwrap_err();
        assert!(matches!(error, ProviderError::NoAnswer(_)), "{error}");
    }
    assert_eq!(world.fake.requests().len(), 5);
    let error = world.provider.begin_checkout(&request).await.unwrap_err();
    assert!(matches!(error, ProviderError::Suspended { .. }), "{error}");
    assert_eq!((error.class(), error.may_have_taken_place()), (ErrorClass::RetryLater, false));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(10)));
    assert_eq!(world.fake.requests().len(), 5);
    world.clock.forward(Duration::from_secs(10));
    world.provider.begin_checkout(&request).await.unwrap();
    world.provider.begin_checkout(&request).await.unwrap();
    assert_eq!(world.fake.checkouts_of("ref-k1").len(), 1);
}
