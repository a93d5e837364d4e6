//! Uncontended invoices: created, sent and paid; each payment announced and confirmed, and some reversed.

use chainbill_testkit::Dice;
use serde_json::{Value, json};

use super::{Load, euros};

/// A created invoice: path and version.
pub struct Made {
    pub id: String,
    pub path: String,
    pub version: i64,
}

impl Load {
    /// Creates and sends one invoice, whose payment its client announces and its freelancer confirms, and sometimes reverses.
    pub async fn invoice(&self, subject: &str) -> anyhow::Result<()> {
        let Some(Made { path, .. }) = self.make(subject, "50.00").await? else { return Ok(()) };
        let Some(_) = self.send(subject, &path).await? else { return Ok(()) };
        let body = payment("20.00", subject);
        let announced = self.surely(&self.payer, &format!("{path}/pay"), &format!("announce-{subject}"), body).await?;
        let Some(payment) = announced else { return Ok(()) };
        let payment = format!("/api/payments/{}", payment["id"].as_str().unwrap_or(""));
        let key = format!("pay-{subject}");
        let confirmed = self.surely(&self.writer, &format!("{payment}/confirm"), &key, Value::Null).await?;
        if confirmed.is_some() && Dice::named(self.seed, &key).roll(0, 3) == 0 {
            let body = json!({"reason": "By mistake"});
            self.surely(&self.writer, &format!("{payment}/reverse"), &format!("reverse-{subject}"), body).await?;
        }
        Ok(())
    }

    /// Creates a draft. The subject in its title exposes duplicates.
    pub async fn make(&self, subject: &str, total: &str) -> anyhow::Result<Option<Made>> {
        let body = self.draft_of(subject, total);
        let made = self.surely(&self.writer, "/api/invoices", &format!("make-{subject}"), body).await?;
        Ok(made.map(|made| {
            let id = made["id"].as_str().unwrap_or("").to_owned();
            Made { path: format!("/api/invoices/{id}"), id, version: made["version"].as_i64().unwrap_or(0) }
        }))
    }

    /// Request body of a draft.
    pub fn draft_of(&self, subject: &str, total: &str) -> Value {
        let line = json!({"description": "Work", "quantity": "1", "unitPrice": euros(total)});
        json!({"clientId": self.payer.id, "title": title(subject), "currency": "EUR", "lines": [line]})
    }

    /// Sends.
    pub async fn send(&self, subject: &str, path: &str) -> anyhow::Result<Option<Value>> {
        self.surely(&self.writer, &format!("{path}/send"), &format!("send-{subject}"), Value::Null).await
    }
}

/// The title of a subject's invoice.
pub fn title(subject: &str) -> String {
    format!("invoice-{subject}")
}

/// Body of a payment.
pub fn payment(amount: &str, reference: &str) -> Value {
    json!({"amount": euros(amount), "method": "OTHER", "externalRef": format!("ref-{reference}")})
}
