//! How Stripe is reached.

use std::{error::Error, net::IpAddr, time::Duration};

use reqwest::Url;

use crate::{SecretKey, WebhookSecrets, secret::assert_never};

/// How Stripe is reached. There is no printed form: it holds the secrets.
pub struct StripeSettings {
    /// Authorises requests.
    pub secret_key: SecretKey,
    /// Verify webhooks.
    pub webhook_secrets: WebhookSecrets,
    /// An origin: https, or http to this machine.
    pub base_url: String,
    /// For a connection, TLS included.
    pub connect_timeout: Duration,
    /// For one request, until the last byte of its answer.
    pub request_timeout: Duration,
    /// For a call with all repetitions of its request.
    pub call_timeout: Duration,
}

assert_never!(StripeSettings: std::fmt::Debug);

impl StripeSettings {
    /// Stripe's own address, and the usual deadlines.
    #[must_use]
    pub fn new(secret_key: SecretKey, webhook_secrets: WebhookSecrets) -> Self {
        Self {
            secret_key,
            webhook_secrets,
            base_url: "https://api.stripe.com".to_owned(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(25),
        }
    }
}

/// Settings that are not accepted.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    /// The base address.
    #[error(
        "is not accepted: an https address without a path is, such as https://api.stripe.com, or an http address of this machine"
    )]
    BaseUrl,
    /// No client can be made.
    #[error("no HTTP client can be made")]
    Client(#[source] Box<dyn Error + Send + Sync>),
}

/// The base address. Over http the key would be readable on the way: only this machine is reached so.
pub(super) fn base(text: &str) -> Result<Url, InvalidSettings> {
    let url = Url::parse(text).map_err(|_| InvalidSettings::BaseUrl)?;
    let host = url.host_str().ok_or(InvalidSettings::BaseUrl)?;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_here);
    let is_origin = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    if is_safe && is_origin && is_anonymous { Ok(url) } else { Err(InvalidSettings::BaseUrl) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_travels_in_the_clear() {
        for good in [
            "https://api.stripe.com",
            "https://api.stripe.com/",
            "https://proxy.example:8443",
            "http://127.0.0.1:12111",
            "http://127.9.9.9",
            "http://[::1]:12111",
            "http://localhost:12111",
        ] {
            assert!(base(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.stripe.com",
            "http://api.stripe.com",
            "http://localhost.example",
            "http://0.0.0.0",
            "http://10.0.0.1",
            "http://[::ffff:10.0.0.1]",
            "ftp://127.0.0.1",
            "https://user@api.stripe.com",
            "https://api.stripe.com/v1",
            "https://api.stripe.com/?x",
            "https://api.stripe.com/#x",
            "http://127.0.0.1.example",
            "file:///etc",
        ] {
            assert!(base(bad).is_err(), "{bad}");
        }
    }
}
