//! Payments: money that arrived for a bill, recorded once, posted in the ledger, held in escrow.

use std::time::Duration;

use chainbill_domain::{
    Timestamp,
    event::EventData,
    id::PaymentId,
    invoice::{Action, pay},
    money::{Currency, Money},
    states::{AccountKind, PaymentMethod, Role, TransferKind},
    text,
};
use chainbill_records::{
    RecordsError, Text, Unit,
    entities::{invoices, ledger_postings, payments},
    retry,
    sea_orm::EntityTrait as _,
};
use chrono::Timelike as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, Done, InvoiceView, MoneyView, PaymentView,
    idempotency::Begun,
    invoices::{lines_of, locked},
    validate::Check,
    zones::issuers_day,
};

/// Money that arrived.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPayment {
    /// How much, in the bill's currency, above 0.
    pub amount: MoneyView,
    /// BANK_TRANSFER, CARD, CRYPTO or OTHER.
    pub method: String,
    /// What the bank or the chain calls it: one name makes one payment.
    pub external_ref: String,
    /// When it arrived, RFC 3339; now when absent.
    pub received_at: Option<String>,
}

struct Checked {
    amount: Money,
    method: PaymentMethod,
    external_ref: String,
    received_at: Option<Timestamp>,
}

fn checked(new: &NewPayment, now: Timestamp) -> Result<Checked, AppError> {
    let mut check = Check::default();
    // A bill in a currency that has gone out of use is still paid in it.
    let currency = new.amount.currency.parse::<Currency>().ok();
    let amount = check.money("/amount", &new.amount.clone().into(), currency);
    if amount.is_some_and(|amount| amount.minor == 0) {
        check.refuse("/amount/amount", "is 0: an amount above 0 is accepted");
    }
    let method = check.field("/method", new.method.parse::<PaymentMethod>());
    let external_ref = check.field("/externalRef", text::reference(&new.external_ref, 200));
    let received_at =
        check.optional("/receivedAt", text::some(new.received_at.as_deref()).map(|text| moment(text, now)));
    let all = amount.zip(method).zip(external_ref);
    check.finish(all.map(|((amount, method), external_ref)| Checked { amount, method, external_ref, received_at }))
}

/// Clocks of banks may be ahead of ours by so much.
const SKEW: Duration = Duration::from_secs(300);
/// Books are kept for ten years in most countries: a payment from before is a mistake, as that of a clock that was never set.
const OLDEST: chrono::Days = chrono::Days::new(3653);

/// A moment that has come. Leap seconds are refused: MySQL has no way to write one.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, &'static str> {
    const WRONG: &str = "is not a moment: RFC 3339 such as 2026-11-24T12:00:00Z is accepted";
    // The parser takes blanks and small letters where RFC 3339 as others read it has T and Z.
    let plain = text.get(10..11) == Some("T") && !text.ends_with('z');
    let at = chrono::DateTime::parse_from_rfc3339(text).ok().filter(|_| plain).ok_or(WRONG)?.to_utc();
    let a_leap_second = at.nanosecond() >= 1_000_000_000;
    if a_leap_second || !(0..=253_402_300_799_999).contains(&at.timestamp_millis()) {
        return Err(WRONG);
    }
    if at > now + SKEW {
        return Err("is in the future: a moment that has come is accepted");
    }
    if now.checked_sub_days(OLDEST).is_some_and(|oldest| at < oldest) {
        return Err("is more than ten years ago: a later moment is accepted");
    }
    Ok(chainbill_domain::clock::whole_millis(at))
}

impl App {
    /// Records a payment of a bill. Its client or an operator does; the money is held.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when the bill is not to be paid or the payment is known.
    pub async fn pay_invoice(
        &self,
        context: &Context,
        id: &str,
        new: NewPayment,
    ) -> Result<Done<PaymentView>, AppError> {
        context.actor()?;
        if context.idempotency_key.is_none() {
            return Err(AppError::IdempotencyRequired);
        }
        let payment = checked(&new, self.now())?;
        retry(self.records.random(), || self.pay_once(context, id, &new, &payment)).await
    }

