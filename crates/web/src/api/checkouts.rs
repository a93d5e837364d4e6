//! Payments by a provider: checkouts, and the events that it sends.

use axum::{
    extract::{Path, Request, State as Shared},
    http::StatusCode,
    response::IntoResponse,
};
use chainbill_app::{CheckoutView, NewCheckout};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, created, tagged};
use crate::{
    Problem, State, body,
    extract::{Principal, StrictJson},
    problem::ProblemBody,
    tags::IfMatch,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(begin)).routes(routes!(checkout)).routes(routes!(webhook))
}

/// Begin to pay what is due of an invoice at the payment provider (client). `Idempotency-Key` is required: the same key answers
/// the same checkout.
#[utoipa::path(post, path = "/api/invoices/{id}/checkout", tag = "payments",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header)), request_body = NewCheckout, responses(
    (status = 201, body = CheckoutView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody), (status = 502, body = ProblemBody), (status = 503, body = ProblemBody)))]
async fn begin(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(new): StrictJson<NewCheckout>,
) -> Answer {
    let checkout = state.app.begin_checkout(&context.at(versions), &id, new).await?;
    Ok(created(&state, "/api/checkouts", |it| &it.id, &checkout).await)
}

/// A checkout. For its invoice's parties.
#[utoipa::path(get, path = "/api/checkouts/{id}", tag = "payments", params(("id" = String, Path)), responses(
    (status = 200, body = CheckoutView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn checkout(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.checkout(&context, &id).await?))
}

/// An event of Stripe. Its signature is over the bytes of the body, as they are sent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the body, which is verified and read by the provider's room")]
struct StripeEvent {
    /// Its id: each is acted on once.
    id: String,
    /// Its kind.
    r#type: String,
}

/// An event of Stripe, signed by it. It is acted on once, in whatever order events come.
#[utoipa::path(post, path = "/api/webhooks/stripe", tag = "webhooks",
    params(("Stripe-Signature" = String, Header)), request_body = StripeEvent, responses(
    (status = 204), (status = 400, body = ProblemBody), (status = 503, body = ProblemBody)))]
async fn webhook(Shared(state): Shared<State>, request: Request) -> Answer {
    let (parts, content) = request.into_parts();
    let mut signatures = parts.headers.get_all("stripe-signature").iter();
    let signature = match (signatures.next().map(|value| value.to_str()), signatures.next()) {
        (Some(Ok(signature)), None) => signature.to_owned(),
        _ => return Err(Problem::new(StatusCode::BAD_REQUEST, "bad-event", "one Stripe-Signature header is accepted")),
    };
    let bytes = body::read(&parts.headers, content).await?;
    state.app.provider_event(&bytes, &signature).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
