//! Bills: drafted, changed, read. `content.rs` checks what they say, `sending.rs` sends and voids them.

use chainbill_domain::{
    event::EventData,
    id::{InvoiceId, ProjectId, UserId},
    invoice::Action,
    money::{Currency, Money},
    states::{AnchorStatus, EscrowStatus, InvoiceStatus, PaymentStatus, Role},
    text,
};
use chainbill_records::{
    Kind, Text, Unit, each,
    entities::{invoice_lines, invoices, projects},
    newest, retry,
    sea_orm::{
        ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _,
        QuerySelect as _, Select, Value,
        sea_query::{Expr, ExprTrait as _, Func},
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Actor, App, AppError, Context, Done, InvoiceView, MoneyView, Page, PageRequest,
    accounts::{Expected, expect_version, unchanged},
    content::{Content, checked, fill, line_rows, merged},
    idempotency::Begun,
    identity::Account,
    portion,
    validate::{given, present},
    zones::{Zones, issuers_day},
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
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// Notes to the client.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub notes: Option<Option<String>>,
    /// What is taken off before tax; nothing when null.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<MoneyView>)]
    pub discount: Option<Option<MoneyView>>,
    /// Until when it is to be paid.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub due_date: Option<Option<String>>,
    /// All lines.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
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
            currency: Currency::for_new(&new.currency),
            discount: new.discount.clone(),
            lines: &new.lines,
        })?;
        let client = self.billed_client(&new.client_id).await?;
        let project = match text::some(new.project_id.as_deref()) {
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
            let total = Money { minor: row.total_minor, currency: content.currency };
            let created = EventData::InvoiceCreated { freelancer, invoice: row.id.0, project, total };
            self.record(&mut unit, created);
            let today = issuers_day(unit.db(), &row, unit.now()).await?;
            let view = InvoiceView::of(row, lines, &today);
            self.audit(&mut unit, context, "invoice.create", ("invoices", view.id.clone()), (None, Some(&view)))
                .await?;
            self.finish(unit, context, view).await
        })
        .await
    }

    async fn billed_client(&self, id: &str) -> Result<UserId, AppError> {
        let client: UserId = id.parse().map_err(|error| AppError::field("/clientId", error))?;
        match Account::of_id(self.records.db(), id).await? {
            Some(account) if account.is(Role::Client) => Ok(client),
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
        let list = format!("invoices?{:?}&{:?}", filter.status, filter.project_id);
        let (limit, after) = (request.limit()?, request.after(&list)?);
        let query = listed(actor, filter, after.as_deref(), u64::from(limit) + 1)?;
        let (db, now) = (self.records.db(), self.records.now());
        let mut rows = each(db, query, invoices::Column::Id).await?;
        let (limit, mut lines) = portion::lines(db, &mut rows, limit).await?;
        let zones = Zones::of(db, rows.iter().flatten(), now).await?;
        let view = |row: invoices::Model| {
            let lines = lines.remove(&row.id.to_string()).unwrap_or_else(|| Ok(Vec::new()));
            let today = zones.day(&row, now);
            lines.map(|lines| InvoiceView::of(row, lines, &today)).map_err(|value| value.within("lines"))
        };
        Ok(Page::of_readable(&list, rows, limit, |row| row.id.to_string(), view))
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
        let today = issuers_day(self.records.db(), &row, self.records.now()).await?;
        Ok(InvoiceView::of(row, lines, &today))
    }

    /// Changes a draft.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it was sent, [`AppError::Stale`] when it has changed.
    pub async fn patch_invoice(
        &self,
        context: &Context,
        id: &str,
        expected: Expected<'_>,
        patch: PatchInvoice,
    ) -> Result<Done<InvoiceView>, AppError> {
        retry(self.records.random(), || async {
            let mut unit = self.records.begin().await?;
            let before = written_by(&unit, context, id).await?;
            expect_version(expected, before.version)?;
            Action::Edit.check(before.status.0, before.paid_minor)?;
            let kept = lines_of(unit.db(), before.id.0).await?;
            let today = issuers_day(unit.db(), &before, unit.now()).await?;
            let old = InvoiceView::of(before.clone(), kept.clone(), &today);
            let content = merged(&old, &patch)?;
            let mut after = before.clone();
            fill(&mut after, &content);
            let lines = line_rows(before.id.0, &content);
            if after == before && lines == kept {
                return unchanged(unit, old).await;
            }
            let row = unit.update_with::<invoice_lines::Entity>(&before, after, lines.clone()).await?;
            let view = InvoiceView::of(row, lines, &today);
            self.audit(&mut unit, context, "invoice.patch", ("invoices", view.id.clone()), (Some(&old), Some(&view)))
                .await?;
            self.finish(unit, &Context::default(), view).await
        })
        .await
    }

    /// Removes a draft.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it was sent, [`AppError::Stale`] when it has changed.
    pub async fn delete_invoice(
        &self,
        context: &Context,
        id: &str,
        expected: Expected<'_>,
    ) -> Result<Done<()>, AppError> {
        retry(self.records.random(), || async {
            let mut unit = self.records.begin().await?;
            let before = written_by(&unit, context, id).await?;
            expect_version(expected, before.version)?;
            Action::Delete.check(before.status.0, before.paid_minor)?;
            let today = issuers_day(unit.db(), &before, unit.now()).await?;
            let old = InvoiceView::of(before.clone(), lines_of(unit.db(), before.id.0).await?, &today);
            unit.delete_with::<invoice_lines::Entity>(&before).await?;
            self.audit(&mut unit, context, "invoice.delete", ("invoices", old.id.clone()), (Some(&old), None)).await?;
            self.finish(unit, &Context::default(), ()).await
        })
        .await
    }
}

