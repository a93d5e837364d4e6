//! Disputes over held money, settled by an offer that the other party accepts.

use serde_json::{Value, json};

use super::{
    Load, euros,
    invoices::{Made, payment},
};

impl Load {
    /// Creates, sends and funds an invoice of 50 euros, disputes it, and settles for 10 to its client.
    pub async fn dispute(&self, subject: &str) -> anyhow::Result<()> {
        let Some(Made { id, path, .. }) = self.make(subject, "50.00").await? else { return Ok(()) };
        let Some(_) = self.send(subject, &path).await? else { return Ok(()) };
        let body = payment("50.00", subject);
        let funded = self.surely(&self.operator, &format!("{path}/pay"), &format!("fund-{subject}"), body).await?;
        let Some(_) = funded else { return Ok(()) };
        let new = json!({
            "invoiceId": id, "reason": "Late", "description": "It came late.", "toClientOnFor": euros("50.00"),
            "toClientOnAgainst": euros("0.00"), "evidence": [],
        });
        let opened = self.surely(&self.payer, "/api/disputes", &format!("dispute-{subject}"), new).await?;
        let Some(opened) = opened else { return Ok(()) };
        let split = json!({"toClient": euros("10.00")});
        let path = format!("/api/disputes/{}/settlement", opened["id"].as_str().unwrap_or(""));
        let offered = self.surely(&self.payer, &path, &format!("offer-{subject}"), split.clone()).await?;
        let Some(Value::Object(_)) = offered else { return Ok(()) };
        self.surely(&self.writer, &format!("{path}/accept"), &format!("settle-{subject}"), split).await?;
        Ok(())
    }
}
