//! The servers behind the primary's address, and which of them reads go to.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tokio::sync::Mutex;

use crate::{Connections, Records, Topology};

/// The known topology and the readers.
pub(crate) struct Cluster {
    topology: Topology,
    /// Connections for reads that may be late; empty where reads use the primary's own connections.
    readers: Vec<Connections>,
    turn: AtomicUsize,
    /// Held while connections to late servers are kept open, so that the next one leads to another server. One task at a time: several
    /// would take all connections.
    pub apart: Mutex<()>,
}

impl Cluster {
    pub fn new(topology: Topology, readers: Option<Vec<Connections>>) -> Self {
        Self { topology, readers: readers.unwrap_or_default(), turn: AtomicUsize::new(0), apart: Mutex::default() }
    }
}

impl Records {
    /// The topology of the servers behind it.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.cluster.topology
    }

    /// The same primary with another topology.
    #[must_use]
    pub fn within(&self, topology: Topology) -> Self {
        let mut same = self.clone();
        same.cluster = Arc::new(Cluster::new(topology, Some(self.cluster.readers.clone())));
        same
    }

    /// The same primary, whose rows, snapshots and pending entries are read through connections to several servers of its cluster in
    /// turn, as a proxy before the cluster does. Each server may be behind. All writes use the primary's own connections.
    #[must_use]
    pub fn reading_in_turn(&self, servers: Vec<Connections>) -> Self {
        let mut same = self.clone();
        same.cluster = Arc::new(Cluster::new(self.cluster.topology.clone(), Some(servers)));
        same
    }

    /// The connections of the next read.
    pub(crate) fn reader(&self) -> &Connections {
        let Cluster { readers, turn, .. } = self.cluster.as_ref();
        // `None` where there are no readers, whose number is no divisor then.
        let place = turn.fetch_add(1, Relaxed).checked_rem(readers.len());
        place.map_or_else(|| self.db(), |place| &readers[place])
    }

    pub(crate) fn reads_may_be_late(&self) -> bool {
        self.cluster.topology.reads_may_be_late() || !self.cluster.readers.is_empty()
    }
}
