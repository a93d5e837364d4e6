//! Amounts reach Stripe in its units, and come back as they were.

use chainbill_provider::{IdempotencyKey, PaymentId, ProviderError, Reference, RefundRequest};

use crate::world::{World, money};

#[tokio::test]
async fn amounts_come_back_as_they_went() {
    let world = World::new().await;
    for (place, (amount, currency, units)) in [
        ("10.99", "USD", 1099),
        ("500", "JPY", 500),
        ("70000", "KRW", 70000),
        ("500", "ISK", 50000),
        ("37000", "UGX", 3_700_000),
        ("5.120", "KWD", 5120),
        ("12.340", "BHD", 12340),
        ("1045.45", "HUF", 104_545),
        ("800.45", "TWD", 80045),
        ("4500.00", "MGA", 4500),
    ]
    .into_iter()
    .enumerate()
    {
        let amount = money(amount, currency);
        let request = world.request_of(&format!("k{place}"), amount);
        let begun = world.provider.begin_checkout(&request).await.unwrap();
        assert_eq!(begun.amount, amount);
        let session = world.fake.object(begun.id.as_str()).unwrap();
        assert_eq!((&session["amount_total"], &session["currency"]), (&units.into(), &currency.to_lowercase().into()));

        let payment = world.fake.pay(begun.id.as_str());
        let delivery = world.fake.delivery("checkout.session.completed");
        let event = world.provider.event(&delivery.body, &delivery.signature(), world.now()).unwrap();
        assert_eq!(event.data.paid().unwrap().amount, amount);

        let refund = RefundRequest {
            key: IdempotencyKey::new(format!("r{place}")).unwrap(),
            reference: Reference::new(format!("refund-{place}")).unwrap(),
            payment: PaymentId::new(&payment).unwrap(),
            amount,
        };
        assert_eq!(world.provider.refund(&refund).await.unwrap().amount, amount);
        assert_eq!(world.fake.refunds_of(&payment)[0]["amount"], units);
    }
}

#[tokio::test]
async fn what_stripe_cannot_write_is_not_sent() {
    let world = World::new().await;
    for (amount, currency) in [
        ("5.124", "KWD"),
        ("0.001", "BHD"),
        ("12.50", "MGA"),
        ("5.000", "LYD"),
        ("0", "EUR"),
        ("10000000000.00", "EUR"),
    ] {
        let amount = money(amount, currency);
        let expected = world.provider.check(amount).unwrap_err();
        let error = world.provider.begin_checkout(&world.request_of("k1", amount)).await.unwrap_err();
        assert!(matches!(error, ProviderError::Amount(problem) if problem == expected), "{error}");
        let refund = RefundRequest {
            key: IdempotencyKey::new("r1").unwrap(),
            reference: Reference::new("refund-1").unwrap(),
            payment: PaymentId::new("pi_1").unwrap(),
            amount,
        };
        assert!(matches!(world.provider.refund(&refund).await.unwrap_err(), ProviderError::Amount(_)));
    }
    assert_eq!(world.fake.requests(), []);
}
