//! Notarisations of paid invoices, and their verification against the chain.

use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
};
use chainbill_app::{AnchorCheckView, MintFilter, MintView, Page};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, done, listed, tagged};
use crate::{
    State,
    extract::{Principal, StrictQuery},
    problem::ProblemBody,
    tags::IfMatch,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(retry)).routes(routes!(verify))
}

/// Notarisations of paid invoices, newest first (operator). Why one waits is the `error` of its job: `/api/jobs?kind=mint`.
#[utoipa::path(get, path = "/api/mints", tag = "mints", params(MintFilter), responses(
    (status = 200, body = Page<MintView>), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<MintFilter>,
) -> Answer {
    Ok(listed("mints", &state.app.mints(&context, &filter).await?))
}

/// Try a notarisation now (operator): one that has failed is queued once more, one that waits for its next attempt waits no longer.
#[utoipa::path(post, path = "/api/mints/{id}/retry", tag = "mints", params(("id" = String, Path)), responses(
    (status = 200, body = MintView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn retry(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.retry_mint(&context.at(versions), &id).await?).await)
}

/// Compare an invoice with what was notarised of it: its row, hashed again, against the chain's own answer. For its parties and
/// operators. When the chain does not answer within 5 s the response is 503 `chain_unreachable`.
#[utoipa::path(get, path = "/api/invoices/{id}/verify", tag = "mints", params(("id" = String, Path)), responses(
    (status = 200, body = AnchorCheckView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
async fn verify(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.verify_invoice(&context, &id).await?))
}
