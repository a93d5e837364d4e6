//! Bills: drafted, sent with a gapless number, voided.

use chainbill_domain::{
    event::EventKind,
    id::{InvoiceId, ProjectId, UserId},
    invoice::{Action, Frozen, Line, Totals, number, totals},
    money::{Currency, Money},
    states::{AnchorStatus, EscrowStatus, InvoiceStatus, PaymentStatus, Role},
    text,
};
use chainbill_records::{
    RecordsError, Text, Unit,
    entities::{invoice_counters, invoice_lines, invoices, projects, users},
    retry,
    sea_orm::{
        ColumnTrait as _, Condition, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _,
        QuerySelect as _, sea_query::Expr,
    },
};
use chrono::Datelike as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Actor, App, AppError, Context, Done, InvoiceView, MoneyView, Page, PageRequest,
    accounts::expect_version,
    idempotency::Begun,
    validate::{Check, decimal, present},
};

/// A new bill.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewInvoice {
    /// Who is billed.
    pub client_id: String,
    /// For which project.
    pub project_id: Option<String>,
    /// What it is called.
    pub title: String,
    /// Notes to the client.
    pub notes: Option<String>,
    /// The currency of everything in it.
    pub currency: String,
    /// What is taken off before tax.
    pub discount: Option<MoneyView>,
    /// Until when it is to be paid: a day.
    pub due_date: Option<String>,
    /// 1 to 200 lines.
    pub lines: Vec<NewLine>,
}

/// A new line.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewLine {
    /// What was done.
    pub description: String,
    /// How much of it: a number with at most 3 decimals, above 0.
    pub quantity: String,
    /// Price of one.
    pub unit_price: MoneyView,
    /// Tax in percent with at most 2 decimals; 0 when absent.
    pub tax_rate: Option<String>,
}

/// What changes in a draft; what is absent stays, null empties.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PatchInvoice {
    /// What it is called.
    pub title: Option<String>,
    /// Notes to the client.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub notes: Option<Option<String>>,
    /// What is taken off before tax.
    pub discount: Option<MoneyView>,
    /// Until when it is to be paid.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub due_date: Option<Option<String>>,
    /// All lines.
    pub lines: Option<Vec<NewLine>>,
}

/// Which bills.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InvoiceFilter {
    /// Only those in this state.
    pub status: Option<String>,
    /// Only those of this project.
    pub project_id: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

struct Checked {
    title: String,
    notes: Option<String>,
    due_date: Option<String>,
    currency: Currency,
    lines: Vec<Line>,
    totals: Totals,
}

/// All of a bill's content: a draft's, or the draft with its changes.
struct Content<'a> {
    title: &'a str,
    notes: Option<&'a str>,
    due_date: Option<&'a str>,
    currency: &'a str,
    discount: Option<MoneyView>,
    lines: &'a [NewLine],
}

fn checked(content: &Content<'_>) -> Result<Checked, AppError> {
    let mut check = Check::default();
    let title = check.field("/title", text::line(content.title, 200));
    let notes = check.optional("/notes", content.notes.map(|notes| text::free(notes, 10_000)));
    let due_date = check.optional("/dueDate", content.due_date.map(text::date));
    let currency = check.field("/currency", content.currency.parse::<Currency>());
    check.refuse_unless((1..=200).contains(&content.lines.len()), "/lines", "1 to 200 lines are accepted");
    let lines: Vec<Line> =
        content.lines.iter().enumerate().filter_map(|(place, new)| line(&mut check, place, new, currency)).collect();
    let discount = match &content.discount {
        None => Some(0),
        Some(discount) => check.money("/discount", &discount.clone().into(), currency).map(|money| money.minor),
    };
    let complete = lines.len() == content.lines.len();
    let sums = discount.filter(|_| complete).and_then(|discount| check.field("/lines", totals(&lines, discount)));
    let parts = title.zip(currency).zip(sums);
    check.finish(parts.map(|((title, currency), totals)| Checked { title, notes, due_date, currency, lines, totals }))
}

