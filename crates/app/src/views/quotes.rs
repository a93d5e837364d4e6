//! Quotes.

use chainbill_domain::{id::Id, invoice::Invoice, quote::Quote, states::QuoteStatus, transition::Occasion};
use chainbill_records::Unreadable;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, Identified, InvoiceView, LineView, MoneyView, moment};
use crate::{NewInvoice, planned::Planned};

/// A quote.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuoteView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// Its number, from sending on.
    pub number: Option<String>,
    /// The series of its number; of a draft the one that was chosen, null where it takes the default at sending.
    pub series: Option<String>,
    /// DRAFT, SENT, ACCEPTED, DECLINED, EXPIRED (sent, and its last day is over) or INVOICED.
    #[schema(value_type = String)]
    pub status: QuoteStatus,
    /// What it is for.
    pub project_id: Option<String>,
    /// The issuer.
    pub freelancer_id: String,
    /// Whose offer it is.
    pub client_id: String,
    /// What it is called.
    pub title: String,
    /// Notes to the client.
    pub notes: Option<String>,
    /// Its lines.
    pub lines: Vec<LineView>,
    /// Sum of the lines.
    pub subtotal: MoneyView,
    /// What is taken off.
    pub discount: MoneyView,
    /// Tax.
    pub tax: MoneyView,
    /// What it comes to.
    pub total: MoneyView,
    /// The last day on which it can be accepted.
    pub valid_until: Option<String>,
    /// After how many days its invoice is due.
    pub due_in_days: Option<u32>,
    /// The invoice that it became.
    pub invoice_id: Option<String>,
    /// Why its client declined it.
    pub decline_reason: Option<String>,
    /// When it was sent.
    pub sent_at: Option<String>,
    /// When its client accepted or declined it.
    pub answered_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl QuoteView {
    /// A quote as it is shown on a day of its issuer's (`YYYY-MM-DD`): its sums are those of the invoice that it offers.
    ///
    /// # Errors
    /// When its content is not in a form that this release reads.
    pub fn of(quote: &Quote, today: &str) -> Result<Self, Unreadable> {
        let offered = NewInvoice::stored(&quote.offer.invoice, "invoice")?;
        let (content, currency) = offered.stored_content("invoice")?;
        let plan = Planned {
            client_id: quote.client_id,
            project_id: quote.offer.project_id,
            milestone_id: None,
            series: None,
            currency,
            content,
        };
        let occasion = Occasion { at: quote.created_at, event_id: Id::new(quote.created_at, [0; 10]) };
        let draft = plan.draft(Id::new(quote.created_at, [0; 10]), quote.freelancer_id);
        let invoice = InvoiceView::of(Invoice::draft(draft, occasion).state, today);
        Ok(Self {
            id: quote.id.to_string(),
            version: quote.version,
            number: quote.number.clone(),
            series: quote.series.map(|series| series.to_string()),
            status: quote.status_on(today),
            project_id: invoice.project_id,
            freelancer_id: invoice.freelancer_id,
            client_id: invoice.client_id,
            title: invoice.title,
            notes: invoice.notes,
            lines: invoice.lines,
            subtotal: invoice.subtotal,
            discount: invoice.discount,
            tax: invoice.tax,
            total: invoice.total,
            valid_until: quote.offer.valid_until.clone(),
            due_in_days: quote.offer.due_in_days,
            invoice_id: quote.invoice_id.map(|id| id.to_string()),
            decline_reason: quote.decline_reason.clone(),
            sent_at: quote.sent_at.map(moment),
            answered_at: quote.answered_at.map(moment),
            created_at: moment(quote.created_at),
            updated_at: moment(quote.updated_at),
        })
    }
}

impl Answer for QuoteView {
    fn tag(&self) -> Option<String> {
        let derived = if self.status == QuoteStatus::Expired { "-expired" } else { "" };
        Some(format!("{}{derived}", self.version))
    }
}

impl Identified for QuoteView {
    const MODEL: &'static str = "quotes";
    fn id(&self) -> &str {
        &self.id
    }
}
