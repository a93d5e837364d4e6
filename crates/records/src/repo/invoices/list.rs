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
    ColumnTrait as _, Condition, ConnectionTrait, DbBackend, EntityTrait as _, QueryFilter as _, QueryResult,
    QuerySelect as _, QueryTrait as _, Select, Statement, Value,
    sea_query::{Expr, ExprTrait as _, Func},
};

use super::{
    read::{COLUMNS, LINE_COLUMNS, read_line, read_row},
    rows::invoice,
    sorted::{self, Filter, Order},
};
use crate::{
    Kind, OddRow, RecordsError, Text, Unreadable,
    by_place::at,
    entities::{
        invoice_lines,
        invoices::{Column, Entity, Model},
    },
    newest,
    newest::among_newest,
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
        true => {
            let rows = db.query_all_raw(statement(db, &list)).await?;
            Some(rows.iter().map(row).collect::<Result<_, _>>()?)
        }
        false => sorted::rows(db, &list).await?,
    };
    let Some(mut rows) = rows else { return Ok(None) };
    let (limit, mut lines) = lines(db, &mut rows, list.limit).await?;
    let mut with_lines = |row: Model| {
        let id = row.id;
        match lines.remove(&id).unwrap_or_else(|| Ok(Vec::new())) {
            Ok(lines) => invoice(row, lines).map_err(|value| OddRow { id: id.to_string(), value }),
            Err(value) => Err(OddRow { id: id.to_string(), value: value.within("lines") }),
        }
    };
    Ok(Some(Listed { rows: rows.into_iter().map(|row| row.and_then(&mut with_lines)).collect(), limit }))
}

/// A row, or the key of one that cannot be read and what of it cannot.
fn row(row: &QueryResult) -> Result<Result<Model, OddRow>, RecordsError> {
    match read_row(row, 0) {
        Ok(row) => Ok(Ok(row)),
        Err(RecordsError::Unreadable(value)) => Ok(Err(OddRow { id: row.try_get_by_index(0)?, value })),
        Err(error) => Err(error),
    }
}

/// The statement of a page, in the order of [`COLUMNS`]. A party's page, which is asked for most, is written as text.
fn statement(db: &impl ConnectionTrait, list: &List<'_>) -> Statement {
    let backend = db.get_database_backend();
    match (list.viewer.invoices(), list.project) {
        (Visible::AnyOf(rules), None) => {
            let kinds = of_parties(&rules, list.status);
            let (condition, values) = among_newest(&kinds, list.after, u64::from(list.limit) + 1);
            let sql = format!("SELECT {} FROM `invoices` WHERE {condition} ORDER BY id DESC", COLUMNS.join(","));
            Statement::from_sql_and_values(backend, sql, values)
        }
        _ => query(list).build(backend),
    }
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
        (None, rules) => of_parties(rules.as_deref().unwrap_or_default(), list.status),
    };
    let query = newest(&kinds, list.after, limit);
    match rules {
        // The invoices of a project are its parties': others who ask for them see none.
        Some(rules) if list.project.is_some() => query.filter(condition(&rules)),
        _ => query,
    }
}

fn of_parties(rules: &[InvoiceRule], status: Option<InvoiceStatus>) -> Vec<Kind<Entity>> {
    let of = |rule: &InvoiceRule| by_state((party(*rule), Text(rule.user_id).into()), status, |it| rule.shows(it));
    rules.iter().flat_map(of).collect()
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
/// Lines that are read without asking first how many bytes they take.
const FEW: usize = 1000;
/// Bytes that a line takes beside its description.
const OF_LINE: i64 = 100;

/// Lines by their invoice; of an invoice with a line that cannot be read, that line's value.
type Lines = HashMap<Text<InvoiceId>, Result<Vec<invoice_lines::Model>, Unreadable>>;

/// The lines of a page's invoices. Where they are more than enough the page ends early: the limit is then how many invoices it
/// has, and one row more stays, as for any page that is not the last.
async fn lines(
    db: &impl ConnectionTrait,
    rows: &mut Vec<Result<Model, OddRow>>,
    limit: u32,
) -> Result<(u32, Lines), RecordsError> {
    let shown = rows.len().min(limit as usize);
    let ids = |fit: usize| -> Vec<Text<InvoiceId>> { rows[..fit].iter().flatten().map(|row| row.id).collect() };
    let all = ids(shown);
    let few = read_lines(db, &all, Some(FEW + 1)).await?;
    let known = if few.len() <= FEW { Some(by_invoice(&few)?) } else { None };
    let sizes = match &known {
        Some(lines) => sizes_of(lines),
        None => sizes(db, &all).await?,
    };
    let (mut bytes, mut fit) = (0, 0);
    for row in &rows[..shown] {
        if bytes >= ENOUGH {
            break;
        }
        let size = row.as_ref().ok().and_then(|row| sizes.get(&row.id));
        bytes += size.copied().unwrap_or(0);
        fit += 1;
    }
    let lines = match known {
        Some(lines) => lines,
        None => by_invoice(&read_lines(db, &ids(fit), None).await?)?,
    };
    if fit >= shown {
        return Ok((limit, lines));
    }
    rows.truncate(fit + 1);
    Ok((u32::try_from(fit).unwrap_or(limit), lines))
}

/// Lines of invoices in their order, at most so many.
async fn read_lines(
    db: &impl ConnectionTrait,
    ids: &[Text<InvoiceId>],
    most: Option<usize>,
) -> Result<Vec<QueryResult>, RecordsError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = format!("SELECT {} FROM invoice_lines WHERE invoice_id IN (?", LINE_COLUMNS.join(","));
    sql.push_str(&",?".repeat(ids.len() - 1));
    sql.push_str(") ORDER BY invoice_id,position");
    if let Some(most) = most {
        sql.extend([" LIMIT ", &most.to_string()]);
    }
    let values = ids.iter().map(|id| Value::from(*id));
    Ok(db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?)
}

/// Lines by their invoice.
fn by_invoice(rows: &[QueryResult]) -> Result<Lines, RecordsError> {
    let mut lines = Lines::new();
    for row in rows {
        let of_invoice = lines.entry(at(row, 0, "invoice_id")?).or_insert_with(|| Ok(Vec::new()));
        match (read_line(row, 0), &mut *of_invoice) {
            (Ok(line), Ok(known)) => known.push(line),
            (Err(RecordsError::Unreadable(value)), known @ Ok(_)) => *known = Err(value),
            (Err(RecordsError::Unreadable(_)) | Ok(_), Err(_)) => {}
            (Err(error), _) => return Err(error),
        }
    }
    Ok(lines)
}

/// About how many bytes the lines of each invoice take, of lines that were read.
fn sizes_of(lines: &Lines) -> HashMap<Text<InvoiceId>, i64> {
    let size = |line: &invoice_lines::Model| i64::try_from(line.description.len()).unwrap_or(ENOUGH) + OF_LINE;
    lines.iter().map(|(id, lines)| (*id, lines.iter().flatten().map(size).sum())).collect()
}

/// About how many bytes the lines of each invoice take.
async fn sizes(
    db: &impl ConnectionTrait,
    ids: &[Text<InvoiceId>],
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
        .filter(invoice_lines::Column::InvoiceId.is_in(ids.iter().copied()))
        .group_by(invoice_lines::Column::InvoiceId)
        .into_tuple()
        .all(db)
        .await?;
    Ok(sizes.into_iter().collect())
}
