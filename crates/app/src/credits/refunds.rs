//! Refunds: a client's credit goes back to the client, by who holds it.

use chainbill_domain::{
    credit::{CannotRefund, CreditNote, Refund},
    id::{InvoiceId, PaymentId, RefundId, UserId},
    invoice::Invoice,
    ledger::Counterparties,
    money::Money,
    payment::Payment,
    states::{Custody, PaymentChannel, PaymentMethod, PaymentState, RefundStatus, Role},
    text,
    visibility::Viewer,
};
use chainbill_records::repo::{
    credits::{self, List},
    payments,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::notes::PartyFilter;
use crate::{
    App, AppError, Context, CreditNoteView, Done, InvoiceView, MoneyView, Page, RefundView, RefundedInvoice,
    command::Command,
    context::{CREATED, OK},
    jobs::refunding,
    payments::{Reason, checked_method, checked_reference, refused},
    validate::Check,
};

/// A refund of a client's credit with a freelancer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRefund {
    /// With whom the credit is; needed of a client and an operator.
    pub freelancer_id: Option<String>,
    /// Whose credit it is; needed of a freelancer and an operator.
    pub client_id: Option<String>,
    /// Who holds the credit: PLATFORM or FREELANCER.
    pub custody: String,
    /// How much, above 0.
    pub amount: MoneyView,
    /// How it goes back: BANK_TRANSFER, CARD, CRYPTO or OTHER.
    pub method: String,
    /// What the bank or the chain calls it, where it has gone already.
    pub external_ref: Option<String>,
    /// The payment of a provider that it gives back: the provider carries it out.
    pub payment_id: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// A refund of what was paid for an invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefundInvoice {
    /// How much of what was paid; all of it when absent. What is still due is taken off with it.
    pub amount: Option<MoneyView>,
    /// How it goes back: BANK_TRANSFER, CARD, CRYPTO or OTHER.
    pub method: String,
    /// What the bank or the chain calls it, where it has gone already.
    pub external_ref: Option<String>,
    /// Why: a line for the client.
    pub reason: String,
}

/// A refund that was carried out.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefundDone {
    /// What the bank or the chain calls it.
    pub external_ref: String,
}

/// How what was paid for an invoice goes back.
pub(crate) struct Back {
    /// Who asks for it.
    pub by: UserId,
    /// How; as the newest payment came when absent.
    pub method: Option<PaymentMethod>,
    /// What the bank or the chain calls it, where the freelancer has given it back already.
    pub external_ref: Option<String>,
    /// Why.
    pub reason: String,
}

/// A refund as it is asked for, checked.
struct Asked {
    custody: Custody,
    amount: Money,
    method: PaymentMethod,
    external_ref: Option<String>,
    reason: Option<String>,
}

impl NewRefund {
    fn checked(&self) -> Result<Asked, AppError> {
        let mut check = Check::default();
        let custody = check.field("/custody", self.custody.parse::<Custody>());
        let currency = self.amount.currency.parse().ok();
        let amount = check.money("/amount", &self.amount.clone().into(), currency);
        check.refuse_unless(
            amount.is_none_or(|it| it.minor > 0),
            "/amount/amount",
            "is 0: an amount above 0 is accepted",
        );
        let method = checked_method(&mut check, &self.method);
        let external_ref =
            text::some(self.external_ref.as_deref()).and_then(|text| checked_reference(&mut check, text));
        let reason = check.optional("/reason", text::some(self.reason.as_deref()).map(|text| text::line(text, 500)));
        let all = custody.zip(amount).zip(method);
        check.finish(all.map(|((custody, amount), method)| Asked { custody, amount, method, external_ref, reason }))
    }
}

impl App {
    /// Refunds credit. Who holds it has given it back; another party asks the platform for it.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when there is not so much credit.
    pub async fn refund_credit(&self, context: &Context, new: NewRefund) -> Result<Done<RefundView>, AppError> {
        context.needs_key()?;
        let (asked, new) = (&new.checked()?, &new);
        self.command(context, "credit.refund", new, |mut command| async move {
            let parties = command.parties_of(new)?;
            let mut refund = command.refund_of(parties, asked, command.actor()?);
            if let Some(id) = text::some(new.payment_id.as_deref()) {
                refund.payment_id = Some(command.refundable(id, &refund).await?);
            }
            let view = command.refund(refund).await?;
            let movement = command.movement();
            Ok(command.answer(CREATED, RefundView { movement, ..view }))
        })
        .await
    }

