//! Reading payments.

use chainbill_domain::{id::PaymentId, states::PaymentState, text};
use chainbill_records::repo::payments::{self, List};
use serde::Deserialize;

use crate::{App, AppError, Context, Page, PageRequest, PaymentView};

/// Which payments.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PaymentFilter {
    /// Only those for this invoice.
    pub invoice_id: Option<String>,
    /// Only those in this state: ANNOUNCED, CONFIRMED, REJECTED or REVERSED.
    pub status: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl App {
    /// Payments that one made or received, newest first; all for operators.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn payments(&self, context: &Context, filter: &PaymentFilter) -> Result<Page<PaymentView>, AppError> {
        let viewer = context.actor()?.viewer();
        let request = PageRequest { limit: filter.limit, cursor: filter.cursor.clone() };
        let name = format!("payments?{:?}&{:?}", filter.invoice_id, filter.status);
        let (limit, after) = (request.limit()?, request.after(&name)?);
        let state = text::some(filter.status.as_deref()).map(str::parse::<PaymentState>).transpose();
        let state = state.map_err(|error| AppError::field("/status", error))?;
        let invoice = text::some(filter.invoice_id.as_deref()).map(str::parse).transpose();
        let invoice = invoice.map_err(|error| AppError::field("/invoiceId", error))?;
        let list = List { viewer: &viewer, invoice, state, after: after.as_deref(), limit };
        let rows = payments::list(&self.records, list).await?;
        Ok(Page::of(&name, rows, limit, |payment| payment.id.to_string(), |payment| PaymentView::of(payment, None)))
    }

    /// One payment, with its invoice as it stands now where it is for one.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its parties.
    pub async fn payment(&self, context: &Context, id: &str) -> Result<PaymentView, AppError> {
        let viewer = context.actor()?.viewer();
        let missing = || AppError::NotFound("payment");
        let id: PaymentId = id.parse().map_err(|_| missing())?;
        let payment = payments::find(&self.records, id).await?;
        let payment = payment.filter(|payment| viewer.is_party(payment.between())).ok_or_else(missing)?;
        let invoice = match payment.allocations.as_slice() {
            [part] => Some(self.invoice(context, &part.invoice_id.to_string()).await?),
            _ => None,
        };
        Ok(PaymentView::of(payment, invoice))
    }
}
