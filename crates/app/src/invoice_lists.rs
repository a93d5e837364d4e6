//! Lists of invoices: what is asked for, in which order, and the place of a page.

use chainbill_domain::{
    Timestamp,
    invoice::Invoice,
    money::{Currency, Money},
    states::Role,
    text,
};
use chainbill_records::repo::invoices::{self, Filter, List, Listed, Order, SortKey};
use serde::Deserialize;

use crate::{Actor, App, AppError, Context, InvoiceView, Page, PageRequest, hashes::sha256_hex, validate::Check};

/// Which invoices, in which order.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InvoiceFilter {
    /// Only those in this state.
    pub status: Option<String>,
    /// Only those of this project.
    pub project_id: Option<String>,
    /// Only those of which so much is paid: UNPAID, PARTIAL, PAID or OVERPAID.
    pub payment_status: Option<String>,
    /// Only those that are past due and not paid, or only the others.
    pub overdue: Option<bool>,
    /// Only those to this client.
    pub client_id: Option<String>,
    /// Only those of this freelancer.
    pub freelancer_id: Option<String>,
    /// Only those in this currency.
    pub currency: Option<String>,
    /// Only those that come to so much or more, in `currency`.
    pub min_total: Option<String>,
    /// Only those that come to so much or less, in `currency`.
    pub max_total: Option<String>,
    /// Only those that were made from this moment on: RFC 3339, or a day in UTC.
    pub created_from: Option<String>,
    /// Only those that were made before this moment, or until the end of this day in UTC.
    pub created_to: Option<String>,
    /// Only those that were sent from this moment on: RFC 3339, or a day in UTC.
    pub sent_from: Option<String>,
    /// Only those that were sent before this moment, or until the end of this day in UTC.
    pub sent_to: Option<String>,
    /// Only those that are due on this day or later.
    pub due_from: Option<String>,
    /// Only those that are due on this day or earlier.
    pub due_to: Option<String>,
    /// Only those whose number begins so.
    pub number_prefix: Option<String>,
    /// `created`, `sent`, `due`, `total` (with `currency`) or `number`; with `-` before it the largest first. `-created` when absent.
    /// Invoices without the value come last. Operators name a client or a freelancer with all but `created`.
    pub sort: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl App {
    /// Invoices of which the actor is a party; all for operators. Drafts are their writer's alone.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn invoices(&self, context: &Context, asked: &InvoiceFilter) -> Result<Page<InvoiceView>, AppError> {
        let actor = context.actor()?;
        let viewer = actor.viewer();
        let now = self.records.now();
        let (filter, order) = checked(asked, actor, now)?;
        let status = asked.status.as_deref().map(str::parse).transpose();
        let status = status.map_err(|error| AppError::field("/status", error))?;
        let project = asked.project_id.as_deref().map(str::parse).transpose();
        let project = project.map_err(|error| AppError::field("/projectId", error))?;
        let request = PageRequest { limit: asked.limit, cursor: asked.cursor.clone() };
        let limit = request.limit()?;
        let list = List { viewer: &viewer, status, project, filter: &filter, order, after: None, limit };
        let name = name(asked, &list);
        let after = request.after(&name)?;
        let listed = invoices::list(&self.records, List { after: after.as_deref(), ..list }).await?;
        let Listed { rows, limit } = listed.ok_or_else(PageRequest::refused)?;
        let zones = self.zones(rows.iter().flatten().map(|invoice| &**invoice), now).await?;
        let view = |invoice: Invoice| {
            let today = zones.day(&invoice, now);
            Ok(InvoiceView::of(invoice, &today))
        };
        let is_plain = list.is_plain();
        let key = |invoice: &Invoice| match is_plain {
            true => invoice.id.to_string(),
            false => invoices::key(order, invoice),
        };
        Ok(Page::of_readable(&name, rows, limit, key, view))
    }
}

/// The list's name in its cursors: it is another one with another filter or order.
fn name(asked: &InvoiceFilter, list: &List<'_>) -> String {
    let plain = format!("invoices?{:?}&{:?}", asked.status, asked.project_id);
    if list.is_plain() {
        return plain;
    }
    let moment = Timestamp::UNIX_EPOCH;
    // What is overdue follows the clock, and the walk goes on.
    let overdue = list.filter.overdue.map(|(overdue, _)| (overdue, moment));
    let filter = Filter { overdue, ..list.filter.clone() };
    format!("{plain}&{}", &sha256_hex(format!("{filter:?}{:?}", list.order))[..16])
}

