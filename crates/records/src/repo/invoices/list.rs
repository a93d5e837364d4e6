//! Pages of invoices, as the viewer sees them, and so that they fit into memory: an invoice may have a megabyte of lines, and a
//! page a hundred invoices. A client that asks for such pages and does not read them would fill the memory.

use std::collections::HashMap;

use chainbill_domain::{
    id::{InvoiceId, ProjectId},
    invoice::Invoice,
    states::InvoiceStatus,
    visibility::{InvoiceParty, InvoiceRule, Viewer, Visible},
};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DbBackend, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select, Value,
    sea_query::{Expr, ExprTrait as _, Func},
};

use super::{
    rows::invoice,
    sorted::{self, Filter, Order},
};
use crate::{
    Kind, OddRow, RecordsError, Text, Unreadable, by_parent, each,
    entities::{
        invoice_lines,
        invoices::{Column, Entity, Model},
    },
    newest,
};

/// Which invoices.
#[derive(Debug, Clone, Copy)]
pub struct List<'l> {
    /// Who wants to see them.
    pub viewer: &'l Viewer,
    /// Only those in this state.
    pub status: Option<InvoiceStatus>,
    /// Only those of this project.
    pub project: Option<ProjectId>,
    /// Further conditions.
    pub filter: &'l Filter,
    /// The order.
    pub order: Order,
    /// The key after which the page begins: the id of the newest first, [`super::key`] of other orders and with filters.
    pub after: Option<&'l str>,
    /// How many at most.
    pub limit: u32,
}

/// A page, and one row more where there are more.
#[derive(Debug)]
pub struct Listed {
    /// Its rows, in the list's order.
    pub rows: Vec<Result<Invoice, OddRow>>,
    /// How many of them are the page: fewer than asked for where their lines are large.
    pub limit: u32,
}

impl List<'_> {
    /// Whether it is a list of the newest first by state and project, which reads about what it returns.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.order == Order::NEWEST_FIRST && *self.filter == Filter::default()
    }
}

/// Invoices of a list; `None` when the key is none of it.
///
/// # Errors
/// When the primary does not answer.
pub async fn list(db: &impl ConnectionTrait, list: List<'_>) -> Result<Option<Listed>, RecordsError> {
    let rows = match list.is_plain() {
        true => Some(each(db, query(&list), Column::Id).await?),
        false => sorted::rows(db, &list).await?,
    };
    let Some(mut rows) = rows else { return Ok(None) };
    let (limit, mut lines) = lines(db, &mut rows, list.limit).await?;
    let mut with_lines = |row: Model| {
        let id = row.id.to_string();
        match lines.remove(&id).unwrap_or_else(|| Ok(Vec::new())) {
            Ok(lines) => invoice(row, lines).map_err(|value| OddRow { id, value }),
            Err(value) => Err(OddRow { id, value: value.within("lines") }),
        }
    };
    Ok(Some(Listed { rows: rows.into_iter().map(|row| row.and_then(&mut with_lines)).collect(), limit }))
}

/// Each state has its own place in an index behind a party's id: a page reads little more than what it shows, however many
/// invoices of other states there are.
fn query(list: &List<'_>) -> Select<Entity> {
    let limit = u64::from(list.limit) + 1;
    let rules = match (list.viewer.invoices(), list.project) {
        (Visible::All, None) => {
            let status = list.status.map(|status| (Column::Status, status.word().into()));
            return newest(&[Kind::of(status.into_iter().collect())], list.after, limit);
        }
        (Visible::All, Some(_)) => None,
        (Visible::AnyOf(rules), _) => Some(rules),
    };
    let kinds: Vec<Kind<Entity>> = match (list.project, &rules) {
        (Some(project), rules) => {
            let shows = |status| rules.as_ref().is_none_or(|rules| rules.iter().any(|rule| rule.shows(status)));
            by_state((Column::ProjectId, Text(project).into()), list.status, shows)
        }
        (None, rules) => rules
            .iter()
            .flatten()
            .flat_map(|rule| by_state((party(*rule), Text(rule.user_id).into()), list.status, |it| rule.shows(it)))
            .collect(),
    };
    let query = newest(&kinds, list.after, limit);
    match rules {
        // The invoices of a project are its parties': others who ask for them see none.
        Some(rules) if list.project.is_some() => query.filter(condition(&rules)),
        _ => query,
    }
}

