//! Quotes: drafted and sent by freelancers, accepted or declined by clients, and turned into an invoice once.

use chainbill_domain::{
    id::{QuoteId, UserId},
    invoice::Invoice,
    money::Money,
    numbering::Series,
    quote::{Action, Offer, Quote},
    states::{NumberKind, QuoteStatus, Role},
    text,
    transition::Transition,
    zone::Zone,
};
use chainbill_records::repo::{
    quotes::{self, List},
    users,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, DeclineInvoice, Done, InvoiceView, NewInvoice, Page, PageRequest, QuoteView,
    command::{Command, Outcome},
    context::{CREATED, Expected, OK, expect_version},
    planned::due_in_days,
    validate::{given, present},
    zones::zone_of,
};

/// A new quote.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewQuote {
    /// The invoice that is offered, without `dueDate`.
    pub invoice: NewInvoice,
    /// The last day on which it can be accepted, in the issuer's time zone.
    pub valid_until: Option<String>,
    /// After how many days its invoice is due; never when absent.
    pub due_in_days: Option<u32>,
    /// The series of its own number; the default of the moment of sending when absent.
    pub series: Option<String>,
}

/// What changes in a draft quote; what is absent stays, null empties.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PatchQuote {
    /// The invoice that is offered, as a whole, to the same client.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub invoice: Option<NewInvoice>,
    /// The last day on which it can be accepted.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub valid_until: Option<Option<String>>,
    /// After how many days its invoice is due.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u32>)]
    pub due_in_days: Option<Option<u32>>,
    /// The series of its own number.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub series: Option<Option<String>>,
}

