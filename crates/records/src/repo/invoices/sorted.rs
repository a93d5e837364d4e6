//! Lists of invoices in other orders than the newest first, and with filters beside state and project.
//!
//! A page continues behind the last row of the page before: behind its value in the order's column, and among equal values behind
//! its id. Rows without a value come last in either direction, in a second part of the walk. Each order of a party's list has an index
//! that begins with the party (`m0021_invoice_lists`).

use chainbill_domain::{
    Timestamp,
    id::UserId,
    invoice::InvoiceState,
    money::Currency,
    states::{InvoiceStatus, PaymentStatus},
    visibility::Visible,
    zone::{Zone, days_between_zones, zones_where},
};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select, Value,
    sea_query::{Expr, ExprTrait as _, Order as Direction, Query},
};

use super::list::{List, party};
use crate::{
    OddRow, RecordsError, Text,
    dialect::moment,
    each,
    entities::{
        invoices::{Column, Entity, Model},
        users,
    },
};

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// When it was made.
    Created,
    /// When it was sent.
    Sent,
    /// The day until which it is to be paid.
    Due,
    /// What it comes to, in one currency.
    Total,
    /// Its number.
    Number,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: SortKey,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl Order {
    /// The order of lists that name none.
    pub const NEWEST_FIRST: Self = Self { by: SortKey::Created, descending: true };
}

/// Conditions beside state and project; those that are absent hold of every invoice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// How much of it is paid.
    pub payment_status: Option<PaymentStatus>,
    /// Whether it is past due and not paid at this moment, in its issuer's time zone.
    pub overdue: Option<(bool, Timestamp)>,
    /// The client.
    pub client: Option<UserId>,
    /// The freelancer.
    pub freelancer: Option<UserId>,
    /// The currency.
    pub currency: Option<Currency>,
    /// The smallest and the largest total in minor units.
    pub total: (Option<i64>, Option<i64>),
    /// Made from this moment on, and before that one.
    pub created: (Option<Timestamp>, Option<Timestamp>),
    /// Sent from this moment on, and before that one.
    pub sent: (Option<Timestamp>, Option<Timestamp>),
    /// The first and the last due day.
    pub due: (Option<String>, Option<String>),
    /// How its number begins.
    pub number_prefix: Option<String>,
}

/// The cursor's key behind an invoice in this order.
#[must_use]
pub fn key(order: Order, invoice: &InvoiceState) -> String {
    let millis = |at: Timestamp| at.timestamp_millis().to_string();
    let value = match order.by {
        SortKey::Created => Some(millis(invoice.created_at)),
        SortKey::Sent => invoice.sent_at.map(millis),
        SortKey::Due => invoice.content.due_date.clone(),
        SortKey::Total => Some(invoice.content.totals.total.to_string()),
        SortKey::Number => invoice.number.clone(),
    };
    format!("{} {}", value.as_deref().unwrap_or(NO_VALUE), invoice.id)
}

/// Stands in a key for a value that is not there.
const NO_VALUE: &str = "-";

/// Where a page begins.
enum After {
    Start,
    /// Behind this value and id.
    Value(Value, String),
    /// Behind this id, among rows without a value.
    NoValue(String),
}

/// Rows of a page and one more, in order; `None` when the key is none of this list.
pub(super) async fn rows(
    db: &impl ConnectionTrait,
    list: &List<'_>,
) -> Result<Option<Vec<Result<Model, OddRow>>>, RecordsError> {
    let backend = db.get_database_backend();
    let column = column(list);
    let after = match list.after {
        None => After::Start,
        Some(key) => match place(db, list, key).await? {
            Some(after) => after,
            None => return Ok(None),
        },
    };
    let (most, descending) = (u64::from(list.limit) + 1, list.order.descending);
    let direction = if descending { Direction::Desc } else { Direction::Asc };
    let base = wanted(list, backend);
    let mut rows = match after {
        After::NoValue(_) => Vec::new(),
        _ => {
            let mut query = base.clone().filter(column.is_not_null());
            if let After::Value(value, id) = &after {
                query = query.filter(behind(column, value, id, descending));
            }
            let query = query.order_by(column, direction.clone()).order_by(Column::Id, direction.clone()).limit(most);
            each(db, query, Column::Id).await?
        }
    };
    let rest = most.saturating_sub(rows.len() as u64);
    if rest > 0 && matches!(column, Column::SentAt | Column::DueDate | Column::Number) {
        let mut query = base.filter(column.is_null());
        if let After::NoValue(id) = &after {
            query = query.filter(if descending { Column::Id.lt(id) } else { Column::Id.gt(id) });
        }
        rows.extend(each(db, query.order_by(Column::Id, direction).limit(rest), Column::Id).await?);
    }
    Ok(Some(rows))
}

