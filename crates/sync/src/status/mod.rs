//! What the synchronisation reports: status, alarms, freshness, and explanations of single documents.

pub(crate) mod counting;
pub(crate) mod explain;
pub(crate) mod freshness;
pub(crate) mod observation;
pub(crate) mod observer;
pub(crate) mod report;
pub(crate) mod stall;
pub(crate) mod verdict;
pub(crate) mod watch;
