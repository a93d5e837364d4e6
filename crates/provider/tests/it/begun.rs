//! Checkouts are begun, read and ended.

use chainbill_provider::{
    API_VERSION, CheckoutId, CheckoutStatus, ErrorClass, PaymentStatus, ProviderError, SecretKey,
};
use chainbill_testkit::stripe::SECRET_KEY;
use chrono::TimeDelta;
use futures::future::join_all;

use crate::world::{World, money};

#[tokio::test]
async fn a_key_begins_one_checkout() {
    let world = World::new().await;
    let request = world.request("k1");
    let begun = world.provider.begin_checkout(&request).await.unwrap();
    assert_eq!((begun.status, begun.payment_status), (CheckoutStatus::Open, PaymentStatus::Unpaid));
    assert_eq!((begun.amount, begun.reference.as_ref()), (request.amount, Some(&request.reference)));
    assert_eq!((begun.expires_at, &begun.payment), (request.expires, &None));
    assert!(begun.url.as_ref().unwrap().starts_with("https://checkout.stripe.com/"));
    let again = world.provider.begin_checkout(&request).await.unwrap();
    assert_eq!(again, begun);
    assert_eq!(world.fake.checkouts_of("ref-k1").len(), 1);

    let [first, second] = world.fake.requests().try_into().unwrap();
    assert_eq!(first, second);
    assert_eq!((first.key.as_deref(), first.version.as_deref()), (Some("k1"), Some(API_VERSION)));
    let form: Vec<(&str, &str)> = first.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("mode", "payment"),
        ("client_reference_id", "ref-k1"),
        ("metadata[reference]", "ref-k1"),
        ("payment_intent_data[metadata][reference]", "ref-k1"),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", "eur"),
        ("line_items[0][price_data][unit_amount]", "1099"),
        ("line_items[0][price_data][product_data][name]", "Invoice 2025-0001"),
        ("adaptive_pricing[enabled]", "false"),
        ("success_url", "https://example.org/paid?checkout={CHECKOUT_SESSION_ID}"),
        ("cancel_url", "https://example.org/invoices"),
        ("expires_at", "1764295200"),
    ];
    assert_eq!(form, expected);
}

#[tokio::test]
async fn fifty_at_once_with_one_key_begin_one_checkout() {
    let world = World::new().await;
    let request = world.request("k1");
    let begun = join_all((0..50).map(|_| world.provider.begin_checkout(&request))).await;
    let begun: Vec<_> = begun.into_iter().map(Result::unwrap).collect();
    assert!(begun.iter().all(|checkout| *checkout == begun[0]));
    assert_eq!(world.fake.checkouts_of("ref-k1").len(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let world = World::new().await;
    let mut request = world.request("k1");
    world.provider.begin_checkout(&request).await.unwrap();
    request.amount = money("10.98", "EUR");
    let error = world.provider.begin_checkout(&request).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Refused);
    assert!(matches!(error, ProviderError::Refused(refusal) if refusal.code.as_deref() == Some("idempotency_error")));
}

#[tokio::test]
async fn a_checkout_is_read_as_it_is_now() {
    let world = World::new().await;
    let begun = world.provider.begin_checkout(&world.request("k1")).await.unwrap();
    let payment = world.fake.pay(begun.id.as_str());
    let now = world.provider.checkout(&begun.id).await.unwrap().unwrap();
    assert_eq!((now.status, now.payment_status), (CheckoutStatus::Complete, PaymentStatus::Paid));
    assert_eq!((now.payment.unwrap().as_str(), now.url), (payment.as_str(), None));
    let unknown = world.provider.checkout(&CheckoutId::new("cs_test_none").unwrap()).await.unwrap();
    assert_eq!(unknown, None);
}

#[tokio::test]
async fn a_checkout_is_ended_unless_the_payer_was_faster() {
    let world = World::new().await;
    let (ended, paid) = (world.request("k1"), world.request("k2"));
    let ended = world.provider.begin_checkout(&ended).await.unwrap().id;
    let paid = world.provider.begin_checkout(&paid).await.unwrap().id;
    for _ in 0..2 {
        let checkout = world.provider.expire_checkout(&ended).await.unwrap();
        assert_eq!((checkout.status, checkout.url), (CheckoutStatus::Expired, None));
    }
    world.fake.pay(paid.as_str());
    let checkout = world.provider.expire_checkout(&paid).await.unwrap();
    assert_eq!((checkout.status, checkout.payment_status), (CheckoutStatus::Complete, PaymentStatus::Paid));
    let unknown = world.provider.expire_checkout(&CheckoutId::new("cs_test_none").unwrap()).await.unwrap_err();
    assert!(matches!(unknown, ProviderError::Refused(refusal) if refusal.status == 404));
}

#[tokio::test]
async fn a_checkout_ends_by_itself() {
    let world = World::new().await;
    let begun = world.provider.begin_checkout(&world.request("k1")).await.unwrap();
    world.clock.forward(std::time::Duration::from_secs(7200));
    let now = world.provider.checkout(&begun.id).await.unwrap().unwrap();
    assert_eq!(now.status, CheckoutStatus::Expired);
    // What the provider ended is answered as if it had been ended now.
    assert_eq!(world.provider.expire_checkout(&begun.id).await.unwrap().status, CheckoutStatus::Expired);
}

#[tokio::test]
async fn what_cannot_be_sent_is_not() {
    let world = World::new().await;
    let good = world.request("k1");
    let mut bad = vec![];
    for url in ["", "/paid", "javascript:alert(1)", "ftp://example.org", "example.org"] {
        let mut request = good.clone();
        request.success_url = url.to_owned();
        bad.push(request);
        let mut request = good.clone();
        request.cancel_url = url.to_owned();
        bad.push(request);
    }
    let mut request = good.clone();
    request.description = "  ".to_owned();
    bad.push(request);
    for request in bad {
        let error = world.provider.begin_checkout(&request).await.unwrap_err();
        assert!(matches!(error, ProviderError::Invalid { .. }), "{error}");
        assert_eq!((error.class(), error.may_have_taken_place()), (ErrorClass::Refused, false));
    }
    assert_eq!(world.fake.requests(), []);
}

#[tokio::test]
async fn a_long_description_is_shortened() {
    let world = World::new().await;
    let mut request = world.request("k1");
    request.description = "ü".repeat(1000);
    world.provider.begin_checkout(&request).await.unwrap();
    let requests = world.fake.requests();
    let name = requests[0].form.iter().find(|(name, _)| name.ends_with("[name]")).unwrap();
    assert_eq!(name.1, format!("{}…", "ü".repeat(249)));
}

#[tokio::test]
async fn refusals_say_why() {
    let world = World::new().await;
    let mut late = world.request("k1");
    late.expires = world.now() + TimeDelta::minutes(10);
    let small = world.request_of("k2", money("0.10", "EUR"));
    for (request, text) in [(late, "between 30 minutes and 24 hours"), (small, "400 amount_too_small")] {
        let error = world.provider.begin_checkout(&request).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Refused);
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(world.fake.requests().len(), 2);
}

#[tokio::test]
async fn a_wrong_secret_key_is_a_matter_of_settings_and_stays_secret() {
    let world = World::with(|settings| settings.secret_key = SecretKey::new("sk_test_wrong_0123456789").unwrap()).await;
    let error = world.provider.begin_checkout(&world.request("k1")).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("0123456789") && !shown.contains("6789") && !shown.contains(SECRET_KEY), "{shown}");
    assert!(matches!(error, ProviderError::Refused(refusal) if refusal.is_configuration()));
    assert_eq!(world.fake.requests().len(), 1);
}