fn line(check: &mut Check, place: usize, new: &NewLine, currency: Option<Currency>) -> Option<Line> {
    let at = |field: &str| format!("/lines/{place}/{field}");
    let description = check.field(at("description"), text::line(&new.description, 500));
    let quantity = check.field(at("quantity"), decimal(&new.quantity, 3, 1_000_000_000)).filter(|quantity| {
        check.refuse_unless(*quantity > 0, &at("quantity"), "is 0: a number above 0 is accepted");
        *quantity > 0
    });
    let price = check.money(&at("unitPrice"), &new.unit_price.clone().into(), currency);
    let tax = check.field(at("taxRate"), decimal(new.tax_rate.as_deref().unwrap_or("0"), 2, 10_000));
    let ((description, quantity_milli), (price, tax_rate_bp)) = description.zip(quantity).zip(price.zip(tax))?;
    Some(Line { description, quantity_milli, unit_price_minor: price.minor, tax_rate_bp })
}

impl App {
    /// Drafts a bill.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others than freelancers.
    pub async fn create_invoice(&self, context: &Context, new: NewInvoice) -> Result<Done<InvoiceView>, AppError> {
        let freelancer = context.actor_as(Role::Freelancer, "only freelancers write invoices")?.user_id;
        let content = checked(&Content {
            title: &new.title,
            notes: new.notes.as_deref(),
            due_date: new.due_date.as_deref(),
            currency: &new.currency,
            discount: new.discount.clone(),
            lines: &new.lines,
        })?;
        let client = self.billed_client(&new.client_id).await?;
        let project = match &new.project_id {
            None => None,
            Some(id) => Some(self.billed_project(id, freelancer, client).await?),
        };
        retry(self.records.random(), || async {
            let mut unit = match self.begin(context, "invoice.create", &new).await? {
                Begun::Fresh(unit) => unit,
                Begun::Replay(done) => return Ok(done),
            };
            let mut row = self.draft(&unit, freelancer, client, project, content.currency);
            fill(&mut row, &content);
            let lines = line_rows(row.id.0, &content);
            let row = unit.insert_with::<invoice_lines::Entity>(row, lines.clone()).await?;
            let mut event = self.event(&unit, EventKind::InvoiceCreated);
            event.user_id = Some(freelancer);
            event.invoice_id = Some(row.id.0);
            event.project_id = project;
            event.amount = Some(Money { minor: row.total_minor, currency: content.currency });
            unit.event(&event);
            let view = InvoiceView::of(row, lines, unit.now());
            self.audit(&mut unit, context, "invoice.create", ("invoices", view.id.clone()), (None, Some(&view)))
                .await?;
            self.finish(unit, context, view).await
        })
        .await
    }

    async fn billed_client(&self, id: &str) -> Result<UserId, AppError> {
        let client: UserId = id.parse().map_err(|error| AppError::field("/clientId", error))?;
        let known = users::Entity::find_by_id(Text(client)).one(self.records.db()).await?;
        match known {
            Some(user) if user.role.0 == Role::Client => Ok(client),
            _ => Err(AppError::field("/clientId", "is no client")),
        }
    }

    async fn billed_project(&self, id: &str, freelancer: UserId, client: UserId) -> Result<ProjectId, AppError> {
        let project: ProjectId = id.parse().map_err(|error| AppError::field("/projectId", error))?;
        let known = projects::Entity::find_by_id(Text(project)).one(self.records.db()).await?;
        let of_both =
            |row: &projects::Model| row.client_id.0 == client && row.freelancer_id.is_some_and(|id| id.0 == freelancer);
        known
            .filter(of_both)
            .map(|_| project)
            .ok_or_else(|| AppError::field("/projectId", "is no project of this client and this freelancer"))
    }

    fn draft(
        &self,
        unit: &Unit,
        freelancer: UserId,
        client: UserId,
        project: Option<ProjectId>,
        currency: Currency,
    ) -> invoices::Model {
        invoices::Model {
            id: Text(self.new_id()),
            version: 0,
            number: None,
            number_seq: None,
            project_id: project.map(Text),
            freelancer_id: Text(freelancer),
            client_id: Text(client),
            title: String::new(),
            notes: None,
            status: Text(InvoiceStatus::Draft),
            payment_status: Text(PaymentStatus::Unpaid),
            escrow: Text(EscrowStatus::Unfunded),
            anchor_status: Text(AnchorStatus::None),
            currency: Text(currency),
            subtotal_minor: 0,
            discount_minor: 0,
            tax_minor: 0,
            total_minor: 0,
            paid_minor: 0,
            due_date: None,
            canonical_hash: None,
            token_id: None,
            tx_hash: None,
            sent_at: None,
            paid_at: None,
            released_at: None,
            voided_at: None,
            created_at: unit.now(),
            updated_at: unit.now(),
        }
    }

