//! Invoices.

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::StatusCode,
    response::IntoResponse,
};
use chainbill_app::{
    DeclineInvoice, HistoryEntry, InvoiceFilter, InvoiceView, NewInvoice, Page, PageRequest, PatchInvoice,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, DryRun, created, done, listed, tagged, write_headers};
use crate::{
    ProofView, State,
    extract::{Principal, Reading, StrictJson, StrictQuery},
    problem::ProblemBody,
    tags::IfMatch,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, patch, delete))
        .routes(routes!(send))
        .routes(routes!(void))
        .routes(routes!(decline))
        .routes(routes!(duplicate))
        .routes(routes!(proof))
        .routes(routes!(history))
}

/// Invoices that you issued or received, newest first or in another order; all for operators. A client sees an invoice once it is
/// sent.
#[utoipa::path(get, path = "/api/invoices", tag = "invoices", params(InvoiceFilter), responses(
    (status = 200, body = Page<InvoiceView>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<InvoiceFilter>,
) -> Answer {
    Ok(listed("invoices", &state.app.invoices(&context, &filter).await?))
}

/// Create a draft invoice (freelancer).
#[utoipa::path(post, path = "/api/invoices", tag = "invoices", request_body = NewInvoice, responses(
    (status = 201, body = InvoiceView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn create(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictJson(new): StrictJson<NewInvoice>,
) -> Answer {
    let invoice = state.app.create_invoice(&context, new).await?;
    Ok(created(&state, "/api/invoices", |it| &it.id, &invoice).await)
}

/// An invoice.
#[utoipa::path(get, path = "/api/invoices/{id}", tag = "invoices", params(("id" = String, Path)), responses(
    (status = 200, body = InvoiceView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn get(Shared(state): Shared<State>, Reading(reader): Reading, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.read_invoice(&reader, &id).await?))
}

/// Change a draft.
#[utoipa::path(patch, path = "/api/invoices/{id}", tag = "invoices", params(("id" = String, Path)),
    request_body = PatchInvoice, responses((status = 200, body = InvoiceView), (status = 401, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 412, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn patch(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(change): StrictJson<PatchInvoice>,
) -> Answer {
    Ok(done(&state, &state.app.patch_invoice(&context, &id, versions.as_deref(), change).await?).await)
}

/// Delete a draft.
#[utoipa::path(delete, path = "/api/invoices/{id}", tag = "invoices", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
async fn delete(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    let gone = state.app.delete_invoice(&context, &id, versions.as_deref()).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    write_headers(&state, &mut response, &gone).await;
    Ok(response)
}

/// Send a draft: it gets its number, and its lines and hash are frozen.
#[utoipa::path(post, path = "/api/invoices/{id}/send", tag = "invoices", params(("id" = String, Path), DryRun), responses(
    (status = 200, body = InvoiceView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
async fn send(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
) -> Answer {
    Ok(done(&state, &state.app.send_invoice(&context.at(versions).dry(dry_run), &id).await?).await)
}

/// Void an invoice on which nothing was paid.
#[utoipa::path(post, path = "/api/invoices/{id}/void", tag = "invoices", params(("id" = String, Path), DryRun), responses(
    (status = 200, body = InvoiceView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
async fn void(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
) -> Answer {
    Ok(done(&state, &state.app.void_invoice(&context.at(versions).dry(dry_run), &id).await?).await)
}

/// Decline an invoice on which nothing was paid (its client). The freelancer may void it, and it can be paid all the same, which takes
/// the refusal back.
#[utoipa::path(post, path = "/api/invoices/{id}/decline", tag = "invoices", params(("id" = String, Path)),
    request_body = DeclineInvoice, responses((status = 200, body = InvoiceView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn decline(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(reason): StrictJson<DeclineInvoice>,
) -> Answer {
    Ok(done(&state, &state.app.decline_invoice(&context.at(versions), &id, reason).await?).await)
}

/// Draft another invoice that says the same (its freelancer). A due date that has passed is left out.
#[utoipa::path(post, path = "/api/invoices/{id}/duplicate", tag = "invoices", params(("id" = String, Path)), responses(
    (status = 201, body = InvoiceView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn duplicate(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    let copy = state.app.duplicate_invoice(&context.at(versions), &id).await?;
    Ok(created(&state, "/api/invoices", |it| &it.id, &copy).await)
}

/// Proof that the invoice was part of its model's newest certificate. `chainbill proof check` checks it offline.
#[utoipa::path(get, path = "/api/invoices/{id}/proof", tag = "invoices", params(("id" = String, Path)), responses(
    (status = 200, body = ProofView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn proof(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    let invoice = state.app.invoice(&context, &id).await?;
    Ok(Json(state.sync.proof("invoices", &invoice.id).await?).into_response())
}

/// What was done to an invoice, newest first: by whom, when, and which fields changed. Its client sees it from the sending on.
#[utoipa::path(get, path = "/api/invoices/{id}/history", tag = "invoices", params(("id" = String, Path), PageRequest),
    responses((status = 200, body = Page<HistoryEntry>), (status = 401, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn history(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    StrictQuery(page): StrictQuery<PageRequest>,
) -> Answer {
    Ok(listed("an invoice's history", &state.app.invoice_history(&context, &id, &page).await?))
}
