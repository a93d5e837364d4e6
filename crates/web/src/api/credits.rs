//! Credits, credit notes and refunds.

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::StatusCode,
    response::IntoResponse,
};
use chainbill_app::{
    ApplyCredit, CreditNoteView, CreditPage, NewCreditNote, NewRefund, Page, PartyFilter, PaymentView, Reason,
    RefundDone, RefundInvoice, RefundView, RefundedInvoice,
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
        .routes(routes!(credits))
        .routes(routes!(apply))
        .routes(routes!(credit))
        .routes(routes!(refund_invoice))
        .routes(routes!(notes))
        .routes(routes!(note))
        .routes(routes!(refunds, refund))
        .routes(routes!(one_refund))
        .routes(routes!(confirm_refund))
        .routes(routes!(reject_refund))
}

/// Credit that clients have with freelancers, of which you are a party; all for operators.
#[utoipa::path(get, path = "/api/credits", tag = "credits", responses(
    (status = 200, body = CreditPage), (status = 401, body = ProblemBody)))]
async fn credits(Shared(state): Shared<State>, Principal(context): Principal) -> Answer {
    Ok(Json(state.app.credits(&context).await?).into_response())
}

/// Pay an invoice out of its client's credit with its freelancer. `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/invoices/{id}/apply-credit", tag = "credits",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), request_body = ApplyCredit, responses(
    (status = 201, body = PaymentView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn apply(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(asked): StrictJson<ApplyCredit>,
) -> Answer {
    let payment = state.app.apply_credit(&context.at(versions).dry(dry_run), &id, asked).await?;
    Ok(created(&state, "/api/payments", |it| &it.id, &payment).await)
}

/// Issue a credit note over a part of an invoice, or all of it (freelancer). `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/invoices/{id}/credit-notes", tag = "credits",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), request_body = NewCreditNote, responses(
    (status = 201, body = CreditNoteView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn credit(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(new): StrictJson<NewCreditNote>,
) -> Answer {
    let note = state.app.credit_invoice(&context.at(versions).dry(dry_run), &id, new).await?;
    Ok(created(&state, "/api/credit-notes", |it| &it.id, &note).await)
}

/// Give back what was paid for an invoice, with a credit note (freelancer). What is held the platform is asked for.
/// `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/invoices/{id}/refund", tag = "credits",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), request_body = RefundInvoice, responses(
    (status = 201, body = RefundedInvoice), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn refund_invoice(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(new): StrictJson<RefundInvoice>,
) -> Answer {
    let refunded = state.app.refund_invoice(&context.at(versions).dry(dry_run), &id, new).await?;
    Ok(created(&state, "/api/credit-notes", |it| &it.id, &refunded).await)
}

/// Credit notes that you issued or received, newest first; all for operators.
#[utoipa::path(get, path = "/api/credit-notes", tag = "credits", params(PartyFilter), responses(
    (status = 200, body = Page<CreditNoteView>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn notes(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<PartyFilter>,
) -> Answer {
    Ok(listed("credit notes", &state.app.credit_notes(&context, &filter).await?))
}

/// A credit note. For its parties.
#[utoipa::path(get, path = "/api/credit-notes/{id}", tag = "credits", params(("id" = String, Path)), responses(
    (status = 200, body = CreditNoteView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn note(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.credit_note(&context, &id).await?))
}

/// Refunds of which you are a party, newest first; all for operators.
#[utoipa::path(get, path = "/api/refunds", tag = "credits", params(PartyFilter), responses(
    (status = 200, body = Page<RefundView>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn refunds(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<PartyFilter>,
) -> Answer {
    Ok(listed("refunds", &state.app.refunds(&context, &filter).await?))
}

/// Refund credit: done where its holder says so (the freelancer what he holds, an operator what the platform holds), requested
/// of the platform otherwise. `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/refunds", tag = "credits",
    params(("Idempotency-Key" = String, Header), DryRun), request_body = NewRefund, responses(
    (status = 201, body = RefundView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn refund(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(new): StrictJson<NewRefund>,
) -> Answer {
    let refund = state.app.refund_credit(&context.dry(dry_run), new).await?;
    Ok(created(&state, "/api/refunds", |it| &it.id, &refund).await)
}

/// A refund. For its parties.
#[utoipa::path(get, path = "/api/refunds/{id}", tag = "credits", params(("id" = String, Path)), responses(
    (status = 200, body = RefundView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn one_refund(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.refund(&context, &id).await?))
}

/// Report that a requested refund was carried out (operator). `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/refunds/{id}/confirm", tag = "credits",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), request_body = RefundDone, responses(
    (status = 200, body = RefundView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn confirm_refund(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(refund): StrictJson<RefundDone>,
) -> Answer {
    Ok(done(&state, &state.app.confirm_refund(&context.dry(dry_run), &id, refund).await?).await)
}

/// Refuse a requested refund: its money is the client's credit again (operator). `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/refunds/{id}/reject", tag = "credits",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header), DryRun), request_body = Reason, responses(
    (status = 200, body = RefundView), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn reject_refund(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(reason): StrictJson<Reason>,
) -> Answer {
    Ok(done(&state, &state.app.reject_refund(&context.dry(dry_run), &id, reason).await?).await)
}