    /// Bills of which the actor is a party; all for operators. Drafts are their writer's alone.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn invoices(&self, context: &Context, filter: &InvoiceFilter) -> Result<Page<InvoiceView>, AppError> {
        let actor = context.actor()?;
        let request = PageRequest { limit: filter.limit, cursor: filter.cursor.clone() };
        let (limit, after) = (request.limit()?, request.after()?);
        let mut query = invoices::Entity::find().order_by_desc(invoices::Column::Id).limit(u64::from(limit) + 1);
        query = match actor.role {
            Role::Admin => query,
            Role::Freelancer => query.filter(invoices::Column::FreelancerId.eq(Text(actor.user_id))),
            Role::Client => query.filter(
                Condition::all()
                    .add(invoices::Column::ClientId.eq(Text(actor.user_id)))
                    .add(invoices::Column::Status.ne(InvoiceStatus::Draft.word())),
            ),
        };
        if let Some(status) = &filter.status {
            let status: InvoiceStatus = status.parse().map_err(|error| AppError::field("/status", error))?;
            query = query.filter(invoices::Column::Status.eq(status.word()));
        }
        if let Some(project) = &filter.project_id {
            let project: ProjectId = project.parse().map_err(|error| AppError::field("/projectId", error))?;
            query = query.filter(invoices::Column::ProjectId.eq(Text(project)));
        }
        if let Some(after) = after {
            query = query.filter(invoices::Column::Id.lt(after));
        }
        let rows = query.all(self.records.db()).await?;
        let ids: Vec<Text<InvoiceId>> = rows.iter().map(|row| row.id).collect();
        let all = invoice_lines::Entity::find()
            .filter(invoice_lines::Column::InvoiceId.is_in(ids))
            .order_by_asc(invoice_lines::Column::Position)
            .all(self.records.db())
            .await?;
        let lines = |id: Text<InvoiceId>| all.iter().filter(|line| line.invoice_id == id).cloned().collect();
        let now = self.records.now();
        Ok(Page::of(rows, limit, |row| row.id.to_string(), |row| InvoiceView::of(row.clone(), lines(row.id), now)))
    }

    /// One bill.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its parties.
    pub async fn invoice(&self, context: &Context, id: &str) -> Result<InvoiceView, AppError> {
        let actor = context.actor()?;
        let id: InvoiceId = id.parse().map_err(|_| AppError::NotFound("invoice"))?;
        let row = invoices::Entity::find_by_id(Text(id)).one(self.records.db()).await?;
        let row = row.filter(|row| sees(actor, row)).ok_or(AppError::NotFound("invoice"))?;
        let lines = lines_of(self.records.db(), id).await?;
        Ok(InvoiceView::of(row, lines, self.records.now()))
    }

    /// Changes a draft.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it was sent, [`AppError::Stale`] when it has changed.
    pub async fn patch_invoice(
        &self,
        context: &Context,
        id: &str,
        version: Option<i64>,
        patch: PatchInvoice,
    ) -> Result<Done<InvoiceView>, AppError> {
        retry(self.records.random(), || async {
            let mut unit = self.records.begin().await?;
            let before = written_by(&unit, context, id).await?;
            expect_version(version, before.version)?;
            Action::Edit.check(before.status.0, before.paid_minor)?;
            let old = InvoiceView::of(before.clone(), lines_of(unit.db(), before.id.0).await?, unit.now());
            let content = merged(&old, &patch)?;
            let mut after = before.clone();
            fill(&mut after, &content);
            let lines = line_rows(before.id.0, &content);
            let row = unit.update_with::<invoice_lines::Entity>(&before, after, lines.clone()).await?;
            let view = InvoiceView::of(row, lines, unit.now());
            self.audit(&mut unit, context, "invoice.patch", ("invoices", view.id.clone()), (Some(&old), Some(&view)))
                .await?;
            self.finish(unit, &Context::default(), view).await
        })
        .await
    }

    /// Removes a draft.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it was sent.
    pub async fn delete_invoice(&self, context: &Context, id: &str) -> Result<Done<()>, AppError> {
        retry(self.records.random(), || async {
            let mut unit = self.records.begin().await?;
            let before = written_by(&unit, context, id).await?;
            Action::Delete.check(before.status.0, before.paid_minor)?;
            let old = InvoiceView::of(before.clone(), lines_of(unit.db(), before.id.0).await?, unit.now());
            unit.delete_with::<invoice_lines::Entity>(&before).await?;
            self.audit(&mut unit, context, "invoice.delete", ("invoices", old.id.clone()), (Some(&old), None)).await?;
            self.finish(unit, &Context::default(), ()).await
        })
        .await
    }

    /// Sends a draft: it gets its number, its lines and its hash are frozen.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it was sent already.
    pub async fn send_invoice(&self, context: &Context, id: &str) -> Result<Done<InvoiceView>, AppError> {
        retry(self.records.random(), || async {
            let mut unit = match self.begin(context, "invoice.send", &id).await? {
                Begun::Fresh(unit) => unit,
                Begun::Replay(done) => return Ok(done),
            };
            let before = written_by(&unit, context, id).await?;
            Action::Send.check(before.status.0, before.paid_minor)?;
            let lines = lines_of(unit.db(), before.id.0).await?;
            let sequence = next_number(&mut unit, before.freelancer_id.0).await?;
            let mut after = before.clone();
            after.status = Text(InvoiceStatus::Sent);
            after.number = Some(number(unit.now().year(), sequence));
            after.number_seq = Some(sequence);
            after.sent_at = Some(unit.now());
            after.canonical_hash = Some(frozen_hash(&after, &lines));
            let row = unit.update::<invoices::Entity>(&before, after).await?;
            let old = InvoiceView::of(before, lines.clone(), unit.now());
            let view = InvoiceView::of(row, lines, unit.now());
            self.audit(&mut unit, context, "invoice.send", ("invoices", view.id.clone()), (Some(&old), Some(&view)))
                .await?;
            self.finish(unit, context, view).await
        })
        .await
    }

    /// Cancels a sent bill of which nothing is paid. Its number stays taken.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when something is paid.
    pub async fn void_invoice(&self, context: &Context, id: &str) -> Result<Done<InvoiceView>, AppError> {
        retry(self.records.random(), || async {
            let mut unit = match self.begin(context, "invoice.void", &id).await? {
                Begun::Fresh(unit) => unit,
                Begun::Replay(done) => return Ok(done),
            };
            let before = written_by(&unit, context, id).await?;
            Action::Void.check(before.status.0, before.paid_minor)?;
            let mut after = before.clone();
            after.status = Text(InvoiceStatus::Void);
            after.voided_at = Some(unit.now());
            let row = unit.update::<invoices::Entity>(&before, after).await?;
            let lines = lines_of(unit.db(), row.id.0).await?;
            let old = InvoiceView::of(before, lines.clone(), unit.now());
            let view = InvoiceView::of(row, lines, unit.now());
            self.audit(&mut unit, context, "invoice.void", ("invoices", view.id.clone()), (Some(&old), Some(&view)))
                .await?;
            self.finish(unit, context, view).await
        })
        .await
    }
}

