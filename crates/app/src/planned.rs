//! An invoice as it is asked for, by a caller, a quote or a clock: its content and its parties, checked before it is drafted.

use chainbill_domain::{
    id::{InvoiceId, MilestoneId, ProjectId, UserId},
    invoice::{Content, NewDraft},
    money::{Currency, UnknownCurrency},
    numbering::Series,
    party::BillingProfile,
    states::{NumberKind, Role, Rounding},
    text,
    visibility::Viewer,
};
use chainbill_records::{RecordsError, Unreadable};

use crate::{
    App, AppError, FieldError, NewInvoice,
    content::{Asked, checked},
    projects::billing::funding,
};

/// What is needed for a draft.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub client_id: UserId,
    pub project_id: Option<ProjectId>,
    pub milestone_id: Option<MilestoneId>,
    pub series: Option<Series>,
    pub currency: Currency,
    pub content: Content,
}

impl Planned {
    pub fn draft(self, id: InvoiceId, freelancer_id: UserId) -> NewDraft {
        let Self { client_id, project_id, milestone_id, series, currency, content } = self;
        NewDraft { id, freelancer_id, client_id, project_id, milestone_id, currency, series, content }
    }
}

impl NewInvoice {
    /// What it says, in a currency that is accepted for new invoices; what it leaves open is as the issuer's profile has it.
    pub(crate) fn checked(&self, profile: &BillingProfile) -> Result<(Content, Currency), AppError> {
        let usual = || profile.currency.map_or_else(|| Currency::for_new(&self.currency), Ok);
        let currency = text::some(Some(&self.currency)).map_or_else(usual, Currency::for_new);
        self.checked_in(currency, profile.rounding)
    }

    fn checked_in(
        &self,
        currency: Result<Currency, UnknownCurrency>,
        usual_rounding: Rounding,
    ) -> Result<(Content, Currency), AppError> {
        checked(&Asked {
            title: &self.title,
            notes: self.notes.as_deref(),
            due_date: self.due_date.as_deref(),
            currency,
            prices_include_tax: self.prices_include_tax.unwrap_or_default(),
            rounding: self.rounding.as_deref(),
            usual_rounding,
            discount: self.discount.clone(),
            withholding_rate: self.withholding_rate.as_deref(),
            deposit: self.deposit.clone(),
            lines: &self.lines,
        })
    }

    /// As it is stored in quotes and templates: with what it left open as it was planned, whatever the profile says later.
    pub(crate) fn written(&self, currency: Currency, rounding: Rounding) -> Result<String, AppError> {
        let currency = currency.to_string();
        let whole = Self { currency, rounding: Some(rounding.word().to_owned()), ..self.clone() };
        serde_json::to_string(&whole).map_err(AppError::unwritable)
    }

    /// As it was stored; an unreadable value where no release wrote it so.
    pub(crate) fn stored(text: &str, column: &str) -> Result<Self, Unreadable> {
        serde_json::from_str(text).map_err(|error| Unreadable { column: column.to_owned(), cause: error.to_string() })
    }

    /// What it says as it was stored. It may be in a currency that has gone out of use since.
    pub(crate) fn stored_content(&self, column: &str) -> Result<(Content, Currency), Unreadable> {
        self.checked_in(self.currency.parse(), Rounding::PerRate)
            .map_err(|error| Unreadable { column: column.to_owned(), cause: format!("{error:?}") })
    }
}

impl App {
    /// Checks what is asked for, in the name of a freelancer.
    pub(crate) async fn planned(&self, freelancer: UserId, new: &NewInvoice) -> Result<Planned, AppError> {
        let (content, currency) = new.checked(&self.profile_of(freelancer).await?)?;
        let client_id = self.client_of(&new.client_id).await?;
        let viewer = Viewer { user_id: freelancer, role: Role::Freelancer };
        let project = match text::some(new.project_id.as_deref()) {
            None => None,
            Some(id) => Some(self.project_of(id, &viewer, client_id).await?),
        };
        let milestone_id = match text::some(new.milestone_id.as_deref()) {
            None => None,
            Some(id) => Some(funding(project.as_ref(), id, &content, currency)?),
        };
        let project_id = project.map(|project| project.id);
        let series = self.chosen_series(freelancer, NumberKind::Invoice, new.series.as_deref()).await?;
        Ok(Planned { client_id, project_id, milestone_id, series, currency, content })
    }

    /// The same of the invoice within a quote or a template, which is due after a number of days.
    pub(crate) async fn planned_within(&self, freelancer: UserId, new: &NewInvoice) -> Result<Planned, AppError> {
        if text::some(new.due_date.as_deref()).is_some() {
            return Err(AppError::field(
                "/invoice/dueDate",
                "is not accepted here: dueInDays counts from the invoice on",
            ));
        }
        if text::some(new.milestone_id.as_deref()).is_some() {
            return Err(AppError::field(
                "/invoice/milestoneId",
                "is not accepted here: an invoice that is drafted by itself funds a milestone",
            ));
        }
        self.planned(freelancer, new).await.map_err(within_invoice)
    }
}

/// Fields are named from the body on.
fn within_invoice(error: AppError) -> AppError {
    let within = |field: FieldError| FieldError { pointer: format!("/invoice{}", field.pointer), ..field };
    match error {
        AppError::Validation(fields) => AppError::Validation(fields.into_iter().map(within).collect()),
        error => error,
    }
}

/// Most days until an invoice is due.
pub(crate) const MOST_DUE_DAYS: u32 = 3650;

/// The number of days after which an invoice is due.
pub(crate) fn due_in_days(days: Option<u32>) -> Result<Option<u32>, AppError> {
    match days {
        Some(days) if days > MOST_DUE_DAYS => {
            Err(AppError::field("/dueInDays", format!("is {days}: 0 to {MOST_DUE_DAYS} are accepted")))
        }
        days => Ok(days),
    }
}

impl From<Unreadable> for AppError {
    fn from(value: Unreadable) -> Self {
        Self::Records(RecordsError::Unreadable(value))
    }
}
