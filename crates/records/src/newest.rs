//! Pages of lists, newest first. They read about as many rows as they return, whatever the size of the table.

use chainbill_domain::Model;
use sea_orm::{
    EntityTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
    sea_query::{Alias, Expr, ExprTrait as _, Order, Query, SelectStatement, UnionType, Value},
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

    fn conditions(&self) -> impl Iterator<Item = Expr> {
        let values = self.values.iter().map(|(column, value)| Expr::col(*column).eq(value.clone()));
        let (column, above, below) = self.between.map_or((None, None, None), |(column, a, b)| (Some(column), a, b));
        let above = column.zip(above).map(|(column, word)| Expr::col(column).gt(word));
        let below = column.zip(below).map(|(column, word)| Expr::col(column).lt(word));
        values.chain(above).chain(below)
    }
}

/// The newest rows of these kinds, at most `limit`, of ids below `before`.
///
/// A condition with OR would make databases read every row that matches either side. Here each kind yields its newest ids from its own
/// index, and the newest of those are read.
#[must_use]
pub fn newest<E: Synced>(kinds: &[Kind<E>], before: Option<&str>, limit: u64) -> Select<E> {
    let rows = E::find().order_by(E::ID, Order::Desc);
    match kinds {
        [] => rows.filter(Expr::val(1).eq(0)),
        // Every row: no index of a kind is needed.
        [Kind { values, between: None }] if values.is_empty() => {
            let rows = before.into_iter().fold(rows, |rows, before| rows.filter(Expr::col(E::ID).lt(before)));
            rows.limit(limit)
        }
        [first, others @ ..] => {
            let mut all = ids::<E>(first, before, limit);
            for kind in others {
                all.union(UnionType::Distinct, ids::<E>(kind, before, limit));
            }
            all.order_by(E::ID, Order::Desc).limit(limit);
            // MySQL accepts a limit inside IN only one level deeper. Further conditions apply to these rows alone.
            rows.filter(Expr::col((E::default(), E::ID)).in_subquery(within::<E>(all)))
        }
    }
}

/// The newest ids of a kind.
fn ids<E: Synced>(kind: &Kind<E>, before: Option<&str>, limit: u64) -> SelectStatement {
    let mut ids = Query::select();
    ids.column(E::ID).from(E::default()).order_by(E::ID, Order::Desc).limit(limit);
    for condition in kind.conditions() {
        ids.and_where(condition);
    }
    if let Some(before) = before {
        ids.and_where(Expr::col(E::ID).lt(before));
    }
    // SQLite accepts an order and a limit within a union only one level deeper.
    within::<E>(ids)
}

fn within<E: Synced>(inner: SelectStatement) -> SelectStatement {
    let Model { name, .. } = E::MODEL;
    Query::select().column(E::ID).from_subquery(inner, Alias::new(format!("newest_{name}"))).to_owned()
}
