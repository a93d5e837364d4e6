//! The sequencer: gives committed events their positions.

use std::time::Duration;

use async_trait::async_trait;
use chainbill_records::events::{ConsumerLease, SEQUENCER, Sequenced};
use tokio::sync::watch;

use crate::{
    engine::context::Engine,
    errors::SyncError,
    events::leased::{Leased, Turn},
};

/// Gives positions to events.
pub(crate) struct Sequencer;

#[async_trait]
impl Leased for Sequencer {
    fn name(&self) -> &'static str {
        SEQUENCER
    }

    fn wakes(&self, engine: &Engine) -> watch::Receiver<u64> {
        engine.records.event_commits()
    }

    fn pace(&self, engine: &Engine) -> Duration {
        engine.settings.pace
    }

    async fn turn(&self, engine: &Engine, lease: &mut ConsumerLease) -> Result<Turn, SyncError> {
        let settings = &engine.settings;
        Ok(match engine.records.sequence_events(lease, settings.batch, settings.lease).await? {
            Sequenced::Lost => Turn::Lost,
            Sequenced::Events(0) => Turn::Idle,
            Sequenced::Events(count) => Turn::Events(count as usize),
        })
    }
}
