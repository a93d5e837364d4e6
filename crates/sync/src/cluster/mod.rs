//! Sharing the work among processes: leases, the leader and its scheduler, and the partitions of the outbox.

pub(crate) mod leader;
pub(crate) mod lease;
pub(crate) mod partitions;
pub(crate) mod retention;
pub(crate) mod scheduler;
