//! Payments are refunded in whole and in part, once for each key.

use chainbill_provider::{
    ErrorClass, IdempotencyKey, PaymentId, ProviderError, Reference, RefundId, RefundRequest, RefundStatus,
};
use chainbill_testkit::stripe::Fault;
use futures::future::join_all;

use crate::world::{World, money};

/// A paid checkout of 10.99 EUR.
async fn paid(world: &World) -> PaymentId {
    let begun = world.provider.begin_checkout(&world.request("k1")).await.unwrap();
    PaymentId::new(world.fake.pay(begun.id.as_str())).unwrap()
}

fn refund(payment: &PaymentId, key: &str, amount: &str) -> RefundRequest {
    RefundRequest {
        key: IdempotencyKey::new(key).unwrap(),
        reference: Reference::new(format!("refund-{key}")).unwrap(),
        payment: payment.clone(),
        amount: money(amount, "EUR"),
    }
}

fn code(error: &ProviderError) -> Option<&str> {
    match error {
        ProviderError::Refused(refusal) => refusal.code.as_deref(),
        _ => None,
    }
}

#[tokio::test]
async fn a_key_is_one_refund() {
    let world = World::new().await;
    let payment = paid(&world).await;
    let part = refund(&payment, "r1", "4.00");
    let made = world.provider.refund(&part).await.unwrap();
    assert_eq!((made.status, made.amount), (RefundStatus::Succeeded, part.amount));
    assert_eq!((made.payment.as_ref(), made.reference.as_ref()), (Some(&payment), Some(&part.reference)));
    assert_eq!(world.provider.refund(&part).await.unwrap(), made);
    assert_eq!(world.fake.refunds_of(payment.as_str()).len(), 1);

    let other =
        world.provider.refund(&RefundRequest { amount: money("5.00", "EUR"), ..part.clone() }).await.unwrap_err();
    assert_eq!((other.class(), code(&other)), (ErrorClass::Refused, Some("idempotency_error")));
    let more = world.provider.refund(&refund(&payment, "r2", "7.00")).await.unwrap_err();
    assert_eq!((more.class(), code(&more)), (ErrorClass::Refused, Some("amount_too_large")));
    let rest = world.provider.refund(&refund(&payment, "r3", "6.99")).await.unwrap();
    let nothing = world.provider.refund(&refund(&payment, "r4", "0.01")).await.unwrap_err();
    assert_eq!(code(&nothing), Some("charge_already_refunded"));
    assert_eq!(world.provider.read_refund(&rest.id).await.unwrap(), Some(rest));
    assert_eq!(world.provider.read_refund(&RefundId::new("re_none").unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn fifty_at_once_with_one_key_are_one_refund() {
    let world = World::new().await;
    let payment = paid(&world).await;
    let request = refund(&payment, "r1", "4.00");
    let made = join_all((0..50).map(|_| world.provider.refund(&request))).await;
    let made: Vec<_> = made.into_iter().map(Result::unwrap).collect();
    assert!(made.iter().all(|refund| *refund == made[0]));
    assert_eq!(world.fake.refunds_of(payment.as_str()).len(), 1);
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_found() {
    let world = World::new().await;
    let payment = paid(&world).await;
    let request = refund(&payment, "r1", "4.00");
    world.fake.refund_in_dashboard(payment.as_str(), 100);
    assert_eq!(world.provider.find_refund(&payment, &request.reference).await.unwrap(), None);
    world.fake.meet([Fault::CutAfter, Fault::CutAfter, Fault::CutAfter, Fault::CutAfter]);
    let error = world.provider.refund(&request).await.unwrap_err();
    assert_eq!((error.class(), error.may_have_taken_place()), (ErrorClass::RetryLater, true));
    // By its key, and when the key is forgotten by its reference.
    let made = world.provider.refund(&request).await.unwrap();
    world.fake.forget_keys();
    assert_eq!(world.provider.find_refund(&payment, &request.reference).await.unwrap(), Some(made));
    let amounts: Vec<_> =
        world.fake.refunds_of(payment.as_str()).iter().map(|refund| refund["amount"].clone()).collect();
    assert_eq!(amounts, [100, 400]);
}

#[tokio::test]
async fn a_payment_whose_money_has_not_come_is_not_refunded() {
    let world = World::new().await;
    let begun = world.provider.begin_checkout(&world.request("k1")).await.unwrap();
    let payment = PaymentId::new(world.fake.promise(begun.id.as_str())).unwrap();
    let error = world.provider.refund(&refund(&payment, "r1", "4.00")).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Refused);
    let unknown = world.provider.refund(&refund(&PaymentId::new("pi_none").unwrap(), "r2", "4.00")).await.unwrap_err();
    assert_eq!(code(&unknown), Some("resource_missing"));
}