/// Operators, who see the invoices of all, have the order of the key itself for the time at which invoices were made.
fn column(list: &List<'_>) -> Column {
    match list.order.by {
        SortKey::Created if of_all(list) => Column::Id,
        SortKey::Created => Column::CreatedAt,
        SortKey::Sent => Column::SentAt,
        SortKey::Due => Column::DueDate,
        SortKey::Total => Column::TotalMinor,
        SortKey::Number => Column::Number,
    }
}

fn of_all(list: &List<'_>) -> bool {
    let Filter { client, freelancer, .. } = list.filter;
    list.viewer.invoices() == Visible::All && client.is_none() && freelancer.is_none()
}

/// An index serves the bound of the value, and the rest decides among equal ones.
fn behind(column: Column, value: &Value, id: &str, descending: bool) -> Condition {
    let (bound, beyond, next) = match descending {
        true => (column.lte(value.clone()), column.lt(value.clone()), Column::Id.lt(id)),
        false => (column.gte(value.clone()), column.gt(value.clone()), Column::Id.gt(id)),
    };
    Condition::all().add(bound).add(Condition::any().add(beyond).add(next))
}

/// Where a key leads. A row that cannot be read has no value in its key: it is looked up, if the viewer sees it.
async fn place(db: &impl ConnectionTrait, list: &List<'_>, key: &str) -> Result<Option<After>, RecordsError> {
    let column = column(list);
    if let Some((value, id)) = key.rsplit_once(' ') {
        let id = id.to_owned();
        if matches!(column, Column::Id) {
            return Ok(Some(After::Value(id.clone().into(), id)));
        }
        if value == NO_VALUE {
            return Ok(Some(After::NoValue(id)));
        }
        let value = match list.order.by {
            SortKey::Created | SortKey::Sent => millis(value).map(|at| moment(db.get_database_backend(), at)),
            SortKey::Total => value.parse::<i64>().ok().map(Value::from),
            SortKey::Due | SortKey::Number => Some(Value::from(value)),
        };
        return Ok(value.map(|value| After::Value(value, id)));
    }
    let seen = visible(list, Entity::find().filter(Column::Id.eq(key)));
    let row = match column {
        Column::CreatedAt | Column::SentAt => {
            let at: Option<Option<Timestamp>> = seen.select_only().column(column).into_tuple().one(db).await?;
            at.map(|at| at.map(|at| moment(db.get_database_backend(), at)))
        }
        Column::TotalMinor => {
            let total: Option<i64> = seen.select_only().column(column).into_tuple().one(db).await?;
            total.map(|total| Some(Value::from(total)))
        }
        _ => {
            let text: Option<Option<String>> = seen.select_only().column(column).into_tuple().one(db).await?;
            text.map(|text| text.map(Value::from))
        }
    };
    let id = key.to_owned();
    Ok(row.map(|value| value.map_or_else(|| After::NoValue(id.clone()), |value| After::Value(value, id.clone()))))
}

fn millis(text: &str) -> Option<Timestamp> {
    Timestamp::from_timestamp_millis(text.parse().ok()?)
}

/// What the viewer sees of these rows.
fn visible(list: &List<'_>, rows: Select<Entity>) -> Select<Entity> {
    let Visible::AnyOf(rules) = list.viewer.invoices() else { return rows };
    let seen = rules.iter().fold(Condition::any(), |any, rule| {
        let hidden = InvoiceStatus::ALL.iter().filter(|status| !rule.shows(**status));
        let own = Condition::all().add(party(*rule).eq(Text(rule.user_id)));
        any.add(hidden.fold(own, |all, status| all.add(Column::Status.ne(status.word()))))
    });
    rows.filter(seen)
}