/// Drafts are seen by their writer only.
fn sees(actor: &Actor, row: &invoices::Model) -> bool {
    actor.role == Role::Admin
        || row.freelancer_id.0 == actor.user_id
        || (row.client_id.0 == actor.user_id && row.status.0 != InvoiceStatus::Draft)
}

/// The bill under lock, when the actor is a party.
pub(crate) async fn locked(unit: &Unit, context: &Context, id: &str) -> Result<invoices::Model, AppError> {
    let actor = context.actor()?;
    let id: InvoiceId = id.parse().map_err(|_| AppError::NotFound("invoice"))?;
    let row = invoices::Entity::find_by_id(Text(id)).lock_exclusive().one(unit.db()).await?;
    row.filter(|row| sees(actor, row)).ok_or(AppError::NotFound("invoice"))
}

/// The bill under lock, when the actor wrote it.
async fn written_by(unit: &Unit, context: &Context, id: &str) -> Result<invoices::Model, AppError> {
    let row = locked(unit, context, id).await?;
    let actor = context.actor()?;
    if row.freelancer_id.0 == actor.user_id {
        Ok(row)
    } else {
        Err(AppError::Forbidden("only its freelancer changes an invoice"))
    }
}

pub(crate) async fn lines_of(db: &impl ConnectionTrait, id: InvoiceId) -> Result<Vec<invoice_lines::Model>, AppError> {
    let rows = invoice_lines::Entity::find()
        .filter(invoice_lines::Column::InvoiceId.eq(Text(id)))
        .order_by_asc(invoice_lines::Column::Position)
        .all(db)
        .await?;
    Ok(rows)
}

