//! What an HTTP answer means. <https://docs.stripe.com/error-low-level>

use std::time::Duration;

use chainbill_domain::Timestamp;
use chrono::DateTime;
use reqwest::header::HeaderMap;

use crate::{ErrorClass, ProviderError, Refusal, stripe::objects::Failed};

/// The longest wait that is believed: a longer one could pass the end of the machine's clock.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why a request failed, and whether it may be repeated at once.
pub(super) struct Failure {
    pub(super) error: ProviderError,
    pub(super) may_repeat: bool,
}

impl Failure {
    pub(super) fn is_of_a_provider_that_is_down(&self) -> bool {
        match &self.error {
            ProviderError::Unreachable(_) | ProviderError::NoAnswer(_) => true,
            ProviderError::Busy { refusal, .. } => refusal.status >= 500,
            _ => false,
        }
    }
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self { may_repeat: error.class() == ErrorClass::RetryLater, error }
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Stripe's id of the request.
    pub(super) fn request_id(&self) -> Option<&str> {
        self.header("request-id")
    }

    /// A success, or what its failure means. `changes` is whether the request has an effect.
    pub(super) fn checked(self, changes: bool, now: Timestamp) -> Result<Self, Failure> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let refusal = self.refusal();
        // Stripe knows more about its own state than the status says.
        let should_retry = match self.header("stripe-should-retry") {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        };
        let is_replayed = self.header("idempotent-replayed") == Some("true");
        let is_fault = self.status >= 500;
        let is_passing = matches!(self.status, 408 | 409 | 425 | 429);
        if should_retry != Some(true) && is_fault && changes && (is_replayed || should_retry == Some(false)) {
            return Err(ProviderError::Indeterminate(refusal).into());
        }
        if should_retry == Some(true) || is_fault || is_passing {
            let error = ProviderError::Busy { refusal, after: self.retry_after(now) };
            return Err(Failure { error, may_repeat: should_retry != Some(false) });
        }
        Err(ProviderError::Refused(refusal).into())
    }

    fn refusal(&self) -> Refusal {
        let error = serde_json::from_slice::<Failed>(&self.body).ok().map(|failed| failed.error);
        let message = match (self.status, &error) {
            // Its text holds a part of the key.
            (401, _) => Some("the secret key is not accepted".to_owned()),
            (_, error) => error.as_ref().and_then(|error| error.message.clone()),
        };
        Refusal {
            status: self.status,
            code: error.map(|error| error.code.unwrap_or(error.kind)),
            message: message.unwrap_or_else(|| "no text".to_owned()),
            request_id: self.request_id().map(str::to_owned),
        }
    }

    /// Seconds, or a date (RFC 9110), and no longer than a day.
    fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
        }
        let until = DateTime::parse_from_rfc2822(text).ok()?;
        Some((until.to_utc() - now).to_std().unwrap_or_default().min(LONGEST_WAIT))
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn failure(status: u16, headers: &[(&'static str, &'static str)], changes: bool) -> Failure {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let body = br#"{"error":{"type":"api_error","code":"some_code","message":"Some text sk_test_***"}}"#.to_vec();
        let now = DateTime::from_timestamp(1_764_288_000, 0).unwrap();
        Answer { status, headers: headers.collect(), body }.checked(changes, now).err().unwrap()
    }

    fn class(status: u16, headers: &[(&'static str, &'static str)]) -> (ErrorClass, bool) {
        let failure = failure(status, headers, true);
        (failure.error.class(), failure.may_repeat)
    }

    #[test]
    fn statuses_have_classes() {
        for status in [408, 409, 425, 429, 500, 502, 503, 504] {
            assert_eq!(class(status, &[]), (ErrorClass::RetryLater, true), "{status}");
        }
        for status in [301, 304, 400, 401, 402, 403, 404, 405, 410, 422, 424] {
            assert_eq!(class(status, &[]), (ErrorClass::Refused, false), "{status}");
        }
    }

    #[test]
    fn stripe_has_the_last_word() {
        let (yes, no) = (("stripe-should-retry", "true"), ("stripe-should-retry", "false"));
        let replayed = ("idempotent-replayed", "true");
        assert_eq!(class(400, &[yes]), (ErrorClass::RetryLater, true));
        assert_eq!(class(500, &[yes, replayed]), (ErrorClass::RetryLater, true));
        // A kept fault is the answer for as long as the key lives.
        assert_eq!(class(500, &[no]), (ErrorClass::OutcomeUnknown, false));
        assert_eq!(class(500, &[replayed]), (ErrorClass::OutcomeUnknown, false));
        // Nothing is unknown about a reading request.
        let reading = failure(500, &[no], false);
        assert_eq!((reading.error.class(), reading.may_repeat), (ErrorClass::RetryLater, false));
        // Not at once, and later all the same.
        assert_eq!(class(429, &[no]), (ErrorClass::RetryLater, false));
        assert_eq!(class(400, &[no]), (ErrorClass::Refused, false));
        assert_eq!(class(500, &[("stripe-should-retry", "maybe")]), (ErrorClass::RetryLater, true));
    }

    #[test]
    fn waits_are_seconds_or_dates() {
        let after = |text| failure(429, &[("retry-after", text)], true).error.retry_after();
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("Fri, 28 Nov 2025 00:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(after("Fri, 28 Nov 2025 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("Thu, 27 Nov 2025 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("18446744073709551615"), Some(LONGEST_WAIT));
        assert_eq!(after("Sun, 28 Nov 9999 00:00:00 GMT"), Some(LONGEST_WAIT));
        assert_eq!(after("soon"), None);
        assert_eq!(after("-1"), None);
    }

    #[test]
    fn refusals_name_the_code_and_no_key() {
        let refused = |status| failure(status, &[("request-id", "req_1")], true).error.to_string();
        assert_eq!(refused(400), "the payment provider refused: 400 some_code: Some text sk_test_***");
        assert_eq!(refused(401), "the payment provider refused: 401 some_code: the secret key is not accepted");
        assert!(matches!(failure(401, &[], true).error, ProviderError::Refused(refusal) if refusal.is_configuration()));
    }
}
