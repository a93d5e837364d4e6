//! Collections and indexes of the mirror, as this release and these settings need them.

use chainbill_domain::Model;
use chainbill_mirror::Unprepared;
use chainbill_records::FaultSource;

use crate::{engine::context::Engine, errors::SyncError, relay::heartbeat::HEARTBEATS};

/// Prepares every model. Returns whether everything is in place.
pub(crate) async fn all(engine: &Engine) -> Result<bool, SyncError> {
    let models: Vec<&'static Model> = engine.settings.models().iter().copied().chain([&HEARTBEATS]).collect();
    prepare(engine, &models).await
}

/// Prepares some models, side by side. Returns whether everything is in place. A refusal is a fault of its model until it is
/// accepted; it holds up neither the other models nor the backfill of this one.
pub(crate) async fn prepare(engine: &Engine, models: &[&'static Model]) -> Result<bool, SyncError> {
    let refused = engine.mirror.prepare(models, engine.settings.retention).await?;
    for model in models.iter().filter(|model| refused.iter().all(|one| one.collection != model.name)) {
        engine.faults.end(model, FaultSource::Prepare).await?;
    }
    let in_place = refused.is_empty();
    for Unprepared { collection, error } in refused {
        match models.iter().find(|model| model.name == collection) {
            Some(model) => engine.faults.add(model, FaultSource::Prepare, &error.into()).await?,
            None => tracing::error!(collection, "Sync could not prepare {collection}: {error}"),
        }
    }
    Ok(in_place)
}
