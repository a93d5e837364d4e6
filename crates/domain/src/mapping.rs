//! How a synchronised model is described: which table, which column goes to which field, what is embedded from where,
//! what is left out and why, what is searched and indexed, how often it is reconciled.

use std::time::Duration;

/// One synchronised model. Its name is the table, the collection and the name in the API.
#[derive(Debug)]
pub struct Model {
    /// Table, collection and API name, for example `users`.
    pub name: &'static str,
    /// Columns that go into the document, in the document's order. `id` and `version` are not among them: they are
    /// `_id` and `_sync.version` of every model.
    pub columns: &'static [Column],
    /// Child tables whose rows live inside the document. A change of a child raises its parent's version.
    pub embeds: &'static [Embed],
    /// Columns that never leave the primary, with the reason.
    pub omitted: &'static [Omitted],
    /// Fields of the full-text index; empty when the model is not searched.
    pub search: &'static [Search],
    /// Secondary indexes of the collection, for what is asked of it and nothing else: every index costs every change. None is unique: the primary decides uniqueness, and values may be swapped
    /// between rows in an order that the copy cannot repeat. One that ends with `_id` hands out what is found by the field
    /// before it in the order of pages, without sorting.
    pub indexes: &'static [&'static [&'static str]],
    /// Default period of the scheduled reconciliation.
    pub every: Duration,
}

impl Model {
    /// Whether its documents may be megabytes: then few of them are held at once.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.large_fields().next().is_some()
    }

    /// The fields that may be megabytes.
    pub fn large_fields(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.columns.iter().filter(|column| column.large).map(|column| column.path)
    }
}

/// One column and the field it becomes.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Name in the table.
    pub column: &'static str,
    /// Name in the document, as in the API.
    pub path: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether the column may be NULL.
    pub nullable: bool,
    /// Whether one value may be megabytes: such rows are read in small portions, and lists leave the field out.
    pub large: bool,
}

/// What a column holds and what it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text; a string.
    Text,
    /// A 64-bit integer; an Int64.
    Int,
    /// A flag; a boolean.
    Bool,
    /// A UTC moment in milliseconds; a date.
    Time,
    /// Minor units in this column, the ISO 4217 code in another; `{minor: Int64, currency: string}`.
    Money {
        /// The column that holds the code.
        currency: &'static str,
    },
}

/// A child table whose rows become a list inside the parent's document.
#[derive(Debug)]
pub struct Embed {
    /// Field of the parent's document.
    pub path: &'static str,
    /// The child table.
    pub table: &'static str,
    /// The child's column that holds the parent's id; left out of the items, for the parent says it.
    pub parent: &'static str,
    /// The child's column that orders the list: an integer, unique within a parent.
    pub order_by: &'static str,
    /// Columns of an item.
    pub columns: &'static [Column],
    /// Child columns that never leave the primary, with the reason.
    pub omitted: &'static [Omitted],
}

/// A column that is not copied.
#[derive(Debug, Clone, Copy)]
pub struct Omitted {
    /// Name in the table.
    pub column: &'static str,
    /// Why it stays in the primary.
    pub why: &'static str,
}

/// A field of the full-text index.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// Dotted path; `skills.name` reaches into the items of an embedded list.
    pub path: &'static str,
    /// How much a hit there counts, 1 to 10.
    pub weight: u8,
}

impl Column {
    const fn new(column: &'static str, path: &'static str, kind: Kind) -> Self {
        Self { column, path, kind, nullable: false, large: false }
    }

    /// The same column, with values of megabytes.
    #[must_use]
    pub const fn large(self) -> Self {
        Self { large: true, ..self }
    }

    /// The same column, allowed to be NULL.
    #[must_use]
    pub const fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// The columns to select for this field: one, or two for money.
    pub fn selected(&self) -> impl Iterator<Item = (&'static str, Kind)> + use<> {
        let second = match self.kind {
            Kind::Money { currency } => Some((currency, Kind::Text)),
            _ => None,
        };
        let first = match self.kind {
            Kind::Money { .. } => Kind::Int,
            kind => kind,
        };
        std::iter::once((self.column, first)).chain(second)
    }
}

/// A text column.
#[must_use]
pub const fn text(column: &'static str, path: &'static str) -> Column {
    Column::new(column, path, Kind::Text)
}

/// An integer column.
#[must_use]
pub const fn int(column: &'static str, path: &'static str) -> Column {
    Column::new(column, path, Kind::Int)
}

/// A flag column.
#[must_use]
pub const fn flag(column: &'static str, path: &'static str) -> Column {
    Column::new(column, path, Kind::Bool)
}

/// A column of moments.
#[must_use]
pub const fn time(column: &'static str, path: &'static str) -> Column {
    Column::new(column, path, Kind::Time)
}

/// A pair of columns that hold money.
#[must_use]
pub const fn money(minor: &'static str, currency: &'static str, path: &'static str) -> Column {
    Column::new(minor, path, Kind::Money { currency })
}

/// A column that stays in the primary.
#[must_use]
pub const fn omitted(column: &'static str, why: &'static str) -> Omitted {
    Omitted { column, why }
}

/// A searched field.
#[must_use]
pub const fn search(path: &'static str, weight: u8) -> Search {
    Search { path, weight }
}

/// A number of minutes.
#[must_use]
pub const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}
