//! Recurring invoices.

use chainbill_domain::{
    recurrence::Recurrence,
    schedule::{End, Schedule},
    states::{Period, RecurrenceMode, RecurrenceStatus},
    zone::Zone,
};
use chainbill_records::Unreadable;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::moment;
use crate::NewInvoice;

/// When invoices are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduleView {
    /// How many periods lie between two invoices; 1 when absent.
    #[serde(default = "one")]
    pub every: u32,
    /// DAY, WEEK, MONTH or YEAR.
    #[schema(value_type = String)]
    pub period: Period,
    /// No invoice is made before this day.
    pub start: String,
    /// The day of the month, 1 to 31, for months and years; that of the start when absent. Shorter months have their last day.
    pub day_of_month: Option<u32>,
    /// The time of day in the issuer's time zone, as `09:00`, which it is when absent. One that clocks leave out is later by as much;
    /// one that they repeat is the first.
    #[serde(default = "morning")]
    pub at: String,
    /// The last day on which an invoice may be made.
    pub until: Option<String>,
    /// How many invoices are made. Not together with `until`.
    pub count: Option<u32>,
}

const fn one() -> u32 {
    1
}

fn morning() -> String {
    "09:00".to_owned()
}

impl ScheduleView {
    /// A schedule as it is shown.
    #[must_use]
    pub fn of(schedule: &Schedule) -> Self {
        Self {
            every: schedule.every,
            period: schedule.period,
            start: schedule.start.to_string(),
            day_of_month: schedule.day_of_month,
            at: schedule.at.format("%H:%M").to_string(),
            until: match schedule.end {
                End::On(day) => Some(day.to_string()),
                End::Never | End::After(_) => None,
            },
            count: match schedule.end {
                End::After(count) => Some(count),
                End::Never | End::On(_) => None,
            },
        }
    }
}

/// A recurring invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecurrenceView {
    /// Its id.
    pub id: String,
    /// Rises with every change, and with every invoice that it makes; the ETag.
    pub version: i64,
    /// The issuer.
    pub freelancer_id: String,
    /// Who pays the invoices.
    pub client_id: String,
    /// What is drafted.
    pub invoice: NewInvoice,
    /// After how many days each invoice is due.
    pub due_in_days: Option<u32>,
    /// DRAFT or SEND.
    #[schema(value_type = String)]
    pub mode: RecurrenceMode,
    /// When.
    pub schedule: ScheduleView,
    /// ACTIVE, PAUSED or ENDED.
    #[schema(value_type = String)]
    pub status: RecurrenceStatus,
    /// Why it was paused, where no person did it.
    pub paused_because: Option<String>,
    /// How many invoices it has made.
    pub made: u32,
    /// The day of the next invoice in the issuer's time zone.
    pub next_day: Option<String>,
    /// The moment of the next invoice.
    pub next_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl RecurrenceView {
    /// A recurring invoice as it is shown in its issuer's zone.
    ///
    /// # Errors
    /// When its template is not in a form that this release reads.
    pub fn of(recurrence: &Recurrence, zone: Zone) -> Result<Self, Unreadable> {
        let next = recurrence.occurrence(zone);
        Ok(Self {
            id: recurrence.id.to_string(),
            version: recurrence.version,
            freelancer_id: recurrence.freelancer_id.to_string(),
            client_id: recurrence.client_id.to_string(),
            invoice: NewInvoice::stored(&recurrence.template, "template")?,
            due_in_days: recurrence.due_in_days,
            mode: recurrence.mode,
            schedule: ScheduleView::of(&recurrence.schedule),
            status: recurrence.status,
            paused_because: recurrence.paused_because.clone(),
            made: recurrence.made,
            next_day: next.map(|next| next.day.to_string()),
            next_at: next.map(|next| moment(next.at)),
            created_at: moment(recurrence.created_at),
            updated_at: moment(recurrence.updated_at),
        })
    }
}

/// An invoice that a recurring one has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OccurrenceView {
    /// The day of the occurrence.
    pub day: String,
    /// Its invoice.
    pub invoice_id: String,
}
