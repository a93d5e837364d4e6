//! Invoices: drafted, changed, sent, voided, read. `content.rs` checks what they say, `domain::invoice` decides what they may do.

use chainbill_domain::{
    id::{InvoiceId, ProjectId, UserId},
    invoice::{Action, CannotSend, Invoice, Unpayable},
    project::Project,
    states::{InvoiceStatus, NumberKind, ProjectStatus, Role, UserStatus},
    transition::Transition,
    visibility::Viewer,
    zone::Zone,
};
use chainbill_records::{
    RecordsError,
    repo::{accounts::Account, invoices, projects},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, Done, InvoiceView, MoneyView, Movement, Reader,
    billing::parties_now,
    command::Command,
    content::merged,
    context::{Expected, OK, expect_version},
    projects::billing::NOTHING_IS_BILLED,
    validate::{Check, given, present},
    zones::zone_of,
};

/// A new invoice.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewInvoice {
    /// Who pays it.
    pub client_id: String,
    /// For which project.
    pub project_id: Option<String>,
    /// Which milestone of that project it funds: its net is the milestone's amount, and no other invoice funds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milestone_id: Option<String>,
    /// The series of its number, of `GET /api/number-series`; the default of the moment of sending when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// What it is called.
    pub title: String,
    /// Notes to the client.
    pub notes: Option<String>,
    /// The currency of everything in it; that of your billing profile when absent.
    #[serde(default)]
    pub currency: String,
    /// Whether prices contain their tax; they do not when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prices_include_tax: Option<bool>,
    /// Where tax is rounded, PER_RATE or PER_LINE; your setting when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounding: Option<String>,
    /// What is taken off the sum of the lines, before tax: an amount or a percent.
    pub discount: Option<NewDiscount>,
    /// What the payer keeps back for the tax office, in percent of the net with at most 4 decimals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withholding_rate: Option<String>,
    /// What was paid in advance: it lowers what is due, not the total.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deposit: Option<MoneyView>,
    /// Until when it is to be paid: a day.
    pub due_date: Option<String>,
    /// 1 to 200 lines.
    pub lines: Vec<NewLine>,
}

/// A new line.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewLine {
    /// What was done.
    pub description: String,
    /// What the quantity counts, as `hour`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// How much of it: a number with at most 12 digits and 6 decimals, below 0 for what is taken back.
    pub quantity: String,
    /// Price of one, with at most 6 decimals.
    pub unit_price: MoneyView,
    /// What is taken off the line: an amount or a percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount: Option<NewLineDiscount>,
    /// Tax in percent with at most 4 decimals; 0 when absent.
    pub tax_rate: Option<String>,
    /// STANDARD, ZERO, EXEMPT or REVERSE_CHARGE; STANDARD or ZERO by the rate when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_category: Option<String>,
    /// Why there is no tax: with EXEMPT, and as you like with REVERSE_CHARGE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_reason: Option<String>,
}

/// What is taken off an invoice: an amount with its currency, or a percent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewDiscount {
    /// A decimal number with at most the currency's decimals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// The ISO 4217 code, beside the amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Percent of the sum of the lines with at most 4 decimals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<String>,
}

impl NewDiscount {
    pub(crate) fn of_amount(money: MoneyView) -> Self {
        Self { amount: Some(money.amount), currency: Some(money.currency), percent: None }
    }

    pub(crate) const fn of_percent(percent: String) -> Self {
        Self { amount: None, currency: None, percent: Some(percent) }
    }
}

/// What is taken off a line: an amount or a percent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewLineDiscount {
    /// An amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<MoneyView>,
    /// Percent of quantity times price with at most 4 decimals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<String>,
}

