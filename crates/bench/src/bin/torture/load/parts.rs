//! Concurrent partial payments of one invoice, each with its own key; some are sent twice at once with the same key.

use chainbill_testkit::Dice;
use reqwest::Method;

use super::{
    Load, Person,
    ask::Question,
    invoices::{Made, payment},
    oracle::Word,
};

/// Each payment in whole euros. The sum's base-4 digits are the payments' counts.
pub const PARTS: [u64; 4] = [1, 4, 16, 64];

impl Load {
    /// Creates, sends and concurrently pays an invoice.
    pub async fn parts(&self, subject: &str) -> anyhow::Result<()> {
        let Some(Made { path, .. }) = self.make(subject, "100.00").await? else { return Ok(()) };
        let Some(_) = self.send(subject, &path).await? else { return Ok(()) };
        let path = format!("{path}/pay");
        let payers = [&self.writer, &self.operator, &self.writer, &self.operator];
        let paid = PARTS.iter().zip(payers).enumerate();
        let paid = paid.map(|(place, (part, who))| self.part(who, &path, (subject, place), *part));
        futures::future::try_join_all(paid).await?;
        Ok(())
    }

    async fn part(&self, who: &Person, path: &str, (subject, place): (&str, usize), part: u64) -> anyhow::Result<()> {
        let key = format!("part-{subject}-{place}");
        let body = payment(&format!("{part}.00"), &format!("{subject}-{place}"));
        let surely = self.surely(who, path, &key, body.clone());
        if Dice::named(self.seed, &key).roll(0, 3) > 0 {
            surely.await?;
            return Ok(());
        }
        let twice = Question { key: Some(&key), body, ..Question::new(Method::POST, path, who) };
        // Another key selects the other server first.
        let other = format!("{key}+");
        let (one, two) = tokio::try_join!(surely, self.insist(&twice, &other))?;
        match (one, two) {
            (Some(one), Some((_, two))) if one["id"] != two["id"] => {
                self.oracle.note(Word::Wrong, &key, "one key made two payments")
            }
            _ => Ok(()),
        }
    }
}
