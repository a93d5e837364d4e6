//! The ledger.

use axum::{Json, extract::State as Shared, response::IntoResponse};
use chainbill_app::{AccountsView, BalanceFilter, Page, StatementEntry, StatementFilter, TrialBalance};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, listed};
use crate::{
    State,
    extract::{Principal, StrictQuery},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(accounts)).routes(routes!(statement)).routes(routes!(trial_balance))
}

/// What your accounts come to, now or at a moment. Operators may name a user.
#[utoipa::path(get, path = "/api/ledger/accounts", tag = "ledger", params(BalanceFilter), responses(
    (status = 200, body = AccountsView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn accounts(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<BalanceFilter>,
) -> Answer {
    Ok(Json(state.app.accounts(&context, &filter).await?).into_response())
}

/// Postings of your accounts of a kind, oldest first, each with the balance after it. Operators may name a user.
#[utoipa::path(get, path = "/api/ledger/statement", tag = "ledger", params(StatementFilter), responses(
    (status = 200, body = Page<StatementEntry>), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn statement(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<StatementFilter>,
) -> Answer {
    Ok(listed("postings", &state.app.statement(&context, &filter).await?))
}

/// All accounts by kind and currency, and the sums of both books, which have to be zero (operator).
#[utoipa::path(get, path = "/api/ledger/trial-balance", tag = "ledger", params(BalanceFilter), responses(
    (status = 200, body = TrialBalance), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn trial_balance(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<BalanceFilter>,
) -> Answer {
    Ok(Json(state.app.trial_balance(&context, &filter).await?).into_response())
}
