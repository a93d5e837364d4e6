//! Payouts: a user asks for money at one's disposal, an operator carries it out.

use chainbill_domain::{
    id::PayoutId,
    money::Money,
    payout::{CannotPayOut, Payout},
    states::{PaymentMethod, PayoutStatus, Role},
    text,
    transition::Transition,
};
use chainbill_records::{
    RecordsError,
    repo::payouts::{self, List},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, Done, MoneyView, Page, PageRequest, PayoutView,
    command::{Command, Outcome},
    context::{CREATED, OK},
    payments::{Reason, checked_method, checked_reference},
    validate::Check,
};

/// A payout that is asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPayout {
    /// How much, above 0 and at most what is at your disposal.
    pub amount: MoneyView,
    /// How it goes: BANK_TRANSFER, CARD, CRYPTO or OTHER.
    pub method: String,
    /// Where it goes to: an account, a card, an address, 1 to 500 characters.
    pub destination: String,
}

/// A payout that was carried out.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PayoutDone {
    /// What the bank or the chain calls it.
    pub external_ref: String,
}

/// Which payouts.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PayoutFilter {
    /// Only those in this state: REQUESTED, PAID, REJECTED or CANCELLED.
    pub status: Option<String>,
    /// Only those of this user (operators).
    pub user_id: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl NewPayout {
    fn checked(&self) -> Result<(Money, PaymentMethod, String), AppError> {
        let mut check = Check::default();
        let currency = self.amount.currency.parse().ok();
        let amount = check.money("/amount", &self.amount.clone().into(), currency);
        check.refuse_unless(
            amount.is_none_or(|it| it.minor > 0),
            "/amount/amount",
            "is 0: an amount above 0 is accepted",
        );
        let method = checked_method(&mut check, &self.method);
        let destination = check.field("/destination", text::line(&self.destination, 500));
        let all = amount.zip(method).zip(destination);
        check.finish(all.map(|((amount, method), destination)| (amount, method, destination)))
    }
}

impl App {
    /// Asks for a payout of what is at the actor's disposal.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when there is not so much.
    pub async fn request_payout(&self, context: &Context, new: NewPayout) -> Result<Done<PayoutView>, AppError> {
        context.needs_key()?;
        let ((amount, method, destination), new) = (&new.checked()?, &new);
        self.command(context, "payout.request", new, |mut command| async move {
            let now = command.unit.now();
            let payout = Payout {
                id: command.app.new_id(),
                version: 0,
                user_id: command.actor()?,
                amount: *amount,
                method: *method,
                destination: destination.clone(),
                status: PayoutStatus::Requested,
                external_ref: None,
                reason: None,
                decided_by: None,
                decided_at: None,
                created_at: now,
                updated_at: now,
            };
            let (created, transfer) = payout.requested(command.occasion())?;
            command.post(transfer).await?;
            let payout = payouts::insert(&mut command.unit, created.state).await?;
            created.events.iter().for_each(|event| command.unit.event(event));
            let view = PayoutView::of(payout);
            command.note(None, Some(&view)).await?;
            let movement = command.movement();
            Ok(command.answer(CREATED, PayoutView { movement, ..view }))
        })
        .await
    }

    /// Reports that a payout was carried out, as an operator.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is decided already, or another payout has this reference.
    pub async fn confirm_payout(
        &self,
        context: &Context,
        id: &str,
        done: PayoutDone,
    ) -> Result<Done<PayoutView>, AppError> {
        context.needs_key()?;
        let operator = context.actor_as(Role::Admin, "operators carry out payouts")?.user_id;
        let mut check = Check::default();
        let external_ref = checked_reference(&mut check, &done.external_ref);
        let external_ref = &check.finish(external_ref)?;
        self.command(context, "payout.confirm", &(id, &done), |command| async move {
            let payout = command.payout(id).await?;
            let change = payout.confirm(operator, external_ref.clone(), command.occasion())?;
            command.decide_payout(change).await.map_err(|error| reference_taken(error, external_ref))
        })
        .await
    }

