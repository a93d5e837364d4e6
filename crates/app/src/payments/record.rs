//! Announcing and recording payments.

use chainbill_domain::{
    id::{InvoiceId, UserId},
    invoice::{Action, Invoice},
    ledger::Counterparties,
    payment::Payment,
    states::{PaymentChannel, Role},
};
use chainbill_records::repo::{accounts::Account, invoices};

use super::{NewPayment, NewTransfer, asked::Asked, settle::Takes};
use crate::{
    App, AppError, Context, Done, InvoiceView, PaymentView,
    command::{Command, Outcome},
    context::CREATED,
    zones::issuers_day,
};

impl App {
    /// A payment for an invoice. Its client announces it; its freelancer has received it; an operator has it in custody.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when the invoice is not to be paid or the payment is known.
    pub async fn pay_invoice(
        &self,
        context: &Context,
        id: &str,
        new: NewPayment,
    ) -> Result<Done<PaymentView>, AppError> {
        context.needs_key()?;
        let invoice_id: InvoiceId = id.parse().map_err(|_| AppError::NotFound("invoice"))?;
        let asked = &new.checked(invoice_id, self.now())?;
        self.command(context, "invoice.pay", &(id, &new), |command| async move {
            let invoice = command.invoice(id).await?;
            context.expects(invoice.version)?;
            command.record(asked, invoice.between()).await
        })
        .await
    }

    /// A payment for any number of invoices between two parties, by the same rules.
    ///
    /// # Errors
    /// As [`Self::pay_invoice`]; [`AppError::Validation`] when the invoices are not of the same parties.
    pub async fn record_payment(&self, context: &Context, new: NewTransfer) -> Result<Done<PaymentView>, AppError> {
        context.needs_key()?;
        let asked = &new.checked(self.now())?;
        self.command(context, "payment.record", &new, |command| async move {
            let parties = command.parties(asked).await?;
            command.record(asked, parties).await
        })
        .await
    }
}

impl<'a> Command<'a> {
    /// Records a payment between parties as its actor may: announced by the client, confirmed by the others.
    async fn record(mut self, asked: &Asked, parties: Counterparties) -> Result<Outcome<'a, PaymentView>, AppError> {
        let actor = self.context.actor()?;
        let (by, at) = (actor.user_id, self.unit.now());
        let (received, parts) = (asked.received.clone(), asked.allocations.clone());
        let payment = Payment::announce(self.app.new_id(), parties, received, parts, Some(by), at);
        let locked = self.locked(&payment).await?;
        for (_, invoice) in &locked {
            invoice.allows(Action::Pay)?;
            if payment.amount.currency != invoice.currency {
                let detail = format!("is {}: the invoice is in {}", payment.amount.currency, invoice.currency);
                return Err(AppError::field("/amount/currency", detail));
            }
        }
        let channel = PaymentChannel::of(actor.role);
        if let Some(channel) = channel {
            let (payment, invoice) = self.confirm(payment, locked, channel, (Some(by), Takes::Awaiting)).await?;
            self.add_payment(&payment).await?;
            let view = self.recorded(None, payment, invoice).await?;
            return Ok(self.answer(CREATED, view));
        }
        self.add_payment(&payment).await?;
        let announced = payment.announced(self.occasion());
        announced.events.iter().for_each(|event| self.unit.event(event));
        let invoice = match locked.into_iter().next() {
            Some((_, invoice)) if asked.allocations.len() == 1 => Some(self.shown(invoice).await?),
            _ => None,
        };
        let view = self.recorded(None, announced.state, invoice).await?;
        Ok(self.answer(CREATED, view))
    }

    /// Between whom a transfer is: as its invoices say, or as it says itself where it names none.
    async fn parties(&self, asked: &Asked) -> Result<Counterparties, AppError> {
        let actor = self.context.actor()?;
        if let Some(first) = asked.allocations.first() {
            let viewer = actor.viewer();
            let unseen = || AppError::field("/allocations", "names an invoice that is none of yours");
            let invoice = invoices::find(&self.unit, &viewer, first.invoice_id).await?.ok_or_else(unseen)?;
            let parties = invoice.between();
            for other in &asked.allocations[1..] {
                let other = invoices::find(&self.unit, &viewer, other.invoice_id).await?.ok_or_else(unseen)?;
                if other.between() != parties {
                    return Err(AppError::field(
                        "/allocations",
                        "names invoices of other parties: those of one freelancer and one client are accepted",
                    ));
                }
            }
            return Ok(parties);
        }
        let own = |role: Role| (actor.role == role).then_some(actor.user_id);
        let freelancer = own(Role::Freelancer).or(asked.freelancer);
        let client = own(Role::Client).or(asked.client);
        let freelancer = self.user_in("/freelancerId", freelancer, Role::Freelancer).await?;
        let client = self.user_in("/clientId", client, Role::Client).await?;
        Ok(Counterparties { freelancer, client })
    }

    async fn user_in(&self, pointer: &str, id: Option<UserId>, role: Role) -> Result<UserId, AppError> {
        let id = id.ok_or_else(|| AppError::field(pointer, "is needed where no invoice is named"))?;
        match Account::of_id(&self.unit, &id.to_string()).await? {
            Some(account) if account.is(role) => Ok(id),
            _ => Err(AppError::field(pointer, format!("is no {}", role.word().to_lowercase()))),
        }
    }

    /// An invoice that stays as it is, as it is shown.
    pub(crate) async fn shown(&self, invoice: Invoice) -> Result<InvoiceView, AppError> {
        let today = issuers_day(&self.unit, &[&invoice], self.unit.now()).await?;
        Ok(InvoiceView::of(invoice, &today))
    }
}
