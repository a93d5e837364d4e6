//! Consumers: each takes every event once it has its position, in the order of positions, and remembers how far it has come.

use std::time::Duration;

use async_trait::async_trait;
use chainbill_records::events::{ConsumerLease, PositionedEvent};
use tokio::sync::watch;

use crate::{
    engine::context::Engine,
    errors::SyncError,
    events::leased::{Leased, Turn},
};

/// A kind of consumer: its name and what it does with events.
#[async_trait]
pub(crate) trait ConsumerKind: Send + Sync {
    /// Its name, at most 32 characters, under which its position is kept.
    fn name(&self) -> &'static str;

    /// Takes some events. They come again after a failure, after an end of the process before its position was kept, and
    /// from a process that outlived its lease: taking one twice must come to the same as taking it once, by the event's id.
    ///
    /// # Errors
    /// When not all of them are taken for good: all of them come again.
    async fn take(&self, engine: &Engine, events: &[PositionedEvent]) -> Result<(), SyncError>;
}

/// Takes events to a consumer, page by page.
pub(crate) struct Consumer(pub Box<dyn ConsumerKind>);

#[async_trait]
impl Leased for Consumer {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn wakes(&self, engine: &Engine) -> watch::Receiver<u64> {
        engine.records.event_positions()
    }

    /// New events come in the sequencer's batches, at its pace.
    fn pace(&self, _engine: &Engine) -> Duration {
        Duration::ZERO
    }

    async fn turn(&self, engine: &Engine, lease: &mut ConsumerLease) -> Result<Turn, SyncError> {
        let events = engine.records.events_after(lease.position, engine.settings.batch).await?;
        let Some(last) = events.last() else { return Ok(Turn::Idle) };
        self.0.take(engine, &events).await?;
        let advanced = engine.records.advance_consumer(lease, last.position, engine.settings.lease).await?;
        Ok(if advanced { Turn::Events(events.len()) } else { Turn::Lost })
    }
}
