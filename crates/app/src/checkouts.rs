//! Checkouts: a client pays an invoice at a provider, which confirms the payment by its signed events.
//!
//! The provider is asked outside of every transaction: what is asked is committed before, with its key, so that an answer that is
//! lost is asked for again.

use chainbill_domain::{
    checkout::Checkout,
    id::CheckoutId,
    invoice::Action,
    payment::{Allocation, Payment, Received},
    states::{CheckoutStatus, PaymentChannel, PaymentMethod, Role},
};
use chainbill_provider::{
    CheckoutRequest, EventData, IdempotencyKey, InvalidText, PaidCheckout, PaymentProvider, ProviderError,
    ProviderEvent, Reference,
};
use chainbill_records::{RecordsError, repo::checkouts};
use chrono::Duration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, CheckoutView, Context, Done,
    command::Command,
    context::{Answered, CREATED, OK},
    payments::Takes,
    validate::Check,
};

/// A visit at the provider that is to begin.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewCheckout {
    /// Where the client goes after paying: an https address, or an http address of this machine.
    pub success_url: String,
    /// Where the client goes without paying.
    pub cancel_url: String,
}

/// How long a checkout waits for its client: providers allow a day, counted from when they hear of it.
const LIFE: Duration = Duration::hours(23);

impl NewCheckout {
    fn checked(&self) -> Result<(), AppError> {
        let mut check = Check::default();
        for (pointer, url) in [("/successUrl", &self.success_url), ("/cancelUrl", &self.cancel_url)] {
            let plain = url.len() <= 2000 && url.bytes().all(|byte| byte.is_ascii_graphic());
            let local = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
            let fits = plain && (url.starts_with("https://") || local.iter().any(|start| url.starts_with(start)));
            check.refuse_unless(fits, pointer, "is not accepted: an https address of at most 2,000 characters is");
        }
        check.finish(Some(()))
    }
}

impl App {
    fn provider(&self) -> Result<&dyn PaymentProvider, AppError> {
        self.provider.as_deref().ok_or(AppError::NoProvider)
    }

    /// Begins a visit at the provider for what is due of an invoice. The same key answers the same visit.
    ///
    /// # Errors
    /// [`AppError::ProviderAway`] when it cannot be asked: asking again with the same key is right.
    pub async fn begin_checkout(
        &self,
        context: &Context,
        id: &str,
        new: NewCheckout,
    ) -> Result<Done<CheckoutView>, AppError> {
        context.needs_key()?;
        new.checked()?;
        let new = &new;
        let mut done = self
            .command(context, "invoice.checkout", &(id, new), |mut command| async move {
                let invoice = command.invoice(id).await?;
                context.expects(invoice.version)?;
                if invoice.client_id != command.actor()? {
                    return Err(AppError::Forbidden("only its client pays an invoice at the provider"));
                }
                invoice.allows(Action::Pay)?;
                let provider = command.app.provider()?;
                let (amount, now) = (invoice.due(), command.unit.now());
                provider.check(amount).map_err(|error| AppError::ProviderRefused(error.into()))?;
                let checkout = Checkout {
                    id: command.app.new_id(),
                    invoice_id: invoice.id,
                    invoice_number: invoice.number.clone().unwrap_or_default(),
                    parties: invoice.between(),
                    amount,
                    status: CheckoutStatus::Open,
                    provider_id: None,
                    url: None,
                    success_url: new.success_url.clone(),
                    cancel_url: new.cancel_url.clone(),
                    payment_id: None,
                    expires_at: now + LIFE,
                    created_at: now,
                };
                checkouts::add(&mut command.unit, &checkout).await?;
                let view = CheckoutView::of(checkout);
                command.note(None, Some(&view)).await?;
                Ok(command.answer(CREATED, view))
            })
            .await?;
        let id = match &done.answer {
            Answered::New(view) => view.id.clone(),
            Answered::Replayed(stored) => {
                let view: CheckoutView = serde_json::from_str(&stored.body).map_err(AppError::unwritable)?;
                view.id
            }
        };
        // What is stored under the key is what was known before the provider was asked.
        if !context.dry_run {
            done.answer = Answered::New(CheckoutView::of(self.ask_to_begin(&id).await?));
        }
        Ok(done)
    }

    /// Asks the provider to begin a recorded checkout, unless it has already.
    async fn ask_to_begin(&self, id: &str) -> Result<Checkout, AppError> {
        let missing = || AppError::NotFound("checkout");
        let id: CheckoutId = id.parse().map_err(|_| missing())?;
        let mut checkout = checkouts::find(&self.records, id).await?.ok_or_else(missing)?;
        if checkout.provider_id.is_some() || checkout.status != CheckoutStatus::Open {
            return Ok(checkout);
        }
        let request = request(&checkout)?;
        let begun = match self.provider()?.begin_checkout(&request).await {
            Ok(begun) => begun,
            Err(error) => {
                let error = AppError::from(error);
                if matches!(error, AppError::ProviderRefused(_)) {
                    let unit = self.records.begin().await?;
                    checkouts::end(&unit, id, CheckoutStatus::Failed, None).await?;
                    unit.commit().await?;
                }
                return Err(error);
            }
        };
        checkouts::begun(&self.records, id, begun.id.as_str(), begun.url.as_deref()).await?;
        checkout.provider_id = Some(begun.id.to_string());
        checkout.url = begun.url;
        Ok(checkout)
    }

