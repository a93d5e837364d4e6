//! Payouts of what is at users' disposal.

use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
};
use chainbill_app::{NewPayout, Page, PayoutDone, PayoutFilter, PayoutView, Reason};
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
        .routes(routes!(list, request))
        .routes(routes!(get))
        .routes(routes!(confirm))
        .routes(routes!(reject))
        .routes(routes!(cancel))
}

/// Your payouts, newest first; all for operators.
#[utoipa::path(get, path = "/api/payouts", tag = "payouts", params(PayoutFilter), responses(
    (status = 200, body = Page<PayoutView>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<PayoutFilter>,
) -> Answer {
    Ok(listed("payouts", &state.app.payouts(&context, &filter).await?))
}

/// Ask for a payout of what is at your disposal (`AVAILABLE` of `/api/ledger/balances`). Its money is set aside until an operator has
/// carried it out. `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/payouts", tag = "payouts", params(("Idempotency-Key" = String, Header), DryRun),
    request_body = NewPayout, responses((status = 201, body = PayoutView), (status = 400, body = ProblemBody),
    (status = 401, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn request(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(new): StrictJson<NewPayout>,
) -> Answer {
    let payout = state.app.request_payout(&context.dry(dry_run), new).await?;
    Ok(created(&state, "/api/payouts", |it| &it.id, &payout).await)
}

/// A payout. For its user.
#[utoipa::path(get, path = "/api/payouts/{id}", tag = "payouts", params(("id" = String, Path)), responses(
    (status = 200, body = PayoutView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn get(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.payout(&context, &id).await?))
}

/// Report that a payout was carried out (operator). `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/payouts/{id}/confirm", tag = "payouts",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), request_body = PayoutDone, responses(
    (status = 200, body = PayoutView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn confirm(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(payout): StrictJson<PayoutDone>,
) -> Answer {
    Ok(done(&state, &state.app.confirm_payout(&context.at(versions).dry(dry_run), &id, payout).await?).await)
}

/// Refuse a payout: its money is at its user's disposal again (operator). `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/payouts/{id}/reject", tag = "payouts",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), request_body = Reason, responses(
    (status = 200, body = PayoutView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn reject(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(reason): StrictJson<Reason>,
) -> Answer {
    Ok(done(&state, &state.app.reject_payout(&context.at(versions).dry(dry_run), &id, reason).await?).await)
}

/// Take a payout back that was not carried out yet (its user). `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/payouts/{id}/cancel", tag = "payouts",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), responses(
    (status = 200, body = PayoutView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn cancel(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
) -> Answer {
    Ok(done(&state, &state.app.cancel_payout(&context.at(versions).dry(dry_run), &id).await?).await)
}
