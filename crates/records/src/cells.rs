//! Reads cells as their description says: a value that would change on its way to the mirror is unreadable, and is
//! reported by name. Drivers are more lenient: they read the day 0000-00-00 as NULL, 2 as true, a number as a moment.

use chainbill_domain::{
    Timestamp, Value,
    mapping::{Column, Kind},
};
use sea_orm::QueryResult;
use sqlx::{MySql, Row as _, TypeInfo as _, ValueRef as _};

/// The first and the last millisecond of the years 0 to 9999: RFC 3339 has no others.
const MOMENTS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// The cells of these columns, beginning at the result's column `first`.
pub(crate) fn cells(columns: &[Column], result: &QueryResult, first: usize) -> Vec<Value> {
    let mut cells = Vec::with_capacity(columns.len());
    for column in columns {
        let begin = cells.len();
        for (name, kind) in column.selected() {
            cells.push(match read(result, first + cells.len(), kind) {
                Ok(None) if !column.nullable => unreadable(name, "is NULL, which its description does not allow"),
                Ok(value) => value.unwrap_or(Value::Null),
                Err(why) => unreadable(name, &why),
            });
        }
        // A mirrored document has an amount with its currency, or neither.
        if let [minor, currency] = &mut cells[begin..]
            && (*minor == Value::Null) != (*currency == Value::Null)
        {
            let (half, name) = match (minor, currency, column.kind) {
                (minor @ Value::Null, _, _) => (minor, column.column),
                (_, half, Kind::Money { currency }) => (half, currency),
                (_, half, _) => (half, column.column),
            };
            *half = unreadable(name, "is NULL, and the other half of the amount is not");
        }
    }
    cells
}

/// The placeholder of an unreadable value: its entity becomes a dead letter, and the page goes on.
pub(crate) fn unreadable(name: &str, why: &str) -> Value {
    Value::Foreign(format!("unreadable {name}: {why}"))
}

/// The version or the place of a row, which are integers; any other value becomes the row's first cell.
pub(crate) fn number(result: &QueryResult, place: usize, name: &str, cells: &mut [Value]) -> i64 {
    match result.try_get_by_index(place) {
        Ok(number) => number,
        Err(cause) => {
            if let Some(first) = cells.first_mut() {
                *first = unreadable(name, &cause.to_string());
            }
            0
        }
    }
}

fn read(result: &QueryResult, place: usize, kind: Kind) -> Result<Option<Value>, String> {
    if is_null(result, place)? {
        return Ok(None);
    }
    let value = match kind {
        Kind::Text => result.try_get_by_index(place).map(Value::Text).map_err(|cause| cause.to_string())?,
        Kind::Int | Kind::Money { .. } => Value::Int(integer(result, place)?),
        Kind::Bool => match integer(result, place)? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            other => return Err(format!("is {other}: a flag is 0 or 1")),
        },
        Kind::Time => Value::Time(moment(result, place)?),
    };
    Ok(Some(value))
}

fn integer(result: &QueryResult, place: usize) -> Result<i64, String> {
    result.try_get_by_index(place).map_err(|cause| cause.to_string())
}

/// Whole milliseconds since 1970.
fn moment(result: &QueryResult, place: usize) -> Result<i64, String> {
    if let Some(row) = result.try_as_sqlite_row() {
        let raw = row.try_get_raw(place).map_err(|cause| cause.to_string())?;
        // The driver reads any number as seconds since 1970.
        if raw.type_info().name() != "TEXT" {
            return Err(format!("is of the type {}: moments are TEXT", raw.type_info().name()));
        }
    }
    let at: Option<Timestamp> = result.try_get_by_index(place).map_err(|cause| cause.to_string())?;
    // The driver takes the day 0000-00-00 for NULL.
    let at = at.ok_or("is the date 0000-00-00, which does not exist")?;
    if at.timestamp_subsec_nanos() % 1_000_000 != 0 {
        return Err("holds parts of a millisecond".to_owned());
    }
    let millis = at.timestamp_millis();
    if MOMENTS.contains(&millis) { Ok(millis) } else { Err("is not of the years 0 to 9999".to_owned()) }
}

/// Whether there is no value at all.
fn is_null(result: &QueryResult, place: usize) -> Result<bool, String> {
    if let Some(row) = result.try_as_mysql_row() {
        let raw = row.try_get_raw(place).map_err(|cause| cause.to_string())?;
        return Ok(<&[u8] as sqlx::Decode<MySql>>::decode(raw).is_err());
    }
    let row = result.try_as_sqlite_row().ok_or("is of a database that is not known here")?;
    Ok(row.try_get_raw(place).map_err(|cause| cause.to_string())?.is_null())
}
