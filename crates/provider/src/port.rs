//! The port.

use std::ops::Range;

use async_trait::async_trait;
use chainbill_domain::{Timestamp, money::Money};

use crate::{
    Checkout, CheckoutId, CheckoutRequest, PaymentId, ProviderError, ProviderEvent, Reference, Refund, RefundId,
    RefundRequest, UnsupportedAmount, WebhookRefusal,
};

/// A payment provider. Calls go over the network with a deadline: never inside a transaction of the primary.
///
/// Keys live for at least a day ([`Self::KEYS_LIVE_HOURS`] is 24): repeating a call later may repeat its effect. A caller that
/// comes back after that looks first ([`Self::find_checkout`], [`Self::find_refund`]).
#[async_trait]
pub trait PaymentProvider: Send + Sync + 'static {
    /// Its name, under which references to it are kept: `stripe`.
    fn name(&self) -> &'static str;

    /// Whether an amount can be paid, before anything is recorded for it.
    ///
    /// # Errors
    /// Why not.
    fn check(&self, amount: Money) -> Result<(), UnsupportedAmount>;

    /// Begins a checkout. The same key with the same request answers the same checkout, as it was when it began.
    ///
    /// # Errors
    /// See [`ProviderError::class`]; the same key with another request is refused.
    async fn begin_checkout(&self, request: &CheckoutRequest) -> Result<Checkout, ProviderError>;

    /// A checkout as it is now; none when the provider has none of this id.
    ///
    /// # Errors
    /// See [`ProviderError::class`].
    async fn checkout(&self, id: &CheckoutId) -> Result<Option<Checkout>, ProviderError>;

    /// The newest checkout with this reference that began within these moments: for one whose answer was lost longer ago than keys live.
    /// It walks all checkouts of the span, so the span should be short.
    ///
    /// # Errors
    /// See [`ProviderError::class`].
    async fn find_checkout(
        &self,
        reference: &Reference,
        begun: Range<Timestamp>,
    ) -> Result<Option<Checkout>, ProviderError>;

    /// Ends an open checkout, and answers it as it is then. One that has ended already is answered as it is: expired, or complete when
    /// the payer was faster.
    ///
    /// # Errors
    /// See [`ProviderError::class`].
    async fn expire_checkout(&self, id: &CheckoutId) -> Result<Checkout, ProviderError>;

    /// Refunds a payment in whole or in part. The same key with the same request is one refund.
    ///
    /// # Errors
    /// See [`ProviderError::class`]; more than is left of the payment is refused.
    async fn refund(&self, request: &RefundRequest) -> Result<Refund, ProviderError>;

    /// A refund as it is now; none when the provider has none of this id.
    ///
    /// # Errors
    /// See [`ProviderError::class`].
    async fn read_refund(&self, id: &RefundId) -> Result<Option<Refund>, ProviderError>;

    /// The refund of a payment with this reference: for one whose answer was lost longer ago than keys live.
    ///
    /// # Errors
    /// See [`ProviderError::class`].
    async fn find_refund(&self, payment: &PaymentId, reference: &Reference) -> Result<Option<Refund>, ProviderError>;

    /// Verifies and decodes a webhook: the body's bytes as they came, the signature header, and the present moment.
    ///
    /// # Errors
    /// Why it is refused; nothing in it may be believed then.
    fn event(&self, body: &[u8], signature_header: &str, now: Timestamp) -> Result<ProviderEvent, WebhookRefusal>;
}
