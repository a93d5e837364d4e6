//! The program's log as the mirror keeps it. Operators only.

use std::collections::BTreeMap;

use axum::{Json, extract::State as Shared, response::IntoResponse};
use chainbill_app::{Page, PageRequest, moment};
use chainbill_domain::{Timestamp, span::since, states::Role};
use chainbill_mirror::{LogFilter, LogLine};
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{
    Problem, State,
    extract::{Principal, StrictQuery},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Levels, the most severe first.
pub(crate) const LEVELS: &[&str] = &["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

/// Which log lines.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LogQuery {
    /// Of this level and more severe ones: ERROR, WARN, INFO, DEBUG or TRACE. APP_LOGS_LEVEL decides what is kept at all.
    level: Option<String>,
    /// Of modules whose path begins so, such as `chainbill_sync`.
    target: Option<String>,
    /// With this text in the message or in a field, such as a request's id.
    text: Option<String>,
    /// Not before: a span up to now such as 1h, or a moment.
    since: Option<String>,
    /// Before: a span up to now such as 1h, or a moment.
    until: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// A line of the log.
#[derive(Serialize, utoipa::ToSchema)]
struct LogEntry {
    /// Its id.
    id: String,
    /// When, UTC.
    at: String,
    /// ERROR, WARN, INFO, DEBUG or TRACE.
    level: String,
    /// The module that wrote it.
    target: String,
    /// Its text.
    message: String,
    /// Further fields by name, the request's id among them.
    fields: BTreeMap<String, String>,
}

impl From<LogLine> for LogEntry {
    fn from(line: LogLine) -> Self {
        let LogLine { id, at, level, target, message, fields } = line;
        Self { id, at: moment(at), level, target, message, fields: fields.into_iter().collect() }
    }
}

impl LogQuery {
    fn filter(&self, now: Timestamp) -> Result<LogFilter, Problem> {
        let levels = self.level.as_deref().map(|level| match LEVELS.iter().position(|known| *known == level) {
            Some(place) => Ok(LEVELS[..=place].to_vec()),
            None => Err(Problem::field("/level", format!("is not accepted: {} are", LEVELS.join(", ")))),
        });
        let bound = |name: &str, text: &Option<String>| {
            let moment = text.as_deref().map(|text| since(text, now));
            moment.transpose().map_err(|error| Problem::field(name, error.to_string()))
        };
        let text = |name: &str, text: &Option<String>| match text {
            Some(text) if !(1..=200).contains(&text.chars().count()) => {
                Err(Problem::field(name, "is not accepted: 1 to 200 characters are"))
            }
            text => Ok(text.clone()),
        };
        Ok(LogFilter {
            levels: levels.transpose()?,
            target: text("/target", &self.target)?,
            text: text("/text", &self.text)?,
            since: bound("/since", &self.since)?,
            until: bound("/until", &self.until)?,
        })
    }
}

/// Lines of the program's log, newest first, as the mirror keeps them (`app_logs`).
#[utoipa::path(get, path = "/api/logs", tag = "logs", params(LogQuery), responses((status = 200, body = Page<LogEntry>),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 422, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(query): StrictQuery<LogQuery>,
) -> Answer {
    context.actor_as(Role::Admin, "only operators read the log")?;
    let page = PageRequest { limit: query.limit, cursor: query.cursor.clone() };
    let filter = query.filter(state.app.now())?;
    let list =
        format!("logs?{:?}&{:?}&{:?}&{:?}&{:?}", query.level, query.target, query.text, query.since, query.until);
    let (limit, after) = (page.limit()?, page.after(&list)?);
    let found = state.mirror.logs(&filter, after.as_deref(), limit + 1).await?;
    Ok(Json(Page::of(&list, found, limit, |line| line.id.clone(), LogEntry::from)).into_response())
}
