//! Recurring invoices, and rules of reminders.

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::StatusCode,
    response::IntoResponse,
};
use chainbill_app::{NewRecurrence, OccurrenceView, Page, PageRequest, PatchRecurrence, RecurrenceView, ReminderRules};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, created, done, listed, tagged};
use crate::{
    State,
    extract::{Principal, StrictJson, StrictQuery},
    problem::ProblemBody,
    tags::IfMatch,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, patch))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(end))
        .routes(routes!(made))
        .routes(routes!(rules, put_rules))
}

/// Your recurring invoices, newest first; all for operators.
#[utoipa::path(get, path = "/api/recurring-invoices", tag = "recurrences", params(PageRequest), responses(
    (status = 200, body = Page<RecurrenceView>), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(page): StrictQuery<PageRequest>,
) -> Answer {
    Ok(listed("recurring invoices", &state.app.recurrences(&context, &page).await?))
}

/// Create a recurring invoice (freelancer): drafted, or sent, by its schedule at your local time. What falls into a downtime is made up
/// in its order, at most the last hundred.
#[utoipa::path(post, path = "/api/recurring-invoices", tag = "recurrences", request_body = NewRecurrence, responses(
    (status = 201, body = RecurrenceView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn create(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictJson(new): StrictJson<NewRecurrence>,
) -> Answer {
    let recurrence = state.app.create_recurrence(&context, new).await?;
    Ok(created(&state, "/api/recurring-invoices", |it| &it.id, &recurrence).await)
}

/// A recurring invoice.
#[utoipa::path(get, path = "/api/recurring-invoices/{id}", tag = "recurrences", params(("id" = String, Path)),
    responses((status = 200, body = RecurrenceView), (status = 401, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
async fn get(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.recurrence(&context, &id).await?))
}

/// Change a recurring invoice, from its next invoice on.
#[utoipa::path(patch, path = "/api/recurring-invoices/{id}", tag = "recurrences", params(("id" = String, Path)),
    request_body = PatchRecurrence, responses((status = 200, body = RecurrenceView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 412, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn patch(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(change): StrictJson<PatchRecurrence>,
) -> Answer {
    Ok(done(&state, &state.app.patch_recurrence(&context, &id, versions.as_deref(), change).await?).await)
}

/// Pause a recurring invoice.
#[utoipa::path(post, path = "/api/recurring-invoices/{id}/pause", tag = "recurrences",
    params(("id" = String, Path)), responses((status = 200, body = RecurrenceView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn pause(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.pause_recurrence(&context.at(versions), &id).await?).await)
}

/// Resume a recurring invoice with its first day from today on; days of the pause are left out.
#[utoipa::path(post, path = "/api/recurring-invoices/{id}/resume", tag = "recurrences",
    params(("id" = String, Path)), responses((status = 200, body = RecurrenceView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn resume(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.resume_recurrence(&context.at(versions), &id).await?).await)
}

/// End a recurring invoice. Its invoices stay.
#[utoipa::path(post, path = "/api/recurring-invoices/{id}/end", tag = "recurrences",
    params(("id" = String, Path)), responses((status = 200, body = RecurrenceView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn end(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.end_recurrence(&context.at(versions), &id).await?).await)
}

/// The invoices that a recurring one has made, the latest day first.
#[utoipa::path(get, path = "/api/recurring-invoices/{id}/invoices", tag = "recurrences",
    params(("id" = String, Path), PageRequest), responses((status = 200, body = Page<OccurrenceView>),
    (status = 401, body = ProblemBody), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn made(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    StrictQuery(page): StrictQuery<PageRequest>,
) -> Answer {
    Ok(listed("occurrences", &state.app.occurrences(&context, &id, &page).await?))
}

/// On which days around the due day your clients are reminded.
#[utoipa::path(get, path = "/api/reminder-rules", tag = "reminders", responses(
    (status = 200, body = ReminderRules), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
async fn rules(Shared(state): Shared<State>, Principal(context): Principal) -> Answer {
    Ok(Json(state.app.reminder_rules(&context).await?).into_response())
}

/// Replace the days on which your clients are reminded; none turns reminders off. A reminder is recorded from 09:00 of its day in your
/// time zone on, once, as an event and in the invoice's history.
#[utoipa::path(put, path = "/api/reminder-rules", tag = "reminders", request_body = ReminderRules, responses(
    (status = 200, body = ReminderRules), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn put_rules(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictJson(rules): StrictJson<ReminderRules>,
) -> Answer {
    Ok(done(&state, &state.app.put_reminder_rules(&context, rules).await?).await)
}
