//! Confirming, rejecting and reversing payments.

use chainbill_domain::{
    id::PaymentId,
    payment::{Action, Payment},
    states::{Custody, PaymentChannel, PaymentState, Role},
    text,
};
use chainbill_records::{
    RecordsError,
    repo::{credits, payments},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::settle::{Takes, known, refused};
use crate::{App, AppError, Context, Done, PaymentView, command::Command, context::OK, validate::Check};

/// Why something is done.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reason {
    /// A short text for the other party.
    pub reason: String,
}

impl Reason {
    /// The text, checked.
    pub(crate) fn checked(&self) -> Result<String, AppError> {
        let mut check = Check::default();
        let reason = check.field("/reason", text::line(&self.reason, 500));
        check.finish(reason)
    }
}

impl App {
    /// Confirms an announced payment: its receiver has the money, or an operator has it in custody.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not announced any more; [`AppError::Forbidden`] to its payer.
    pub async fn confirm_payment(&self, context: &Context, id: &str) -> Result<Done<PaymentView>, AppError> {
        context.needs_key()?;
        self.command(context, "payment.confirm", &id, |mut command| async move {
            let actor = context.actor()?;
            let before = command.payment(id).await?;
            let channel = PaymentChannel::of(actor.role)
                .ok_or(AppError::Forbidden("the receiver of the money or an operator confirms a payment"))?;
            let locked = command.locked(&before).await?;
            let before = command.payment_under_lock(before.id).await?;
            let by = (Some(actor.user_id), Takes::Whatever);
            let (next, invoice) = command.confirm(before.clone(), locked, channel, by).await?;
            match payments::decide(&mut command.unit, &next).await {
                Err(RecordsError::Duplicate(_)) => return Err(known(&next.external_ref)),
                result => result?,
            }
            let view = command.recorded(Some(before), next, invoice).await?;
            Ok(command.answer(OK, view))
        })
        .await
    }

    /// Rejects an announced payment: the money did not come. Its payer takes an announcement back in the same way.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not announced any more.
    pub async fn reject_payment(
        &self,
        context: &Context,
        id: &str,
        reason: Reason,
    ) -> Result<Done<PaymentView>, AppError> {
        context.actor()?;
        let text = &reason.checked()?;
        self.command(context, "payment.reject", &(id, &reason), |mut command| async move {
            let by = command.actor()?;
            let before = command.payment(id).await?;
            let before = command.payment_under_lock(before.id).await?;
            let rejected = before.clone().reject(Some(text.clone()), Some(by), command.occasion())?;
            payments::decide(&mut command.unit, &rejected.next).await?;
            rejected.events.iter().for_each(|event| command.unit.event(event));
            let view = command.recorded(Some(before), rejected.next, None).await?;
            Ok(command.answer(OK, view))
        })
        .await
    }

    /// Reverses a confirmed payment by its counter-record: its receiver what he confirmed himself, an operator any.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when its money is not where it was: released, refunded, spent as credit, or witnessed by a token.
    pub async fn reverse_payment(
        &self,
        context: &Context,
        id: &str,
        reason: Reason,
    ) -> Result<Done<PaymentView>, AppError> {
        context.needs_key()?;
        let text = &reason.checked()?;
        self.command(context, "payment.reverse", &(id, &reason), |mut command| async move {
            let actor = context.actor()?;
            let before = command.payment(id).await?;
            may_reverse(actor.role, &before)?;
            let locked = command.locked(&before).await?;
            let before = command.payment_under_lock(before.id).await?;
            before.allows(Action::Reverse)?;
            let (mut invoice, is_one) = (None, locked.len() == 1);
            if let Some(source) = before.source() {
                for (part, held) in locked {
                    let amount = held.money(part.minor);
                    command.allow_move(&held, chainbill_domain::invoice::Action::Reverse).await?;
                    let change = held.unsettle(before.id, source, amount, command.occasion())?;
                    let view = command.save_invoice(change).await?;
                    invoice = is_one.then_some(view);
                }
            }
            command.take_back(&before).await?;
            let reversed = before.clone().reverse(text.clone(), Some(actor.user_id), command.occasion())?;
            for transfer in reversed.transfers {
                command.post(transfer).await?;
            }
            payments::reverse(&mut command.unit, &reversed.next).await?;
            reversed.events.iter().for_each(|event| command.unit.event(event));
            let view = command.recorded(Some(before), reversed.next, invoice).await?;
            Ok(command.answer(OK, view))
        })
        .await
    }
}

/// Money is taken back by who has it.
fn may_reverse(role: Role, payment: &Payment) -> Result<(), AppError> {
    let custody = payment.channel.map(PaymentChannel::custody);
    let is_credit = payment.channel.is_some_and(PaymentChannel::is_credit);
    match role {
        Role::Admin => Ok(()),
        Role::Freelancer if is_credit || custody != Some(Custody::Platform) => Ok(()),
        _ if payment.state != PaymentState::Confirmed => Ok(()),
        Role::Freelancer => Err(AppError::Forbidden("an operator reverses what the platform has received")),
        Role::Client => Err(AppError::Forbidden("the receiver of the money or an operator reverses a payment")),
    }
}

impl Command<'_> {
    /// A payment that the actor sees.
    pub(crate) async fn payment(&self, id: &str) -> Result<Payment, AppError> {
        let viewer = self.context.actor()?.viewer();
        let missing = || AppError::NotFound("payment");
        let id: PaymentId = id.parse().map_err(|_| missing())?;
        let payment = payments::find(&self.unit, id).await?;
        payment.filter(|payment| viewer.is_party(payment.between())).ok_or_else(missing)
    }

    pub(crate) async fn payment_under_lock(&self, id: PaymentId) -> Result<Payment, AppError> {
        payments::lock(&self.unit, id).await?.ok_or(AppError::NotFound("payment"))
    }

    /// What exceeded the invoices has to be the client's credit still; what came out of credit goes back there.
    async fn take_back(&mut self, payment: &Payment) -> Result<(), AppError> {
        let Some(channel) = payment.channel else { return Ok(()) };
        let (parties, custody) = (payment.between(), channel.custody());
        if channel.is_credit() {
            return Ok(credits::give(&mut self.unit, parties, custody, payment.amount).await?);
        }
        let excess = payment.excess();
        if excess.minor == 0 || credits::take(&mut self.unit, parties, custody, excess).await? {
            return Ok(());
        }
        Err(refused("CONFIRMED", &["refund", "credit-notes"], "the credit that the payment left is used already"))
    }
}
