//! The payment provider, as the settings have it.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use chainbill_domain::{Clock, Random};
use chainbill_provider::{PaymentProvider, SecretKey, Stripe, StripeSettings, WebhookSecrets};

use crate::settings::{Hidden, Settings};

/// How Stripe is reached; none where it is not set up. No secret is part of an error.
pub(crate) fn settings(settings: &Settings) -> anyhow::Result<Option<StripeSettings>> {
    let (key, secrets) = match (&settings.stripe_secret_key, &settings.stripe_webhook_secret) {
        (None, None) => return Ok(None),
        (Some(Hidden(key)), Some(Hidden(secrets))) => (key, secrets),
        (Some(_), None) => {
            bail!("STRIPE_SECRET_KEY needs STRIPE_WEBHOOK_SECRET: without it nothing confirms a payment")
        }
        (None, Some(_)) => bail!("STRIPE_WEBHOOK_SECRET needs STRIPE_SECRET_KEY, the key of the same account"),
    };
    let key = SecretKey::new(key).context("STRIPE_SECRET_KEY")?;
    let secrets = WebhookSecrets::parse(secrets).context("STRIPE_WEBHOOK_SECRET")?;
    Ok(Some(StripeSettings { base_url: settings.stripe_api_url.clone(), ..StripeSettings::new(key, secrets) }))
}

/// The provider at which clients pay, if one is set up.
pub(crate) fn provider(
    all: &Settings,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> anyhow::Result<Option<Arc<dyn PaymentProvider>>> {
    let Some(stripe) = settings(all)? else { return Ok(None) };
    let stripe = Stripe::new(stripe, clock, random).context("STRIPE_API_URL")?;
    Ok(Some(Arc::new(stripe)))
}
