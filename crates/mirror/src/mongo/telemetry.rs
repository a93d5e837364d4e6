//! The MongoDB engine as a [`MirrorTelemetry`].

use async_trait::async_trait;

use super::{MongoMirror, events};
use crate::port::{LogLine, MirrorError, MirrorTelemetry, Tracked};

#[async_trait]
impl MirrorTelemetry for MongoMirror {
    async fn track(&self, events: &[Tracked]) -> Result<(), MirrorError> {
        self.request(self.deadlines.bulk, "track", async { events::track(self.client.database().await?, events).await })
            .await
    }

    async fn has_tracked(&self, id: &str) -> Result<bool, MirrorError> {
        self.request(self.deadlines.request, "has tracked", async {
            events::has_tracked(self.client.database().await?, id).await
        })
        .await
    }

    async fn log(&self, lines: &[LogLine]) -> Result<(), MirrorError> {
        self.request(self.deadlines.bulk, "log", async { events::log(self.client.database().await?, lines).await })
            .await
    }
}