    async fn pay_once(
        &self,
        context: &Context,
        id: &str,
        new: &NewPayment,
        payment: &Checked,
    ) -> Result<Done<PaymentView>, AppError> {
        let mut unit = match self.begin(context, "invoice.pay", &(id, new)).await? {
            Begun::Fresh(unit) => unit,
            Begun::Replay(done) => return Ok(done),
        };
        let actor = context.actor()?;
        let before = locked(&unit, context, id).await?;
        if before.client_id.0 != actor.user_id && actor.role != Role::Admin {
            return Err(AppError::Forbidden("only its client or an operator records a payment"));
        }
        context.expects(before.version)?;
        Action::Pay.check(before.status.0, before.paid_minor)?;
        if payment.amount.currency != before.currency.0 {
            let detail = format!("is {}: the invoice is in {}", payment.amount.currency, before.currency);
            return Err(AppError::field("/amount/currency", detail));
        }
        let paid = pay(before.total_minor, before.paid_minor, payment.amount.minor)
            .ok_or_else(|| AppError::field("/amount/amount", "makes the sum too large"))?;
        let row = payments::Model {
            id: Text(self.new_id()),
            invoice_id: before.id,
            payer_id: before.client_id,
            external_ref: payment.external_ref.clone(),
            method: Text(payment.method),
            amount_minor: payment.amount.minor,
            currency: before.currency,
            received_at: payment.received_at.unwrap_or(unit.now()),
            recorded_by: Text(actor.user_id),
            created_at: unit.now(),
        };
        match unit.add::<payments::Entity>(row.clone()).await {
            Err(RecordsError::Duplicate(_)) => return Err(known_payment(&row.external_ref)),
            result => result?,
        }
        self.post(&mut unit, &row).await?;
        let mut after = before.clone();
        after.paid_minor = paid.paid;
        after.status = Text(paid.status);
        after.payment_status = Text(paid.payment_status);
        after.escrow = Text(paid.escrow);
        if paid.status != before.status.0 {
            after.paid_at = Some(unit.now());
        }
        let invoice = unit.update::<invoices::Entity>(&before, after).await?;
        let received = EventData::PaymentReceived {
            payer: before.client_id.0,
            receiver: before.freelancer_id.0,
            invoice: before.id.0,
            project: before.project_id.map(|id| id.0),
            amount: payment.amount,
        };
        self.record(&mut unit, received);
        let lines = lines_of(unit.db(), invoice.id.0).await?;
        let today = issuers_day(unit.db(), &before, unit.now()).await?;
        let old = InvoiceView::of(before, lines.clone(), &today);
        let invoice = InvoiceView::of(invoice, lines, &today);
        let subject = ("invoices", invoice.id.clone());
        self.audit(&mut unit, context, "invoice.pay", subject, (Some(&old), Some(&invoice))).await?;
        self.finish(unit, context, PaymentView::of(row, invoice)).await
    }

    /// One payment, with its bill as it stands now.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than the parties of its bill.
    pub async fn payment(&self, context: &Context, id: &str) -> Result<PaymentView, AppError> {
        context.actor()?;
        let missing = AppError::NotFound("payment");
        let Ok(id) = id.parse::<PaymentId>() else { return Err(missing) };
        let row = payments::Entity::find_by_id(Text(id)).one(self.records.db()).await?;
        let Some(row) = row else { return Err(missing) };
        match self.invoice(context, &row.invoice_id.to_string()).await {
            Ok(invoice) => Ok(PaymentView::of(row, invoice)),
            Err(AppError::NotFound(_)) => Err(missing),
            Err(error) => Err(error),
        }
    }

    /// One transfer of two postings that sum to zero: out of the world, into the bill's escrow.
    async fn post(&self, unit: &mut Unit, payment: &payments::Model) -> Result<(), AppError> {
        let transfer_id = self.new_id::<()>().to_string();
        let posting = |position, account_kind, amount_minor| ledger_postings::Model {
            id: self.new_id::<()>().to_string(),
            transfer_id: transfer_id.clone(),
            position,
            kind: Text(TransferKind::Payment),
            invoice_id: Some(payment.invoice_id),
            payment_id: Some(payment.id),
            account_kind: Text(account_kind),
            account_user_id: None,
            account_method: (account_kind == AccountKind::World).then_some(payment.method),
            amount_minor,
            currency: payment.currency,
            note: None,
            created_at: unit.now(),
        };
        let postings = vec![
            posting(0, AccountKind::World, -payment.amount_minor),
            posting(1, AccountKind::Escrow, payment.amount_minor),
        ];
        Ok(unit.add_many::<ledger_postings::Entity>(postings).await?)
    }
}

fn known_payment(external_ref: &str) -> AppError {
    AppError::Conflict {
        current: "RECORDED".to_owned(),
        allowed: Vec::new(),
        detail: format!("the payment {external_ref} is recorded already"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_come_and_can_be_written_in_every_database() {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        for good in [
            "2026-11-24T12:00:00Z",
            "2026-11-24T12:04:59.999Z",
            "2026-11-24T12:00:00.123456+02:00",
            "2016-11-24T12:00:00Z",
        ] {
            assert!(moment(good, now).is_ok(), "{good}");
        }
        assert_eq!(
            moment("2026-11-24T01:00:00.123999+02:00", now).map(crate::moment),
            Ok("2026-11-23T23:00:00.123Z".into())
        );
        for bad in [
            "2026-11-23T23:59:60Z",
            "2016-12-31T23:59:60.5Z",
            "2026-11-24 11:00:00Z",
            "2026-11-24t11:00:00Z",
            "2026-11-24T11:00:00z",
            "2026-11-23T24:00:00Z",
            "2026-11-24T11:60:00Z",
            "2026-11-24T11:00:00",
            "2026-11-24",
            "10000-01-01T00:00:00Z",
            "+10000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00Z",
            "2000-01-01T00:00:00Z",
            "2016-11-22T12:00:00Z",
            "2026-11-24T12:05:01Z",
            "2026-11-2\u{e9}T1",
            "",
        ] {
            assert!(moment(bad, now).is_err(), "{bad}");
        }
    }
}