/// The next number of an issuer, under lock: a rolled-back send leaves no gap.
async fn next_number(unit: &mut Unit, freelancer: UserId) -> Result<i64, AppError> {
    let known = invoice_counters::Entity::find_by_id(Text(freelancer)).lock_exclusive().one(unit.db()).await?;
    let Some(known) = known else {
        let first = invoice_counters::Model { freelancer_id: Text(freelancer), next_seq: 2 };
        return match unit.add::<invoice_counters::Entity>(first).await {
            Ok(()) => Ok(1),
            // Somebody sent the issuer's other first bill at this moment: the whole unit runs again and finds its row.
            Err(RecordsError::Duplicate(text)) => Err(RecordsError::Again(DbErr::Custom(text)).into()),
            Err(error) => Err(error.into()),
        };
    };
    invoice_counters::Entity::update_many()
        .col_expr(invoice_counters::Column::NextSeq, Expr::val(known.next_seq + 1))
        .filter(invoice_counters::Column::FreelancerId.eq(Text(freelancer)))
        .exec(unit.db())
        .await?;
    Ok(known.next_seq)
}

fn frozen_hash(row: &invoices::Model, lines: &[invoice_lines::Model]) -> String {
    let line = |row: &invoice_lines::Model| Line {
        description: row.description.clone(),
        quantity_milli: row.quantity_milli,
        unit_price_minor: row.unit_price_minor,
        tax_rate_bp: row.tax_rate_bp,
    };
    let lines: Vec<Line> = lines.iter().map(line).collect();
    Frozen {
        id: row.id.to_string(),
        number: row.number.clone().unwrap_or_default(),
        freelancer_id: row.freelancer_id.to_string(),
        client_id: row.client_id.to_string(),
        currency: row.currency.to_string(),
        lines: &lines,
        totals: Totals {
            subtotal: row.subtotal_minor,
            discount: row.discount_minor,
            tax: row.tax_minor,
            total: row.total_minor,
        },
        due_date: row.due_date.clone(),
    }
    .canonical_hash()
}

/// A draft with its changes, checked as a whole.
fn merged(old: &InvoiceView, patch: &PatchInvoice) -> Result<Checked, AppError> {
    let kept: Vec<NewLine> = old
        .lines
        .iter()
        .map(|line| NewLine {
            description: line.description.clone(),
            quantity: line.quantity.clone(),
            unit_price: line.unit_price.clone(),
            tax_rate: Some(line.tax_rate.clone()),
        })
        .collect();
    checked(&Content {
        title: patch.title.as_deref().unwrap_or(&old.title),
        notes: patch.notes.as_ref().unwrap_or(&old.notes).as_deref(),
        due_date: patch.due_date.as_ref().unwrap_or(&old.due_date).as_deref(),
        currency: &old.total.currency,
        discount: Some(patch.discount.clone().unwrap_or_else(|| old.discount.clone())),
        lines: patch.lines.as_deref().unwrap_or(&kept),
    })
}

fn fill(row: &mut invoices::Model, content: &Checked) {
    row.title.clone_from(&content.title);
    row.notes.clone_from(&content.notes);
    row.due_date.clone_from(&content.due_date);
    row.subtotal_minor = content.totals.subtotal;
    row.discount_minor = content.totals.discount;
    row.tax_minor = content.totals.tax;
    row.total_minor = content.totals.total;
}

fn line_rows(id: InvoiceId, content: &Checked) -> Vec<invoice_lines::Model> {
    let row = |(position, line): (usize, &Line)| invoice_lines::Model {
        invoice_id: Text(id),
        position: i64::try_from(position).unwrap_or(i64::MAX),
        description: line.description.clone(),
        quantity_milli: line.quantity_milli,
        unit_price_minor: line.unit_price_minor,
        currency: Text(content.currency),
        tax_rate_bp: line.tax_rate_bp,
        amount_minor: line.amount().unwrap_or(0),
    };
    content.lines.iter().enumerate().map(row).collect()
}
