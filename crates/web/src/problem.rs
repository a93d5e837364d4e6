//! Errors as RFC 9457 problems. This is the only place that creates them.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chainbill_app::{AppError, Crowded, FieldError, Trouble};
use chainbill_mirror::MirrorError;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{SyncAdminError, extract::request_id};

/// An error on its way out.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    more: Vec<(&'static str, Value)>,
    retry_after: Option<u64>,
    closing: bool,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProblemBody {
    /// `https://chainbill.dev/problems/` and the code.
    r#type: String,
    /// A short name of the kind of error.
    title: String,
    /// The HTTP status.
    status: u16,
    /// A stable name for programs.
    code: &'static str,
    /// What was wrong this time.
    detail: String,
    /// The request's id, to be quoted to operators.
    request_id: String,
    /// Fields that are refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// Further facts: `current`, `allowed`.
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Problem {
    /// An error of this status, code and detail.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            more: Vec::new(),
            retry_after: None,
            closing: false,
        }
    }

    /// A refused field.
    #[must_use]
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::fields([(pointer.into(), detail.into())])
    }

    /// Refused fields: where, and why.
    pub(crate) fn fields<D: Into<String>>(fields: impl IntoIterator<Item = (String, D)>) -> Self {
        let error = |(pointer, detail): (String, D)| FieldError { pointer, detail: detail.into() };
        Self::of_fields(fields.into_iter().map(error).collect())
    }

    fn of_fields(errors: Vec<FieldError>) -> Self {
        let mut problem =
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation", "the request is not accepted as it is");
        problem.errors = errors;
        problem
    }

    /// When to try again, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Closes the connection: its input is not read to the end.
    pub(crate) const fn closing(mut self) -> Self {
        self.closing = true;
        self
    }

    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    #[cfg(test)]
    pub(crate) fn refused_fields(&self) -> Vec<(&str, &str)> {
        self.errors.iter().map(|error| (error.pointer.as_str(), error.detail.as_str())).collect()
    }

    /// A failure whose cause is logged and not sent.
    fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!("a request failed: {cause}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "an internal error; it was logged")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error").to_owned();
        let body = ProblemBody {
            r#type: format!("https://chainbill.dev/problems/{}", self.code),
            title,
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
            request_id: request_id(),
            errors: self.errors,
            more: self.more.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.closing {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        use StatusCode as Is;
        let detail = error.to_string();
        match error {
            AppError::Validation(errors) => Self::of_fields(errors),
            AppError::Unauthenticated => {
                Self::new(Is::UNAUTHORIZED, "unauthenticated", "a valid login is needed: Authorization: Bearer <token>")
            }
            AppError::WrongCredentials => Self::new(Is::UNAUTHORIZED, "unauthenticated", detail),
            AppError::Crowded(Crowded::Own) => Self::new(Is::TOO_MANY_REQUESTS, "too-many", detail).retry_after(2),
            AppError::Crowded(Crowded::All) => Self::new(Is::SERVICE_UNAVAILABLE, "crowded", detail).retry_after(2),
            AppError::Forbidden(_) => Self::new(Is::FORBIDDEN, "forbidden", detail),
            AppError::Ineligible(why) => Self::new(Is::FORBIDDEN, why.code(), detail),
            AppError::NotFound(_) => Self::new(Is::NOT_FOUND, "not-found", detail),
            AppError::Conflict { current, allowed, .. } => {
                Self::new(Is::CONFLICT, "wrong-state", detail).with("current", current).with("allowed", allowed)
            }
            AppError::Stale(version) => {
                Self::new(Is::PRECONDITION_FAILED, "stale", detail).with("current", format!("\"{version}\""))
            }
            AppError::IdempotencyMismatch => Self::new(Is::UNPROCESSABLE_ENTITY, "idempotency-mismatch", detail),
            AppError::IdempotencyRequired => Self::new(Is::BAD_REQUEST, "idempotency-key-required", detail),
            AppError::Busy => Self::new(Is::CONFLICT, "still-running", detail).retry_after(1),
            AppError::NoProvider => Self::new(Is::CONFLICT, "wrong-state", detail)
                .with("current", "NO_PROVIDER")
                .with("allowed", vec!["pay"]),
            AppError::ProviderAway(cause) => {
                tracing::error!("a request failed: {cause}");
                let after = cause.retry_after().map_or(5, |after| after.as_secs().max(1));
                Self::new(Is::SERVICE_UNAVAILABLE, "provider-unavailable", detail).retry_after(after)
            }
            AppError::ProviderRefused(cause) => {
                tracing::error!("a request failed: {cause}");
                Self::new(Is::BAD_GATEWAY, "provider-refused", "the payment provider has refused it; it was logged")
            }
            AppError::ChainAway(cause) => {
                tracing::error!("a request failed: the chain: {cause}");
                let problem = Self::new(Is::SERVICE_UNAVAILABLE, "chain-unreachable", detail);
                problem.with("result", "chain_unreachable").retry_after(5)
            }
            AppError::Webhook(cause) => {
                tracing::warn!("an event of the payment provider is refused: {cause}");
                Self::new(Is::BAD_REQUEST, "bad-event", "the event is not accepted")
            }
            AppError::Records(_) | AppError::Unwritable(_) | AppError::Hashing(_) => {
                of_primary(error.trouble(), &error)
            }
        }
    }
}

