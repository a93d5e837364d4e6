//! What Stripe's events say. <https://docs.stripe.com/api/events/types>

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    EventData, EventId, ProviderEvent, WebhookRefusal,
    stripe::objects::{Charge, Dispute, Event, Misread, RefundObject, Session, moment},
};

/// Tells generations of events apart.
#[derive(Deserialize)]
struct Kind {
    object: String,
}

/// Decodes an authentic event. `is_live` is the secret key's mode, if known.
pub(super) fn decode(body: &[u8], is_live: Option<bool>) -> Result<ProviderEvent, WebhookRefusal> {
    let unreadable = |error: serde_json::Error| WebhookRefusal::Unreadable(error.to_string());
    let kind: Kind = serde_json::from_slice(body).map_err(unreadable)?;
    if kind.object != "event" {
        let text = "it is no snapshot event: choose snapshot payloads for the endpoint";
        return Err(WebhookRefusal::Unreadable(text.to_owned()));
    }
    let event: Event = serde_json::from_slice(body).map_err(unreadable)?;
    if is_live.is_some_and(|is_live| is_live != event.livemode) {
        return Err(WebhookRefusal::WrongMode { is_live: event.livemode });
    }
    let misread = |problem| WebhookRefusal::Unreadable(format!("{} {}: {problem}", event.kind, event.id));
    Ok(ProviderEvent {
        id: EventId::new(&event.id).map_err(|error| misread(format!("id {error}")))?,
        at: moment(event.created).map_err(misread)?,
        is_live: event.livemode,
        data: data(&event.kind, event.data.object).map_err(misread)?,
    })
}

fn data(kind: &str, object: Value) -> Result<EventData, Misread> {
    Ok(match kind {
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.async_payment_failed"
        | "checkout.session.expired" => return of_session(kind, &read(object)?),
        "refund.created" => EventData::RefundCreated(read::<RefundObject>(object)?.refund()?),
        // The second is the first's name before 2024, which older endpoints still send.
        "refund.updated" | "charge.refund.updated" => EventData::RefundUpdated(read::<RefundObject>(object)?.refund()?),
        "refund.failed" => EventData::RefundFailed(read::<RefundObject>(object)?.refund()?),
        "charge.refunded" => EventData::ChargeRefunded(read::<Charge>(object)?.refunded()?),
        "charge.dispute.created" => EventData::DisputeOpened(read::<Dispute>(object)?.opened()?),
        other => EventData::Other(other.to_owned()),
    })
}

fn of_session(kind: &str, session: &Session) -> Result<EventData, Misread> {
    if !session.is_for_payment() {
        return Ok(EventData::Other(kind.to_owned()));
    }
    Ok(match kind {
        "checkout.session.completed" if session.is_paid() => EventData::CheckoutPaid(session.paid()?),
        "checkout.session.completed" => EventData::CheckoutPaymentPending(session.checkout()?),
        "checkout.session.async_payment_succeeded" => EventData::AsyncPaymentSucceeded(session.paid()?),
        "checkout.session.async_payment_failed" => EventData::AsyncPaymentFailed(session.checkout()?),
        _ => EventData::CheckoutExpired(session.checkout()?),
    })
}

