//! Pages of lists, newest first, that read about what they return however many rows there are.

use chainbill_domain::Model;
use sea_orm::{
    EntityTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
    sea_query::{Alias, Expr, ExprTrait as _, Order, Query, SelectStatement, UnionType, Value},
};

use crate::Synced;

/// One kind of row of a list: columns with the values that they have. None for every row.
///
/// An index begins with the columns of each kind that is asked for and goes on with the id: its rows are found in the order
/// of the list, and nothing is sorted or passed over.
pub type Kind<E> = Vec<(<E as EntityTrait>::Column, Value)>;

/// The newest rows of these kinds, at most `limit`, of ids below `before`.
///
/// A row that may be seen for one reason or another would be looked for with OR, which databases answer by reading
/// everything that either holds for. Here each kind gives its newest ids, by its own index, and the newest of those are read.
#[must_use]
pub fn newest<E: Synced>(kinds: &[Kind<E>], before: Option<&str>, limit: u64) -> Select<E> {
    let rows = E::find().order_by(E::ID, Order::Desc);
    match kinds {
        [] => rows.filter(Expr::val(1).eq(0)),
        [kind] => {
            let rows =
                kind.iter().fold(rows, |rows, (column, value)| rows.filter(Expr::col(*column).eq(value.clone())));
            let rows = before.into_iter().fold(rows, |rows, before| rows.filter(Expr::col(E::ID).lt(before)));
            rows.limit(limit)
        }
        [first, others @ ..] => {
            let mut all = ids::<E>(first, before, limit);
            for kind in others {
                all.union(UnionType::Distinct, ids::<E>(kind, before, limit));
            }
            all.order_by(E::ID, Order::Desc).limit(limit);
            // MySQL takes a limit inside IN only one level deeper.
            rows.filter(Expr::col((E::default(), E::ID)).in_subquery(within::<E>(all)))
        }
    }
}

/// The newest ids of a kind.
fn ids<E: Synced>(kind: &Kind<E>, before: Option<&str>, limit: u64) -> SelectStatement {
    let mut ids = Query::select();
    ids.column(E::ID).from(E::default()).order_by(E::ID, Order::Desc).limit(limit);
    for (column, value) in kind {
        ids.and_where(Expr::col(*column).eq(value.clone()));
    }
    if let Some(before) = before {
        ids.and_where(Expr::col(E::ID).lt(before));
    }
    // SQLite takes an order and a limit within a union only one level deeper.
    within::<E>(ids)
}

fn within<E: Synced>(inner: SelectStatement) -> SelectStatement {
    let Model { name, .. } = E::MODEL;
    Query::select().column(E::ID).from_subquery(inner, Alias::new(format!("newest_{name}"))).to_owned()
}