/// The rows of a list in no order yet.
fn wanted(list: &List<'_>, backend: DbBackend) -> Select<Entity> {
    let filter = list.filter;
    let at = |at: Timestamp| moment(backend, at);
    let mut all = Condition::all()
        .add_option(list.status.map(|status| Column::Status.eq(status.word())))
        .add_option(list.project.map(|project| Column::ProjectId.eq(Text(project))))
        .add_option(filter.payment_status.map(|status| Column::PaymentStatus.eq(status.word())))
        .add_option(filter.client.map(|client| Column::ClientId.eq(Text(client))))
        .add_option(filter.freelancer.map(|freelancer| Column::FreelancerId.eq(Text(freelancer))))
        .add_option(filter.currency.map(|currency| Column::Currency.eq(Text(currency))))
        .add_option(filter.total.0.map(|least| Column::TotalMinor.gte(least)))
        .add_option(filter.total.1.map(|most| Column::TotalMinor.lte(most)))
        .add_option(filter.created.0.map(|from| Column::CreatedAt.gte(at(from))))
        .add_option(filter.created.1.map(|to| Column::CreatedAt.lt(at(to))))
        .add_option(filter.sent.0.map(|from| Column::SentAt.gte(at(from))))
        .add_option(filter.sent.1.map(|to| Column::SentAt.lt(at(to))))
        .add_option(filter.due.0.as_deref().map(|first| Column::DueDate.gte(first)))
        .add_option(filter.due.1.as_deref().map(|last| Column::DueDate.lte(last)));
    if let Some(prefix) = &filter.number_prefix {
        // No number that begins with the prefix is beyond it with the last of all characters behind.
        all = all.add(Column::Number.gte(prefix)).add(Column::Number.lt(format!("{prefix}{}", char::MAX)));
    }
    if let Some((overdue, now)) = filter.overdue {
        let is = is_overdue(now);
        all = all.add(if overdue { is } else { is.not() });
    }
    visible(list, Entity::find()).filter(all)
}

/// Past due and not paid.
fn is_overdue(now: Timestamp) -> Condition {
    let past = past_in_issuers_zone(now, (Entity, Column::DueDate), (Entity, Column::FreelancerId));
    Condition::all().add(Column::Status.eq(InvoiceStatus::Sent.word())).add(past)
}

/// Whether a day has passed where the issuer is. The last days depend on that; issuers without a time zone, or with one that is
/// unknown here, are in UTC. False where there is no day.
pub(crate) fn past_in_issuers_zone<E: EntityTrait>(
    now: Timestamp,
    day: (E, E::Column),
    issuer: (E, E::Column),
) -> Condition {
    let column = || Expr::col(day);
    let days = days_between_zones(now);
    let first = days.first().cloned().unwrap_or_else(|| Zone::default().day(now));
    let past = days.iter().fold(Condition::any().add(column().lt(first)), |any, date| {
        let is_over = |zone: Zone| zone.day(now).as_str() > date.as_str();
        let over_in_utc = is_over(Zone::default());
        // Where the day stands otherwise than in UTC.
        let others = zones_where(|zone| is_over(zone) != over_in_utc);
        let elsewhere = Query::select()
            .expr(Expr::val(1))
            .from(users::Entity)
            .and_where(Expr::col((users::Entity, users::Column::Id)).equals(issuer))
            .and_where(Expr::col((users::Entity, users::Column::TimeZone)).is_in(others))
            .to_owned();
        let elsewhere = Expr::exists(elsewhere);
        let over = if over_in_utc { elsewhere.not() } else { elsewhere };
        any.add(Condition::all().add(column().eq(date.as_str())).add(over))
    });
    // A day that is absent is none of the past: the condition is false then, and not unknown.
    Condition::all().add(column().is_not_null()).add(past)
}
