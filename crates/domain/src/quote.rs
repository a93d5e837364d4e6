//! Quotes: offers of an invoice, which their client accepts or declines, and which become that invoice once.

use crate::{
    Timestamp,
    event::EventData,
    id::{InvoiceId, ProjectId, QuoteId, UserId},
    money::Money,
    numbering::{Allocated, Series},
    states::QuoteStatus,
    transition::{Occasion, Refusal, Transition},
};

/// A quote. Its content is what a caller would ask of an invoice, so that it becomes one by the same rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Its id.
    pub id: QuoteId,
    /// The version that it was read at; 0 before it is saved.
    pub version: i64,
    /// The issuer.
    pub freelancer_id: UserId,
    /// Whose offer it is.
    pub client_id: UserId,
    /// What it says.
    pub offer: Offer,
    /// Where it stands, but for its expiry ([`Quote::status_on`]).
    pub status: QuoteStatus,
    /// The series that its number is of; of a draft the one that was chosen, if one was.
    pub series: Option<Series>,
    /// Its number, from sending on.
    pub number: Option<String>,
    /// The place of its number in the sequence.
    pub number_seq: Option<i64>,
    /// The year of that sequence, where the series restarts yearly.
    pub number_year: Option<i32>,
    /// The invoice that it became.
    pub invoice_id: Option<InvoiceId>,
    /// Why its client declined it.
    pub decline_reason: Option<String>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// When its client accepted or declined it.
    pub answered_at: Option<Timestamp>,
    /// When it was drafted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a quote says. It is frozen when the quote is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its title.
    pub title: String,
    /// The project that it is for.
    pub project_id: Option<ProjectId>,
    /// What is offered: the invoice as a caller would ask for it, as JSON.
    pub invoice: String,
    /// What that comes to.
    pub total: Money,
    /// After how many days the invoice is due; never when absent.
    pub due_in_days: Option<u32>,
    /// The last day on which it can be accepted (`YYYY-MM-DD`); any when absent.
    pub valid_until: Option<String>,
}

/// What can be asked of a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Change the draft.
    Edit,
    /// Number it and give it to the client.
    Send,
    /// Remove the draft.
    Delete,
    /// Take the offer.
    Accept,
    /// Refuse the offer.
    Decline,
    /// Draft the invoice.
    Invoice,
}

const fn names(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Edit => ("edited", "edit"),
        Action::Send => ("sent", "send"),
        Action::Delete => ("deleted", "delete"),
        Action::Accept => ("accepted", "accept"),
        Action::Decline => ("declined", "decline"),
        Action::Invoice => ("invoiced", "invoice"),
    }
}

impl Quote {
    /// Where it stands on a day of its issuer's: a sent quote expires after its last day.
    #[must_use]
    pub fn status_on(&self, today: &str) -> QuoteStatus {
        let over = self.offer.valid_until.as_deref().is_some_and(|last| last < today);
        if self.status == QuoteStatus::Sent && over { QuoteStatus::Expired } else { self.status }
    }

    /// What is allowed on a day of its issuer's.
    #[must_use]
    pub fn allowed(&self, today: &str) -> Vec<Action> {
        match self.status_on(today) {
            QuoteStatus::Draft => vec![Action::Edit, Action::Send, Action::Delete],
            QuoteStatus::Sent => vec![Action::Accept, Action::Decline],
            QuoteStatus::Accepted => vec![Action::Invoice],
            QuoteStatus::Declined | QuoteStatus::Expired | QuoteStatus::Invoiced => Vec::new(),
        }
    }

    /// Whether an action is allowed on a day of its issuer's.
    ///
    /// # Errors
    /// A refusal with what is allowed.
    pub fn allows(&self, action: Action, today: &str) -> Result<(), Refusal> {
        Refusal::unless_allowed("a quote", self.status_on(today).word(), action, self.allowed(today), names)
    }

