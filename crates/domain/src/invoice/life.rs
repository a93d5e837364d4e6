//! What may happen to an invoice beside its way from draft to payment: it is declined by its client, or serves as the pattern of
//! another draft.

use super::{Action, Invoice, InvoiceState, NewDraft};
use crate::{
    Timestamp,
    event::EventData,
    id::InvoiceId,
    states::InvoiceStatus,
    transition::{Created, Occasion, Refusal, Transition},
};

/// A client's refusal to pay. It does not end the invoice: the freelancer may void it, and a payment takes the refusal back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declined {
    /// When.
    pub at: Timestamp,
    /// Why, in the client's words.
    pub reason: String,
}

/// What the parties of an invoice are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyNames {
    /// The issuer.
    pub freelancer: String,
    /// The client.
    pub client: String,
}

impl InvoiceState {
    /// Actions of this file that the present state allows.
    pub(super) fn allowed_in_life(&self) -> impl Iterator<Item = Action> + use<> {
        let unpaid = self.status == InvoiceStatus::Sent && self.paid_minor == 0;
        let decline = (unpaid && self.declined.is_none()).then_some(Action::Decline);
        decline.into_iter().chain([Action::Duplicate])
    }
}

impl Invoice {
    /// The same with these names of its parties.
    #[must_use]
    pub fn with_names(self, names: PartyNames) -> Self {
        Self(InvoiceState { names: Some(names), ..self.0 })
    }

    /// Refuses a sent invoice of which nothing is paid, in the client's name.
    ///
    /// # Errors
    /// When it is not sent, is declined already, or something is paid.
    pub fn decline(self, reason: String, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Decline)?;
        let declined = Some(Declined { at: occasion.at, reason });
        let event = occasion.event(EventData::InvoiceDeclined {
            client: self.client_id,
            freelancer: self.freelancer_id,
            invoice: self.id,
            project: self.project_id,
            total: self.total(),
        });
        let next = Self(InvoiceState { declined, ..self.0.clone() });
        Ok(Transition { events: vec![event], ..Transition::quiet(self, next) })
    }

    /// A new draft that says the same, to the same client, in the same series. A due day that has passed on a day of the issuer's
    /// is left out, and so is the milestone: one invoice funds it.
    pub fn duplicate(&self, id: InvoiceId, today: &str, occasion: Occasion) -> Created<Self> {
        let mut content = self.content.clone();
        content.due_date = content.due_date.filter(|due| due.as_str() >= today);
        let new = NewDraft {
            id,
            freelancer_id: self.freelancer_id,
            client_id: self.client_id,
            project_id: self.project_id,
            milestone_id: None,
            currency: self.currency,
            series: self.series,
            content,
        };
        Self::draft(new, occasion)
    }
}