fn of_primary(trouble: Trouble, cause: &AppError) -> Problem {
    use StatusCode as Is;
    match trouble {
        Trouble::Changed => {
            Problem::new(Is::CONFLICT, "changed", "another request changed it at the same time; read it again")
        }
        Trouble::Unreachable => {
            tracing::error!("a request failed: {cause}");
            Problem::new(Is::SERVICE_UNAVAILABLE, "unavailable", "the database does not answer").retry_after(2)
        }
        Trouble::Overloaded => {
            tracing::warn!("a request failed: {cause}");
            let detail = "the database is busy, or a row is locked; try again later";
            Problem::new(Is::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(2)
        }
        Trouble::Operator(hint) => {
            tracing::error!("a request failed: {cause}; {hint}");
            let detail = "the database needs its operator; it was logged";
            Problem::new(Is::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(30)
        }
        Trouble::Contention => {
            Problem::new(Is::SERVICE_UNAVAILABLE, "contention", "too many changes at once").retry_after(1)
        }
        Trouble::OutcomeUnknown => {
            tracing::error!("a request failed: {cause}");
            let detail = "whether it was done is unknown; send it again with the same Idempotency-Key";
            Problem::new(Is::SERVICE_UNAVAILABLE, "outcome-unknown", detail).retry_after(1)
        }
        Trouble::Unreadable => {
            tracing::error!("a request read an unreadable row: {cause}");
            let detail = cause.unreadable().unwrap_or_else(|| "it cannot be read by this release".to_owned());
            Problem::new(Is::CONFLICT, "unreadable", format!("{detail}; an operator must look at it"))
        }
        Trouble::Other => Problem::internal(cause),
    }
}

impl From<MirrorError> for Problem {
    fn from(error: MirrorError) -> Self {
        tracing::warn!("a read of the mirror failed: {error}");
        let detail = "search, analytics and lists of files are not available at the moment; everything else is";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "copies-unavailable", detail).retry_after(5)
    }
}

impl From<SyncAdminError> for Problem {
    fn from(error: SyncAdminError) -> Self {
        match error {
            SyncAdminError::NotFound(detail) => Self::new(StatusCode::NOT_FOUND, "not-found", detail),
            SyncAdminError::Conflict(detail) => Self::new(StatusCode::CONFLICT, "wrong-state", detail),
            SyncAdminError::Unavailable(cause) => {
                tracing::warn!("the synchronisation could not answer: {cause}");
                let detail = "a database does not answer at the moment";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(5)
            }
        }
    }
}
