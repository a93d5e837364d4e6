//! Repair: runs that compare a model and correct what is proven to be wrong, with evidence, below a breaker.

pub(crate) mod drift;
pub(crate) mod order;
pub(crate) mod quarantine;
pub(crate) mod record;
pub(crate) mod recovery;
pub(crate) mod report;
pub(crate) mod rewrite;
pub(crate) mod run;
pub(crate) mod schedule;