/// The bills of a list. Each state has its own place in an index behind a party's id: a page reads little more than what it
/// shows, however many bills of other states there are.
fn listed(
    actor: &Actor,
    filter: &InvoiceFilter,
    after: Option<&str>,
    limit: u64,
) -> Result<Select<invoices::Entity>, AppError> {
    use invoices::Column::{ClientId, FreelancerId, ProjectId as Project, Status};
    let status: Option<InvoiceStatus> = match &filter.status {
        Some(status) => Some(status.parse().map_err(|error| AppError::field("/status", error))?),
        None => None,
    };
    let project: Option<ProjectId> = match &filter.project_id {
        Some(project) => Some(project.parse().map_err(|error| AppError::field("/projectId", error))?),
        None => None,
    };
    let me = || Value::from(Text(actor.user_id));
    let of = match (project, actor.role) {
        (Some(project), _) => Some((Project, Text(project).into())),
        (None, Role::Freelancer) => Some((FreelancerId, me())),
        (None, Role::Client) => Some((ClientId, me())),
        (None, Role::Admin) => None,
    };
    let Some(of) = of else {
        let kind = status.map(|status| (Status, status.word().into())).into_iter().collect();
        return Ok(newest(&[Kind::of(kind)], after, limit));
    };
    let seen = |status: &InvoiceStatus| actor.role != Role::Client || *status != InvoiceStatus::Draft;
    let wanted = InvoiceStatus::ALL.iter().filter(|is| seen(is) && status.is_none_or(|status| status == **is));
    let mut kinds: Vec<_> = wanted.map(|status| Kind::of(vec![of.clone(), (Status, status.word().into())])).collect();
    if status.is_none() {
        kinds.extend(Kind::unknown(&[of], Status, InvoiceStatus::WORDS));
    }
    let query = newest(&kinds, after, limit);
    Ok(match (project, actor.role) {
        // A project's bills are its parties'; whoever else asks for them sees none.
        (Some(_), Role::Freelancer | Role::Client) => query.filter(visible_to(actor)),
        _ => query,
    })
}

/// The condition for [`sees`], in a form that no index answers: rows that were found by another one are judged by it, and it
/// must not tempt a planner to begin with all bills of a party.
fn visible_to(actor: &Actor) -> Condition {
    let party = |column| Expr::expr(Func::coalesce([Expr::col(column), Expr::val("")])).eq(Text(actor.user_id));
    let sent = Condition::all()
        .add(party(invoices::Column::ClientId))
        .add(invoices::Column::Status.ne(InvoiceStatus::Draft.word()));
    Condition::any().add(party(invoices::Column::FreelancerId)).add(sent)
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

/// The bill under lock, when the actor wrote it and knows its version.
pub(crate) async fn written_by(unit: &Unit, context: &Context, id: &str) -> Result<invoices::Model, AppError> {
    let row = locked(unit, context, id).await?;
    let actor = context.actor()?;
    if row.freelancer_id.0 != actor.user_id {
        return Err(AppError::Forbidden("only its freelancer changes an invoice"));
    }
    context.expects(row.version)?;
    Ok(row)
}

pub(crate) async fn lines_of(db: &impl ConnectionTrait, id: InvoiceId) -> Result<Vec<invoice_lines::Model>, AppError> {
    let rows = invoice_lines::Entity::find()
        .filter(invoice_lines::Column::InvoiceId.eq(Text(id)))
        .order_by_asc(invoice_lines::Column::Position)
        .all(db)
        .await?;
    Ok(rows)
}
