//! Recurring invoices, of which a job makes and sends one each.

use chainbill_domain::{Clock as _, SystemClock, Timestamp};
use serde_json::{Value, json};

use super::{Load, oracle::Word};

const RECURRING: &str = "/api/recurring-invoices";

impl Load {
    /// Schedules one invoice for today, and waits for the job that makes and sends it.
    pub async fn recurring(&self, subject: &str) -> anyhow::Result<()> {
        let now = SystemClock.now();
        // A start of yesterday is refused, and a request is repeated for a while.
        if now.format("%H:%M").to_string().as_str() >= "23:55" {
            Self::pause().await;
            return Ok(());
        }
        let make = format!("make-{subject}");
        self.oracle.note(Word::Meant, &make, RECURRING)?;
        let body = self.schedule_of(subject, now);
        let Some(made) = self.surely(&self.writer, RECURRING, &format!("recur-{subject}"), body).await? else {
            return Ok(());
        };
        let occurrences = format!("{RECURRING}/{}/invoices", made["id"].as_str().unwrap_or(""));
        loop {
            let page = self.look(&self.writer, &occurrences).await?.unwrap_or_default();
            if let Some(invoice) = page["data"][0]["invoiceId"].as_str() {
                // Both are the job's, in one unit.
                self.oracle.note(Word::Acknowledged, &make, invoice)?;
                return self.oracle.note(Word::Acknowledged, &format!("send-{subject}"), invoice);
            }
            Self::pause().await;
        }
    }

    fn schedule_of(&self, subject: &str, now: Timestamp) -> Value {
        let start = now.format("%Y-%m-%d").to_string();
        let schedule = json!({"period": "MONTH", "start": start, "at": "00:00", "count": 1});
        json!({"invoice": self.draft_of(subject, "50.00"), "schedule": schedule, "mode": "SEND"})
    }
}
