//! Payments as they are asked for, checked.

use std::{collections::BTreeSet, time::Duration};

use chainbill_domain::{
    Timestamp,
    id::{InvoiceId, UserId},
    money::{Currency, Money},
    payment::{Allocation, Received},
    states::PaymentMethod,
    text,
};
use chrono::Timelike as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AllocationView, AppError, MoneyView, validate::Check};

/// Money for one invoice.
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

/// Money for any number of invoices between two parties.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewTransfer {
    /// For whom; needed of a client or an operator who names no invoice.
    pub freelancer_id: Option<String>,
    /// Whose money; needed of a freelancer or an operator who names no invoice.
    pub client_id: Option<String>,
    /// How much, above 0.
    pub amount: MoneyView,
    /// BANK_TRANSFER, CARD, CRYPTO or OTHER.
    pub method: String,
    /// The name that the bank or the chain gives it: one name makes one payment.
    pub external_ref: String,
    /// When it arrived, RFC 3339; now when absent.
    pub received_at: Option<String>,
    /// Which invoices it is for, 0 to 100; what exceeds them is the client's credit.
    pub allocations: Vec<AllocationView>,
}

/// A transfer, checked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub received: Received,
    pub allocations: Vec<Allocation>,
    pub freelancer: Option<UserId>,
    pub client: Option<UserId>,
}

impl NewPayment {
    /// The same as a transfer that is for one invoice whole.
    pub(super) fn checked(&self, invoice: InvoiceId, now: Timestamp) -> Result<Asked, AppError> {
        let mut check = Check::default();
        let received = received(
            &mut check,
            &self.amount,
            (self.method.as_str(), self.external_ref.as_str(), &self.received_at),
            now,
        );
        let allocations = |received: Received| Asked {
            allocations: vec![Allocation { invoice_id: invoice, minor: received.amount.minor }],
            received,
            freelancer: None,
            client: None,
        };
        check.finish(received.map(allocations))
    }
}

/// Most invoices that one transfer settles.
const MOST: usize = 100;

impl NewTransfer {
    pub(super) fn checked(&self, now: Timestamp) -> Result<Asked, AppError> {
        let mut check = Check::default();
        let received = received(
            &mut check,
            &self.amount,
            (self.method.as_str(), self.external_ref.as_str(), &self.received_at),
            now,
        );
        let user = |check: &mut Check, pointer: &str, id: &Option<String>| {
            check.optional(pointer, text::some(id.as_deref()).map(str::parse::<UserId>))
        };
        let freelancer = user(&mut check, "/freelancerId", &self.freelancer_id);
        let client = user(&mut check, "/clientId", &self.client_id);
        check.refuse_unless(self.allocations.len() <= MOST, "/allocations", "0 to 100 invoices are accepted");
        let amount = received.as_ref().map(|received| received.amount);
        let allocations = amount.map(|amount| self.allocations(&mut check, amount)).unwrap_or_default();
        let asked = |received| Asked { received, allocations, freelancer, client };
        check.finish(received.map(asked))
    }

    fn allocations(&self, check: &mut Check, amount: Money) -> Vec<Allocation> {
        let (mut parts, mut known, mut sum) = (Vec::new(), BTreeSet::new(), 0_i64);
        for (place, part) in self.allocations.iter().take(MOST).enumerate() {
            let at = |field: &str| format!("/allocations/{place}/{field}");
            let invoice = check.field(at("invoiceId"), part.invoice_id.parse::<InvoiceId>());
            let money = check.money(&at("amount"), &part.amount.clone().into(), Some(amount.currency));
            let (Some(invoice_id), Some(money)) = (invoice, money) else { continue };
            check.refuse_unless(
                known.insert(invoice_id),
                &at("invoiceId"),
                "is named twice: each invoice is accepted once",
            );
            check.refuse_unless(money.minor > 0, &at("amount/amount"), "is 0: an amount above 0 is accepted");
            sum = sum.saturating_add(money.minor);
            parts.push(Allocation { invoice_id, minor: money.minor });
        }
        let fits = sum <= amount.minor;
        check.refuse_unless(fits, "/allocations", "sum to more than the amount: parts of it are accepted");
        // Rows are locked in one order, so that two transfers never wait for each other.
        parts.sort_by_key(|part| part.invoice_id);
        parts
    }
}

fn received(
    check: &mut Check,
    amount: &MoneyView,
    (method, external_ref, received_at): (&str, &str, &Option<String>),
    now: Timestamp,
) -> Option<Received> {
    // An invoice in a currency that has gone out of use is still paid in it.
    let currency = amount.currency.parse::<Currency>().ok();
    let amount = check.money("/amount", &amount.clone().into(), currency);
    if amount.is_some_and(|amount| amount.minor == 0) {
        check.refuse("/amount/amount", "is 0: an amount above 0 is accepted");
    }
    let method = checked_method(check, method);
    let external_ref = checked_reference(check, external_ref);
    let received_at = check.optional("/receivedAt", text::some(received_at.as_deref()).map(|text| moment(text, now)));
    let ((amount, method), external_ref) = amount.zip(method).zip(external_ref)?;
    Some(Received { amount, method, external_ref, received_at })
}

pub(crate) fn checked_method(check: &mut Check, method: &str) -> Option<PaymentMethod> {
    check.field("/method", method.parse::<PaymentMethod>())
}

pub(crate) fn checked_reference(check: &mut Check, external_ref: &str) -> Option<String> {
    check.field("/externalRef", text::reference(external_ref, 200))
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
