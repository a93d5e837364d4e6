//! The embedded engine as a [`MirrorTelemetry`].

use async_trait::async_trait;

use super::{EmbeddedMirror, events};
use crate::{
    limits::within,
    port::{LogLine, MirrorError, MirrorTelemetry, Tracked},
};

#[async_trait]
impl MirrorTelemetry for EmbeddedMirror {
    async fn track(&self, events: &[Tracked]) -> Result<(), MirrorError> {
        within(self.deadlines.bulk, "track", events::track(&self.writer, events)).await
    }

    async fn has_tracked(&self, id: &str) -> Result<bool, MirrorError> {
        within(self.deadlines.request, "has tracked", events::has_tracked(&self.readers, id)).await
    }

    async fn log(&self, lines: &[LogLine]) -> Result<(), MirrorError> {
        within(self.deadlines.bulk, "log", events::log(&self.writer, lines)).await
    }
}
