//! Inserts as texts, for rows that travel together with other statements.

use sea_orm::{EntityTrait, IdenStatic as _, Iterable as _, ModelTrait, Value};

use crate::outbox::{literal, moment};

/// Longer texts are cheaper as prepared statements: texts that are not plain are twice as long here.
const MOST_BYTES: usize = 64 * 1024;

/// The text that inserts these rows; none where a value has no literal here, or the text would be long.
pub(crate) fn insert<E>(rows: &[E::Model]) -> Option<String>
where
    E: EntityTrait,
    E::Model: ModelTrait<Entity = E>,
{
    let mut sql = format!("INSERT INTO `{}` (", E::default().table_name());
    for (place, column) in E::Column::iter().enumerate() {
        sql.extend([if place > 0 { "," } else { "" }, column.as_str()]);
    }
    sql.push_str(") VALUES ");
    for (place, row) in rows.iter().enumerate() {
        sql.push_str(if place > 0 { ",(" } else { "(" });
        for (place, column) in E::Column::iter().enumerate() {
            if place > 0 {
                sql.push(',');
            }
            sql.push_str(&of(&row.get(column))?);
        }
        sql.push(')');
        if sql.len() > MOST_BYTES {
            return None;
        }
    }
    Some(sql)
}

/// A value's literal.
fn of(value: &Value) -> Option<String> {
    const NULL: &str = "NULL";
    Some(match value {
        Value::String(text) => text.as_deref().map_or_else(|| NULL.to_owned(), literal),
        Value::BigInt(number) => number.map_or_else(|| NULL.to_owned(), |number| number.to_string()),
        Value::Bool(flag) => flag.map_or(NULL, |flag| if flag { "TRUE" } else { "FALSE" }).to_owned(),
        Value::ChronoDateTimeUtc(at) => at.map_or_else(|| NULL.to_owned(), moment),
        _ => return None,
    })
}