/// What changes in a draft; what is absent stays, null empties.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PatchInvoice {
    /// The series of its number; the default of the moment of sending when null.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub series: Option<Option<String>>,
    /// What it is called.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// Notes to the client.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub notes: Option<Option<String>>,
    /// Whether prices contain their tax.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub prices_include_tax: Option<bool>,
    /// Where tax is rounded, PER_RATE or PER_LINE.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub rounding: Option<String>,
    /// What is taken off the sum of the lines, before tax; nothing when null.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<NewDiscount>)]
    pub discount: Option<Option<NewDiscount>>,
    /// What the payer keeps back for the tax office, in percent of the net; nothing when null.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub withholding_rate: Option<Option<String>>,
    /// What was paid in advance; nothing when null.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<MoneyView>)]
    pub deposit: Option<Option<MoneyView>>,
    /// Until when it is to be paid.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub due_date: Option<Option<String>>,
    /// All lines.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub lines: Option<Vec<NewLine>>,
}

impl App {
    /// Drafts an invoice.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others than freelancers.
    pub async fn create_invoice(&self, context: &Context, new: NewInvoice) -> Result<Done<InvoiceView>, AppError> {
        let freelancer = context.actor_as(Role::Freelancer, "only freelancers write invoices")?.user_id;
        let plan = &self.planned(freelancer, &new).await?;
        self.command(context, "invoice.create", &new, |command| async move {
            if let (Some(project), Some(milestone)) = (plan.project_id, plan.milestone_id) {
                command.free_milestone(project, milestone).await?;
            }
            let draft = plan.clone().draft(self.new_id(), freelancer);
            let created = Invoice::draft(draft, command.occasion());
            command.create_invoice(created).await
        })
        .await
    }

    pub(crate) async fn client_of(&self, id: &str) -> Result<UserId, AppError> {
        let client: UserId = id.parse().map_err(|error| AppError::field("/clientId", error))?;
        match Account::of_id(&self.records, id).await? {
            Some(account) if account.is(Role::Client) => Ok(client),
            _ => Err(AppError::field("/clientId", "is no client")),
        }
    }

    pub(crate) async fn project_of(&self, id: &str, freelancer: &Viewer, client: UserId) -> Result<Project, AppError> {
        let id: ProjectId = id.parse().map_err(|error| AppError::field("/projectId", error))?;
        let is_of_both = |it: &Project| it.client_id == client && it.freelancer_id == Some(freelancer.user_id);
        match projects::find(&self.records, freelancer, id).await?.filter(is_of_both) {
            Some(project) if project.status == ProjectStatus::Cancelled => {
                Err(AppError::field("/projectId", NOTHING_IS_BILLED))
            }
            Some(project) => Ok(project),
            None => Err(AppError::field("/projectId", "is no project of this client and this freelancer")),
        }
    }

    /// One invoice; its parties see where its issuer is paid.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its parties.
    pub async fn invoice(&self, context: &Context, id: &str) -> Result<InvoiceView, AppError> {
        let viewer = context.actor()?.viewer();
        let id: InvoiceId = id.parse().map_err(|_| AppError::NotFound("invoice"))?;
        let invoice = invoices::find(&self.records, &viewer, id).await?.ok_or(AppError::NotFound("invoice"))?;
        self.shown_to(viewer.user_id, invoice).await
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
        self.shown_to(user.user, invoice.ok_or(AppError::NotFound("invoice"))?).await
    }

