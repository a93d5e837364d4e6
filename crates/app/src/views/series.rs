//! Series of numbers.

use chainbill_domain::{
    numbering::{BUILT_IN, NumberSeries, Pattern},
    states::NumberKind,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::moment;

/// A series of numbers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeriesView {
    /// Its id; `built-in` of those that every issuer has.
    pub id: String,
    /// Rises with every change; the ETag. 0 of a built-in series.
    pub version: i64,
    /// INVOICE, QUOTE or CREDIT_NOTE.
    #[schema(value_type = String)]
    pub kind: NumberKind,
    /// Its name.
    pub name: String,
    /// The pattern of its numbers.
    pub pattern: String,
    /// Whether the sequence restarts at 1 in each year of the issuer's time zone.
    pub yearly_restart: bool,
    /// The first place of the sequence.
    pub start: i64,
    /// Whether what names no series is numbered by it.
    pub default: bool,
    /// Whether a number was allocated from it: its numbers do not change then.
    pub used: bool,
    /// When it was made.
    pub created_at: Option<String>,
    /// When it last changed.
    pub updated_at: Option<String>,
}

impl SeriesView {
    /// A series as it is shown.
    #[must_use]
    pub fn of(series: NumberSeries) -> Self {
        Self {
            id: series.id.to_string(),
            version: series.version,
            kind: series.kind,
            name: series.content.name,
            pattern: series.content.pattern.to_string(),
            yearly_restart: series.content.yearly,
            start: series.content.start,
            default: series.is_default,
            used: series.used,
            created_at: Some(moment(series.created_at)),
            updated_at: Some(moment(series.updated_at)),
        }
    }

    /// The series that every issuer has.
    #[must_use]
    pub fn built_in(kind: NumberKind, default: bool) -> Self {
        Self {
            id: BUILT_IN.to_owned(),
            version: 0,
            kind,
            name: BUILT_IN.to_owned(),
            pattern: Pattern::built_in(kind).to_string(),
            yearly_restart: false,
            start: 1,
            default,
            used: true,
            created_at: None,
            updated_at: None,
        }
    }
}