    /// Gives back what was paid for an invoice, with a credit note: what the freelancer received he has given back himself,
    /// what is held the platform is asked for.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when nothing is paid.
    pub async fn refund_invoice(
        &self,
        context: &Context,
        id: &str,
        new: RefundInvoice,
    ) -> Result<Done<RefundedInvoice>, AppError> {
        context.needs_key()?;
        let new = &new;
        self.command(context, "invoice.refund", &(id, new), |mut command| async move {
            let invoice = command.own_invoice(id).await?;
            command.allow_move(&invoice, chainbill_domain::invoice::Action::Refund).await?;
            let mut check = Check::default();
            let reason = check.field("/reason", text::line(&new.reason, 500));
            let method = checked_method(&mut check, &new.method);
            let external_ref =
                text::some(new.external_ref.as_deref()).and_then(|text| checked_reference(&mut check, text));
            let kept = invoice.money(invoice.paid_minor - invoice.refunded_minor);
            let amount = match &new.amount {
                Some(amount) => check.money("/amount", &amount.clone().into(), Some(invoice.currency)),
                None => Some(kept),
            };
            if amount.is_some_and(|amount| amount.minor > kept.minor || amount.minor == 0) {
                check.refuse("/amount/amount", format!("more than 0 and at most the {kept} that is paid is accepted"));
            }
            let ((reason, method), amount) = check.finish(reason.zip(method).zip(amount))?;
            let back = Back { by: command.actor()?, method: Some(method), external_ref, reason };
            let (note, refunds, view) = command.give_back(invoice, amount, back).await?;
            let credit_note = CreditNoteView::of(note, Some(view));
            let movement = command.movement();
            let answer = RefundedInvoice { id: credit_note.id.clone(), credit_note, refunds, movement };
            Ok(command.answer(CREATED, answer))
        })
        .await
    }

    /// An operator has carried out a refund that was asked for.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not requested any more.
    pub async fn confirm_refund(
        &self,
        context: &Context,
        id: &str,
        done: RefundDone,
    ) -> Result<Done<RefundView>, AppError> {
        context.needs_key()?;
        context.actor_as(Role::Admin, "operators carry out refunds of what the platform holds")?;
        let mut check = Check::default();
        let external_ref = checked_reference(&mut check, &done.external_ref);
        let external_ref = &check.finish(external_ref)?;
        self.command(context, "refund.confirm", &(id, &done), |mut command| async move {
            let before = command.refund_under_lock(id).await?;
            let change = before.done(external_ref.clone(), command.occasion())?;
            let view = command.decide_refund(change).await?;
            Ok(command.answer(OK, view))
        })
        .await
    }

    /// An operator refuses a refund that was asked for: the money is the client's credit again.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not requested any more.
    pub async fn reject_refund(
        &self,
        context: &Context,
        id: &str,
        reason: Reason,
    ) -> Result<Done<RefundView>, AppError> {
        context.needs_key()?;
        context.actor_as(Role::Admin, "operators carry out refunds of what the platform holds")?;
        let text = &reason.checked()?;
        self.command(context, "refund.reject", &(id, &reason), |mut command| async move {
            let before = command.refund_under_lock(id).await?;
            let (parties, custody, amount) = (before.parties, before.custody, before.amount);
            let change = before.failed(text.clone(), command.unit.now())?;
            credits::give(&mut command.unit, parties, custody, amount).await?;
            let view = command.decide_refund(change).await?;
            Ok(command.answer(OK, view))
        })
        .await
    }

