//! Held money of invoices: work is submitted, sent back or approved, and money is released.

use axum::extract::{Path, State as Shared};
use chainbill_app::{InvoiceView, Reason, ReleaseInvoice, SubmitWork};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, DryRun, done};
use crate::{
    State,
    extract::{Principal, StrictJson, StrictQuery},
    problem::ProblemBody,
    tags::IfMatch,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(submit))
        .routes(routes!(send_back))
        .routes(routes!(approve))
        .routes(routes!(release))
}

/// Submit the work that held money is for (its freelancer). The money is released by itself at `releaseAt` when the client does not
/// answer.
#[utoipa::path(post, path = "/api/invoices/{id}/submit-work", tag = "invoices", params(("id" = String, Path)),
    request_body = SubmitWork, responses((status = 200, body = InvoiceView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn submit(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(work): StrictJson<SubmitWork>,
) -> Answer {
    Ok(done(&state, &state.app.submit_work(&context.at(versions), &id, work).await?).await)
}

/// Send submitted work back (its client). Its money stays held.
#[utoipa::path(post, path = "/api/invoices/{id}/return-work", tag = "invoices", params(("id" = String, Path)),
    request_body = Reason, responses((status = 200, body = InvoiceView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn send_back(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(reason): StrictJson<Reason>,
) -> Answer {
    Ok(done(&state, &state.app.return_work(&context.at(versions), &id, reason).await?).await)
}

/// Approve submitted work (its client): all that is held is released. `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/invoices/{id}/approve", tag = "invoices",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), responses(
    (status = 200, body = InvoiceView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn approve(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
) -> Answer {
    Ok(done(&state, &state.app.approve_work(&context.at(versions).dry(dry_run), &id).await?).await)
}

/// Release held money to the freelancer, whole or in part, less the platform's fee (its client). `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/invoices/{id}/release", tag = "invoices",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), request_body = ReleaseInvoice, responses(
    (status = 200, body = InvoiceView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn release(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(release): StrictJson<ReleaseInvoice>,
) -> Answer {
    Ok(done(&state, &state.app.release_invoice(&context.at(versions).dry(dry_run), &id, release).await?).await)
}
