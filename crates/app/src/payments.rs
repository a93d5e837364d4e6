//! Payments: money that arrived for an invoice, recorded once, posted in the ledger, held in escrow.

use std::time::Duration;

use chainbill_domain::{
    Timestamp,
    id::PaymentId,
    invoice::CannotPay,
    money::Currency,
    payment::{Payment, Received},
    states::{PaymentMethod, Role},
    text,
};
use chainbill_records::{RecordsError, repo::payments};
use chrono::Timelike as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{App, AppError, Context, Done, MoneyView, PaymentView, context::CREATED, validate::Check};

/// Money that arrived.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPayment {
    /// How much, in the invoice's currency, above 0.
    pub amount: MoneyView,
    /// BANK_TRANSFER, CARD, CRYPTO or OTHER.
    pub method: String,
    /// The name that the bank or the chain gives it: one name makes one payment.
    pub external_ref: String,
    /// When it arrived, RFC 3339; now when absent.
    pub received_at: Option<String>,
}

fn checked(new: &NewPayment, now: Timestamp) -> Result<Received, AppError> {
    let mut check = Check::default();
    // An invoice in a currency that has gone out of use is still paid in it.
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
    check.finish(all.map(|((amount, method), external_ref)| Received { amount, method, external_ref, received_at }))
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
    /// Records a payment of an invoice, by its client or an operator; the money is held.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when the invoice is not to be paid or the payment is known.
    pub async fn pay_invoice(
        &self,
        context: &Context,
        id: &str,
        new: NewPayment,
    ) -> Result<Done<PaymentView>, AppError> {
        let actor = context.actor()?;
        if context.idempotency_key.is_none() {
            return Err(AppError::IdempotencyRequired);
        }
        let received = &checked(&new, self.now())?;
        self.command(context, "invoice.pay", &(id, &new), |mut command| async move {
            let invoice = command.invoice(id).await?;
            if invoice.client_id != actor.user_id && actor.role != Role::Admin {
                return Err(AppError::Forbidden("only its client or an operator records a payment"));
            }
            context.expects(invoice.version)?;
            let (id, at) = (self.new_id(), command.unit.now());
            let payment = Payment::record(id, &invoice, received.clone(), actor.user_id, at);
            let paid = invoice.pay(&payment, command.occasion())?;
            match payments::add(&mut command.unit, &payment).await {
                Err(RecordsError::Duplicate(_)) => return Err(known_payment(&payment.external_ref)),
                result => result?,
            }
            let invoice = command.save_invoice(paid).await?;
            Ok(command.answer(CREATED, PaymentView::of(payment, invoice)))
        })
        .await
    }

    /// One payment, with its invoice as it stands now.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than the parties of its invoice.
    pub async fn payment(&self, context: &Context, id: &str) -> Result<PaymentView, AppError> {
        context.actor()?;
        let missing = AppError::NotFound("payment");
        let Ok(id) = id.parse::<PaymentId>() else { return Err(missing) };
        let Some(payment) = payments::find(&self.records, id).await? else { return Err(missing) };
        match self.invoice(context, &payment.invoice_id.to_string()).await {
            Ok(invoice) => Ok(PaymentView::of(payment, invoice)),
            Err(AppError::NotFound(_)) => Err(missing),
            Err(error) => Err(error),
        }
    }
}

impl From<CannotPay> for AppError {
    fn from(error: CannotPay) -> Self {
        let detail = error.to_string();
        match error {
            CannotPay::Refused(refusal) => refusal.into(),
            CannotPay::Currency(..) => Self::field("/amount/currency", detail),
            CannotPay::NotPositive | CannotPay::TooLarge => Self::field("/amount/amount", detail),
        }
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
