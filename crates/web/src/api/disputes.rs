//! Disputes.

use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
};
use chainbill_app::{
    AnswerDispute, AppealDispute, CastVote, DecideDispute, DisputeFilter, DisputeView, NewDisputeRequest, NewEvidence,
    OfferSettlement, Page,
};
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
        .routes(routes!(list, open))
        .routes(routes!(get))
        .routes(routes!(add_evidence))
        .routes(routes!(answer))
        .routes(routes!(vote))
        .routes(routes!(decide))
        .routes(routes!(appeal))
        .routes(routes!(withdraw))
        .routes(routes!(offer))
        .routes(routes!(accept))
}

/// Disputes, newest first: those you are a party of, all to operators; or those that you can vote on, or have voted on.
#[utoipa::path(get, path = "/api/disputes", tag = "disputes", params(DisputeFilter), responses(
    (status = 200, body = Page<DisputeView>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<DisputeFilter>,
) -> Answer {
    Ok(listed("disputes", &state.app.disputes(&context, &filter).await?))
}

/// Open a dispute over the held money of an invoice (its parties). The money is frozen until the dispute ends.
#[utoipa::path(post, path = "/api/disputes", tag = "disputes", request_body = NewDisputeRequest, responses(
    (status = 201, body = DisputeView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn open(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictJson(new): StrictJson<NewDisputeRequest>,
) -> Answer {
    let dispute = state.app.open_dispute(&context, new).await?;
    Ok(created(&state, "/api/disputes", |it| &it.id, &dispute).await)
}

/// A dispute: to its parties, to operators, and to those who may vote on it or have. Votes are shown once the vote is closed.
#[utoipa::path(get, path = "/api/disputes/{id}", tag = "disputes", params(("id" = String, Path)), responses(
    (status = 200, body = DisputeView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn get(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.dispute(&context, &id).await?))
}

/// Add links to a dispute (its parties), at most 10 of each.
#[utoipa::path(post, path = "/api/disputes/{id}/evidence", tag = "disputes", params(("id" = String, Path)),
    request_body = NewEvidence, responses(
    (status = 200, body = DisputeView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn add_evidence(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(new): StrictJson<NewEvidence>,
) -> Answer {
    Ok(done(&state, &state.app.add_evidence(&context.at(versions), &id, new).await?).await)
}

/// Answer a dispute (the party that did not open it): the vote begins. Without an answer in time it is decided for the opener.
#[utoipa::path(post, path = "/api/disputes/{id}/answer", tag = "disputes", params(("id" = String, Path)),
    request_body = AnswerDispute, responses(
    (status = 200, body = DisputeView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn answer(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(answer): StrictJson<AnswerDispute>,
) -> Answer {
    Ok(done(&state, &state.app.answer_dispute(&context.at(versions), &id, answer).await?).await)
}

/// Vote on a dispute, once: as a user who is no party, verified, with an account and a reputation that are old and high enough, and
/// without a network address or a wallet in common with a party or another voter. The problem's code names what is missing.
#[utoipa::path(post, path = "/api/disputes/{id}/votes", tag = "disputes", params(("id" = String, Path)),
    request_body = CastVote, responses(
    (status = 200, body = DisputeView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn vote(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,

    StrictJson(vote): StrictJson<CastVote>,
) -> Answer {
    Ok(done(&state, &state.app.vote_on_dispute(&context, &id, vote).await?).await)
}

/// Decide a dispute (operators): where the vote decided nothing, or on an appeal.
#[utoipa::path(post, path = "/api/disputes/{id}/decide", tag = "disputes", params(("id" = String, Path)),
    request_body = DecideDispute, responses(
    (status = 200, body = DisputeView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn decide(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(decision): StrictJson<DecideDispute>,
) -> Answer {
    Ok(done(&state, &state.app.decide_dispute(&context.at(versions), &id, decision).await?).await)
}

/// Appeal to an operator (its parties), once, before the money moves.
#[utoipa::path(post, path = "/api/disputes/{id}/appeal", tag = "disputes", params(("id" = String, Path)),
    request_body = AppealDispute, responses(
    (status = 200, body = DisputeView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn appeal(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(appeal): StrictJson<AppealDispute>,
) -> Answer {
    Ok(done(&state, &state.app.appeal_dispute(&context.at(versions), &id, appeal).await?).await)
}

/// Withdraw a dispute (its opener), before it is decided: the money is held as before.
#[utoipa::path(post, path = "/api/disputes/{id}/withdraw", tag = "disputes", params(("id" = String, Path)), responses(
    (status = 200, body = DisputeView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn withdraw(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.withdraw_dispute(&context.at(versions), &id).await?).await)
}

/// Offer a split of the held money to the other party, before the money moves. It takes the place of an earlier offer.
#[utoipa::path(post, path = "/api/disputes/{id}/settlement", tag = "disputes", params(("id" = String, Path)),
    request_body = OfferSettlement, responses(
    (status = 200, body = DisputeView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn offer(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(offer): StrictJson<OfferSettlement>,
) -> Answer {
    Ok(done(&state, &state.app.offer_settlement(&context.at(versions), &id, offer).await?).await)
}

/// Accept the split that the other party offers, which the body repeats: the money moves as agreed. `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/disputes/{id}/settlement/accept", tag = "disputes",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), request_body = OfferSettlement, responses(
    (status = 200, body = DisputeView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn accept(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(accepted): StrictJson<OfferSettlement>,
) -> Answer {
    let context = context.at(versions).dry(dry_run);
    Ok(done(&state, &state.app.accept_settlement(&context, &id, accepted).await?).await)
}
