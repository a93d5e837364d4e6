//! Quotes.

use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
    response::IntoResponse,
};
use chainbill_app::{DeclineInvoice, InvoiceView, NewQuote, Page, PatchQuote, QuoteFilter, QuoteView};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, created, done, listed, tagged, write_headers};
use crate::{
    State,
    extract::{Principal, StrictJson, StrictQuery},
    problem::ProblemBody,
    tags::IfMatch,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, patch, delete))
        .routes(routes!(send))
        .routes(routes!(accept))
        .routes(routes!(decline))
        .routes(routes!(invoice))
}

/// Quotes that you issued or received, newest first; all for operators. A client sees a quote once it is sent.
#[utoipa::path(get, path = "/api/quotes", tag = "quotes", params(QuoteFilter), responses(
    (status = 200, body = Page<QuoteView>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<QuoteFilter>,
) -> Answer {
    Ok(listed("quotes", &state.app.quotes(&context, &filter).await?))
}

/// Create a draft quote (freelancer): an offer of an invoice.
#[utoipa::path(post, path = "/api/quotes", tag = "quotes", request_body = NewQuote, responses(
    (status = 201, body = QuoteView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn create(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictJson(new): StrictJson<NewQuote>,
) -> Answer {
    let quote = state.app.create_quote(&context, new).await?;
    Ok(created(&state, "/api/quotes", |it| &it.id, &quote).await)
}

/// A quote.
#[utoipa::path(get, path = "/api/quotes/{id}", tag = "quotes", params(("id" = String, Path)), responses(
    (status = 200, body = QuoteView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn get(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.quote(&context, &id).await?))
}

/// Change a draft quote.
#[utoipa::path(patch, path = "/api/quotes/{id}", tag = "quotes", params(("id" = String, Path)),
    request_body = PatchQuote, responses((status = 200, body = QuoteView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 412, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn patch(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(change): StrictJson<PatchQuote>,
) -> Answer {
    Ok(done(&state, &state.app.patch_quote(&context, &id, versions.as_deref(), change).await?).await)
}

/// Delete a draft quote.
#[utoipa::path(delete, path = "/api/quotes/{id}", tag = "quotes", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn delete(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    let gone = state.app.delete_quote(&context, &id, versions.as_deref()).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    write_headers(&state, &mut response, &gone).await;
    Ok(response)
}

/// Send a draft quote: it gets its number, and its content is frozen.
#[utoipa::path(post, path = "/api/quotes/{id}/send", tag = "quotes", params(("id" = String, Path)), responses(
    (status = 200, body = QuoteView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn send(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.send_quote(&context.at(versions), &id).await?).await)
}

/// Accept a quote (its client), until its last day.
#[utoipa::path(post, path = "/api/quotes/{id}/accept", tag = "quotes", params(("id" = String, Path)), responses(
    (status = 200, body = QuoteView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn accept(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.accept_quote(&context.at(versions), &id).await?).await)
}

/// Decline a quote (its client).
#[utoipa::path(post, path = "/api/quotes/{id}/decline", tag = "quotes", params(("id" = String, Path)),
    request_body = DeclineInvoice, responses((status = 200, body = QuoteView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn decline(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(reason): StrictJson<DeclineInvoice>,
) -> Answer {
    Ok(done(&state, &state.app.decline_quote(&context.at(versions), &id, reason).await?).await)
}

/// Draft the invoice of an accepted quote, once. The second time the problem names the invoice.
#[utoipa::path(post, path = "/api/quotes/{id}/invoice", tag = "quotes", params(("id" = String, Path)), responses(
    (status = 201, body = InvoiceView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn invoice(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    let invoice = state.app.invoice_quote(&context.at(versions), &id).await?;
    Ok(created(&state, "/api/invoices", |it| &it.id, &invoice).await)
}
