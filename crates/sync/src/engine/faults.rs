//! Faults of models: failures that need an operator, with reason and hint, until the source that met them works again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chainbill_domain::{Model, Timestamp};
use chainbill_records::{FaultSource, Records};

use crate::errors::{Retry, SyncError, retry};

/// Fault state is cached this long: another process may add or end a fault.
const CACHED: Duration = Duration::from_secs(10);

/// The fault of a model and a source as this process last read or wrote it, and when.
type Known = HashMap<(&'static str, FaultSource), (Option<String>, Timestamp)>;

/// Adds and ends faults.
pub(crate) struct Faults {
    records: Records,
    known: Mutex<Known>,
}

impl Faults {
    pub fn new(records: Records) -> Self {
        Self { records, known: Mutex::default() }
    }

    /// Reports a failure of a model. Where an operator should act, its state shows reason and hint until [`Self::end`] by the
    /// same source.
    pub async fn add(&self, model: &'static Model, source: FaultSource, error: &SyncError) -> Result<(), SyncError> {
        let Retry::Operator(hint) = retry(error) else { return Ok(()) };
        let reason = error.to_string();
        if self.is_known(model, source, Some(&reason)) {
            return Ok(());
        }
        tracing::error!(model = model.name, "Sync of {} is faulted: {reason}. {hint}", model.name);
        self.records.add_fault(model, source, &reason, hint).await?;
        self.known().insert((model.name, source), (Some(reason), self.records.now()));
        Ok(())
    }

    /// Ends the fault that this source has met, whichever process reported it.
    pub async fn end(&self, model: &'static Model, source: FaultSource) -> Result<(), SyncError> {
        if self.is_known(model, source, None) {
            return Ok(());
        }
        if self.records.end_fault(model, source).await? {
            tracing::info!(model = model.name, "Sync of {} works again", model.name);
        }
        self.known().insert((model.name, source), (None, self.records.now()));
        Ok(())
    }

    /// An error while a model of this process's relay has a fault.
    pub fn check_relay(&self) -> Result<(), SyncError> {
        let known = self.known();
        let of_relay = known.iter().filter(|((_, source), _)| *source == FaultSource::Relay);
        match of_relay.filter_map(|((model, _), (reason, _))| Some((*model, reason.as_ref()?))).next() {
            Some((model, reason)) => Err(SyncError::Faulted { model, reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Whether the cached fault is this one.
    fn is_known(&self, model: &'static Model, source: FaultSource, reason: Option<&String>) -> bool {
        let (known, now) = (self.known(), self.records.now());
        // An entry from the future was written before the clock jumped back.
        let cached = known.get(&(model.name, source)).filter(|(_, at)| *at <= now && *at + CACHED > now);
        cached.is_some_and(|(known, _)| known.as_ref() == reason)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
