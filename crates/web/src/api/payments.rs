//! Payments.

use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
};
use chainbill_app::{NewPayment, NewTransfer, Page, PaymentFilter, PaymentView, Reason};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, DryRun, created, done, listed, tagged};
use crate::{
    State,
    extract::{Principal, StrictJson, StrictQuery},
    problem::ProblemBody,
    tags::IfMatch,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(pay))
        .routes(routes!(list, record))
        .routes(routes!(get))
        .routes(routes!(confirm))
        .routes(routes!(reject))
        .routes(routes!(reverse))
}

/// Announce a payment (the invoice's client), or record one: received by the freelancer, or taken into custody by an operator.
/// `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/invoices/{id}/pay", tag = "payments",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), request_body = NewPayment, responses(
    (status = 201, body = PaymentView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn pay(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(payment): StrictJson<NewPayment>,
) -> Answer {
    let payment = state.app.pay_invoice(&context.at(versions).dry(dry_run), &id, payment).await?;
    Ok(created(&state, "/api/payments", |it| &it.id, &payment).await)
}

/// Payments that you made or received, newest first; all for operators.
#[utoipa::path(get, path = "/api/payments", tag = "payments", params(PaymentFilter), responses(
    (status = 200, body = Page<PaymentView>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<PaymentFilter>,
) -> Answer {
    Ok(listed("payments", &state.app.payments(&context, &filter).await?))
}

/// Announce or record one transfer for several invoices of the same two parties, or for none: what exceeds them becomes the
/// client's credit. `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/payments", tag = "payments",
    params(("Idempotency-Key" = String, Header), DryRun), request_body = NewTransfer, responses(
    (status = 201, body = PaymentView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn record(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(transfer): StrictJson<NewTransfer>,
) -> Answer {
    let payment = state.app.record_payment(&context.dry(dry_run), transfer).await?;
    Ok(created(&state, "/api/payments", |it| &it.id, &payment).await)
}

/// A payment, with the current state of its invoice where it is for one. For its parties.
#[utoipa::path(get, path = "/api/payments/{id}", tag = "payments", params(("id" = String, Path)), responses(
    (status = 200, body = PaymentView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn get(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.payment(&context, &id).await?))
}

/// Confirm an announced payment: you received it (freelancer), or have it in custody (operator). `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/payments/{id}/confirm", tag = "payments",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), responses(
    (status = 200, body = PaymentView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn confirm(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
) -> Answer {
    Ok(done(&state, &state.app.confirm_payment(&context.dry(dry_run), &id).await?).await)
}

/// Reject an announced payment: the money did not come. Its payer withdraws the announcement in the same way.
#[utoipa::path(post, path = "/api/payments/{id}/reject", tag = "payments", params(("id" = String, Path)),
    request_body = Reason, responses(
    (status = 200, body = PaymentView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn reject(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    StrictJson(reason): StrictJson<Reason>,
) -> Answer {
    Ok(done(&state, &state.app.reject_payment(&context, &id, reason).await?).await)
}

/// Reverse a confirmed payment by its counter-record. `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/payments/{id}/reverse", tag = "payments",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), request_body = Reason, responses(
    (status = 200, body = PaymentView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn reverse(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(reason): StrictJson<Reason>,
) -> Answer {
    Ok(done(&state, &state.app.reverse_payment(&context.dry(dry_run), &id, reason).await?).await)
}
