//! What every part shares: both databases, settings, counters, faults, schemas, and the one way to encode and to write.

pub(crate) mod context;
pub(crate) mod dead_letters;
pub(crate) mod encoding;
pub(crate) mod faults;
pub(crate) mod metrics;
pub(crate) mod schemas;
pub(crate) mod throttled;
