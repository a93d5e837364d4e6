//! Numbers of invoices, quotes and credit notes: patterns, series, and what is allocated from them.
//!
//! A number is rendered from a [`Pattern`], which names its sequence exactly once. Everything else in it has a fixed width, so a
//! number leads back to its place: two places of one series never render alike, and whether two series could ever render the same
//! number is decided when the second one is made ([`Pattern::overlaps`]).

mod overlap;
mod pattern;

use std::{fmt, str::FromStr};

pub use self::pattern::{BadPattern, Pattern, Place};
use crate::{
    Timestamp,
    id::{NotAnId, SeriesId, UserId},
    states::NumberKind,
    transition::Refusal,
};

/// Which series a document takes its number from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// The one that every issuer has: [`Pattern::built_in`], without restart.
    BuiltIn,
    /// One of the issuer's own.
    Own(SeriesId),
}

/// The name of the built-in series in answers and rows.
pub const BUILT_IN: &str = "built-in";

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str(BUILT_IN),
            Self::Own(id) => id.fmt(f),
        }
    }
}

impl FromStr for Series {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        if text == BUILT_IN { Ok(Self::BuiltIn) } else { text.parse().map(Self::Own) }
    }
}

/// A number that was allocated for a document, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocated {
    /// As it is printed.
    pub number: String,
    /// Its place in the sequence.
    pub sequence: i64,
    /// The series.
    pub series: Series,
    /// The year that the sequence belongs to, where the series restarts yearly.
    pub year: Option<i32>,
}

impl Allocated {
    /// A number of the built-in series.
    #[must_use]
    pub fn built_in(kind: NumberKind, year: i32, sequence: i64) -> Self {
        let number = Pattern::built_in(kind).number(Place { year, month: 1, sequence });
        Self { number, sequence, series: Series::BuiltIn, year: None }
    }
}

/// An issuer's own series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberSeries {
    /// Its id.
    pub id: SeriesId,
    /// The version that it was read at; 0 before it is saved.
    pub version: i64,
    /// The issuer.
    pub issuer_id: UserId,
    /// What it numbers.
    pub kind: NumberKind,
    /// What it says.
    pub content: SeriesContent,
    /// Whether documents that name no series are numbered by it.
    pub is_default: bool,
    /// Whether a number was allocated from it.
    pub used: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a series says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesContent {
    /// Its name.
    pub name: String,
    /// The pattern of its numbers.
    pub pattern: Pattern,
    /// Whether the sequence restarts at 1 in each year of the issuer's time zone.
    pub yearly: bool,
    /// The first place of the sequence; of a yearly series in its first year.
    pub start: i64,
}

/// Largest first place.
pub const MOST_START: i64 = 999_999_999;

impl NumberSeries {
    /// Gives it another content. Its numbers stay what they are: once one was allocated, only the name changes.
    ///
    /// # Errors
    /// When it is used, and more than its name changes.
    pub fn edit(self, content: SeriesContent) -> Result<Self, Refusal> {
        let frozen = |content: &SeriesContent| (content.pattern.clone(), content.yearly, content.start);
        if self.used && frozen(&content) != frozen(&self.content) {
            let allowed = vec!["rename", "make default", "create another series"];
            return Err(Refusal {
                subject: "a number series",
                current: "USED",
                action: "given other numbers",
                allowed,
            });
        }
        Ok(Self { content, ..self })
    }

    /// The number at a place of this series.
    #[must_use]
    pub fn allocated(&self, place: Place) -> Allocated {
        Allocated {
            number: self.content.pattern.number(place),
            sequence: place.sequence,
            series: Series::Own(self.id),
            year: self.content.yearly.then_some(place.year),
        }
    }
}
