//! Rows with unreadable values: written by a newer release, by another program, or before a rule was added. Such a row is reported; its
//! neighbours are read.

use std::{collections::HashMap, error::Error};

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IdenStatic, QueryResult, QueryTrait, Select};

use crate::{RecordsError, errors::driver};

/// A stored value that this release cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the column {column} cannot be read: {cause}")]
pub struct Unreadable {
    /// The column; of a child as a path, as `lines.currency`.
    pub column: String,
    /// The cause, for operators: it may contain the value.
    pub cause: String,
}

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddRow {
    /// Its key as it is stored.
    pub id: String,
    /// The first of its unreadable values.
    pub value: Unreadable,
}

/// A text that its column's type does not accept.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no {kind}")]
pub(crate) struct Unknown {
    pub column: String,
    pub text: String,
    pub kind: &'static str,
}

impl Unreadable {
    /// The unreadable value that an error is about; `None` for other errors.
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
            // The ORM's error for NULL in a column that is NOT NULL.
            (DbErr::Type(text), None) => {
                Some(Self { column: bare(text.rsplit(' ').next().unwrap_or("")).to_owned(), cause: text.clone() })
            }
            _ => None,
        }
    }

    /// The same value as a path from its parent.
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

/// Rows of a query in its order: each is read, or reported with its key.
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

/// Children by their parent's id, in the query's order. A parent with an unreadable child has that child's value instead.
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