fn read<T: DeserializeOwned>(object: Value) -> Result<T, Misread> {
    serde_json::from_value(object).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use chainbill_domain::money::Money;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{CheckoutStatus, PaymentStatus, RefundStatus};

    fn event(kind: &str, object: &Value) -> Result<EventData, String> {
        let body = json!({
            "id": "evt_1", "object": "event", "api_version": "2026-09-30.endive", "created": 1_764_288_000,
            "livemode": false, "pending_webhooks": 1, "type": kind, "data": {"object": object},
        });
        let event = decode(body.to_string().as_bytes(), Some(false)).map_err(|error| error.to_string())?;
        assert_eq!((event.id.as_str(), event.at.timestamp(), event.is_live), ("evt_1", 1_764_288_000, false));
        Ok(event.data)
    }

    fn session(change: Value) -> Value {
        let mut session = json!({
            "id": "cs_1", "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid",
            "payment_intent": "pi_1", "amount_total": 1099, "currency": "usd", "client_reference_id": "ref-1",
            "expires_at": 1_764_291_600, "url": null, "ui_mode": "hosted_page",
        });
        let Value::Object(change) = change else { unreachable!("a change is an object") };
        change.into_iter().for_each(|(name, value)| session[name.as_str()] = value);
        session
    }

    #[test]
    fn paid_at_once_or_later() {
        let Ok(EventData::CheckoutPaid(paid)) = event("checkout.session.completed", &session(json!({}))) else {
            panic!("it is paid")
        };
        assert_eq!((paid.checkout.as_str(), paid.payment.as_str()), ("cs_1", "pi_1"));
        assert_eq!(paid.amount, Money::parse("10.99", "USD".parse().unwrap()).unwrap());
        assert_eq!(paid.reference.unwrap().as_str(), "ref-1");
        // Objects may be expanded.
        let expanded = session(json!({"payment_intent": {"id": "pi_2", "object": "payment_intent"}}));
        let later = event("checkout.session.async_payment_succeeded", &expanded).unwrap();
        assert_eq!(later.paid().unwrap().payment.as_str(), "pi_2");

        let unpaid = session(json!({"payment_status": "unpaid"}));
        let Ok(EventData::CheckoutPaymentPending(checkout)) = event("checkout.session.completed", &unpaid) else {
            panic!("it is pending")
        };
        assert_eq!((checkout.status, checkout.payment_status), (CheckoutStatus::Complete, PaymentStatus::Unpaid));
        let failed = event("checkout.session.async_payment_failed", &unpaid).unwrap();
        assert!(matches!(failed, EventData::AsyncPaymentFailed(_)));
        let expired = session(json!({"status": "expired", "payment_status": "unpaid", "payment_intent": null}));
        let expired = event("checkout.session.expired", &expired).unwrap();
        assert!(matches!(expired, EventData::CheckoutExpired(checkout) if checkout.payment.is_none()));
    }

    #[test]
    fn what_is_not_ours_is_acknowledged() {
        let other = |kind: &str, object: Value| assert_eq!(event(kind, &object), Ok(EventData::Other(kind.to_owned())));
        other("checkout.session.completed", session(json!({"mode": "subscription", "amount_total": null})));
        other("checkout.session.completed", session(json!({"mode": "setup", "currency": null, "amount_total": null})));
        other("checkout.session.completed", session(json!({"payment_status": "no_payment_required"})));
        other("customer.created", json!({"id": "cus_1"}));
        // A reference of another program is none of ours.
        let foreign =
            event("checkout.session.completed", &session(json!({"client_reference_id": "cart no. 7"}))).unwrap();
        assert_eq!(foreign.paid().unwrap().reference, None);
    }

    #[test]
    fn what_contradicts_itself_is_not_believed() {
        let refused = |change| event("checkout.session.completed", &session(change)).unwrap_err();
        assert!(refused(json!({"payment_intent": null})).contains("payment_intent is missing"));
        assert!(refused(json!({"amount_total": null})).contains("amount_total or currency is missing"));
        assert!(refused(json!({"currency": "zzz"})).contains("currency ZZZ is not a currency"));
        assert!(refused(json!({"currency": "isk", "amount_total": 450})).contains("450 of ISK is no amount"));
        assert!(refused(json!({"amount_total": 10.5})).contains("invalid type"));
        assert!(refused(json!({"payment_status": "maybe"})).contains("unknown variant"));
        let unpaid = session(json!({"payment_status": "unpaid"}));
        let error = event("checkout.session.async_payment_succeeded", &unpaid).unwrap_err();
        assert!(error.contains("payment_status is not paid"), "{error}");
    }

    #[test]
    fn refunds_and_disputes_are_read() {
        let refund = json!({
            "id": "re_1", "object": "refund", "amount": 500, "currency": "jpy", "payment_intent": "pi_1", "status": "failed",
            "metadata": {"reference": "ref-2"}, "failure_reason": "expired_or_canceled_card",
        });
        for kind in ["refund.created", "refund.updated", "charge.refund.updated", "refund.failed"] {
            let (EventData::RefundCreated(read) | EventData::RefundUpdated(read) | EventData::RefundFailed(read)) =
                event(kind, &refund).unwrap()
            else {
                panic!("{kind} is of a refund")
            };
            assert_eq!((read.status, read.reference.unwrap().as_str()), (RefundStatus::Failed, "ref-2"));
            assert_eq!(
                (read.amount.to_string(), read.failure.as_deref()),
                ("500 JPY".to_owned(), Some("expired_or_canceled_card"))
            );
        }
        let charge =
            json!({"id": "ch_1", "amount": 5120, "amount_refunded": 5000, "currency": "kwd", "payment_intent": "pi_1"});
        let EventData::ChargeRefunded(charge) = event("charge.refunded", &charge).unwrap() else {
            panic!("it is refunded")
        };
        assert_eq!(
            (charge.paid.to_string(), charge.refunded.to_string()),
            ("5.120 KWD".to_owned(), "5.000 KWD".to_owned())
        );
        let dispute =
            json!({"id": "dp_1", "amount": 1000, "currency": "eur", "payment_intent": null, "reason": "fraudulent"});
        let EventData::DisputeOpened(dispute) = event("charge.dispute.created", &dispute).unwrap() else {
            panic!("it is disputed")
        };
        assert_eq!((dispute.id.as_str(), dispute.payment, dispute.reason.as_str()), ("dp_1", None, "fraudulent"));
    }

    proptest! {
        /// What an authentic sender may ever send is decoded or refused.
        #[test]
        fn any_body_is_decided(body in prop::collection::vec(any::<u8>(), 0..200), field in "[a-z_]{1,20}", value in "\\PC{0,20}") {
            prop_assert!(decode(&body, None).is_err());
            for value in [json!(value), json!(null), json!(-1), json!([]), json!({}), json!(1e300)] {
                for kind in ["checkout.session.completed", "refund.created", "charge.refunded", "charge.dispute.created"] {
                    // Neither outcome matters here: none panics.
                    let _ = event(kind, &session(json!({ field.as_str(): value })));
                }
            }
        }
    }

    #[test]
    fn other_modes_and_generations_are_refused() {
        let live = json!({"id": "evt_1", "object": "event", "created": 0, "livemode": true, "type": "x", "data": {"object": {}}});
        let body = live.to_string();
        assert_eq!(decode(body.as_bytes(), Some(false)), Err(WebhookRefusal::WrongMode { is_live: true }));
        assert!(decode(body.as_bytes(), None).is_ok());
        for bad in
            ["", "null", "[]", "{}", r#"{"object":"event"}"#, r#"{"object":"v2.core.event","id":"evt_1","type":"x"}"#]
        {
            assert!(matches!(decode(bad.as_bytes(), None), Err(WebhookRefusal::Unreadable(_))), "{bad}");
        }
    }
}
