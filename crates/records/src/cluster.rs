//! The servers behind the primary's address, and which of them answers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tokio::sync::Mutex;

use crate::{Connections, Records, Topology};

/// What is known of them.
pub(crate) struct Cluster {
    topology: Topology,
    /// Where questions go that may land behind a commit; to the connections themselves without any.
    readers: Vec<Connections>,
    turn: AtomicUsize,
    /// Whoever holds it may keep connections to servers that are behind, so as to be led to others: one at a time, or all
    /// of them would keep all.
    pub apart: Mutex<()>,
}

impl Cluster {
    pub fn new(topology: Topology, readers: Option<Vec<Connections>>) -> Self {
        Self { topology, readers: readers.unwrap_or_default(), turn: AtomicUsize::new(0), apart: Mutex::default() }
    }
}

impl Records {
    /// What is known of the servers behind it.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.cluster.topology
    }

    /// The same primary, with what is known of the servers behind it.
    #[must_use]
    pub fn within(&self, topology: Topology) -> Self {
        let mut same = self.clone();
        same.cluster = Arc::new(Cluster::new(topology, Some(self.cluster.readers.clone())));
        same
    }

    /// The same primary, whose rows, snapshots and waiting entries are read through connections to several servers of its
    /// cluster in turn: what a proxy before the cluster does unseen. Each of them may be behind. Everything is written through
    /// the connections that it has.
    #[must_use]
    pub fn reading_in_turn(&self, servers: Vec<Connections>) -> Self {
        let mut same = self.clone();
        same.cluster = Arc::new(Cluster::new(self.cluster.topology.clone(), Some(servers)));
        same
    }

    /// Where the next question goes.
    pub(crate) fn reader(&self) -> &Connections {
        let Cluster { readers, turn, .. } = self.cluster.as_ref();
        // None where there are no readers: their number is no divisor then.
        let place = turn.fetch_add(1, Relaxed).checked_rem(readers.len());
        place.map_or_else(|| self.db(), |place| &readers[place])
    }

    pub(crate) fn reads_may_be_late(&self) -> bool {
        self.cluster.topology.reads_may_be_late() || !self.cluster.readers.is_empty()
    }
}