    /// Gives a draft another content.
    ///
    /// # Errors
    /// When it is no draft any more.
    pub fn edit(self, offer: Offer, series: Option<Series>, today: &str) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Edit, today)?;
        let next = Self { offer, series, ..self.clone() };
        Ok(Transition::quiet(self, next))
    }

    /// Sends a draft: it gets the number that was allocated for it, and its content is frozen.
    ///
    /// # Errors
    /// When it is no draft any more.
    pub fn send(self, allocated: Allocated, today: &str, at: Timestamp) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Send, today)?;
        let Allocated { number, sequence, series, year } = allocated;
        let next = Self {
            status: QuoteStatus::Sent,
            number: Some(number),
            number_seq: Some(sequence),
            number_year: year,
            series: Some(series),
            sent_at: Some(at),
            ..self.clone()
        };
        Ok(Transition::quiet(self, next))
    }

    /// Takes the offer, in its client's name.
    ///
    /// # Errors
    /// When it is not sent, or has expired.
    pub fn accept(self, today: &str, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Accept, today)?;
        let next = Self { status: QuoteStatus::Accepted, answered_at: Some(occasion.at), ..self.clone() };
        let event = EventData::QuoteAccepted {
            client: self.client_id,
            freelancer: self.freelancer_id,
            quote: self.id,
            project: self.offer.project_id,
            total: self.offer.total,
        };
        Ok(Transition { events: vec![occasion.event(event)], ..Transition::quiet(self, next) })
    }

    /// Refuses the offer, in its client's name.
    ///
    /// # Errors
    /// When it is not sent, or has expired.
    pub fn decline(self, reason: String, today: &str, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Decline, today)?;
        let answered_at = Some(occasion.at);
        let next = Self { status: QuoteStatus::Declined, decline_reason: Some(reason), answered_at, ..self.clone() };
        let event = EventData::QuoteDeclined {
            client: self.client_id,
            freelancer: self.freelancer_id,
            quote: self.id,
            project: self.offer.project_id,
            total: self.offer.total,
        };
        Ok(Transition { events: vec![occasion.event(event)], ..Transition::quiet(self, next) })
    }

    /// Becomes an invoice, once.
    ///
    /// # Errors
    /// When it is not accepted, or became one already.
    pub fn invoice(self, id: InvoiceId, today: &str) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Invoice, today)?;
        let next = Self { status: QuoteStatus::Invoiced, invoice_id: Some(id), ..self.clone() };
        Ok(Transition::quiet(self, next))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{id::Id, states::NumberKind};

    const TODAY: &str = "2026-11-28";

    fn id<K>(place: u8) -> Id<K> {
        Id::new(Timestamp::default(), [place; 10])
    }

    fn offer(valid_until: Option<&str>) -> Offer {
        Offer {
            title: "Work".to_owned(),
            project_id: None,
            invoice: "{}".to_owned(),
            total: Money { minor: 100, currency: "EUR".parse().expect("a currency") },
            due_in_days: None,
            valid_until: valid_until.map(str::to_owned),
        }
    }

    fn draft(valid_until: Option<&str>) -> Quote {
        Quote {
            id: id(1),
            version: 0,
            freelancer_id: id(2),
            client_id: id(3),
            offer: offer(valid_until),
            status: QuoteStatus::Draft,
            series: None,
            number: None,
            number_seq: None,
            number_year: None,
            invoice_id: None,
            decline_reason: None,
            sent_at: None,
            answered_at: None,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    fn act(quote: Quote, action: Action, today: &str) -> Result<Quote, Refusal> {
        let occasion = Occasion { at: Timestamp::default(), event_id: id(7) };
        let allocated = Allocated::built_in(NumberKind::Quote, 2026, 1);
        match action {
            Action::Edit => quote.edit(offer(None), None, today).map(|change| change.next),
            Action::Send => quote.send(allocated, today, occasion.at).map(|change| change.next),
            Action::Delete => quote.allows(Action::Delete, today).map(|()| quote),
            Action::Accept => quote.accept(today, occasion).map(|change| change.next),
            Action::Decline => quote.decline("No".to_owned(), today, occasion).map(|change| change.next),
            Action::Invoice => quote.invoice(id(9), today).map(|change| change.next),
        }
    }

    #[test]
    fn a_quote_expires_after_its_last_day_and_a_taken_one_does_not() {
        let sent = act(draft(Some(TODAY)), Action::Send, TODAY).expect("it is a draft");
        assert_eq!((sent.number.as_deref(), sent.status_on(TODAY)), (Some("QUO-2026-000001"), QuoteStatus::Sent));
        let late = act(sent.clone(), Action::Accept, "2026-11-29").expect_err("its last day is over");
        assert_eq!(
            (late.to_string().as_str(), late.current),
            ("a quote that is EXPIRED cannot be accepted", "EXPIRED")
        );
        let accepted = act(sent, Action::Accept, TODAY).expect("it is its last day");
        assert_eq!(accepted.status_on("2030-01-01"), QuoteStatus::Accepted);
        let invoiced = act(accepted, Action::Invoice, "2030-01-01").expect("it is accepted");
        assert_eq!(invoiced.invoice_id, Some(id(9)));
        assert_eq!(act(invoiced, Action::Invoice, TODAY).expect_err("once").current, "INVOICED");
    }

    const ACTIONS: [Action; 6] =
        [Action::Edit, Action::Send, Action::Delete, Action::Accept, Action::Decline, Action::Invoice];

    proptest! {
        #[test]
        fn an_action_succeeds_if_it_is_allowed_and_an_invoice_comes_of_an_acceptance(
            asked in prop::collection::vec(0_usize..6, 0..20),
        ) {
            let (mut quote, mut accepted) = (draft(Some(TODAY)), false);
            for place in asked {
                let allowed = quote.allowed(TODAY).contains(&ACTIONS[place]);
                let next = act(quote.clone(), ACTIONS[place], TODAY);
                prop_assert_eq!(next.is_ok(), allowed);
                quote = next.unwrap_or(quote);
                accepted |= quote.status == QuoteStatus::Accepted;
                prop_assert_eq!(quote.number.is_some(), quote.status != QuoteStatus::Draft);
                prop_assert_eq!(quote.invoice_id.is_some(), quote.status == QuoteStatus::Invoiced);
                prop_assert!(quote.status != QuoteStatus::Invoiced || accepted);
            }
        }
    }
}
