//! What there is: checkouts, payments, refunds, and the events of what happened to them.

use chainbill_domain::Timestamp;
use serde_json::{Value, json};

use super::webhooks::Event;

/// All objects, in the order in which they began, and all events.
#[derive(Default)]
pub(super) struct World {
    now: i64,
    sessions: Vec<Value>,
    payments: Vec<Value>,
    refunds: Vec<Value>,
    events: Vec<Event>,
    count: u32,
}

/// A checkout to begin.
pub(super) struct NewSession {
    pub(super) currency: String,
    pub(super) units: i64,
    pub(super) reference: Option<String>,
    pub(super) expires_at: i64,
}

impl World {
    /// Time passes: open checkouts end.
    pub(super) fn pass_to(&mut self, now: Timestamp) {
        self.now = now.timestamp();
        let is_over =
            |session: &&Value| session["status"] == "open" && session["expires_at"].as_i64() <= Some(self.now);
        let over: Vec<Value> = self.sessions.iter().filter(is_over).cloned().collect();
        for session in over {
            self.expire(session["id"].as_str().unwrap());
        }
    }

    fn id(&mut self, prefix: &str) -> String {
        self.count += 1;
        format!("{prefix}_{:06}", self.count)
    }

    pub(super) fn object(&self, id: &str) -> Option<Value> {
        let all = self.sessions.iter().chain(&self.payments).chain(&self.refunds);
        all.into_iter().find(|object| object["id"] == id).cloned()
    }

    pub(super) fn all_sessions(&self) -> Vec<Value> {
        self.sessions.clone()
    }

    pub(super) fn sessions_of(&self, reference: &str) -> Vec<Value> {
        self.sessions.iter().filter(|session| session["client_reference_id"] == reference).cloned().collect()
    }

    pub(super) fn refunds_of(&self, payment: &str) -> Vec<Value> {
        self.refunds.iter().filter(|refund| refund["payment_intent"] == payment).cloned().collect()
    }

    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    pub(super) fn record(&mut self, kind: &str, object: Value) {
        let id = self.id("evt");
        let body = json!({
            "id": id, "object": "event", "api_version": "2026-09-30.endive", "created": self.now, "livemode": false,
            "pending_webhooks": 1, "request": null, "type": kind, "data": {"object": object},
        });
        self.events.push(Event { id, kind: kind.to_owned(), body: body.to_string().into_bytes() });
    }

    pub(super) fn begin(&mut self, new: NewSession) -> Value {
        let id = self.id("cs_test");
        let session = json!({
            "id": id, "object": "checkout.session", "mode": "payment", "status": "open", "payment_status": "unpaid",
            "payment_intent": null, "amount_subtotal": new.units, "amount_total": new.units, "currency": new.currency,
            "client_reference_id": new.reference, "metadata": {"reference": new.reference}, "created": self.now,
            "expires_at": new.expires_at, "livemode": false, "url": format!("https://checkout.stripe.com/c/pay/{id}"),
        });
        self.sessions.push(session.clone());
        session
    }

    fn session(&mut self, id: &str) -> &mut Value {
        self.sessions.iter_mut().find(|session| session["id"] == id).unwrap_or_else(|| panic!("no checkout {id}"))
    }

    fn payment(&mut self, id: &str) -> Option<&mut Value> {
        self.payments.iter_mut().find(|payment| payment["id"] == id)
    }

    pub(super) fn expire(&mut self, id: &str) -> Value {
        let session = self.session(id);
        session["status"] = "expired".into();
        session["url"] = Value::Null;
        let session = session.clone();
        self.record("checkout.session.expired", session.clone());
        session
    }

    /// The payer finishes a checkout; the money comes at once, or later.
    pub(super) fn pay(&mut self, id: &str, at_once: bool) -> String {
        let payment = self.id("pi");
        let session = self.session(id);
        assert_eq!(session["status"], "open", "the payer sees no page any more");
        session["status"] = "complete".into();
        session["url"] = Value::Null;
        session["payment_intent"] = payment.as_str().into();
        session["payment_status"] = if at_once { "paid" } else { "unpaid" }.into();
        let session = session.clone();
        self.payments.push(json!({
            "id": payment, "object": "payment_intent", "currency": session["currency"], "amount": session["amount_total"],
            "amount_received": if at_once { session["amount_total"].clone() } else { 0.into() },
            "status": if at_once { "succeeded" } else { "processing" },
        }));
        self.record("checkout.session.completed", session);
        payment
    }

    /// The transfer of a finished checkout arrives, or does not.
    pub(super) fn transfer_ends(&mut self, id: &str, arrives: bool) {
        let session = self.session(id);
        assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("unpaid")));
        if arrives {
            session["payment_status"] = "paid".into();
        }
        let session = session.clone();
        let payment = self.payment(session["payment_intent"].as_str().unwrap()).unwrap();
        payment["status"] = if arrives { "succeeded" } else { "requires_payment_method" }.into();
        if arrives {
            payment["amount_received"] = payment["amount"].clone();
        }
        let kind = if arrives { "succeeded" } else { "failed" };
        self.record(&format!("checkout.session.async_payment_{kind}"), session);
    }

    /// What is refunded of a payment.
    fn refunded(&self, payment: &str) -> i64 {
        let kept = |refund: &&Value| refund["payment_intent"] == payment && refund["status"] != "failed";
        self.refunds.iter().filter(kept).map(|refund| refund["amount"].as_i64().unwrap()).sum()
    }

    /// Refunds units of a payment. Refused with the code, or without one when there is no such payment.
    pub(super) fn refund(
        &mut self,
        payment: &str,
        units: i64,
        reference: Option<String>,
    ) -> Result<String, Option<&'static str>> {
        let refunded = self.refunded(payment);
        let Some(found) = self.payment(payment) else { return Err(None) };
        let (received, currency) = (found["amount_received"].as_i64().unwrap(), found["currency"].clone());
        if refunded == received {
            return Err(Some("charge_already_refunded"));
        }
        if units < 1 || units > received - refunded {
            return Err(Some("amount_too_large"));
        }
        let id = self.id("re");
        let refund = json!({
            "id": id, "object": "refund", "amount": units, "currency": currency, "payment_intent": payment,
            "status": "succeeded", "created": self.now, "failure_reason": null,
            "metadata": reference.map_or_else(|| json!({}), |reference| json!({"reference": reference})),
        });
        self.refunds.push(refund.clone());
        self.record("refund.created", refund);
        let all = refunded + units;
        let charge = json!({
            "id": payment.replace("pi_", "ch_"), "object": "charge", "payment_intent": payment, "amount": received,
            "amount_refunded": all, "currency": currency, "refunded": all == received,
        });
        self.record("charge.refunded", charge);
        Ok(id)
    }

    pub(super) fn refund_fails(&mut self, id: &str) {
        let found = self.refunds.iter_mut().find(|refund| refund["id"] == id);
        let refund = found.unwrap_or_else(|| panic!("no refund {id}"));
        refund["status"] = "failed".into();
        refund["failure_reason"] = "expired_or_canceled_card".into();
        let refund = refund.clone();
        self.record("refund.updated", refund.clone());
        self.record("refund.failed", refund);
    }

    pub(super) fn dispute(&mut self, payment: &str) {
        let id = self.id("dp");
        let found = self.payment(payment).unwrap_or_else(|| panic!("no payment {payment}")).clone();
        let dispute = json!({
            "id": id, "object": "dispute", "payment_intent": payment, "amount": found["amount"],
            "currency": found["currency"], "reason": "fraudulent", "status": "needs_response",
        });
        self.record("charge.dispute.created", dispute);
    }
}
