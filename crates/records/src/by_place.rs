//! Reads rows by the places of their columns, for the rows that requests read most: no search for a name, and no copy of a text that
//! is parsed anyway. What cannot be read so is read once more as the ORM reads it, and reported as the ORM does.

use chainbill_domain::Timestamp;
use sea_orm::{DbErr, QueryResult, TryGetable};
use sqlx::Row as _;

use crate::{RecordsError, Text, Unreadable, text::Textual};

/// A value that is read by its place.
pub(crate) trait Cell: TryGetable {
    /// The value, unless it is not as it should be.
    fn quick(row: &QueryResult, place: usize) -> Option<Self>;
}

macro_rules! cells {
    ($($cell:ty),*) => {$(
        impl Cell for $cell {
            fn quick(row: &QueryResult, place: usize) -> Option<Self> {
                if let Some(row) = row.try_as_mysql_row() {
                    return row.try_get(place).ok();
                }
                row.try_as_sqlite_row()?.try_get(place).ok()
            }
        }
    )*};
}

cells! { bool, i64, Option<i64>, String, Option<String>, Timestamp, Option<Timestamp> }

impl<T: Textual> Cell for Text<T> {
    fn quick(row: &QueryResult, place: usize) -> Option<Self> {
        text(row, place)??.parse().ok().map(Self)
    }
}

impl<T: Textual> Cell for Option<Text<T>> {
    fn quick(row: &QueryResult, place: usize) -> Option<Self> {
        match text(row, place)? {
            None => Some(None),
            Some(text) => text.parse().ok().map(|value| Some(Text(value))),
        }
    }
}

/// A text where it stands in the row, or NULL; none where it is no text.
fn text(row: &QueryResult, place: usize) -> Option<Option<&str>> {
    if let Some(row) = row.try_as_mysql_row() {
        return row.try_get(place).ok();
    }
    row.try_as_sqlite_row()?.try_get(place).ok()
}

/// The value at a place. What cannot be read is named as `column`.
pub(crate) fn at<T: Cell>(row: &QueryResult, place: usize, column: &str) -> Result<T, RecordsError> {
    if let Some(value) = T::quick(row, place) {
        return Ok(value);
    }
    T::try_get_by(row, place).map_err(|error| {
        let error = DbErr::from(error);
        match Unreadable::of(&error) {
            Some(value) => RecordsError::Unreadable(Unreadable { column: column.to_owned(), ..value }),
            None => error.into(),
        }
    })
}

/// Declares the columns of a table in an order, and a function that reads its model from them.
macro_rules! by_place {
    ($columns:ident, $read:ident: $model:ident of $table:literal { $($field:ident),* $(,)? }) => {
        pub(super) const $columns: &[&str] = &[$(concat!($table, ".", stringify!($field))),*];

        pub(super) fn $read(row: &QueryResult, first: usize) -> Result<$model, RecordsError> {
            let mut places = first..;
            let mut next = || places.next().expect("places do not end");
            Ok($model { $($field: crate::by_place::at(row, next(), stringify!($field))?),* })
        }
    };
}
pub(crate) use by_place;