/// Which quotes.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QuoteFilter {
    /// Only those in this state: DRAFT, SENT, ACCEPTED, DECLINED, EXPIRED or INVOICED.
    pub status: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl App {
    /// Drafts a quote.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others than freelancers.
    pub async fn create_quote(&self, context: &Context, new: NewQuote) -> Result<Done<QuoteView>, AppError> {
        let issuer = context.actor_as(Role::Freelancer, "only freelancers write quotes")?.user_id;
        let (client_id, offer) = self.offer(issuer, &new).await?;
        let series = self.chosen_series(issuer, NumberKind::Quote, new.series.as_deref()).await?;
        let offer = &offer;
        self.command(context, "quote.create", &new, |mut command| async move {
            let now = command.unit.now();
            let quote = Quote {
                id: command.app.new_id(),
                version: 0,
                freelancer_id: issuer,
                client_id,
                offer: offer.clone(),
                status: QuoteStatus::Draft,
                series,
                number: None,
                number_seq: None,
                number_year: None,
                invoice_id: None,
                decline_reason: None,
                sent_at: None,
                answered_at: None,
                created_at: now,
                updated_at: now,
            };
            let quote = quotes::insert(&mut command.unit, quote).await?;
            let (_, today) = command.issuers_today(issuer).await?;
            command.created(QuoteView::of(&quote, &today)?).await
        })
        .await
    }

    async fn offer(&self, issuer: UserId, new: &NewQuote) -> Result<(UserId, Offer), AppError> {
        let plan = self.planned_within(issuer, &new.invoice).await?;
        let valid_until = text::some(new.valid_until.as_deref()).map(text::date).transpose();
        let invoice = new.invoice.written(plan.currency, plan.content.pricing.rounding)?;
        let offer = Offer {
            title: plan.content.title,
            project_id: plan.project_id,
            invoice,
            total: Money { minor: plan.content.totals.total, currency: plan.currency },
            due_in_days: due_in_days(new.due_in_days)?,
            valid_until: valid_until.map_err(|error| AppError::field("/validUntil", error))?,
        };
        Ok((plan.client_id, offer))
    }

    /// Quotes of which the actor is a party, newest first; all for operators. Drafts are their writer's alone.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn quotes(&self, context: &Context, filter: &QuoteFilter) -> Result<Page<QuoteView>, AppError> {
        let viewer = context.actor()?.viewer();
        let request = PageRequest { limit: filter.limit, cursor: filter.cursor.clone() };
        let name = format!("quotes?{:?}", filter.status);
        let (limit, after) = (request.limit()?, request.after(&name)?);
        let status = filter.status.as_deref().map(str::parse::<QuoteStatus>).transpose();
        let status = status.map_err(|error| AppError::field("/status", error))?;
        let now = self.records.now();
        let list = List {
            viewer: &viewer,
            status: status.map(|status| (status, now)),
            after: after.as_deref(),
            limit: u64::from(limit) + 1,
        };
        let rows = quotes::list(&self.records, list).await?;
        let mut issuers: Vec<UserId> = rows.iter().flatten().map(|quote| quote.freelancer_id).collect();
        issuers.sort_unstable();
        issuers.dedup();
        let zones = users::zones(&self.records, &issuers).await?;
        let view = |quote: Quote| {
            let zone: Zone = zones.get(&quote.freelancer_id).copied().unwrap_or_default();
            QuoteView::of(&quote, &zone.day(now))
        };
        Ok(Page::of_readable(&name, rows, limit, |quote| quote.id.to_string(), view))
    }

    /// One quote.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its parties.
    pub async fn quote(&self, context: &Context, id: &str) -> Result<QuoteView, AppError> {
        let viewer = context.actor()?.viewer();
        let id: QuoteId = id.parse().map_err(|_| AppError::NotFound("quote"))?;
        let quote = quotes::find(&self.records, &viewer, id).await?.ok_or(AppError::NotFound("quote"))?;
        let zones = users::zones(&self.records, &[quote.freelancer_id]).await?;
        let zone: Zone = zones.get(&quote.freelancer_id).copied().unwrap_or_default();
        Ok(QuoteView::of(&quote, &zone.day(self.records.now()))?)
    }

    /// Changes a draft.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it was sent, [`AppError::Stale`] when it has changed.
    pub async fn patch_quote(
        &self,
        context: &Context,
        id: &str,
        expected: Expected<'_>,
        patch: PatchQuote,
    ) -> Result<Done<QuoteView>, AppError> {
        let patch = &patch;
        self.change(context, "quote.patch", |command| async move {
            let quote = command.own_quote(id).await?;
            expect_version(expected, quote.version)?;
            let (_, today) = command.issuers_today(quote.freelancer_id).await?;
            quote.allows(Action::Edit, &today)?;
            let (offer, series) = command.app.patched_offer(&quote, patch).await?;
            let change = quote.edit(offer, series, &today)?;
            command.change_quote(change, &today).await
        })
        .await
    }

    async fn patched_offer(&self, quote: &Quote, patch: &PatchQuote) -> Result<(Offer, Option<Series>), AppError> {
        let issuer = quote.freelancer_id;
        let stored = NewInvoice::stored(&quote.offer.invoice, "invoice")?;
        let new = NewQuote {
            invoice: patch.invoice.clone().unwrap_or(stored),
            valid_until: patch.valid_until.clone().unwrap_or_else(|| quote.offer.valid_until.clone()),
            due_in_days: patch.due_in_days.unwrap_or(quote.offer.due_in_days),
            series: None,
        };
        let (client, offer) = self.offer(issuer, &new).await?;
        if client != quote.client_id {
            return Err(AppError::field("/invoice/clientId", "is another client: a quote stays with its own"));
        }
        let series = match &patch.series {
            None => quote.series,
            Some(name) => self.chosen_series(issuer, NumberKind::Quote, name.as_deref()).await?,
        };
        Ok((offer, series))
    }

    /// Removes a draft.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it was sent, [`AppError::Stale`] when it has changed.
    pub async fn delete_quote(
        &self,
        context: &Context,
        id: &str,
        expected: Expected<'_>,
    ) -> Result<Done<()>, AppError> {
        self.change(context, "quote.delete", |mut command| async move {
            let quote = command.own_quote(id).await?;
            expect_version(expected, quote.version)?;
            let (_, today) = command.issuers_today(quote.freelancer_id).await?;
            quote.allows(Action::Delete, &today)?;
            quotes::delete(&mut command.unit, &quote).await?;
            command.note(Some(&QuoteView::of(&quote, &today)?), None).await?;
            Ok(command.answer(OK, ()))
        })
        .await
    }

    /// Sends a draft: it gets its number, and its content is frozen.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it was sent already; [`AppError::Validation`] when it offers nothing, or could not be accepted any
    /// more.
    pub async fn send_quote(&self, context: &Context, id: &str) -> Result<Done<QuoteView>, AppError> {
        self.command(context, "quote.send", &id, |mut command| async move {
            let quote = command.own_quote(id).await?;
            let (zone, today) = command.issuers_today(quote.freelancer_id).await?;
            quote.allows(Action::Send, &today)?;
            command.billable(quote.offer.project_id, ("DRAFT", &["edit", "delete"])).await?;
            if quote.offer.total.minor <= 0 {
                return Err(AppError::field("/total", "is 0: a quote that comes to something is accepted"));
            }
            if quote.offer.valid_until.as_deref().is_some_and(|last| last < today.as_str()) {
                let detail = format!("is over: a day from {today} ({zone}) on is accepted at sending");
                return Err(AppError::field("/validUntil", detail));
            }
            let at = command.unit.now();
            let issuer = (quote.freelancer_id, zone);
            let allocated = command.allocate_number(NumberKind::Quote, issuer, quote.series).await?;
            let sent = quote.send(allocated, &today, at)?;
            command.change_quote(sent, &today).await
        })
        .await
    }

    /// Takes the offer, as its client.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others, [`AppError::Conflict`] when it is not sent or has expired.
    pub async fn accept_quote(&self, context: &Context, id: &str) -> Result<Done<QuoteView>, AppError> {
        self.command(context, "quote.accept", &id, |command| async move {
            let quote = command.offered_quote(id).await?;
            let (_, today) = command.issuers_today(quote.freelancer_id).await?;
            quote.allows(Action::Accept, &today)?;
            command.billable(quote.offer.project_id, ("SENT", &["decline"])).await?;
            let accepted = quote.accept(&today, command.occasion())?;
            command.change_quote(accepted, &today).await
        })
        .await
    }

    /// Refuses the offer, as its client.
    ///
    /// # Errors
    /// As [`Self::accept_quote`].
    pub async fn decline_quote(
        &self,
        context: &Context,
        id: &str,
        decline: DeclineInvoice,
    ) -> Result<Done<QuoteView>, AppError> {
        let reason = &decline.checked()?;
        self.command(context, "quote.decline", &(id, &decline), |command| async move {
            let quote = command.offered_quote(id).await?;
            let (_, today) = command.issuers_today(quote.freelancer_id).await?;
            let declined = quote.decline(reason.clone(), &today, command.occasion())?;
            command.change_quote(declined, &today).await
        })
        .await
    }

    /// Drafts the invoice of an accepted quote, once.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not accepted, or is invoiced already: then the invoice is named.
    pub async fn invoice_quote(&self, context: &Context, id: &str) -> Result<Done<InvoiceView>, AppError> {
        self.command(context, "quote.invoice", &id, |mut command| async move {
            let quote = command.own_quote(id).await?;
            let (_, today) = command.issuers_today(quote.freelancer_id).await?;
            if let Some(invoice) = quote.invoice_id {
                let detail = format!("the quote became the invoice {invoice}");
                return Err(AppError::Conflict { current: "INVOICED".to_owned(), allowed: Vec::new(), detail });
            }
            quote.allows(Action::Invoice, &today)?;
            let stored = NewInvoice::stored(&quote.offer.invoice, "invoice")?;
            let mut plan = command.app.planned_within(quote.freelancer_id, &stored).await?;
            if plan.content.totals.total != quote.offer.total.minor {
                let detail =
                    "the quote comes to another total by the rules of today: a new quote is accepted".to_owned();
                return Err(AppError::Conflict { current: "ACCEPTED".to_owned(), allowed: Vec::new(), detail });
            }
            plan.content.due_date = quote.offer.due_in_days.and_then(|days| days_after(&today, days));
            let draft = plan.draft(command.app.new_id(), quote.freelancer_id);
            let (invoice, view) = command.add_invoice(Invoice::draft(draft, command.occasion())).await?;
            let change = quote.invoice(invoice.id, &today)?;
            command.save_quote(change, &today).await?;
            Ok(command.answer(CREATED, view))
        })
        .await
    }
}