pub(super) fn party(rule: InvoiceRule) -> Column {
    match rule.party {
        InvoiceParty::Freelancer => Column::FreelancerId,
        InvoiceParty::Client => Column::ClientId,
    }
}

/// Rows with a value, by each of the states that are wanted and shown, and by those that this release does not know.
fn by_state(
    of: (Column, Value),
    status: Option<InvoiceStatus>,
    shows: impl Fn(InvoiceStatus) -> bool,
) -> Vec<Kind<Entity>> {
    let wanted = InvoiceStatus::ALL.iter().filter(|is| shows(**is) && status.is_none_or(|status| status == **is));
    let kind = |status: &InvoiceStatus| Kind::of(vec![of.clone(), (Column::Status, status.word().into())]);
    let mut kinds: Vec<_> = wanted.map(kind).collect();
    if status.is_none() {
        kinds.extend(Kind::unknown(&[of], Column::Status, InvoiceStatus::WORDS));
    }
    kinds
}

/// The rules as a condition, in a form that no index answers: rows that were found by another one are judged by it, and it must
/// not tempt a planner to begin with all invoices of a party.
fn condition(rules: &[InvoiceRule]) -> Condition {
    let holds = |rule: &InvoiceRule| {
        let own = Expr::expr(Func::coalesce([Expr::col(party(*rule)), Expr::val("")])).eq(Text(rule.user_id));
        let hidden = InvoiceStatus::ALL.iter().filter(|status| !rule.shows(**status));
        hidden.fold(Condition::all().add(own), |all, status| all.add(Column::Status.ne(status.word())))
    };
    rules.iter().fold(Condition::any(), |any, rule| any.add(holds(rule)))
}

/// Bytes of lines after which a page ends. Pages of usual invoices never come near.
const ENOUGH: i64 = 1 << 20;

/// Lines by their invoice's id; of an invoice with a line that cannot be read, that line's value.
type Lines = HashMap<String, Result<Vec<invoice_lines::Model>, Unreadable>>;

/// The lines of a page's invoices. Where they are more than enough the page ends early: the limit is then how many invoices it
/// has, and one row more stays, as for any page that is not the last.
async fn lines(
    db: &impl ConnectionTrait,
    rows: &mut Vec<Result<Model, OddRow>>,
    limit: u32,
) -> Result<(u32, Lines), RecordsError> {
    let sizes = sizes(db, rows.iter().flatten().map(|row| row.id)).await?;
    let (mut bytes, mut fit) = (0, 0);
    for row in rows.iter() {
        if bytes >= ENOUGH {
            break;
        }
        let size = row.as_ref().ok().and_then(|row| sizes.get(&row.id));
        bytes += size.copied().unwrap_or(0);
        fit += 1;
    }
    let query = invoice_lines::Entity::find()
        .filter(invoice_lines::Column::InvoiceId.is_in(rows[..fit].iter().flatten().map(|row| row.id)))
        .order_by_asc(invoice_lines::Column::Position);
    let lines = by_parent(db, query, invoice_lines::Column::InvoiceId).await?;
    if fit >= rows.len() {
        return Ok((limit, lines));
    }
    rows.truncate(fit + 1);
    Ok((u32::try_from(fit).unwrap_or(limit), lines))
}

/// About how many bytes the lines of each invoice take.
async fn sizes(
    db: &impl ConnectionTrait,
    ids: impl Iterator<Item = Text<InvoiceId>>,
) -> Result<HashMap<Text<InvoiceId>, i64>, RecordsError> {
    // SQLite's LENGTH counts characters, and MySQL's sums of integers are decimals.
    let size = Expr::cust(match db.get_database_backend() {
        DbBackend::Sqlite => "SUM(octet_length(description) + 100)",
        _ => "CAST(SUM(LENGTH(description) + 100) AS SIGNED)",
    });
    let sizes: Vec<(Text<InvoiceId>, i64)> = invoice_lines::Entity::find()
        .select_only()
        .column(invoice_lines::Column::InvoiceId)
        .expr(size)
        .filter(invoice_lines::Column::InvoiceId.is_in(ids))
        .group_by(invoice_lines::Column::InvoiceId)
        .into_tuple()
        .all(db)
        .await?;
    Ok(sizes.into_iter().collect())
}
