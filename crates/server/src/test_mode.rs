//! Test mode: a server whose clock can be advanced, so that a test or a person sees what happens in two weeks.
//!
//! One clock drives everything in the process: sessions, due dates, jobs, leases and heartbeats. Its offset is kept in the
//! primary, and every process in test mode follows it within a second, after a restart too. A jump is therefore what a process
//! sees that was suspended for this time: leases end and are acquired again, due jobs and schedules run, sessions expire.
//! Timers, rate limits, the log and the mirror's TTL keep the machine's time.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::ensure;
use async_trait::async_trait;
use chainbill_app::AppError;
use chainbill_domain::{Clock as _, TestClock, Timestamp};
use chainbill_records::Records;
use chainbill_web::AdvancingClock;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// How often a process reads the offset.
const POLL: Duration = Duration::from_secs(1);

/// The clock of this process with the place that its offset is kept in.
pub(crate) struct SharedClock {
    clock: Arc<TestClock>,
    records: Records,
    /// Additions follow each other, so that none is lost.
    turn: Mutex<()>,
}

impl SharedClock {
    pub fn new(clock: Arc<TestClock>, records: Records) -> Arc<Self> {
        Arc::new(Self { clock, records, turn: Mutex::default() })
    }

    /// Follows the offset that other processes keep.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.records.follow_test_clock(&self.clock).await {
                tracing::warn!("the offset of the test clock could not be read: {error}");
            }
        }
    }
}

#[async_trait]
impl AdvancingClock for SharedClock {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn offset(&self) -> Duration {
        Duration::from_millis(self.clock.offset_ms())
    }

    async fn advance(&self, by: Duration) -> Result<(), AppError> {
        let _turn = self.turn.lock().await;
        self.records.follow_test_clock(&self.clock).await?;
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.records.keep_test_clock(self.clock.offset_ms().saturating_add(by)).await?;
        self.records.follow_test_clock(&self.clock).await?;
        Ok(())
    }
}

/// Refuses test mode where it could meet real users.
///
/// # Errors
/// With the setting that forbids it.
pub(crate) fn check(settings: &Settings) -> anyhow::Result<()> {
    if !settings.test_mode {
        ensure!(!settings.test_mode_exposed, "TEST_MODE_EXPOSED needs TEST_MODE, which is not set");
        return Ok(());
    }
    let address = SocketAddr::new(settings.bind_address, settings.port);
    ensure!(
        settings.bind_address.is_loopback() || settings.test_mode_exposed,
        "TEST_MODE is set and BIND_ADDRESS is {}: a loopback address is accepted, or TEST_MODE_EXPOSED=true",
        settings.bind_address
    );
    ensure!(!settings.secure_cookies, "TEST_MODE is set with SECURE_COOKIES: one of both is accepted");
    let urls = settings.public_urls(address);
    let is_https = [&urls.api, &urls.web].iter().any(|url| url.starts_with("https:"));
    ensure!(
        !is_https || settings.test_mode_exposed,
        "TEST_MODE is set with a PUBLIC_API_URL or PUBLIC_WEB_URL of https: http is accepted, or TEST_MODE_EXPOSED=true"
    );
    Ok(())
}