    /// One checkout, for its invoice's parties; where to pay is the client's to know.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others.
    pub async fn checkout(&self, context: &Context, id: &str) -> Result<CheckoutView, AppError> {
        let actor = context.actor()?;
        let missing = || AppError::NotFound("checkout");
        let id: CheckoutId = id.parse().map_err(|_| missing())?;
        let checkout = checkouts::find(&self.records, id).await?;
        let checkout = checkout.filter(|it| actor.viewer().is_party(it.parties)).ok_or_else(missing)?;
        let mut view = CheckoutView::of(checkout);
        view.url = view.url.filter(|_| actor.role == Role::Client);
        Ok(view)
    }

    /// An event of the provider, as it came: verified, and acted on once, in whatever order events come.
    ///
    /// # Errors
    /// [`AppError::Webhook`] when it is not the provider's, or too old.
    pub async fn provider_event(&self, body: &[u8], signature: &str) -> Result<(), AppError> {
        let event = self.provider()?.event(body, signature, self.now())?;
        let context = &Context::default();
        let acted = self
            .change(context, "provider.event", |mut command| {
                let event = event.clone();
                async move {
                    let (kind, result) = command.act_on(&event).await?;
                    checkouts::note_event(&mut command.unit, event.id.as_str(), kind, &result).await?;
                    Ok(command.answer(OK, ()))
                }
            })
            .await;
        match acted {
            // It was acted on before: what this one has done is undone.
            Err(AppError::Records(RecordsError::Duplicate(_))) => Ok(()),
            other => other.map(drop),
        }
    }
}

/// What the provider is asked: the same whenever it is asked.
fn request(checkout: &Checkout) -> Result<CheckoutRequest, InvalidText> {
    Ok(CheckoutRequest {
        key: IdempotencyKey::new(checkout.id.to_string())?,
        reference: Reference::new(checkout.id.to_string())?,
        amount: checkout.amount,
        description: format!("Invoice {}", checkout.invoice_number),
        success_url: checkout.success_url.clone(),
        cancel_url: checkout.cancel_url.clone(),
        expires: checkout.expires_at,
    })
}

impl Command<'_> {
    /// Acts on an event; its kind, and what came of it.
    async fn act_on(&mut self, event: &ProviderEvent) -> Result<(&'static str, String), AppError> {
        Ok(match &event.data {
            EventData::CheckoutPaid(paid) => ("checkout paid", self.paid(paid).await?),
            EventData::AsyncPaymentSucceeded(paid) => ("payment succeeded", self.paid(paid).await?),
            EventData::AsyncPaymentFailed(checkout) => {
                ("payment failed", self.ended(checkout.reference.as_ref()).await?)
            }
            EventData::CheckoutExpired(checkout) => {
                ("checkout expired", self.ended(checkout.reference.as_ref()).await?)
            }
            EventData::RefundCreated(refund) | EventData::RefundUpdated(refund) | EventData::RefundFailed(refund) => {
                ("refund", self.refund_reported(refund).await?)
            }
            EventData::CheckoutPaymentPending(_) => ("payment pending", "noted".to_owned()),
            EventData::ChargeRefunded(_) => ("charge refunded", "noted".to_owned()),
            EventData::DisputeOpened(dispute) => {
                tracing::error!("the payment provider reports a dispute over {}: {}", dispute.amount, dispute.reason);
                ("dispute opened", "noted for operators".to_owned())
            }
            EventData::Other(_) => ("other", "noted".to_owned()),
        })
    }

    /// The provider has the money: a payment into the invoice's escrow, once per checkout.
    async fn paid(&mut self, paid: &PaidCheckout) -> Result<String, AppError> {
        let Some(id) = paid.reference.as_ref().and_then(|it| it.as_str().parse::<CheckoutId>().ok()) else {
            return Ok("of another program".to_owned());
        };
        let Some(checkout) = checkouts::lock(&self.unit, id).await? else { return Ok("of another program".to_owned()) };
        if checkout.payment_id.is_some() {
            return Ok("known".to_owned());
        }
        let (at, amount) = (self.unit.now(), paid.amount);
        let received =
            Received { external_ref: paid.payment.to_string(), method: PaymentMethod::Card, amount, received_at: None };
        let part = Allocation { invoice_id: checkout.invoice_id, minor: amount.minor };
        let payment = Payment::announce(self.app.new_id(), checkout.parties, received, vec![part], None, at);
        let locked = self.locked(&payment).await?;
        let (payment, invoice) = self.confirm(payment, locked, PaymentChannel::Stripe, (None, Takes::Whatever)).await?;
        self.add_payment(&payment).await?;
        checkouts::end(&self.unit, id, CheckoutStatus::Paid, Some(payment.id)).await?;
        let id = payment.id;
        self.recorded(None, payment, invoice).await?;
        Ok(format!("payment {id}"))
    }

    /// A checkout has ended without a payment.
    async fn ended(&mut self, reference: Option<&Reference>) -> Result<String, AppError> {
        let Some(id) = reference.and_then(|it| it.as_str().parse::<CheckoutId>().ok()) else {
            return Ok("of another program".to_owned());
        };
        match checkouts::lock(&self.unit, id).await? {
            Some(checkout) if checkout.status == CheckoutStatus::Open => {
                checkouts::end(&self.unit, id, CheckoutStatus::Expired, None).await?;
                Ok("expired".to_owned())
            }
            Some(_) => Ok("known".to_owned()),
            None => Ok("of another program".to_owned()),
        }
    }
}

/// Ids of ours and of the provider are what it accepts; anything else was written by another hand.
impl From<InvalidText> for AppError {
    fn from(error: InvalidText) -> Self {
        Self::Records(RecordsError::Corrupt(format!("an id for the payment provider {error}")))
    }
}

/// A provider's failure as a sentence for a log or a reason.
pub(crate) fn sentence(error: &ProviderError) -> String {
    let text = error.to_string();
    text.chars().take(500).collect()
}
