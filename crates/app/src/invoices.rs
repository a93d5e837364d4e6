//! Invoices: drafted, changed, sent, voided, read. `content.rs` checks what they say, `domain::invoice` decides what they may do.

use chainbill_domain::{
    id::{InvoiceId, ProjectId, UserId},
    invoice::{Action, CannotSend, Invoice, NewDraft, Unpayable},
    money::Currency,
    states::{Role, UserStatus},
    text,
    zone::Zone,
};
use chainbill_records::repo::{
    accounts::Account,
    invoices::{self, List, Listed},
    numbers, projects,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Actor, App, AppError, Context, Done, InvoiceView, MoneyView, Page, PageRequest, Reader,
    command::Command,
    content::{Asked, checked, merged},
    context::{Expected, expect_version},
    validate::{Check, given, present},
    zones::zone_of,
};

/// A new invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewInvoice {
    /// Who pays it.
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

/// Which invoices.
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
    /// Drafts an invoice.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others than freelancers.
    pub async fn create_invoice(&self, context: &Context, new: NewInvoice) -> Result<Done<InvoiceView>, AppError> {
        let freelancer = context.actor_as(Role::Freelancer, "only freelancers write invoices")?;
        let (content, currency) = checked(&Asked {
            title: &new.title,
            notes: new.notes.as_deref(),
            due_date: new.due_date.as_deref(),
            currency: Currency::for_new(&new.currency),
            discount: new.discount.clone(),
            lines: &new.lines,
        })?;
        let client_id = self.client_of(&new.client_id).await?;
        let project_id = match text::some(new.project_id.as_deref()) {
            None => None,
            Some(id) => Some(self.project_of(id, freelancer, client_id).await?),
        };
        let (freelancer_id, content) = (freelancer.user_id, &content);
        self.command(context, "invoice.create", &new, |command| async move {
            let id = self.new_id();
            let new = NewDraft { id, freelancer_id, client_id, project_id, currency, content: content.clone() };
            let created = Invoice::draft(new, command.occasion());
            command.create_invoice(created).await
        })
        .await
    }

    async fn client_of(&self, id: &str) -> Result<UserId, AppError> {
        let client: UserId = id.parse().map_err(|error| AppError::field("/clientId", error))?;
        match Account::of_id(&self.records, id).await? {
            Some(account) if account.is(Role::Client) => Ok(client),
            _ => Err(AppError::field("/clientId", "is no client")),
        }
    }

    async fn project_of(&self, id: &str, freelancer: &Actor, client: UserId) -> Result<ProjectId, AppError> {
        let id: ProjectId = id.parse().map_err(|error| AppError::field("/projectId", error))?;
        let project = projects::find(&self.records, &freelancer.viewer(), id).await?;
        let is_of_both = project
            .is_some_and(|project| project.client_id == client && project.freelancer_id == Some(freelancer.user_id));
        match is_of_both {
            true => Ok(id),
            false => Err(AppError::field("/projectId", "is no project of this client and this freelancer")),
        }
    }

    /// Invoices of which the actor is a party; all for operators. Drafts are their writer's alone.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn invoices(&self, context: &Context, filter: &InvoiceFilter) -> Result<Page<InvoiceView>, AppError> {
        let viewer = context.actor()?.viewer();
        let request = PageRequest { limit: filter.limit, cursor: filter.cursor.clone() };
        let name = format!("invoices?{:?}&{:?}", filter.status, filter.project_id);
        let (limit, after) = (request.limit()?, request.after(&name)?);
        let status = filter.status.as_deref().map(str::parse).transpose();
        let status = status.map_err(|error| AppError::field("/status", error))?;
        let project = filter.project_id.as_deref().map(str::parse).transpose();
        let project = project.map_err(|error| AppError::field("/projectId", error))?;
        let list = List { viewer: &viewer, status, project, after: after.as_deref(), limit };
        let Listed { rows, limit } = invoices::list(&self.records, list).await?;
        let now = self.records.now();
        let zones = self.zones(rows.iter().flatten().map(|invoice| &**invoice), now).await?;
        let view = |invoice: Invoice| {
            let today = zones.day(&invoice, now);
            Ok(InvoiceView::of(invoice, &today))
        };
        Ok(Page::of_readable(&name, rows, limit, |invoice| invoice.id.to_string(), view))
    }

    /// One invoice.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its parties.
    pub async fn invoice(&self, context: &Context, id: &str) -> Result<InvoiceView, AppError> {
        let viewer = context.actor()?.viewer();
        let id: InvoiceId = id.parse().map_err(|_| AppError::NotFound("invoice"))?;
        let invoice = invoices::find(&self.records, &viewer, id).await?.ok_or(AppError::NotFound("invoice"))?;
        let now = self.records.now();
        let today = self.zones(std::iter::once(&*invoice), now).await?.day(&invoice, now);
        Ok(InvoiceView::of(invoice, &today))
    }

    /// As [`Self::invoice`], with the login checked in the statement that reads: it is asked for most.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`] without a login; [`AppError::NotFound`] for others than its parties.
    pub async fn read_invoice(&self, reader: &Reader, id: &str) -> Result<InvoiceView, AppError> {
        // What is no id is no invoice's: a login is asked for first all the same.
        let id: InvoiceId = id.parse().unwrap_or(InvoiceId::NIL);
        let found = invoices::of_session(&self.records, reader.token_hash(), id).await?;
        let (user, invoice) = found.ok_or(AppError::Unauthenticated)?;
        if user.status != UserStatus::Active {
            return Err(AppError::Unauthenticated);
        }
        let (invoice, now) = (invoice.ok_or(AppError::NotFound("invoice"))?, self.records.now());
        let today = self.zones(std::iter::once(&*invoice), now).await?.day(&invoice, now);
        Ok(InvoiceView::of(invoice, &today))
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
        let patch = &patch;
        self.change(context, "invoice.patch", |command| async move {
            let invoice = command.own_invoice(id).await?;
            expect_version(expected, invoice.version)?;
            invoice.allows(Action::Edit)?;
            let content = merged(&invoice, patch)?;
            command.change_invoice(invoice.edit(content)?).await
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
        self.change(context, "invoice.delete", |command| async move {
            let invoice = command.own_invoice(id).await?;
            expect_version(expected, invoice.version)?;
            command.delete_invoice(invoice.delete()?).await
        })
        .await
    }

    /// Sends a draft: it gets its number, its lines and its hash are frozen.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it was sent already; [`AppError::Validation`] when it could not be paid, or not in time.
    pub async fn send_invoice(&self, context: &Context, id: &str) -> Result<Done<InvoiceView>, AppError> {
        self.command(context, "invoice.send", &id, |mut command| async move {
            let (invoice, at) = (command.own_invoice(id).await?, command.unit.now());
            invoice.allows(Action::Send)?;
            let zone = zone_of(&command.unit, invoice.freelancer_id).await?;
            let today = zone.day(at);
            let refused = |error| cannot_send(error, &today, zone);
            invoice.can_be_sent(&today).map_err(refused)?;
            let sequence = numbers::next(&mut command.unit, invoice.freelancer_id).await?;
            let sent = invoice.send(sequence, zone.year(at), &today, at).map_err(refused)?;
            command.change_invoice(sent).await
        })
        .await
    }

    /// Cancels a sent invoice of which nothing is paid. Its number stays taken.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when something is paid.
    pub async fn void_invoice(&self, context: &Context, id: &str) -> Result<Done<InvoiceView>, AppError> {
        self.command(context, "invoice.void", &id, |command| async move {
            let invoice = command.own_invoice(id).await?;
            let voided = invoice.void(command.unit.now())?;
            command.change_invoice(voided).await
        })
        .await
    }
}

fn cannot_send(error: CannotSend, today: &str, zone: Zone) -> AppError {
    let reasons = match error {
        CannotSend::Refused(refusal) => return refusal.into(),
        CannotSend::Unpayable(reasons) => reasons,
    };
    let mut check = Check::default();
    for reason in reasons {
        match reason {
            Unpayable::Nothing => check.refuse("/total", "is 0: an invoice that comes to something is accepted"),
            Unpayable::Due(due) => {
                check.refuse("/dueDate", format!("is {due}: a day from {today} ({zone}) on is accepted at sending"));
            }
        }
    }
    check.refused()
}

impl Command<'_> {
    /// An invoice under lock, if the actor sees it.
    pub async fn invoice(&self, id: &str) -> Result<Invoice, AppError> {
        let viewer = self.context.actor()?.viewer();
        let id: InvoiceId = id.parse().map_err(|_| AppError::NotFound("invoice"))?;
        invoices::lock(&self.unit, &viewer, id).await?.ok_or(AppError::NotFound("invoice"))
    }

    /// An invoice under lock, if the actor wrote it and knows its version.
    async fn own_invoice(&self, id: &str) -> Result<Invoice, AppError> {
        let invoice = self.invoice(id).await?;
        if invoice.freelancer_id != self.actor()? {
            return Err(AppError::Forbidden("only its freelancer changes an invoice"));
        }
        self.context.expects(invoice.version)?;
        Ok(invoice)
    }
}
