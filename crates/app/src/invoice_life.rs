//! What happens to invoices beside their way from draft to payment: clients decline them, freelancers duplicate them.

use chainbill_domain::{id::UserId, money::Currency, text, zone::Zone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{App, AppError, Context, Done, InvoiceView, zones::zone_of};

/// Why an invoice or a quote is declined.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeclineInvoice {
    /// What the freelancer shall know, 1 to 1000 characters.
    pub reason: String,
}

impl DeclineInvoice {
    pub(crate) fn checked(&self) -> Result<String, AppError> {
        let reason = text::free(&self.reason, 1000).map_err(|error| AppError::field("/reason", error))?;
        match reason.is_empty() {
            true => Err(AppError::field("/reason", "is empty: 1 to 1000 characters are accepted")),
            false => Ok(reason),
        }
    }
}

impl App {
    /// Drafts another invoice that says the same as one of the actor's own.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to its client; [`AppError::Validation`] when its client or its currency is not in use any more.
    pub async fn duplicate_invoice(&self, context: &Context, id: &str) -> Result<Done<InvoiceView>, AppError> {
        self.command(context, "invoice.duplicate", &id, |command| async move {
            let invoice = command.own_invoice(id).await?;
            let code = invoice.currency.to_string();
            Currency::for_new(&code).map_err(|error| AppError::field("/currency", error))?;
            command.app.client_of(&invoice.client_id.to_string()).await?;
            command.billable(invoice.project_id, (invoice.status.word(), &[])).await?;
            let zone: Zone = zone_of(&command.unit, invoice.freelancer_id).await?;
            let today = zone.day(command.unit.now());
            let copy = invoice.duplicate(command.app.new_id(), &today, command.occasion());
            command.create_invoice(copy).await
        })
        .await
    }

    /// Declines an invoice of which nothing is paid, as its client. It can be voided then, or paid all the same.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others than its client, [`AppError::Conflict`] when it is not to be declined.
    pub async fn decline_invoice(
        &self,
        context: &Context,
        id: &str,
        decline: DeclineInvoice,
    ) -> Result<Done<InvoiceView>, AppError> {
        let client: UserId = context.actor()?.user_id;
        let reason = &decline.checked()?;
        self.command(context, "invoice.decline", &(id, &decline), |command| async move {
            let invoice = command.invoice(id).await?;
            if invoice.client_id != client {
                return Err(AppError::Forbidden("only its client declines an invoice"));
            }
            context.expects(invoice.version)?;
            let declined = invoice.decline(reason.clone(), command.occasion())?;
            command.change_invoice(declined).await
        })
        .await
    }
}