fn checked(asked: &InvoiceFilter, actor: &Actor, now: Timestamp) -> Result<(Filter, Order), AppError> {
    let mut check = Check::default();
    let given = |text: &Option<String>| text.clone().filter(|text| text::some(Some(text)).is_some());
    let currency = check.optional("/currency", given(&asked.currency).map(|code| code.parse::<Currency>()));
    let mut total = |pointer: &str, amount: &Option<String>| {
        let amount = given(amount)?;
        match currency {
            Some(currency) => check.field(pointer, Money::parse(&amount, currency)).map(|money| money.minor),
            None => {
                check.refuse("/currency", format!("is absent: the currency of {pointer} is needed"));
                None
            }
        }
    };
    let total = (total("/minTotal", &asked.min_total), total("/maxTotal", &asked.max_total));
    let mut moment = |pointer: &str, text: &Option<String>, end| {
        check.optional(pointer, given(text).map(|text| moment_or_day(&text, end)))
    };
    let created = (moment("/createdFrom", &asked.created_from, false), moment("/createdTo", &asked.created_to, true));
    let sent = (moment("/sentFrom", &asked.sent_from, false), moment("/sentTo", &asked.sent_to, true));
    let mut day =
        |pointer: &str, text: &Option<String>| check.optional(pointer, given(text).map(|text| text::date(&text)));
    let due = (day("/dueFrom", &asked.due_from), day("/dueTo", &asked.due_to));
    let filter = Filter {
        payment_status: check.optional("/paymentStatus", given(&asked.payment_status).map(|word| word.parse())),
        overdue: asked.overdue.map(|overdue| (overdue, now)),
        client: check.optional("/clientId", given(&asked.client_id).map(|id| id.parse())),
        freelancer: check.optional("/freelancerId", given(&asked.freelancer_id).map(|id| id.parse())),
        currency,
        total,
        created,
        sent,
        due,
        number_prefix: check
            .optional("/numberPrefix", given(&asked.number_prefix).map(|text| text::reference(&text, 32))),
    };
    let order = check.field("/sort", order(asked.sort.as_deref()));
    if let Some(order) = order {
        if order.by == SortKey::Total && filter.currency.is_none() && asked.currency.is_none() {
            check.refuse("/currency", "is absent: totals are ordered in one currency");
        }
        let of_a_party = actor.role != Role::Admin || filter.client.is_some() || filter.freelancer.is_some();
        let detail = "orders the invoices of a clientId or a freelancerId: created and -created order those of all";
        check.refuse_unless(of_a_party || order.by == SortKey::Created, "/sort", detail);
    }
    check.finish(order.map(|order| (filter, order)))
}

fn order(text: Option<&str>) -> Result<Order, &'static str> {
    let Some(text) = text else { return Ok(Order::NEWEST_FIRST) };
    let (descending, by) = text.strip_prefix('-').map_or((false, text), |by| (true, by));
    let by = match by {
        "created" => SortKey::Created,
        "sent" => SortKey::Sent,
        "due" => SortKey::Due,
        "total" => SortKey::Total,
        "number" => SortKey::Number,
        _ => {
            return Err(
                "is not accepted: created, sent, due, total or number is, with - before it for the largest first",
            );
        }
    };
    Ok(Order { by, descending })
}

/// A moment; a day stands for its beginning in UTC, or for the beginning of the next one.
fn moment_or_day(text: &str, end: bool) -> Result<Timestamp, &'static str> {
    const WRONG: &str = "is neither a moment nor a day: 2026-11-24T12:00:00Z or 2026-11-24 is accepted";
    let at = match text::date(text) {
        Ok(day) => {
            let day: chrono::NaiveDate = day.parse().map_err(|_| WRONG)?;
            let day = if end { day.succ_opt().ok_or(WRONG)? } else { day };
            day.and_hms_opt(0, 0, 0).ok_or(WRONG)?.and_utc()
        }
        Err(_) => chrono::DateTime::parse_from_rfc3339(text).map_err(|_| WRONG)?.to_utc(),
    };
    // What databases can compare with; leap seconds are no moment of theirs.
    let known = (0..=253_402_300_799_999).contains(&at.timestamp_millis());
    if known { Ok(chainbill_domain::clock::whole_millis(at)) } else { Err(WRONG) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_counts_whole() {
        let at = |text, end| moment_or_day(text, end).map(crate::moment);
        assert_eq!(at("2026-11-24", false), Ok("2026-11-24T00:00:00.000Z".to_owned()));
        assert_eq!(at("2026-11-24", true), Ok("2026-11-25T00:00:00.000Z".to_owned()));
        assert_eq!(at("2026-11-24T12:00:00+02:00", true), Ok("2026-11-24T10:00:00.000Z".to_owned()));
        for bad in ["", "2026-11-31", "now", "10000-01-01T00:00:00Z", "0001-01-01"] {
            assert!(at(bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_order_has_one_spelling() {
        assert_eq!(order(None), Ok(Order::NEWEST_FIRST));
        assert_eq!(order(Some("due")), Ok(Order { by: SortKey::Due, descending: false }));
        for bad in ["", "-", "--due", "DUE", "due ", "+due", "title", "due;drop"] {
            assert!(order(Some(bad)).is_err(), "{bad}");
        }
    }
}
