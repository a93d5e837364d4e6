//! Pages of lists, newest first, by keyset: what is inserted meanwhile neither repeats nor skips a row.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::AppError;

/// Which page.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageRequest {
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// A page.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// Its rows.
    pub data: Vec<T>,
    /// Whether there are more.
    pub has_more: bool,
    /// How to ask for them.
    pub next_cursor: Option<String>,
}

impl PageRequest {
    /// How many rows.
    ///
    /// # Errors
    /// When the number is not from 1 to 100.
    pub fn limit(&self) -> Result<u32, AppError> {
        match self.limit.unwrap_or(20) {
            limit @ 1..=100 => Ok(limit),
            other => Err(AppError::field("/limit", format!("is {other}: 1 to 100 are accepted"))),
        }
    }

    /// The id after which the page begins.
    ///
    /// # Errors
    /// When the cursor was never given.
    pub fn after(&self) -> Result<Option<String>, AppError> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let id = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        id.filter(|id| !id.is_empty() && id.len() <= 64)
            .map(Some)
            .ok_or_else(|| AppError::field("/cursor", "is not a cursor: the nextCursor of a page is accepted"))
    }
}

impl<T> Page<T> {
    /// A page from one row more than asked for.
    #[must_use]
    pub fn of<R>(mut rows: Vec<R>, limit: u32, id: impl Fn(&R) -> String, view: impl FnMut(R) -> T) -> Self {
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().filter(|_| has_more).map(|row| URL_SAFE_NO_PAD.encode(id(row)));
        Self { data: rows.into_iter().map(view).collect(), has_more, next_cursor: last }
    }
}
