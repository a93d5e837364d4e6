//! Events on their way from the primary to those that consume them.
//!
//! The sequencer and each consumer are a task of every process that relays; a lease lets one of each kind work at a time.
//! What they promise is the table's matter ([`chainbill_records::events`]): here is when they look, and what is done about
//! failures.

mod analytics;
mod consumer;
mod leased;
mod sequencer;

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::{analytics::Analytics, consumer::Consumer, leased::run, sequencer::Sequencer};
use crate::engine::Engine;

/// Starts the sequencer and every consumer.
pub(crate) fn start(engine: &Arc<Engine>, tasks: &mut JoinSet<()>, stop: &CancellationToken) {
    tasks.spawn(run(engine.clone(), Sequencer, stop.clone()));
    for kind in kinds() {
        tasks.spawn(run(engine.clone(), Consumer(kind), stop.clone()));
    }
}

/// Every kind of consumer. A new one is its file and a line here.
fn kinds() -> Vec<Box<dyn consumer::ConsumerKind>> {
    vec![Box::new(Analytics)]
}
