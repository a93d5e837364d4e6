//! Stripe by its documented API: Checkout Sessions, Refunds, webhooks.

mod amounts;
mod answer;
mod breaker;
mod client;
mod events;
mod form;
mod objects;
mod retries;
mod settings;
mod signature;

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use chainbill_domain::{Clock, Random, Timestamp, money::Money};
use serde::de::DeserializeOwned;

pub use self::settings::{InvalidSettings, StripeSettings};
use self::{
    client::{Client, Request},
    form::Form,
    objects::{ListedSession, Misread, Page, REFERENCE, RefundObject, Session},
};
use crate::{
    Checkout, CheckoutId, CheckoutRequest, CheckoutStatus, IdempotencyKey, PaymentId, PaymentProvider, ProviderError,
    ProviderEvent, Reference, Refund, RefundId, RefundRequest, UnsupportedAmount, WebhookRefusal, WebhookSecrets,
    secret::assert_never,
};

/// The version of Stripe's API that requests are written and answers read for. Endpoints of webhooks are created with it too.
/// <https://docs.stripe.com/changelog/endive>
pub const API_VERSION: &str = "2026-09-30.endive";

const SESSIONS: &str = "/v1/checkout/sessions";
const REFUNDS: &str = "/v1/refunds";
/// Pages of a hundred that are walked at most to find an object.
const MOST_PAGES: usize = 50;
/// How far Stripe's clock may be from ours, in seconds.
const CLOCK_TOLERANCE: i64 = 300;

/// The payment provider Stripe.
pub struct Stripe {
    client: Client,
    webhook_secrets: WebhookSecrets,
    is_live: Option<bool>,
}

assert_never!(Stripe: std::fmt::Debug);

impl Stripe {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// When the base address is not accepted, or no client can be made (TLS).
    pub fn new(
        settings: StripeSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, InvalidSettings> {
        let client = Client::new(&settings, clock, random)?;
        let is_live = settings.secret_key.is_live();
        Ok(Self { client, webhook_secrets: settings.webhook_secrets, is_live })
    }

    /// Walks a list, newest first, to the first object that is meant.
    async fn find<T: DeserializeOwned>(
        &self,
        path: &str,
        query: impl Fn(Form) -> Form,
        id: impl Fn(&T) -> &str,
        is_meant: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, ProviderError> {
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let form = query(Form::new().number("limit", 100));
            let form = after.iter().fold(form, |form, after| form.pair("starting_after", after));
            let mut page: Page<T> = self.client.call(&Request::get(path.to_owned(), form.encoded())).await?;
            if let Some(place) = page.data.iter().position(&is_meant) {
                return Ok(Some(page.data.swap_remove(place)));
            }
            after = page.data.last().map(|last| id(last).to_owned()).filter(|_| page.has_more);
            if after.is_none() {
                return Ok(None);
            }
        }
        Err(ProviderError::Unreadable(format!("the list has more than {MOST_PAGES} pages")))
    }
}

#[async_trait]
impl PaymentProvider for Stripe {
    fn name(&self) -> &'static str {
        "stripe"
    }

    fn check(&self, amount: Money) -> Result<(), UnsupportedAmount> {
        amounts::units(amount).map(|_| ())
    }

    async fn begin_checkout(&self, request: &CheckoutRequest) -> Result<Checkout, ProviderError> {
        let form = checkout_form(request)?;
        let session: Session = self.client.call(&Request::post(SESSIONS.to_owned(), form, &request.key)).await?;
        let checkout = session.checkout().map_err(misread)?;
        let is_asked = checkout.amount == request.amount && checkout.reference.as_ref() == Some(&request.reference);
        if is_asked { Ok(checkout) } else { Err(another(&checkout.id)) }
    }

    async fn checkout(&self, id: &CheckoutId) -> Result<Option<Checkout>, ProviderError> {
        let session = self.client.call::<Session>(&Request::get(format!("{SESSIONS}/{id}"), String::new())).await;
        existing(session)?.map(|session| session.checkout().map_err(misread)).transpose()
    }

    async fn find_checkout(
        &self,
        reference: &Reference,
        begun: Range<Timestamp>,
    ) -> Result<Option<Checkout>, ProviderError> {
        let (from, to) = (begun.start.timestamp() - CLOCK_TOLERANCE, begun.end.timestamp() + CLOCK_TOLERANCE);
        let query = |form: Form| form.number("created[gte]", from).number("created[lte]", to);
        let is_meant = |listed: &ListedSession| listed.client_reference_id.as_deref() == Some(reference.as_str());
        let Some(listed) = self.find(SESSIONS, query, |listed| &listed.id, is_meant).await? else { return Ok(None) };
        let id = CheckoutId::new(listed.id).map_err(|error| misread(format!("id {error}")))?;
        self.checkout(&id).await
    }

