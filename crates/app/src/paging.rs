//! Pages of lists, newest first, by keyset: what is inserted meanwhile neither repeats nor skips a row.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chainbill_records::{OddRow, Unreadable};
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
    /// Rows of this page that this release cannot read; absent when it can read all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableRow>,
}

/// A row that stands in its list's place and cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UnreadableRow {
    /// Its id.
    pub id: String,
    /// What of it cannot be read.
    pub detail: String,
    /// The same for operators, with what was found.
    #[serde(skip)]
    pub cause: String,
}

impl UnreadableRow {
    /// A row and what of it cannot be read.
    #[must_use]
    pub fn of(id: String, value: &Unreadable) -> Self {
        Self { id, detail: unreadable(&value.column), cause: value.to_string() }
    }
}

/// What is said of a value that cannot be read: where it stands, and not what it holds.
pub(crate) fn unreadable(column: &str) -> String {
    format!("its {} holds a value that this release cannot read", camel(column))
}

/// A column as the API spells it: `lines.unit_price_minor` is `lines.unitPriceMinor`.
fn camel(column: &str) -> String {
    let mut words = column.split('_');
    let first = words.next().unwrap_or("").to_owned();
    words.fold(first, |name, word| {
        let (letter, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        name + &letter.to_ascii_uppercase() + rest
    })
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

    /// The key after which the page begins.
    ///
    /// # Errors
    /// When the cursor is none that this list has given.
    pub fn after(&self, list: &str) -> Result<Option<String>, AppError> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let place = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
            let key = text.strip_prefix(list)?.strip_prefix(NEWEST_FIRST)?;
            Some(key.to_owned()).filter(|key| !key.is_empty() && key.len() <= MOST_KEY && !key.contains('\0'))
        };
        place().map(Some).ok_or_else(Self::refused)
    }

    /// The refusal of a cursor that is none of this list.
    pub(crate) fn refused() -> AppError {
        AppError::field("/cursor", "is not a cursor of this list: the nextCursor of one of its pages is accepted")
    }
}

impl<T> Page<T> {
    /// A page of a list from one row more than asked for.
    #[must_use]
    pub fn of<R>(
        list: &str,
        mut rows: Vec<R>,
        limit: u32,
        key: impl Fn(&R) -> String,
        view: impl FnMut(R) -> T,
    ) -> Self {
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().filter(|_| has_more).map(|row| cursor(list, &key(row)));
        Self { data: rows.into_iter().map(view).collect(), has_more, next_cursor: last, unreadable: Vec::new() }
    }

    /// A page of rows of which some may be unreadable, by themselves or by what belongs to them: these are named beside the
    /// others.
    #[must_use]
    pub fn of_readable<R>(
        list: &str,
        rows: Vec<Result<R, OddRow>>,
        limit: u32,
        key: impl Fn(&R) -> String,
        mut view: impl FnMut(R) -> Result<T, Unreadable>,
    ) -> Self {
        let key_of = |row: &Result<R, OddRow>| row.as_ref().map_or_else(|odd| odd.id.clone(), &key);
        let viewed = |row: Result<R, OddRow>| {
            let id = key_of(&row);
            let viewed = row.map_err(|odd| odd.value).and_then(&mut view);
            viewed.map_err(|value| UnreadableRow::of(id, &value))
        };
        let Page { data, has_more, next_cursor, .. } = Page::of(list, rows, limit, key_of, viewed);
        let mut page = Self { data: Vec::with_capacity(data.len()), has_more, next_cursor, unreadable: Vec::new() };
        for row in data {
            match row {
                Ok(view) => page.data.push(view),
                Err(odd) => page.unreadable.push(odd),
            }
        }
        page
    }
}

/// The one order of lists; it stands in their cursors beside the list's name.
const NEWEST_FIRST: &str = "<";
/// Most bytes of a key.
const MOST_KEY: usize = 512;

fn cursor(list: &str, key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}{NEWEST_FIRST}{key}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_of_its_list_only() {
        let page = Page::of("users", vec![3, 2, 1], 2, i32::to_string, |row| row);
        let next = PageRequest { limit: None, cursor: page.next_cursor };
        assert_eq!(next.after("users").expect("it is its own"), Some("2".to_owned()));
        for other in ["projects", "user", "users<"] {
            assert!(next.after(other).is_err(), "{other}");
        }
        for bad in ["", "***", "dXNlcnM", "dXNlcnM8", "Mg"] {
            assert!(PageRequest { limit: None, cursor: Some(bad.to_owned()) }.after("users").is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unreadable_row_stands_in_its_place() {
        let odd = |id: &str, column: &str| OddRow {
            id: id.to_owned(),
            value: Unreadable { column: column.to_owned(), cause: "\"X\" is no Role".to_owned() },
        };
        let rows = vec![Ok(5), Err(odd("4", "hourly_rate_currency")), Ok(3), Ok(2)];
        let view = |row| if row == 3 { Err(odd("", "lines.currency").value) } else { Ok(row) };
        let page = Page::of_readable("users", rows, 3, i32::to_string, view);
        assert_eq!((page.data, page.has_more), (vec![5], true));
        let named: Vec<(&str, &str)> =
            page.unreadable.iter().map(|odd| (odd.id.as_str(), odd.detail.split(' ').nth(1).unwrap_or(""))).collect();
        assert_eq!(named, [("4", "hourlyRateCurrency"), ("3", "lines.currency")]);
        assert!(page.unreadable.iter().all(|odd| !odd.detail.contains('X') && odd.cause.contains('X')));
    }
}