/// A day so many days after another one; none beyond the calendar.
pub(crate) fn days_after(day: &str, days: u32) -> Option<String> {
    let day: chrono::NaiveDate = day.parse().ok()?;
    let after = day.checked_add_days(chrono::Days::new(u64::from(days)))?.to_string();
    text::date(&after).ok()
}

impl<'a> Command<'a> {
    /// The zone of an issuer, and the day there.
    pub(crate) async fn issuers_today(&self, issuer: UserId) -> Result<(Zone, String), AppError> {
        let zone = zone_of(&self.unit, issuer).await?;
        Ok((zone, zone.day(self.unit.now())))
    }

    async fn seen_quote(&self, id: &str) -> Result<Quote, AppError> {
        let viewer = self.context.actor()?.viewer();
        let id: QuoteId = id.parse().map_err(|_| AppError::NotFound("quote"))?;
        quotes::lock(&self.unit, &viewer, id).await?.ok_or(AppError::NotFound("quote"))
    }

    /// A quote under lock, if the actor wrote it and knows its version.
    async fn own_quote(&self, id: &str) -> Result<Quote, AppError> {
        let quote = self.seen_quote(id).await?;
        if quote.freelancer_id != self.actor()? {
            return Err(AppError::Forbidden("only its freelancer changes a quote"));
        }
        self.context.expects(quote.version)?;
        Ok(quote)
    }

    /// A quote under lock, if it is an offer to the actor, who knows its version.
    async fn offered_quote(&self, id: &str) -> Result<Quote, AppError> {
        let quote = self.seen_quote(id).await?;
        if quote.client_id != self.actor()? {
            return Err(AppError::Forbidden("only its client answers a quote"));
        }
        self.context.expects(quote.version)?;
        Ok(quote)
    }

    /// Saves a change of a quote with its events and audit entry.
    async fn save_quote(&mut self, change: Transition<Quote>, today: &str) -> Result<QuoteView, AppError> {
        let quote = quotes::update(&mut self.unit, &change.before, change.next).await?;
        change.events.iter().for_each(|event| self.unit.event(event));
        let (before, after) = (QuoteView::of(&change.before, today)?, QuoteView::of(&quote, today)?);
        self.note(Some(&before), Some(&after)).await?;
        Ok(after)
    }

    async fn change_quote(
        mut self,
        change: Transition<Quote>,
        today: &str,
    ) -> Result<Outcome<'a, QuoteView>, AppError> {
        if change.is_unchanged() {
            let view = QuoteView::of(&change.before, today)?;
            return Ok(self.unchanged(view));
        }
        let view = self.save_quote(change, today).await?;
        Ok(self.answer(OK, view))
    }
}
