//! The embedded engine as a [`MirrorStore`].

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp};

use super::{EmbeddedMirror, apply, events, failed, read, schema, search_index};
use crate::{
    disk_probe::{self, DISK_PROBE},
    limits::within,
    port::{Guard, MirrorError, MirrorStore, Outcome, Page, Retention, Stamp, Stored, Unprepared, Write},
};

#[async_trait]
impl MirrorStore for EmbeddedMirror {
    fn writes_side_by_side(&self) -> bool {
        false
    }

    async fn prepare(&self, models: &[&'static Model], _retention: Retention) -> Result<Vec<Unprepared>, MirrorError> {
        within(self.deadlines.bulk * 10, "prepare", async {
            schema::base(&self.writer).await?;
            let mut refused = Vec::new();
            for model in models {
                match schema::prepare(&self.writer, model).await {
                    Ok(()) => {}
                    Err(error @ MirrorError::Unavailable(_)) => return Err(error),
                    Err(error) => refused.push(Unprepared { collection: model.name, error }),
                }
            }
            Ok(refused)
        })
        .await
    }

    async fn identity(&self) -> Result<Option<String>, MirrorError> {
        within(self.deadlines.request, "identity", schema::fact(&self.readers, schema::IDENTITY)).await
    }

    async fn set_identity(&self, primary: &str) -> Result<(), MirrorError> {
        within(self.deadlines.request, "set identity", async {
            let mut connection = self.writer.acquire().await.map_err(|e| failed(&e))?;
            schema::set_fact(&mut connection, schema::IDENTITY, primary).await
        })
        .await
    }

    async fn apply(
        &self,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError> {
        within(self.deadlines.bulk, "apply", apply::apply(&self.writer, model, guard, writes, at)).await
    }

    async fn remove(&self, model: &'static Model, ids: &[String]) -> Result<u64, MirrorError> {
        within(self.deadlines.bulk, "remove", apply::remove(&self.writer, model, ids)).await
    }

    async fn takes_writes(&self, _model: &'static Model) -> Result<(), MirrorError> {
        within(self.deadlines.request, "takes writes", async {
            let mut connection = self.writer.acquire().await.map_err(|e| failed(&e))?;
            schema::set_fact(&mut connection, DISK_PROBE, &disk_probe::incompressible()).await
        })
        .await
    }

    async fn get(&self, model: &'static Model, id: &str) -> Result<Option<Stored>, MirrorError> {
        within(self.deadlines.request, "get", read::get(&self.readers, model, id)).await
    }

    async fn get_many(&self, model: &'static Model, ids: &[String]) -> Result<Vec<Stored>, MirrorError> {
        within(self.deadlines.bulk, "get many", read::get_many(&self.readers, model, ids)).await
    }

    async fn stamp(&self, model: &'static Model, id: &str) -> Result<Option<Stamp>, MirrorError> {
        within(self.deadlines.request, "stamp", read::stamp_of(&self.readers, model, id)).await
    }

    async fn stamps(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stamp>, MirrorError> {
        within(self.deadlines.bulk, "stamps", read::stamps(&self.readers, model, page)).await
    }

    async fn documents(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stored>, MirrorError> {
        within(self.deadlines.bulk, "documents", read::documents(&self.readers, model, page)).await
    }

    async fn count(&self, model: &'static Model) -> Result<u64, MirrorError> {
        within(self.deadlines.request, "count", read::count(&self.readers, model)).await
    }

    async fn search_is_off(&self, model: &'static Model, rebuild: bool) -> Result<bool, MirrorError> {
        within(self.deadlines.bulk * 10, "search index", async {
            let off = search_index::is_off(&self.readers, model).await?;
            if off && rebuild {
                search_index::rebuild(&self.writer, model).await?;
            }
            Ok(off)
        })
        .await
    }

    async fn expire(&self, retention: Retention, now: Timestamp) -> Result<u64, MirrorError> {
        within(self.deadlines.bulk, "expire", events::expire(&self.writer, retention, now)).await
    }
}
