//! The first consumer: writes events to the mirror, which analytics are read from.

use async_trait::async_trait;
use chainbill_mirror::Tracked;
use chainbill_records::{events::PositionedEvent, outbox::ANALYTICS};

use crate::{engine::context::Engine, errors::SyncError, events::consumer::ConsumerKind};

/// Writes events to the mirror.
pub(crate) struct Analytics;

#[async_trait]
impl ConsumerKind for Analytics {
    fn name(&self) -> &'static str {
        ANALYTICS
    }

    async fn take(&self, engine: &Engine, events: &[PositionedEvent]) -> Result<(), SyncError> {
        let tracked =
            |PositionedEvent { event, .. }: &PositionedEvent| Tracked { id: event.id.clone(), body: event.document() };
        let tracked: Vec<Tracked> = events.iter().map(tracked).collect();
        engine.mirror.track(&tracked).await?;
        let since: Vec<_> = events.iter().map(|event| event.recorded_at).collect();
        engine.metrics.note_writes(engine.now(), events.len(), 0, &since);
        Ok(())
    }
}