    async fn expire_checkout(&self, id: &CheckoutId) -> Result<Checkout, ProviderError> {
        let key = IdempotencyKey::new(format!("expire-{id}"));
        let key = key.map_err(|_| ProviderError::Invalid { field: "id", problem: "is too long" })?;
        let request = Request::post(format!("{SESSIONS}/{id}/expire"), String::new(), &key);
        match self.client.call::<Session>(&request).await {
            Ok(session) => session.checkout().map_err(misread),
            // It may have ended by itself, or by an attempt whose answer was lost.
            Err(error @ (ProviderError::Refused(_) | ProviderError::Indeterminate(_))) => {
                let now = self.checkout(id).await?;
                now.filter(|checkout| checkout.status != CheckoutStatus::Open).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn refund(&self, request: &RefundRequest) -> Result<Refund, ProviderError> {
        let form = Form::new()
            .pair("payment_intent", request.payment.as_str())
            .number("amount", amounts::units(request.amount)?)
            .pair(&format!("metadata[{REFERENCE}]"), request.reference.as_str())
            .encoded();
        let refund: RefundObject = self.client.call(&Request::post(REFUNDS.to_owned(), form, &request.key)).await?;
        let refund = refund.refund().map_err(misread)?;
        let is_asked = refund.amount == request.amount && refund.payment.as_ref() == Some(&request.payment);
        if is_asked { Ok(refund) } else { Err(another(&refund.id)) }
    }

    async fn read_refund(&self, id: &RefundId) -> Result<Option<Refund>, ProviderError> {
        let refund = self.client.call::<RefundObject>(&Request::get(format!("{REFUNDS}/{id}"), String::new())).await;
        existing(refund)?.map(|refund| refund.refund().map_err(misread)).transpose()
    }

    async fn find_refund(&self, payment: &PaymentId, reference: &Reference) -> Result<Option<Refund>, ProviderError> {
        let query = |form: Form| form.pair("payment_intent", payment.as_str());
        let is_meant = |refund: &RefundObject| refund.reference() == Some(reference.as_str());
        let found = self.find(REFUNDS, query, |refund| &refund.id, is_meant).await?;
        found.map(|refund| refund.refund().map_err(misread)).transpose()
    }

    fn event(&self, body: &[u8], signature_header: &str, now: Timestamp) -> Result<ProviderEvent, WebhookRefusal> {
        signature::verify(&self.webhook_secrets, body, signature_header, now)?;
        events::decode(body, self.is_live)
    }
}

/// <https://docs.stripe.com/api/checkout/sessions/create>
fn checkout_form(request: &CheckoutRequest) -> Result<String, ProviderError> {
    for (field, url) in [("success_url", &request.success_url), ("cancel_url", &request.cancel_url)] {
        let is_web = reqwest::Url::parse(url).is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
        if !is_web {
            return Err(ProviderError::Invalid { field, problem: "is not an absolute http or https address" });
        }
    }
    let description = shortened(&request.description);
    if description.is_empty() {
        return Err(ProviderError::Invalid { field: "description", problem: "is empty" });
    }
    let reference = request.reference.as_str();
    let currency = request.amount.currency.code().to_ascii_lowercase();
    let form = Form::new()
        .pair("mode", "payment")
        .pair("client_reference_id", reference)
        .pair(&format!("metadata[{REFERENCE}]"), reference)
        .pair(&format!("payment_intent_data[metadata][{REFERENCE}]"), reference)
        .pair("line_items[0][quantity]", "1")
        .pair("line_items[0][price_data][currency]", &currency)
        .number("line_items[0][price_data][unit_amount]", amounts::units(request.amount)?)
        .pair("line_items[0][price_data][product_data][name]", &description)
        // The payer pays in the invoice's currency: another one would have to be converted when it is refunded.
        .pair("adaptive_pricing[enabled]", "false")
        .pair("success_url", &request.success_url)
        .pair("cancel_url", &request.cancel_url)
        .number("expires_at", request.expires.timestamp());
    Ok(form.encoded())
}

/// Stripe accepts names of products up to this many characters.
const LONGEST_DESCRIPTION: usize = 250;

fn shortened(description: &str) -> String {
    let description = description.trim();
    match description.char_indices().nth(LONGEST_DESCRIPTION) {
        None => description.to_owned(),
        Some(_) => description.chars().take(LONGEST_DESCRIPTION - 1).chain(['…']).collect(),
    }
}

/// None for 404.
fn existing<T>(read: Result<T, ProviderError>) -> Result<Option<T>, ProviderError> {
    match read {
        Err(ProviderError::Refused(refusal)) if refusal.status == 404 => Ok(None),
        read => read.map(Some),
    }
}

fn misread(problem: Misread) -> ProviderError {
    ProviderError::Unreadable(problem)
}

fn another(id: &impl std::fmt::Display) -> ProviderError {
    ProviderError::Unreadable(format!("{id} is not what was asked for"))
}
