#![doc = include_str!("../README.md")]

mod checkout;
mod error;
mod event;
mod port;
mod refund;
mod secret;
mod stripe;
mod texts;

pub use crate::{
    checkout::{Checkout, CheckoutRequest, CheckoutStatus, PaymentStatus},
    error::{ErrorClass, ProviderError, Refusal, UnsupportedAmount},
    event::{ChargeRefunded, DisputeOpened, EventData, PaidCheckout, ProviderEvent, WebhookRefusal},
    port::PaymentProvider,
    refund::{Refund, RefundRequest, RefundStatus},
    secret::{InvalidSecret, SecretKey, WebhookSecrets},
    stripe::{API_VERSION, InvalidSettings, Stripe, StripeSettings},
    texts::{CheckoutId, DisputeId, EventId, IdempotencyKey, InvalidText, PaymentId, Reference, RefundId},
};
