//! The offset of the test clock. It is kept in the primary, so that every process in test mode has the same clock, after a
//! restart too.

use chainbill_domain::TestClock;

use crate::{Records, RecordsError};

const NAME: &str = "test-clock-ms";

impl Records {
    /// Advances a clock to the offset that is kept.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn follow_test_clock(&self, clock: &TestClock) -> Result<(), RecordsError> {
        let kept = self.fact(NAME).await?;
        let offset = kept.map(|text| text.parse()).transpose();
        clock.advance_to(
            offset.map_err(|_| RecordsError::Corrupt(format!("the fact {NAME} is no number")))?.unwrap_or(0),
        );
        Ok(())
    }

    /// Keeps an offset, unless a larger one is kept already.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn keep_test_clock(&self, offset_ms: u64) -> Result<(), RecordsError> {
        // As text of one width, numbers are in order.
        let text = format!("{offset_ms:020}");
        self.settle_fact(NAME, &text).await?;
        let values = [text.as_str().into(), NAME.into(), text.as_str().into()];
        self.run("UPDATE facts SET value=? WHERE name=? AND value<?", values).await?;
        Ok(())
    }
}
