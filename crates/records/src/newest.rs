//! Pages of lists, newest first. They read about as many rows as they return, whatever the size of the table.

use sea_orm::{
    EntityTrait, IdenStatic as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
    sea_query::{Expr, ExprTrait as _, Order, Value},
};

use crate::Synced;

/// One kind of row of a list: columns and their values; no columns for every row.
///
/// An index begins with the columns of each kind and continues with the id, so rows are found in the order of the list, without
/// sorting or skipping.
#[derive(Debug, Clone)]
pub struct Kind<E: EntityTrait> {
    values: Vec<(E::Column, Value)>,
    /// A column whose text lies between two bounds.
    between: Option<(E::Column, Option<&'static str>, Option<&'static str>)>,
}

impl<E: EntityTrait> Kind<E> {
    /// Rows with these values.
    #[must_use]
    pub fn of(values: Vec<(E::Column, Value)>) -> Self {
        Self { values, between: None }
    }

    /// Rows with these values whose word in a column is unknown here, and may be known to a newer release: there are few, if any. The
    /// ranges before the first word, after the last one, and between neighbours are kinds of their own, since an index answers
    /// ranges, but not NOT IN or OR on every server.
    pub fn unknown(
        values: &[(E::Column, Value)],
        column: E::Column,
        words: &'static [&'static str],
    ) -> impl Iterator<Item = Self> {
        let mut ends: Vec<Option<&str>> = words.iter().copied().map(Some).collect();
        ends.sort_unstable();
        let above = std::iter::once(None).chain(ends.clone());
        let below = ends.into_iter().chain([None]);
        above
            .zip(below)
            .map(move |(above, below)| Self { values: values.to_vec(), between: Some((column, above, below)) })
    }

    /// Writes its conditions, and their values.
    fn write(&self, sql: &mut String, into: &mut Vec<Value>) {
        let between = self.between.iter().flat_map(|(column, above, below)| {
            let above = above.map(|word| (*column, " > ?", word.into()));
            above.into_iter().chain(below.map(|word| (*column, " < ?", word.into())))
        });
        let all = self.values.iter().map(|(column, value)| (*column, " = ?", value.clone())).chain(between);
        for (place, (column, condition, value)) in all.enumerate() {
            let and = if place > 0 { " AND " } else { "" };
            sql.extend([and, column.as_str(), condition]);
            into.push(value);
        }
    }
}

/// The newest rows of these kinds, at most `limit`, of ids below `before`.
#[must_use]
pub fn newest<E: Synced>(kinds: &[Kind<E>], before: Option<&str>, limit: u64) -> Select<E> {
    let rows = E::find().order_by(E::ID, Order::Desc);
    match kinds {
        // Every row: no index of a kind is needed.
        [Kind { values, between: None }] if values.is_empty() => {
            let rows = before.into_iter().fold(rows, |rows, before| rows.filter(Expr::col(E::ID).lt(before)));
            rows.limit(limit)
        }
        kinds => {
            let (condition, values) = among_newest(kinds, before, limit);
            rows.filter(Expr::cust_with_values(condition, values))
        }
    }
}

/// The condition that a row is among the newest of these kinds, at most `limit`, of ids below `before`, and its values.
///
/// A condition with OR would make databases read every row that matches either side. Here each kind yields its newest ids from its own
/// index, and the newest of those are read. It is written as text: pages are read often, and have up to twenty kinds.
pub(crate) fn among_newest<E: Synced>(kinds: &[Kind<E>], before: Option<&str>, limit: u64) -> (String, Vec<Value>) {
    let (table, id) = (E::MODEL.name, E::ID.as_str());
    if kinds.is_empty() {
        return ("1 = 0".to_owned(), Vec::new());
    }
    let end = format!(" ORDER BY {id} DESC LIMIT {limit}");
    let mut values = Vec::with_capacity(kinds.len() * 4);
    // MySQL accepts a limit inside IN only one level deeper. Further conditions apply to these rows alone.
    let mut sql = format!("{table}.{id} IN (SELECT {id} FROM (");
    for (place, kind) in kinds.iter().enumerate() {
        // SQLite accepts an order and a limit within a union only one level deeper.
        let union = if place > 0 { " UNION " } else { "" };
        sql.extend([union, "SELECT ", id, " FROM (SELECT ", id, " FROM `", table, "` WHERE "]);
        kind.write(&mut sql, &mut values);
        if let Some(before) = before {
            sql.extend([" AND ", id, " < ?"]);
            values.push(before.into());
        }
        sql.extend([&end, ") AS kind_", table]);
    }
    sql.extend([&end, ") AS newest_", table, ")"]);
    (sql, values)
}
