//! Servers that answer in turn.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use sea_orm::DatabaseConnection;

use crate::Records;

/// Connections to servers of the primary's cluster, each of which may be behind.
pub(crate) struct Readers {
    servers: Vec<DatabaseConnection>,
    turn: AtomicUsize,
}

impl Records {
    /// The same primary, whose rows, snapshots and waiting entries are read through connections to several servers of its
    /// cluster in turn: what a proxy before the cluster does unseen. Each of them may be behind. Everything is written through
    /// the connections that it has.
    #[must_use]
    pub fn reading_in_turn(&self, servers: Vec<DatabaseConnection>) -> Self {
        let mut same = self.clone();
        same.readers = (!servers.is_empty()).then(|| Arc::new(Readers { servers, turn: AtomicUsize::new(0) }));
        same
    }

    /// Where the next question goes.
    pub(crate) fn reader(&self) -> &DatabaseConnection {
        self.readers.as_ref().map_or_else(
            || self.db(),
            |readers| &readers.servers[readers.turn.fetch_add(1, Relaxed) % readers.servers.len()],
        )
    }
}
