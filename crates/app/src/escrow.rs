//! Held money: work for it is submitted, sent back or approved, and it is released, by its client or by the clock.

use chainbill_domain::{
    id::InvoiceId,
    invoice::{Action, CannotRelease, Invoice},
    states::Role,
    text,
    visibility::Viewer,
};
use chainbill_records::repo::invoices;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, Done, InvoiceView, MoneyView,
    command::Command,
    jobs::release_job,
    moment,
    payments::{Reason, refused},
    validate::Check,
};

/// Work that is submitted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubmitWork {
    /// What the client shall know of it, at most 5000 characters.
    pub note: Option<String>,
}

/// A release of held money.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseInvoice {
    /// How much of what is held; all of it when absent.
    pub amount: Option<MoneyView>,
}

impl App {
    /// Submits the work that held money is for, as its freelancer. The money is released by itself when the client does not answer.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when nothing is held, or work is submitted already.
    pub async fn submit_work(
        &self,
        context: &Context,
        id: &str,
        work: SubmitWork,
    ) -> Result<Done<InvoiceView>, AppError> {
        context.actor()?;
        let note = text::some(work.note.as_deref()).map(|note| text::free(note, 5000)).transpose();
        let note = &note.map_err(|error| AppError::field("/note", error))?;
        self.command(context, "invoice.submit", &(id, &work), |command| async move {
            let invoice = command.own_invoice(id).await?;
            command.allow_move(&invoice, Action::Submit).await?;
            let submitted = invoice.submit(note.clone(), command.occasion())?;
            command.change_invoice(submitted).await
        })
        .await
    }

    /// Sends submitted work back with a reason, as its client.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when none is submitted.
    pub async fn return_work(
        &self,
        context: &Context,
        id: &str,
        reason: Reason,
    ) -> Result<Done<InvoiceView>, AppError> {
        context.actor()?;
        let why = &reason.checked()?;
        self.command(context, "invoice.return", &(id, &reason), |command| async move {
            let invoice = command.invoice_as_client(id).await?;
            command.allow_move(&invoice, Action::Return).await?;
            command.is_in_time(&invoice)?;
            let returned = invoice.send_back(why.clone(), command.occasion())?;
            command.change_invoice(returned).await
        })
        .await
    }

    /// Approves submitted work, as its client: all that is held is released.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when none is submitted.
    pub async fn approve_work(&self, context: &Context, id: &str) -> Result<Done<InvoiceView>, AppError> {
        context.needs_key()?;
        self.command(context, "invoice.approve", &id, |command| async move {
            let invoice = command.invoice_as_client(id).await?;
            command.allow_move(&invoice, Action::Approve).await?;
            let approved = invoice.approve(command.occasion())?;
            command.change_invoice(approved).await
        })
        .await
    }

    /// Releases held money to the freelancer, as its client.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when nothing is held or it is frozen; [`AppError::Validation`] when it is more than is held.
    pub async fn release_invoice(
        &self,
        context: &Context,
        id: &str,
        release: ReleaseInvoice,
    ) -> Result<Done<InvoiceView>, AppError> {
        context.needs_key()?;
        let release = &release;
        self.command(context, "invoice.release", &(id, release), |command| async move {
            let invoice = command.invoice_as_client(id).await?;
            command.allow_move(&invoice, Action::Release).await?;
            let mut check = Check::default();
            let amount = match &release.amount {
                Some(amount) => check.money("/amount", &amount.clone().into(), Some(invoice.currency)),
                None => Some(invoice.held()),
            };
            let amount = check.finish(amount)?;
            let released = invoice.release(amount, command.occasion())?;
            command.change_invoice(released).await
        })
        .await
    }
}

impl Command<'_> {
    /// An invoice under lock, if the actor pays it and knows its version.
    pub(crate) async fn invoice_as_client(&self, id: &str) -> Result<Invoice, AppError> {
        let invoice = self.invoice(id).await?;
        if invoice.client_id != self.actor()? {
            return Err(AppError::Forbidden("only its client decides on the money of an invoice"));
        }
        self.context.expects(invoice.version)?;
        Ok(invoice)
    }

    /// Refuses an answer to submitted work whose time is over: its release is due, however late the clock's job gets to it.
    pub(crate) fn is_in_time(&self, invoice: &Invoice) -> Result<(), AppError> {
        match invoice.release_at().filter(|at| *at <= self.unit.now()) {
            Some(at) => {
                let at = moment(at);
                let detail = format!("the time to answer the submitted work ended at {at}: its money is released");
                Err(refused(invoice.escrow.word(), &["approve", "release"], detail))
            }
            None => Ok(()),
        }
    }

    /// An invoice under lock, for what a clock or a decision does.
    pub(crate) async fn any_invoice(&self, id: InvoiceId) -> Result<Option<Invoice>, AppError> {
        // Nobody asks: as an operator, every invoice is seen.
        let viewer = Viewer { user_id: self.app.new_id(), role: Role::Admin };
        Ok(invoices::lock(&self.unit, &viewer, id).await?)
    }

    /// Enqueues the release of work that waits for an answer from now on: asked for every change of an invoice.
    pub(crate) async fn enqueue_release(&mut self, invoice: &Invoice) -> Result<(), AppError> {
        if let Some(at) = invoice.release_at() {
            self.unit.enqueue_job(release_job(invoice.id, at)).await?;
        }
        Ok(())
    }
}

impl From<CannotRelease> for AppError {
    fn from(error: CannotRelease) -> Self {
        let detail = error.to_string();
        match error {
            CannotRelease::Refused(refusal) => refusal.into(),
            CannotRelease::Currency(..) => Self::field("/amount/currency", detail),
            CannotRelease::NotPositive | CannotRelease::TooMuch(_) => Self::field("/amount/amount", detail),
        }
    }
}
