//! Rows of which a value cannot be read: written by a newer release, by another hand, or before a rule. Each stands for itself;
//! its neighbours are read.

use std::{collections::HashMap, error::Error};

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IdenStatic, QueryResult, QueryTrait, Select};

use crate::{RecordsError, errors::driver};

/// A stored value that this release cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the column {column} cannot be read: {cause}")]
pub struct Unreadable {
    /// The column; several parts where a child's is meant, as `lines.currency`.
    pub column: String,
    /// What is wrong with it, for operators: it may hold the value.
    pub cause: String,
}

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddRow {
    /// Its key as it is stored.
    pub id: String,
    /// Of its values, the first that cannot be read.
    pub value: Unreadable,
}

/// A text that its column's type does not know.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no {kind}")]
pub(crate) struct Unknown {
    pub column: String,
    pub text: String,
    pub kind: &'static str,
}

impl Unreadable {
    /// What an error of reading is about; none when the reading failed for another reason.
    pub(crate) fn of(error: &DbErr) -> Option<Self> {
        if let DbErr::TryIntoErr { source, .. } = error {
            let source: &(dyn Error + 'static) = source.as_ref();
            let unknown = source.downcast_ref::<Unknown>()?;
            return Some(Self { column: unknown.column.clone(), cause: unknown.to_string() });
        }
        match (error, driver(error)) {
            (_, Some(sqlx::Error::ColumnDecode { index, source })) => {
                Some(Self { column: bare(index).to_owned(), cause: source.to_string() })
            }
            // The ORM says so of NULL in a column that has none.
            (DbErr::Type(text), None) => {
                Some(Self { column: bare(text.rsplit(' ').next().unwrap_or("")).to_owned(), cause: text.clone() })
            }
            _ => None,
        }
    }

    /// The same value, as part of a field of its parent.
    #[must_use]
    pub fn within(self, field: &str) -> Self {
        Self { column: format!("{field}.{}", self.column), ..self }
    }
}

/// A name without its quotes.
fn bare(name: &str) -> &str {
    name.trim_matches(['"', '\'', '`'])
}

fn read<M: FromQueryResult>(row: &QueryResult, key: &str) -> Result<Result<M, OddRow>, RecordsError> {
    match M::from_query_result(row, "") {
        Ok(model) => Ok(Ok(model)),
        Err(error) => match (Unreadable::of(&error), row.try_get::<String>("", key)) {
            (Some(value), Ok(id)) => Ok(Err(OddRow { id, value })),
            _ => Err(error.into()),
        },
    }
}

/// Rows of a query in its order, each by itself: read, or known by its key.
///
/// # Errors
/// When the primary does not answer.
pub async fn each<E: EntityTrait>(
    db: &impl ConnectionTrait,
    query: Select<E>,
    key: E::Column,
) -> Result<Vec<Result<E::Model, OddRow>>, RecordsError> {
    let rows = db.query_all_raw(query.build(db.get_database_backend())).await?;
    rows.iter().map(|row| read(row, key.as_str())).collect()
}

/// Children by their parent's id, in the query's order; of a parent with a child that cannot be read, that child's value.
///
/// # Errors
/// When the primary does not answer.
pub async fn by_parent<E: EntityTrait>(
    db: &impl ConnectionTrait,
    query: Select<E>,
    parent: E::Column,
) -> Result<HashMap<String, Result<Vec<E::Model>, Unreadable>>, RecordsError> {
    let rows = db.query_all_raw(query.build(db.get_database_backend())).await?;
    let mut all: HashMap<String, Result<Vec<E::Model>, Unreadable>> = HashMap::new();
    for row in &rows {
        let children = all.entry(row.try_get::<String>("", parent.as_str())?).or_insert_with(|| Ok(Vec::new()));
        match (read(row, parent.as_str())?, children.as_mut()) {
            (Ok(child), Ok(known)) => known.push(child),
            (Err(odd), Ok(_)) => *children = Err(odd.value),
            (_, Err(_)) => {}
        }
    }
    Ok(all)
}
