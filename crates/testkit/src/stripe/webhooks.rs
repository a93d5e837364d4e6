//! Webhooks: signed, and delivered as a test likes.

use std::time::Duration;

use chainbill_domain::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::WEBHOOK_SECRET;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id, the same in every delivery.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// The body of its deliveries.
    pub body: Vec<u8>,
}

/// One delivery of an event. Sent several times, or in another order, it is still the same event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The body.
    pub body: Vec<u8>,
    secrets: Vec<String>,
    seconds: i64,
}

impl Delivery {
    pub(super) fn of(event: &Event, now: Timestamp) -> Self {
        Self { body: event.body.clone(), secrets: vec![WEBHOOK_SECRET.to_owned()], seconds: now.timestamp() }
    }

    /// Signed with this secret instead: a forgery, or an endpoint's next one.
    #[must_use]
    pub fn signed_with(mut self, secret: &str) -> Self {
        self.secrets = vec![secret.to_owned()];
        self
    }

    /// Signed with this secret too, as during a rotation.
    #[must_use]
    pub fn signed_also_with(mut self, secret: &str) -> Self {
        self.secrets.push(secret.to_owned());
        self
    }

    /// Signed so much earlier: a recorded delivery that is played again.
    #[must_use]
    pub fn signed_before(mut self, by: Duration) -> Self {
        self.seconds -= i64::try_from(by.as_secs()).unwrap();
        self
    }

    /// Signed so much later: by a clock that is ahead.
    #[must_use]
    pub fn signed_after(mut self, by: Duration) -> Self {
        self.seconds += i64::try_from(by.as_secs()).unwrap();
        self
    }

    /// The value of the header `Stripe-Signature`.
    #[must_use]
    pub fn signature(&self) -> String {
        let signed = self.secrets.iter().map(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
            mac.update(format!("{}.", self.seconds).as_bytes());
            mac.update(&self.body);
            format!(",v1={}", hex::encode(mac.finalize().into_bytes()))
        });
        let signatures: String = signed.collect();
        format!("t={}{signatures},v0={}", self.seconds, "0".repeat(64))
    }

    /// Posts it to an endpoint. Answers the status.
    pub async fn post(&self, url: &str) -> u16 {
        let request = crate::http().post(url).header("stripe-signature", self.signature());
        let request = request.header("content-type", "application/json; charset=utf-8").body(self.body.clone());
        request.send().await.unwrap().status().as_u16()
    }
}
