//! Idempotency keys. <https://docs.stripe.com/api/idempotent_requests>

use std::collections::HashMap;

use super::{Request, api::failure, http::Response};

/// The first request of each key, and its answer.
#[derive(Default)]
pub(super) struct Keys(HashMap<String, (Request, Response)>);

impl Keys {
    /// The answer that a request gets without being executed.
    pub(super) fn replay(&self, request: &Request) -> Option<Response> {
        let (first, response) = self.0.get(request.key.as_ref()?)?;
        let is_same = (&first.path, &first.form) == (&request.path, &request.form);
        let other = || {
            let text =
                "Keys for idempotent requests can only be used with the same parameters they were first used with.";
            failure(400, "idempotency_error", "idempotency_error", text)
        };
        Some(if is_same { response.clone().with("idempotent-replayed", true) } else { other() })
    }

    /// Keeps the answer of an executed request.
    pub(super) fn keep(&mut self, request: &Request, response: &Response) {
        if let Some(key) = &request.key {
            self.0.insert(key.clone(), (request.clone(), response.clone()));
        }
    }
}
