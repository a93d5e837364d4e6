//! The first consumer: writes events to the mirror, where analytics are asked of them.

use async_trait::async_trait;
use chainbill_mirror::Tracked;
use chainbill_records::{events::PositionedEvent, outbox::ANALYTICS};

use super::consumer::ConsumerKind;
use crate::{SyncError, engine::Engine, lane, plan::Settlement};

pub(super) struct Analytics;

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
        let since = events.iter().map(|event| event.recorded_at).collect();
        lane::note(engine, &Settlement { applied: events.len(), since, ..Settlement::default() });
        Ok(())
    }
}
