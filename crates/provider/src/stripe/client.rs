//! Requests to Stripe: authorised, bounded in time and size, and repeated with the same key only.

use std::{sync::Arc, time::Duration};

use chainbill_domain::{Clock, Random};
use reqwest::{
    RequestBuilder, Response, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
    redirect::Policy,
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    ErrorClass, IdempotencyKey, InvalidSettings, ProviderError, StripeSettings,
    stripe::{
        API_VERSION,
        answer::{Answer, Failure},
        breaker::Breaker,
        retries::{Budget, pause},
        settings::base,
    },
};

/// How often a request is sent within one call.
const ATTEMPTS: u32 = 4;
/// A page of a hundred checkouts has some 300 KB.
const LARGEST_ANSWER: usize = 2 << 20;

pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    request_timeout: Duration,
    call_timeout: Duration,
    budget: Budget,
    breaker: Breaker,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// A request. The path has no letters that could lead elsewhere.
pub(super) struct Request<'a> {
    path: String,
    form: String,
    /// The key of its effect; none when it only reads.
    key: Option<&'a IdempotencyKey>,
}

impl<'a> Request<'a> {
    /// Reads; the form is the query.
    pub(super) fn get(path: String, form: String) -> Self {
        Self { path, form, key: None }
    }

    /// Changes; the form is the body.
    pub(super) fn post(path: String, form: String, key: &'a IdempotencyKey) -> Self {
        Self { path, form, key: Some(key) }
    }
}

impl Client {
    pub(super) fn new(
        settings: &StripeSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, InvalidSettings> {
        let base = base(&settings.base_url)?;
        let bearer = format!("Bearer {}", settings.secret_key.reveal());
        let mut authorization = HeaderValue::try_from(bearer).expect("a secret key has visible ASCII characters only");
        authorization.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, authorization),
            ("stripe-version".parse().expect("a header's name"), HeaderValue::from_static(API_VERSION)),
        ]);
        // A provider that is installed already is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("ChainBill/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .https_only(base.scheme() == "https")
            .connect_timeout(settings.connect_timeout)
            .build()
            .map_err(|error| InvalidSettings::Client(error.into()))?;
        Ok(Self {
            http,
            base,
            request_timeout: settings.request_timeout,
            call_timeout: settings.call_timeout,
            budget: Budget::full(),
            breaker: Breaker::default(),
            clock,
            random,
        })
    }

    /// Sends a request, repeats it while that may help and time is left, and reads the answer.
    pub(super) async fn call<T: DeserializeOwned>(&self, request: &Request<'_>) -> Result<T, ProviderError> {
        let answer = self.answer(request).await?;
        serde_json::from_slice(&answer.body).map_err(|error| {
            let request_id = answer.request_id().unwrap_or("without an id");
            ProviderError::Unreadable(format!("request {request_id}: {error}"))
        })
    }

    async fn answer(&self, request: &Request<'_>) -> Result<Answer, ProviderError> {
        let until = Instant::now() + self.call_timeout;
        let mut lost: Option<ProviderError> = None;
        for repetition in 0.. {
            let Failure { error, may_repeat } = match self.attempt(request, until).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let pause = pause(&*self.random, repetition, error.retry_after());
            let is_last = repetition + 1 >= ATTEMPTS || Instant::now() + pause >= until;
            if !may_repeat || is_last || !self.budget.spend() {
                return Err(doubtful(error, lost));
            }
            tracing::debug!("the request to the payment provider is repeated in {pause:?}: {error}");
            lost = lost.or(Some(error).filter(ProviderError::may_have_taken_place));
            sleep(pause).await;
        }
        unreachable!("the last repetition returns")
    }

    /// Sends the request once, unless the provider is down.
    async fn attempt(&self, request: &Request<'_>, until: Instant) -> Result<Answer, Failure> {
        if let Err(after) = self.breaker.admit(self.clock.now()) {
            return Err(Failure { error: ProviderError::Suspended { after }, may_repeat: false });
        }
        let result = self.once(request, until).await;
        let is_down = matches!(&result, Err(failure) if failure.is_of_a_provider_that_is_down());
        self.breaker.note(!is_down, self.clock.now());
        if result.is_ok() {
            self.budget.earn();
        }
        result
    }

    async fn once(&self, request: &Request<'_>, until: Instant) -> Result<Answer, Failure> {
        let until = until.min(Instant::now() + self.request_timeout);
        let exchange = async {
            let response = self.builder(request).send().await.map_err(unsent)?;
            whole(response).await
        };
        let answer = timeout_at(until, exchange).await.map_err(|late| ProviderError::NoAnswer(late.into()))??;
        answer.checked(request.key.is_some(), self.clock.now())
    }

    fn builder(&self, request: &Request<'_>) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(&request.path);
        match request.key {
            None => {
                url.set_query(Some(request.form.as_str()).filter(|form| !form.is_empty()));
                self.http.get(url)
            }
            Some(key) => {
                let builder = self.http.post(url).header("idempotency-key", key.as_str());
                builder.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(request.form.clone())
            }
        }
    }
}

/// The error of a request whose answer did not begin.
fn unsent(error: reqwest::Error) -> ProviderError {
    let error = error.without_url();
    if error.is_connect() { ProviderError::Unreachable(error.into()) } else { ProviderError::NoAnswer(error.into()) }
}

async fn whole(mut response: Response) -> Result<Answer, ProviderError> {
    let (status, headers, mut body) = (response.status().as_u16(), std::mem::take(response.headers_mut()), Vec::new());
    while let Some(chunk) =
        response.chunk().await.map_err(|error| ProviderError::NoAnswer(error.without_url().into()))?
    {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(ProviderError::Unreadable(format!("it is larger than {LARGEST_ANSWER} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body })
}

/// What a call ends with. An earlier attempt may have had its effect; an error that comes before the provider looks at the key does not
/// settle that.
fn doubtful(last: ProviderError, lost: Option<ProviderError>) -> ProviderError {
    let settles = match &last {
        ProviderError::Refused(refusal) => !refusal.is_configuration(),
        last => last.class() == ErrorClass::OutcomeUnknown || last.may_have_taken_place(),
    };
    lost.filter(|_| !settles).unwrap_or(last)
}
