//! Credit notes: documents that lower what an invoice claims.

use chainbill_domain::{
    credit::CreditNote,
    id::{CreditNoteId, UserId},
    invoice::{Action, CannotCredit, Invoice},
    money::Money,
    states::NumberKind,
    text,
};
use chainbill_records::repo::credits::{self, List};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, CreditNoteView, Done, InvoiceView, MoneyView, Page, PageRequest, command::Command,
    context::CREATED, validate::Check, zones::zone_of,
};

/// A new credit note.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewCreditNote {
    /// What it takes off, tax included; all that is left when absent.
    pub amount: Option<MoneyView>,
    /// Why: a line for the client.
    pub reason: String,
}

/// Which credit notes or refunds.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PartyFilter {
    /// Only those of this invoice.
    pub invoice_id: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl App {
    /// Issues a credit note over a part of an invoice, or all of it. What was paid beyond the rest becomes the client's credit.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when there is nothing to credit; [`AppError::Validation`] when it is more than is left.
    pub async fn credit_invoice(
        &self,
        context: &Context,
        id: &str,
        new: NewCreditNote,
    ) -> Result<Done<CreditNoteView>, AppError> {
        context.needs_key()?;
        let new = &new;
        self.command(context, "invoice.credit", &(id, new), |mut command| async move {
            let invoice = command.own_invoice(id).await?;
            command.allow_move(&invoice, Action::Credit).await?;
            let mut check = Check::default();
            let reason = check.field("/reason", text::line(&new.reason, 500));
            let amount = match &new.amount {
                Some(amount) => check.money("/amount", &amount.clone().into(), Some(invoice.currency)),
                None => Some(invoice.creditable()),
            };
            let (reason, amount) = check.finish(reason.zip(amount))?;
            let by = command.actor()?;
            let (note, _, view) = command.credit(invoice, amount, (reason, by)).await?;
            let movement = command.movement();
            let view = CreditNoteView { movement, ..CreditNoteView::of(note, Some(view)) };
            Ok(command.answer(CREATED, view))
        })
        .await
    }

    /// Credit notes that one issued or received, newest first; all for operators.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn credit_notes(
        &self,
        context: &Context,
        filter: &PartyFilter,
    ) -> Result<Page<CreditNoteView>, AppError> {
        let viewer = context.actor()?.viewer();
        let (name, request, invoice) = filter.checked("credit-notes")?;
        let (limit, after) = (request.limit()?, request.after(&name)?);
        let list = List { viewer: &viewer, invoice, after: after.as_deref(), limit };
        let rows = credits::list_notes(&self.records, list).await?;
        Ok(Page::of(&name, rows, limit, |note| note.id.to_string(), |note| CreditNoteView::of(note, None)))
    }

    /// One credit note.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its parties.
    pub async fn credit_note(&self, context: &Context, id: &str) -> Result<CreditNoteView, AppError> {
        let viewer = context.actor()?.viewer();
        let missing = || AppError::NotFound("credit note");
        let id: CreditNoteId = id.parse().map_err(|_| missing())?;
        let note = credits::find_note(&self.records, &viewer, id).await?.ok_or_else(missing)?;
        Ok(CreditNoteView::of(note, None))
    }
}

impl PartyFilter {
    /// The list's name, the page and the invoice.
    pub(super) fn checked(
        &self,
        list: &str,
    ) -> Result<(String, PageRequest, Option<chainbill_domain::id::InvoiceId>), AppError> {
        let request = PageRequest { limit: self.limit, cursor: self.cursor.clone() };
        let invoice = text::some(self.invoice_id.as_deref()).map(str::parse).transpose();
        let invoice = invoice.map_err(|error| AppError::field("/invoiceId", error))?;
        Ok((format!("{list}?{:?}", self.invoice_id), request, invoice))
    }
}

impl Command<'_> {
    /// Issues a credit note, and gives the client what was paid beyond the rest as credit.
    pub(crate) async fn credit(
        &mut self,
        invoice: Invoice,
        amount: Money,
        (reason, issued_by): (String, UserId),
    ) -> Result<(CreditNote, chainbill_domain::invoice::Credits, InvoiceView), AppError> {
        let (id, at) = (self.app.new_id(), self.unit.now());
        let (parties, tax) = (invoice.between(), CreditNote::tax_of(&invoice, amount.minor));
        let (invoice_id, freelancer) = (invoice.id, invoice.freelancer_id);
        let (change, given) = invoice.credit(id, amount, self.occasion())?;
        let issuer = (freelancer, zone_of(&self.unit, freelancer).await?);
        let number = self.allocate_number(NumberKind::CreditNote, issuer, None).await?;
        let view = self.save_invoice(change).await?;
        let mut refunded = Money { minor: 0, ..amount };
        for (custody, amount) in given.each() {
            credits::give(&mut self.unit, parties, custody, amount).await?;
            refunded.minor += amount.minor;
        }
        let note =
            CreditNote { id, invoice_id, parties, number, amount, tax, refunded, reason, issued_by, created_at: at };
        credits::add_notes(&mut self.unit, std::slice::from_ref(&note)).await?;
        self.note(None, Some(&CreditNoteView::of(note.clone(), None))).await?;
        Ok((note, given, view))
    }
}

impl From<CannotCredit> for AppError {
    fn from(error: CannotCredit) -> Self {
        let detail = error.to_string();
        match error {
            CannotCredit::Refused(refusal) => refusal.into(),
            CannotCredit::Currency(..) => Self::field("/amount/currency", detail),
            CannotCredit::NotPositive | CannotCredit::TooMuch(_) => Self::field("/amount/amount", detail),
        }
    }
}
