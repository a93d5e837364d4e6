//! The provider, and the fake that it talks to.

use std::{sync::Arc, time::Duration};

use chainbill_domain::{Clock as _, SystemRandom, Timestamp, money::Money};
use chainbill_provider::{
    CheckoutRequest, IdempotencyKey, PaymentProvider, Reference, SecretKey, Stripe, StripeSettings, WebhookSecrets,
};
use chainbill_testkit::{
    ManualClock,
    stripe::{FakeStripe, SECRET_KEY, WEBHOOK_SECRET},
};
use chrono::{DateTime, TimeDelta};

pub struct World {
    pub fake: FakeStripe,
    pub provider: Arc<dyn PaymentProvider>,
    pub clock: Arc<ManualClock>,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings.
    pub async fn with(change: impl FnOnce(&mut StripeSettings)) -> Self {
        let clock = Arc::new(ManualClock::at(DateTime::from_timestamp(1_764_288_000, 0).unwrap()));
        let fake = FakeStripe::start(clock.clone()).await;
        let provider = provider(&clock, |settings| {
            settings.base_url = fake.url();
            change(settings);
        });
        Self { fake, provider, clock }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A checkout of 10.99 EUR with this key and reference.
    pub fn request(&self, key: &str) -> CheckoutRequest {
        self.request_of(key, money("10.99", "EUR"))
    }

    pub fn request_of(&self, key: &str, amount: Money) -> CheckoutRequest {
        CheckoutRequest {
            key: IdempotencyKey::new(key).unwrap(),
            reference: Reference::new(format!("ref-{key}")).unwrap(),
            amount,
            description: "Invoice 2025-0001".to_owned(),
            success_url: "https://example.org/paid?checkout={CHECKOUT_SESSION_ID}".to_owned(),
            cancel_url: "https://example.org/invoices".to_owned(),
            expires: self.clock.now() + TimeDelta::hours(2),
        }
    }
}

pub fn provider(clock: &Arc<ManualClock>, change: impl FnOnce(&mut StripeSettings)) -> Arc<dyn PaymentProvider> {
    let (key, secrets) = (SecretKey::new(SECRET_KEY).unwrap(), WebhookSecrets::parse(WEBHOOK_SECRET).unwrap());
    let mut settings = StripeSettings::new(key, secrets);
    change(&mut settings);
    Arc::new(Stripe::new(settings, clock.clone(), Arc::new(SystemRandom)).unwrap())
}

/// Short enough for tests of silence, and long enough for a slow machine.
pub fn impatient(settings: &mut StripeSettings) {
    settings.request_timeout = Duration::from_secs(1);
    settings.call_timeout = Duration::from_secs(8);
}

pub fn money(amount: &str, currency: &str) -> Money {
    Money::parse(amount, currency.parse().unwrap()).unwrap()
}