    /// Refunds of which one is a party, newest first; all for operators.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn refunds(&self, context: &Context, filter: &PartyFilter) -> Result<Page<RefundView>, AppError> {
        let viewer = context.actor()?.viewer();
        let (name, request, invoice) = filter.checked("refunds")?;
        let (limit, after) = (request.limit()?, request.after(&name)?);
        let list = List { viewer: &viewer, invoice, after: after.as_deref(), limit };
        let rows = credits::list_refunds(&self.records, list).await?;
        Ok(Page::of(&name, rows, limit, |refund| refund.id.to_string(), RefundView::of))
    }

    /// One refund.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its parties.
    pub async fn refund(&self, context: &Context, id: &str) -> Result<RefundView, AppError> {
        let viewer = context.actor()?.viewer();
        let missing = || AppError::NotFound("refund");
        let id: RefundId = id.parse().map_err(|_| missing())?;
        Ok(RefundView::of(credits::find_refund(&self.records, &viewer, id).await?.ok_or_else(missing)?))
    }
}

impl Command<'_> {
    fn parties_of(&self, new: &NewRefund) -> Result<Counterparties, AppError> {
        let actor = self.context.actor()?;
        let mut check = Check::default();
        let mut user = |pointer: &str, id: &Option<String>, role: Role| -> Option<UserId> {
            if actor.role == role {
                return Some(actor.user_id);
            }
            match text::some(id.as_deref()) {
                Some(id) => check.field(pointer, id.parse::<UserId>()),
                None => {
                    check.refuse(pointer, "is needed");
                    None
                }
            }
        };
        let freelancer = user("/freelancerId", &new.freelancer_id, Role::Freelancer);
        let client = user("/clientId", &new.client_id, Role::Client);
        check.finish(freelancer.zip(client)).map(|(freelancer, client)| Counterparties { freelancer, client })
    }

    fn refund_of(&self, parties: Counterparties, asked: &Asked, by: UserId) -> Refund {
        Refund {
            id: self.app.new_id(),
            parties,
            custody: asked.custody,
            amount: asked.amount,
            method: asked.method,
            external_ref: asked.external_ref.clone(),
            status: RefundStatus::Requested,
            payment_id: None,
            invoice_id: None,
            reason: asked.reason.clone(),
            requested_by: by,
            decided_at: None,
            created_at: self.unit.now(),
        }
    }

    /// Gives back so much of what was paid for an invoice, with a credit note over it and over what is still due.
    pub(crate) async fn give_back(
        &mut self,
        invoice: Invoice,
        amount: Money,
        back: Back,
    ) -> Result<(CreditNote, Vec<RefundView>, InvoiceView), AppError> {
        let (id, parties) = (invoice.id, invoice.between());
        let credited = invoice.money(amount.minor + invoice.due().minor.max(0));
        let (note, given, view) = self.credit(invoice, credited, (back.reason.clone(), back.by)).await?;
        let mut refunds = Vec::new();
        for (custody, amount) in given.each() {
            let is_held = custody == Custody::Platform;
            let payment_id = if is_held { self.providers_payment(id, amount).await? } else { None };
            let method = match back.method {
                Some(method) => method,
                None => self.method_of(id).await?,
            };
            let external_ref = back.external_ref.clone().filter(|_| !is_held);
            let asked = Asked { custody, amount, method, external_ref, reason: Some(back.reason.clone()) };
            let refund = self.refund_of(parties, &asked, back.by);
            refunds.push(self.refund(Refund { invoice_id: Some(id), payment_id, ..refund }).await?);
        }
        Ok((note, refunds, view))
    }

    /// How the newest payment of an invoice came.
    async fn method_of(&self, invoice: InvoiceId) -> Result<PaymentMethod, AppError> {
        let newest = self.confirmed_payments(invoice, 1).await?.into_iter().next();
        Ok(newest.map_or(PaymentMethod::Other, |payment| payment.method))
    }

    /// The confirmed payments of an invoice, newest first.
    async fn confirmed_payments(&self, invoice: InvoiceId, limit: u32) -> Result<Vec<Payment>, AppError> {
        // What is looked for here is shown to no user: an operator sees the payments of all parties.
        let viewer = Viewer { user_id: self.app.new_id(), role: Role::Admin };
        let state = Some(PaymentState::Confirmed);
        let list = payments::List { viewer: &viewer, invoice: Some(invoice), state, after: None, limit };
        Ok(payments::list(&self.unit, list).await?)
    }

    /// Takes the money of a refund from the credit: it has gone where its holder says so, and is to go otherwise.
    pub(super) async fn refund(&mut self, refund: Refund) -> Result<RefundView, AppError> {
        let role = self.context.actor.as_ref().map(|actor| actor.role);
        let has_gone = match (refund.custody, role) {
            (Custody::Freelancer, Some(Role::Freelancer)) => true,
            (Custody::Freelancer, _) => {
                return Err(AppError::Forbidden("the freelancer holds this credit, and gives it back"));
            }
            // A person who gives money back says so; a decision or a clock asks for it.
            (Custody::Platform, Some(Role::Admin)) if refund.requested_by == self.actor()? => {
                refund.payment_id.is_none()
            }
            (Custody::Platform, _) => false,
        };
        if !credits::take(&mut self.unit, refund.parties, refund.custody, refund.amount).await? {
            let there = credits::balance(&self.unit, refund.parties, refund.custody, refund.amount.currency).await?;
            return Err(refused("NO_CREDIT", &[], format!("there is not so much credit: {there}")));
        }
        let (created, transfer) = if has_gone { refund.made(self.occasion())? } else { refund.requested()? };
        self.post(transfer).await?;
        credits::add_refund(&mut self.unit, &created.state).await?;
        if created.state.payment_id.is_some() {
            let job = refunding::job(created.state.id, self.unit.now())?;
            self.unit.enqueue_job(job).await?;
        }
        created.events.iter().for_each(|event| self.unit.event(event));
        let view = RefundView::of(created.state);
        self.note(None, Some(&view)).await?;
        Ok(view)
    }

    async fn refund_under_lock(&self, id: &str) -> Result<Refund, AppError> {
        let missing = || AppError::NotFound("refund");
        let id: RefundId = id.parse().map_err(|_| missing())?;
        credits::lock_refund(&self.unit, id).await?.ok_or_else(missing)
    }

    pub(crate) async fn decide_refund(
        &mut self,
        change: chainbill_domain::transition::Transition<Refund>,
    ) -> Result<RefundView, AppError> {
        for transfer in change.transfers {
            self.post(transfer).await?;
        }
        credits::decide_refund(&mut self.unit, &change.next).await?;
        change.events.iter().for_each(|event| self.unit.event(event));
        let (before, after) = (RefundView::of(change.before), RefundView::of(change.next));
        self.note(Some(&before), Some(&after)).await?;
        Ok(RefundView { movement: self.movement(), ..after })
    }

    /// A provider's payment for the invoice of which so much is left to give back, if there is one.
    async fn providers_payment(&self, invoice: InvoiceId, amount: Money) -> Result<Option<PaymentId>, AppError> {
        for payment in self.confirmed_payments(invoice, 100).await? {
            let left = payment.amount.minor - credits::refunded_of(&self.unit, payment.id).await?;
            if payment.channel == Some(PaymentChannel::Stripe) && left >= amount.minor {
                return Ok(Some(payment.id));
            }
        }
        Ok(None)
    }

    /// A provider's payment of the same parties, of which enough is left to give back.
    async fn refundable(&self, id: &str, refund: &Refund) -> Result<PaymentId, AppError> {
        let payment = self.payment(id).await?;
        let fits = payment.channel == Some(PaymentChannel::Stripe)
            && payment.between() == refund.parties
            && payment.amount.currency == refund.amount.currency
            && refund.custody == Custody::Platform;
        if !fits {
            return Err(AppError::field(
                "/paymentId",
                "is no payment of a provider between these parties in this currency",
            ));
        }
        self.payment_under_lock(payment.id).await?;
        let left = payment.amount.minor - credits::refunded_of(&self.unit, payment.id).await?;
        if refund.amount.minor > left {
            let left = Money { minor: left, ..refund.amount };
            return Err(AppError::field(
                "/amount/amount",
                format!("at most the {left} that is left of the payment is accepted"),
            ));
        }
        Ok(payment.id)
    }
}

impl From<CannotRefund> for AppError {
    fn from(error: CannotRefund) -> Self {
        match error {
            CannotRefund::Refused(refusal) => refusal.into(),
            CannotRefund::NotPositive => Self::field("/amount/amount", error),
        }
    }
}
