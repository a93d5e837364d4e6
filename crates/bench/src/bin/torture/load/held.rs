//! Money held in escrow, released in concurrent parts by its client, and paid out.

use serde_json::{Value, json};

use super::{
    Load, euros,
    invoices::{Made, payment},
};

/// Each release in whole euros. The sum's base-4 digits are the releases' counts.
pub const RELEASES: [u64; 3] = [1, 4, 16];

impl Load {
    /// Creates, sends and funds an invoice, releases parts of it at once, and has an operator pay a part out.
    pub async fn held(&self, subject: &str) -> anyhow::Result<()> {
        let Some(Made { path, .. }) = self.make(subject, "50.00").await? else { return Ok(()) };
        let Some(_) = self.send(subject, &path).await? else { return Ok(()) };
        let body = payment("50.00", subject);
        let funded = self.surely(&self.operator, &format!("{path}/pay"), &format!("fund-{subject}"), body).await?;
        let Some(_) = funded else { return Ok(()) };
        let path = format!("{path}/release");
        let released = RELEASES.iter().enumerate().map(|(place, part)| {
            let (path, key) = (&path, format!("release-{subject}-{place}"));
            let body = json!({"amount": euros(&format!("{part}.00"))});
            async move { self.surely(&self.payer, path, &key, body).await }
        });
        if futures::future::try_join_all(released).await?.iter().any(Option::is_none) {
            return Ok(());
        }
        let payout = json!({"amount": euros("21.00"), "method": "OTHER", "destination": subject});
        let asked = self.surely(&self.writer, "/api/payouts", &format!("payout-{subject}"), payout).await?;
        let Some(asked) = asked else { return Ok(()) };
        let confirm = format!("/api/payouts/{}/confirm", asked["id"].as_str().unwrap_or(""));
        let done: Value = json!({"externalRef": format!("out-{subject}")});
        self.surely(&self.operator, &confirm, &format!("out-{subject}"), done).await?;
        Ok(())
    }
}