    /// Refuses a payout, as an operator: its money is at its user's disposal again.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is decided already.
    pub async fn reject_payout(
        &self,
        context: &Context,
        id: &str,
        reason: Reason,
    ) -> Result<Done<PayoutView>, AppError> {
        context.needs_key()?;
        let operator = context.actor_as(Role::Admin, "operators carry out payouts")?.user_id;
        let text = &reason.checked()?;
        self.command(context, "payout.reject", &(id, &reason), |command| async move {
            let change = command.payout(id).await?.reject(operator, text.clone(), command.occasion())?;
            command.decide_payout(change).await
        })
        .await
    }

    /// Takes a payout back that was not carried out yet, as its user.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is decided already; [`AppError::Forbidden`] to operators.
    pub async fn cancel_payout(&self, context: &Context, id: &str) -> Result<Done<PayoutView>, AppError> {
        context.needs_key()?;
        self.command(context, "payout.cancel", &id, |command| async move {
            let payout = command.payout(id).await?;
            if payout.user_id != command.actor()? {
                return Err(AppError::Forbidden("only its user takes a payout back"));
            }
            let cancelled = payout.cancel(command.occasion())?;
            command.decide_payout(cancelled).await
        })
        .await
    }

    /// One's payouts, newest first; all for operators.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn payouts(&self, context: &Context, filter: &PayoutFilter) -> Result<Page<PayoutView>, AppError> {
        let viewer = context.actor()?.viewer();
        let mut check = Check::default();
        let status = check.optional("/status", text::some(filter.status.as_deref()).map(str::parse::<PayoutStatus>));
        let user = check.optional("/userId", text::some(filter.user_id.as_deref()).map(str::parse));
        check.finish(Some(()))?;
        let request = PageRequest { limit: filter.limit, cursor: filter.cursor.clone() };
        let name = format!("payouts?{:?}&{:?}", filter.status, filter.user_id);
        let (limit, after) = (request.limit()?, request.after(&name)?);
        let list = List { viewer: &viewer, user, status, after: after.as_deref(), limit };
        let rows = payouts::list(&self.records, list).await?;
        Ok(Page::of(&name, rows, limit, |payout| payout.id.to_string(), PayoutView::of))
    }

    /// One payout.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its user and operators.
    pub async fn payout(&self, context: &Context, id: &str) -> Result<PayoutView, AppError> {
        let viewer = context.actor()?.viewer();
        let missing = || AppError::NotFound("payout");
        let id: PayoutId = id.parse().map_err(|_| missing())?;
        Ok(PayoutView::of(payouts::find(&self.records, &viewer, id).await?.ok_or_else(missing)?))
    }
}

impl<'a> Command<'a> {
    /// A payout under lock, at the version that the caller knows.
    async fn payout(&self, id: &str) -> Result<Payout, AppError> {
        let missing = || AppError::NotFound("payout");
        let id: PayoutId = id.parse().map_err(|_| missing())?;
        let payout = payouts::lock(&self.unit, &self.context.actor()?.viewer(), id).await?.ok_or_else(missing)?;
        self.context.expects(payout.version)?;
        Ok(payout)
    }

    async fn decide_payout(mut self, change: Transition<Payout>) -> Result<Outcome<'a, PayoutView>, AppError> {
        let payout = payouts::update(&mut self.unit, &change.before, change.next).await?;
        for transfer in change.transfers {
            self.post(transfer).await?;
        }
        change.events.iter().for_each(|event| self.unit.event(event));
        let (before, after) = (PayoutView::of(change.before), PayoutView::of(payout));
        self.note(Some(&before), Some(&after)).await?;
        let movement = self.movement();
        Ok(self.answer(OK, PayoutView { movement, ..after }))
    }
}

fn reference_taken(error: AppError, reference: &str) -> AppError {
    match error {
        AppError::Records(RecordsError::Duplicate(_)) => AppError::Conflict {
            current: PayoutStatus::Requested.word().to_owned(),
            allowed: vec!["confirm".to_owned(), "reject".to_owned()],
            detail: format!("another payout went under the reference {reference}: its own reference is accepted"),
        },
        error => error,
    }
}

impl From<CannotPayOut> for AppError {
    fn from(error: CannotPayOut) -> Self {
        match error {
            CannotPayOut::Refused(refusal) => refusal.into(),
            CannotPayOut::NotPositive => Self::field("/amount/amount", error),
        }
    }
}