    /// An invoice that a user sees, with where its issuer is paid if the user is a party of it.
    async fn shown_to(&self, user: UserId, invoice: Invoice) -> Result<InvoiceView, AppError> {
        let now = self.records.now();
        let today = self.zones(std::iter::once(&*invoice), now).await?.day(&invoice, now);
        let is_party = [invoice.freelancer_id, invoice.client_id].contains(&user);
        let bank = invoice.parties.as_ref().filter(|_| is_party).and_then(|parties| parties.issuer.bank.clone());
        let view = InvoiceView::of(invoice, &today);
        Ok(InvoiceView { parties: view.parties.map(|parties| parties.with_bank(bank)), ..view })
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
            command.still_fits(&invoice, &content).await?;
            let series = match &patch.series {
                None => invoice.series,
                Some(name) => self.chosen_series(invoice.freelancer_id, NumberKind::Invoice, name.as_deref()).await?,
            };
            command.change_invoice(invoice.edit(content, series)?).await
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

    /// Sends a draft: it gets its number, and its content, its parties and its hash are frozen.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it was sent already; [`AppError::Validation`] when it could not be paid, or not in time.
    pub async fn send_invoice(&self, context: &Context, id: &str) -> Result<Done<InvoiceView>, AppError> {
        self.command(context, "invoice.send", &id, |mut command| async move {
            let invoice = command.own_invoice(id).await?;
            let view = command.sent_invoice(invoice).await?;
            let Movement { postings, dry_run } = command.movement();
            Ok(command.answer(OK, InvoiceView { postings, dry_run, ..view }))
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
            let voided = invoice.void(command.occasion())?;
            command.change_invoice(voided).await
        })
        .await
    }
}

/// Series of an issuer do not overlap; a number that is taken all the same was written by another program.
fn number_taken(error: AppError, number: &str) -> AppError {
    match error {
        AppError::Records(RecordsError::Duplicate(_)) => AppError::Conflict {
            current: InvoiceStatus::Draft.word().to_owned(),
            allowed: vec!["edit".to_owned()],
            detail: format!("the next number of its series, {number}, is taken: another series is accepted"),
        },
        error => error,
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
            Unpayable::Nothing => {
                check.refuse("/total", "leaves nothing to pay: an invoice of which something is due is accepted");
            }
            Unpayable::Due(due) => {
                check.refuse("/dueDate", format!("is {due}: a day from {today} ({zone}) on is accepted at sending"));
            }
        }
    }
    check.refused()
}

impl Command<'_> {
    /// Sends a draft: its number is allocated, and its content is frozen.
    pub(crate) async fn sent_invoice(&mut self, invoice: Invoice) -> Result<InvoiceView, AppError> {
        let at = self.unit.now();
        invoice.allows(Action::Send)?;
        self.billable(invoice.project_id, ("DRAFT", &["edit", "delete"])).await?;
        let zone = zone_of(&self.unit, invoice.freelancer_id).await?;
        let today = zone.day(at);
        let refused = |error| cannot_send(error, &today, zone);
        let (parties, due_date) = parties_now(&self.unit, &invoice, &today).await?;
        let addressed = invoice.clone().addressed(parties, due_date).under(self.app.settings.escrow);
        addressed.can_be_sent(&today).map_err(refused)?;
        let allocated =
            self.allocate_number(NumberKind::Invoice, (invoice.freelancer_id, zone), invoice.series).await?;
        let number = allocated.number.clone();
        let sent = addressed.send(allocated, &today, self.occasion()).map_err(refused)?.since(invoice);
        let sent = Transition { next: self.named(sent.next).await?, ..sent };
        self.save_invoice(sent).await.map_err(|error| number_taken(error, &number))
    }

    /// An invoice under lock, if the actor sees it.
    pub async fn invoice(&self, id: &str) -> Result<Invoice, AppError> {
        let viewer = self.context.actor()?.viewer();
        let id: InvoiceId = id.parse().map_err(|_| AppError::NotFound("invoice"))?;
        invoices::lock(&self.unit, &viewer, id).await?.ok_or(AppError::NotFound("invoice"))
    }

    /// An invoice under lock, if the actor wrote it and knows its version.
    pub(crate) async fn own_invoice(&self, id: &str) -> Result<Invoice, AppError> {
        let invoice = self.invoice(id).await?;
        if invoice.freelancer_id != self.actor()? {
            return Err(AppError::Forbidden("only its freelancer changes an invoice"));
        }
        self.context.expects(invoice.version)?;
        Ok(invoice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idempotency key stands for the serialised request: one that was sent to an earlier release is the same to this one.
    #[test]
    fn a_request_without_the_newer_fields_is_serialised_as_it_was() {
        let body = r#"{"clientId":"c","projectId":null,"title":"Work","notes":null,"currency":"EUR","discount":{"amount":"1.00","currency":"EUR"},"dueDate":null,"lines":[{"description":"x","quantity":"1","unitPrice":{"amount":"1.00","currency":"EUR"},"taxRate":"19"}]}"#;
        let read: NewInvoice = serde_json::from_str(body).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), body);
    }
}
